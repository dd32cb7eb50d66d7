//! HTML pages for people: the library with its topics at `/`, search results at `/?q=`, articles at `/read/{slug}`.
//!
//! Invariants:
//! - The server renders everything that there is to read, from the loaders of the public API. The script only enhances, and
//!   uses only the public API. Every link works without it.
//! - Nothing is loaded from another host, and no script is inline (`Content-Security-Policy` without `unsafe-inline`).
//! - Every former URL still works: an earlier slug redirects, and former anchors and numbers of a section are ids in the page.
//! - An error at the URL of a page is a page with the status of the API.
//!
//! From request to HTML: the handlers in this file parse the request and load the data with functions of `v1`; `library`,
//! `search` and `article` render the main content, with the parts that several pages share in `components`; `layout` adds
//! head, header and footer. `error_page` renders errors for the middleware, and `assets` serves style sheet, script and icon.

mod article;
mod assets;
mod components;
mod error_page;
mod layout;
mod library;
mod search;

use actix_web::{HttpResponse, get, web};
use futures_util::future::OptionFuture;
use serde::{Deserialize, Serialize};
use tokio::try_join;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

pub use self::error_page::{render_error_page, render_preview_error_page};
use crate::{
    content::{ArticleName, Slug},
    db::{Connection, PgConnection},
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload,
        pagination::{DEFAULT_LIMIT, Pagination},
        policy::RoutePolicy,
        query::{FromQuery, Parameters, Query},
    },
    v1::{
        address::{ArticlePath, article_not_found, require_current_slug},
        adjacent::load_adjacent,
        articles::{
            list::{self, ListQuery},
            published::{BodyColumns, MAX_ATTEMPTS, PublishedArticle, attempts_exhausted},
            read::load_parts,
        },
        filters,
        hot::{self, HotQuery},
        related,
        search::{self as v1_search, SearchQuery},
        sections, site, topics,
    },
};

/// Maximum number of topics on the library page.
const TOPICS: i64 = 100;

/// Content security policy: only this service, and images of articles from any host.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self' https: http:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Route policy of the pages.
pub static POLICY: RoutePolicy = RoutePolicy {
    paths: &["/", "/read", "/reader.css", "/reader.js", "/reader.svg"],
    error_page: Some(render_error_page),
    ..RoutePolicy::DEFAULT
};

/// Registers the pages.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(show_library)
        .service(show_article)
        .service(show_related)
        .service(assets::read_style)
        .service(assets::read_script)
        .service(assets::read_icon);
}

fn page(html: String) -> Payload {
    Payload::bytes("text/html; charset=utf-8", html).policy(CONTENT_SECURITY_POLICY)
}

/// The list of the library page, if there is no search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LibraryList {
    Articles,
    Hot,
}

/// Parsed query parameters of the library page.
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
            // Unfolded, because the page shows the text as typed.
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
/// Returns an HTML page with the newest articles, the articles of a topic, or search results.
#[utoipa::path(tag = "Reader", params(Query<LibraryQuery>), responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
#[get("/")]
pub async fn show_library(read: CachedGet<LibraryQuery>) -> Result<HttpResponse, Error> {
    read.respond(async |connection, query, _| library_page(connection, query).await).await
}

async fn library_page(connection: &Connection, query: LibraryQuery) -> Result<Payload, Error> {
    let LibraryQuery { q, topic, list, paging } = query;
    let mut tags = vec!["articles", "topics", "site"];
    let site = site::load(connection);
    let listed = topics::load_largest(connection, TOPICS);
    let chosen = async {
        let find = topic.as_ref().map(|slug| topics::load_topic(connection, slug));
        OptionFuture::from(find).await.transpose()
    };
    let html = if let Some(q) = &q {
        let search = SearchQuery::new(q, topic.clone(), paging);
        let (site, topics, topic, hits) = try_join!(site, listed, chosen, v1_search::load_page(connection, &search))?;
        search::render(site.as_ref(), &topics, q, topic.as_ref(), &hits)
    } else if list == LibraryList::Hot {
        tags.push("hot");
        let query = HotQuery::new(topic.clone(), paging);
        let (site, topic, list) = try_join!(site, chosen, hot::load_page(connection, &query))?;
        library::render_hot(site.as_ref(), topic.as_ref(), list)
    } else {
        tags.push("hot");
        let query = ListQuery::newest(topic.clone(), paging);
        let (site, topics, topic, cards, hot) =
            try_join!(site, listed, chosen, list::load_page(connection, &query), hot::first_page(connection))?;
        library::render(site.as_ref(), &topics, topic.as_ref(), &cards, &hot)
    };
    Ok(page(html).tagged(tags))
}

/// Ignored query parameters, such as those added by sharing services.
pub struct IgnoredParameters;

impl FromQuery for IgnoredParameters {
    fn from_query(p: &mut Parameters) -> Self {
        p.allow_unknown();
        IgnoredParameters
    }
}

/// Show an article
///
/// Returns an article as an HTML page; an earlier slug redirects.
#[utoipa::path(
    tag = "Reader",
    params(ArticlePath),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
#[get("/read/{slug}")]
pub async fn show_article(
    path: web::Path<ArticlePath>,
    read: CachedGet<IgnoredParameters>,
) -> Result<HttpResponse, Error> {
    let key = path.name()?;
    read.respond(async move |connection, _, address| article(connection, &key, &address, Audience::Readers).await).await
}

/// Query parameters of the page of related reading.
pub struct RelatedPageQuery(Pagination);

impl FromQuery for RelatedPageQuery {
    fn from_query(p: &mut Parameters) -> Self {
        p.allow_unknown();
        RelatedPageQuery(Pagination::read_cursor(p, DEFAULT_LIMIT))
    }
}

/// Show related reading
///
/// Returns the related reading of an article as an HTML page.
#[utoipa::path(
    tag = "Reader",
    params(ArticlePath, Query<RelatedPageQuery>),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
#[get("/read/{slug}/related")]
pub async fn show_related(
    path: web::Path<ArticlePath>,
    read: CachedGet<RelatedPageQuery>,
) -> Result<HttpResponse, Error> {
    let key = path.name()?;
    read.respond(async move |connection, query, address| related_page(connection, &key, &query.0, &address).await).await
}

async fn related_page(
    connection: &Connection,
    key: &ArticleName,
    paging: &Pagination,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let list = related::load_page(connection, key, paging, ("/read/", address));
    let article = PublishedArticle::load(connection, key, BodyColumns::NONE);
    let ((list, mut tags), article, site) = try_join!(list, article, site::load(connection))?;
    tags.push("site".to_owned());
    Ok(page(library::render_related(site.as_ref(), &article.card, list)).tagged(tags))
}

/// Audience of an article page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Readers of the published article, whose views are counted.
    Readers,
    /// Editors who preview a revision.
    Editors,
}

/// Loads and renders the page of an article.
pub(crate) async fn article(
    connection: &PgConnection,
    key: &ArticleName,
    address: &CanonicalUri,
    audience: Audience,
) -> Result<Payload, Error> {
    for _ in 0..MAX_ATTEMPTS {
        let (article, related, hot) = load_parts(connection, key, BodyColumns::CONTENT, true, true).await?;
        let (related, hot) = related.zip(hot).ok_or_else(|| article_not_found(&article.card.slug))?;
        require_current_slug(key, "/read/", article.card.address(), "", address)?;
        let (site, neighbouring, references) = try_join!(
            site::load(connection),
            load_adjacent(connection, &article.card, article.card.topics.as_slice().first()),
            sections::load_references(connection, article.card.id)
        )?;
        // Retried if the revision changed between the queries.
        let Some(references) = references.filter(|(revision, _)| *revision == article.card.revision) else { continue };
        let body = article.body()?;
        let html = article::render(&article::ArticlePage {
            site: site.as_ref(),
            card: &article.card,
            body: &body,
            references: &references.1,
            related: &related.list,
            hot: &hot,
            neighbours: &neighbouring,
            audience,
        });
        // Links in the text name articles; on a page they lead to pages.
        let html = article.update_links_under("/read/", &html);
        let mut tags = related.tags;
        tags.extend(article.card.tags());
        tags.extend(["site", "topics", "hot", "articles"].map(str::to_owned));
        return Ok(page(html).tagged(tags));
    }
    Err(attempts_exhausted())
}
