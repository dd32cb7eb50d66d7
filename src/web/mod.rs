//! The pages for people: the library with its topics at `/`, what a search finds at `/?q=`, an article at `/read/{slug}`.
//!
//! What must hold:
//! - The server renders all that there is to read, from what the public API reads; the script only adds, by the public API
//!   alone. Every link works without it.
//! - Nothing comes from another host or stands in the page to be run (`Content-Security-Policy` without `unsafe-inline`).
//! - An address that was ever good still leads there: an earlier slug redirects, and each section is also found by every
//!   anchor and number that it had.
//! - What is not there is told as a page, with the status of the API.
//!
//! - `frame`: what is around every page · `library`, `search`, `article`, `error_page`: the pages · `parts`: what several have

mod article;
mod error_page;
mod frame;
mod library;
mod parts;
mod search;

use actix_web::{HttpResponse, get, web};
use diesel_async::AsyncPgConnection;
use futures_util::future::OptionFuture;
use serde::{Deserialize, Serialize};
use tokio::try_join;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

pub use self::error_page::{error_page, preview_error_page};
use crate::{
    content::{ArticleName, Slug},
    db::Connection,
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload,
        pagination::{DEFAULT_LIMIT, Pagination},
        policy::RoutePolicy,
        query::{FromQuery, NoParameters, Parameters, Query},
    },
    v1::{
        address::{check, named, unknown},
        adjacent::neighbours,
        articles::{
            find::{CONTENT, Wanted, find},
            list::{self, ListQuery},
            read::{ATTEMPTS, overtaken, whole},
        },
        filters,
        hot::{self, HotQuery},
        related,
        search::{self as v1_search, SearchQuery},
        sections, site, topics,
    },
};

/// The most topics of the first page.
const TOPICS: i64 = 100;

/// What a page may load, run and ask: what this service has, and the images that articles show.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self' https: http:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The policy of the pages for people.
pub static POLICY: RoutePolicy = RoutePolicy {
    paths: &["/", "/read", "/reader.css", "/reader.js", "/reader.svg"],
    error_page: Some(error_page),
    ..RoutePolicy::DEFAULT
};

/// The pages.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(show_library)
        .service(show_article)
        .service(show_related)
        .service(read_style)
        .service(read_script)
        .service(read_icon);
}

fn page(html: String) -> Payload {
    Payload::bytes("text/html; charset=utf-8", html).policy(CONTENT_SECURITY_POLICY)
}

/// The list of the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LibraryList {
    Articles,
    Hot,
}

/// The parameters of the library.
pub struct LibraryQuery {
    q: Option<String>,
    topic: Option<Slug>,
    list: LibraryList,
    paging: Pagination,
}

impl FromQuery for LibraryQuery {
    fn from_query(p: &mut Parameters) -> Self {
        p.allow_unknown();
        let text = v1_search::read_text(p, "Text to search for; without it the page shows a list.");
        let q = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !q.is_empty() {
            // As it was typed: the page shows it.
            p.set_canonical("q", &q);
        }
        LibraryQuery {
            q: Some(q).filter(|q| !q.is_empty()),
            topic: filters::topic(p),
            list: p.declare("list", "List to show without `q`.").choice(LibraryList::Articles),
            paging: Pagination::read_cursor(p, DEFAULT_LIMIT),
        }
    }
}

/// Show the library
///
/// The newest articles, those of a topic, or what a search finds, as a page for people.
#[utoipa::path(tag = "Reader", params(Query<LibraryQuery>), responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
#[get("/")]
pub async fn show_library(read: CachedGet<LibraryQuery>) -> Result<HttpResponse, Error> {
    read.respond(async |connection, query, _| library_page(connection, query).await).await
}

async fn library_page(connection: &Connection, query: LibraryQuery) -> Result<Payload, Error> {
    let LibraryQuery { q, topic, list, paging } = query;
    let mut tags = vec!["articles", "topics", "site"];
    let site = site::find(connection);
    let listed = topics::largest(connection, TOPICS);
    let chosen = async {
        let find = topic.as_ref().map(|slug| topics::find(connection, slug));
        OptionFuture::from(find).await.transpose()
    };
    let html = if let Some(q) = &q {
        let asked = SearchQuery::new(q, topic.clone(), paging);
        let (site, topics, topic, hits) = try_join!(site, listed, chosen, v1_search::page_of(connection, &asked))?;
        search::page(site.as_ref(), &topics, q, topic.as_ref(), &hits)
    } else if list == LibraryList::Hot {
        tags.push("hot");
        let asked = HotQuery::new(topic.clone(), paging);
        let (site, topic, list) = try_join!(site, chosen, hot::page_of(connection, &asked))?;
        library::hot(site.as_ref(), topic.as_ref(), list)
    } else {
        tags.push("hot");
        let asked = ListQuery::newest(topic.clone(), paging);
        let (site, topics, topic, cards, hot) =
            try_join!(site, listed, chosen, list::page_of(connection, &asked), hot::first(connection))?;
        library::page(site.as_ref(), &topics, topic.as_ref(), &cards, &hot)
    };
    Ok(page(html).tagged(tags))
}

/// No parameters that say anything.
pub struct Anything;

impl FromQuery for Anything {
    fn from_query(p: &mut Parameters) -> Self {
        p.allow_unknown();
        Anything
    }
}

/// Show an article
///
/// One article as a page for people; an earlier slug redirects.
#[utoipa::path(
    tag = "Reader",
    params(("slug" = String, Path, description = "The article's slug or id.", example = "stem-cell-infusion")),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
#[get("/read/{slug}")]
pub async fn show_article(path: web::Path<String>, read: CachedGet<Anything>) -> Result<HttpResponse, Error> {
    let key = named(&path)?;
    read.respond(async move |connection, _, address| article(connection, &key, &address, Shown::Published).await).await
}

/// Where a list goes on.
pub struct Rest(Pagination);

impl FromQuery for Rest {
    fn from_query(p: &mut Parameters) -> Self {
        p.allow_unknown();
        Rest(Pagination::read_cursor(p, DEFAULT_LIMIT))
    }
}

/// Show related reading
///
/// What to read after an article, as a page for people.
#[utoipa::path(
    tag = "Reader",
    params(("slug" = String, Path, description = "The article's slug or id.", example = "stem-cell-infusion"), Query<Rest>),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
#[get("/read/{slug}/related")]
pub async fn show_related(path: web::Path<String>, read: CachedGet<Rest>) -> Result<HttpResponse, Error> {
    let key = named(&path)?;
    read.respond(async move |connection, rest, address| related_page(connection, &key, &rest.0, &address).await).await
}

async fn related_page(
    connection: &Connection,
    key: &ArticleName,
    paging: &Pagination,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let list = related::page_of(connection, key, paging, ("/read/", address));
    let found = find(connection, key, Wanted::default());
    let ((list, mut tags), found, site) = try_join!(list, found, site::find(connection))?;
    tags.push("site".to_owned());
    Ok(page(library::related(site.as_ref(), &found.card, list)).tagged(tags))
}

/// Whether readers see an article, or an editor what it would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It is published, and its views count.
    Published,
    /// It is a preview.
    Preview,
}

/// The page of an article.
pub(crate) async fn article(
    connection: &AsyncPgConnection,
    key: &ArticleName,
    address: &CanonicalUri,
    shown: Shown,
) -> Result<Payload, Error> {
    for _ in 0..ATTEMPTS {
        let (found, related, hot) = whole(connection, key, CONTENT, true, true).await?;
        let (related, hot) = related.zip(hot).ok_or_else(|| unknown(&found.card.slug))?;
        check(key, "/read/", found.card.address(), "", address)?;
        let (site, beside, references) = try_join!(
            site::find(connection),
            neighbours(connection, &found.card, found.card.topics.as_slice().first()),
            sections::references(connection, found.card.id)
        )?;
        // Of one revision, or once more.
        let Some(references) = references.filter(|(revision, _)| *revision == found.card.revision) else { continue };
        let body = found.body()?;
        let html = article::page(&article::Parts {
            site: site.as_ref(),
            card: &found.card,
            body: &body,
            references: &references.1,
            related: &related.shown,
            hot: &hot,
            beside: &beside,
            shown,
        });
        // The text links to articles by their address in the API; a person wants their page.
        let html = found.resolve_to("/read/", &html);
        let mut tags = related.tags;
        tags.extend(found.card.tags());
        tags.extend(["site", "topics", "hot", "articles"].map(str::to_owned));
        return Ok(page(html).tagged(tags));
    }
    Err(overtaken())
}

/// Read the pages' style sheet
///
/// Part of the pages.
#[utoipa::path(tag = "Reader", responses((status = 200, description = "The style sheet.", body = String, content_type = "text/css")))]
#[get("/reader.css")]
pub async fn read_style(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let style = Payload::bytes("text/css; charset=utf-8", include_str!("reader.css"));
    read.respond_immutable(|_| Ok(style.tagged(["reader"]))).await
}

/// Read the pages' script
///
/// Part of the pages: it adds suggestions, and loads on in place.
#[utoipa::path(tag = "Reader", responses((status = 200, description = "The script.", body = String, content_type = "text/javascript")))]
#[get("/reader.js")]
pub async fn read_script(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let script = Payload::bytes("text/javascript; charset=utf-8", include_str!("reader.js"));
    read.respond_immutable(|_| Ok(script.tagged(["reader"]))).await
}

/// Read the pages' icon
///
/// Part of the pages.
#[utoipa::path(tag = "Reader", responses((status = 200, description = "The icon.", body = String, content_type = "image/svg+xml")))]
#[get("/reader.svg")]
pub async fn read_icon(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let icon = Payload::bytes("image/svg+xml", include_str!("reader.svg"));
    read.respond_immutable(|_| Ok(icon.tagged(["reader"]))).await
}
