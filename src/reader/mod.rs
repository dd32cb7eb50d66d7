//! The pages at `/` and `/read/{slug}`: the newest articles and each article, rendered by the server from what
//! the public API reads. No script, no other host.

use actix_web::{HttpResponse, get, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    content::ArticleName,
    db::schema::articles,
    error::Error,
    http::{Address, Answer, Read, query::Nothing},
    v1::{
        address::{check, named, unknown},
        articles::{find::CONTENT, read::whole},
        card::Card,
        site::{self, Site},
    },
};

mod html;

/// The most articles on the first page.
const FRONT: i64 = 100;

/// What a page may load: its own style sheet and images, nothing that runs.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The pages.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(show_library).service(show_article).service(read_style);
}

fn page(html: String) -> Answer {
    Answer::bytes("text/html; charset=utf-8", html).policy(POLICY)
}

/// Show the library
///
/// The newest articles as a page for people.
#[utoipa::path(tag = "Reader", responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
#[get("/")]
pub async fn show_library(read: Read<Nothing>) -> Result<HttpResponse, Error> {
    read.answer(async |connection, _, _| {
        let mut pipe = &**connection;
        let newest = articles::table.order((articles::published_at.desc(), articles::id.desc())).limit(FRONT);
        let cards: Vec<Card> = newest.select(Card::as_select()).load(&mut pipe).await?;
        let site = site::find(connection).await?;
        Ok(page(html::library(site.as_ref(), &cards)).tagged(["articles", "topics", "site"]))
    })
    .await
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
pub async fn show_article(path: web::Path<String>, read: Read<Nothing>) -> Result<HttpResponse, Error> {
    let key = named(&path)?;
    read.answer(async move |connection, _, address| article(connection, &key, &address).await).await
}

/// The page of an article.
pub(crate) async fn article(
    connection: &AsyncPgConnection,
    key: &ArticleName,
    address: &Address,
) -> Result<Answer, Error> {
    let (found, related, _) = whole(connection, key, CONTENT, true, false).await?;
    let related = related.ok_or_else(|| unknown(&found.card.slug))?;
    check(key, "/read/", found.card.address(), "", address)?;
    let site: Option<Site> = site::find(connection).await?;
    let body = found.body()?;
    let html = html::article(site.as_ref(), &found.card, &body, &related.shown.data);
    // The text links to articles by their address in the API; a person wants their page.
    let html = found.resolve_to("/read/", &html);
    let mut tags = related.tags;
    tags.extend(found.card.tags());
    tags.push("site".to_owned());
    Ok(page(html).tagged(tags))
}

/// Read the pages' style sheet
///
/// Part of the pages.
#[utoipa::path(tag = "Reader", responses((status = 200, description = "The style sheet.", body = String, content_type = "text/css")))]
#[get("/reader.css")]
pub async fn read_style(read: Read<Nothing>) -> Result<HttpResponse, Error> {
    let style = Answer::bytes("text/css; charset=utf-8", include_str!("reader.css"));
    read.built_in(|_| Ok(style.tagged(["reader"]))).await
}
