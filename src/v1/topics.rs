//! `/v1/topics`: what the articles are about.

use actix_web::{HttpResponse, get, web};
use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    content::Slug,
    db::{
        Connection,
        schema::{article_topics, topics},
    },
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload, Query,
        pagination::{Page, Pagination, next_address},
        query::NoParameters,
    },
};

/// A topic.
#[derive(Debug, Queryable, Serialize, ToSchema)]
pub struct Topic {
    /// Its address.
    #[schema(example = "stem-cells")]
    pub slug: String,
    /// What it is called.
    #[schema(example = "干细胞")]
    pub name: String,
    /// What it covers.
    pub description: Option<String>,
    /// How many articles are published under it.
    #[schema(example = 6, minimum = 0)]
    pub articles: i64,
}

/// A page of topics.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopicList {
    /// The topics.
    pub data: Vec<Topic>,
    /// Where this page is.
    pub page: Page,
}

/// List the topics
///
/// Every topic with the number of its articles, in the order of their slugs.
#[utoipa::path(tag = "Topics", params(Query<Pagination>), responses((status = 200, description = "A page of topics.", body = TopicList)))]
#[get("/v1/topics")]
pub async fn list_topics(read: CachedGet<Pagination>) -> Result<HttpResponse, Error> {
    read.respond(page_of_topics).await
}

/// The topics after one, at most so many.
async fn load(mut connection: &AsyncPgConnection, after: String, limit: i64) -> Result<Vec<Topic>, Error> {
    let load = topics::table
        .left_join(article_topics::table)
        .filter(topics::slug.gt(after))
        .group_by((topics::slug, topics::name, topics::description))
        .order(topics::slug)
        .limit(limit)
        .select((topics::slug, topics::name, topics::description, dsl::count(article_topics::article_id.nullable())))
        .load::<Topic>(&mut connection);
    Ok(load.await?)
}

/// The topics that have articles, those with the most first.
pub(crate) async fn largest(mut connection: &AsyncPgConnection, limit: i64) -> Result<Vec<Topic>, Error> {
    let count = dsl::count(article_topics::article_id.nullable());
    let load = topics::table
        .inner_join(article_topics::table)
        .group_by((topics::slug, topics::name, topics::description))
        .order((count.desc(), topics::slug))
        .limit(limit)
        .select((topics::slug, topics::name, topics::description, count))
        .load::<Topic>(&mut connection);
    Ok(load.await?)
}

async fn page_of_topics(connection: &Connection, paging: Pagination, address: CanonicalUri) -> Result<Payload, Error> {
    let after = paging.after::<String>(&address.path)?.unwrap_or_default();
    let mut data = load(connection, after, paging.fetch()).await?;
    let page = paging.cut(&address.path, &mut data, |topic| topic.slug.clone())?;
    let next = next_address(&address, &page);
    // A topic's count changes with its articles.
    Ok(Payload::json(&TopicList { data, page })?.tagged(["topics", "articles"]).next_page(next.as_deref()))
}

/// Read a topic
///
/// One topic with the number of its articles; `/v1/articles?topic=` lists them.
#[utoipa::path(
    tag = "Topics",
    params(("slug" = String, Path, description = "The topic's address.", example = "stem-cells")),
    responses((status = 200, description = "The topic.", body = Topic)),
)]
#[get("/v1/topics/{slug}")]
pub async fn read_topic(path: web::Path<String>, read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let slug: Slug = path.parse().map_err(|_| unknown(&path))?;
    read.respond(async move |connection, _, _| one_topic(connection, &slug).await).await
}

fn unknown(slug: &str) -> Error {
    Error::NotFound(format!("there is no topic `{slug}`"))
}

/// A topic. Errors: it is not there.
pub(crate) async fn find(mut connection: &AsyncPgConnection, slug: &Slug) -> Result<Topic, Error> {
    let load = topics::table
        .left_join(article_topics::table)
        .filter(topics::slug.eq(slug.as_str()))
        .group_by((topics::slug, topics::name, topics::description))
        .select((topics::slug, topics::name, topics::description, dsl::count(article_topics::article_id.nullable())))
        .first::<Topic>(&mut connection);
    load.await.optional()?.ok_or_else(|| unknown(slug.as_str()))
}

async fn one_topic(connection: &Connection, slug: &Slug) -> Result<Payload, Error> {
    let topic = find(connection, slug).await?;
    Ok(Payload::json(&topic)?.tagged([format!("topic:{slug}")]))
}
