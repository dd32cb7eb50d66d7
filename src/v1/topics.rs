//! `/v1/topics`: the topics of the articles.

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

/// A topic with the number of its articles.
#[derive(Debug, Queryable, Serialize, ToSchema)]
pub struct Topic {
    /// Its slug.
    #[schema(example = "stem-cells")]
    pub slug: String,
    /// Its name.
    #[schema(example = "干细胞")]
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// The number of published articles.
    #[schema(example = 6, minimum = 0)]
    pub articles: i64,
}

/// A page of topics.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopicList {
    /// The topics.
    pub data: Vec<Topic>,
    /// The position of this page in the list.
    pub page: Page,
}

/// List topics
///
/// Returns every topic with the number of its articles, ordered by slug.
#[utoipa::path(
    tag = "Topics", params(Query<Pagination>),
    responses((status = 200, description = "A page of topics.", body = TopicList)),
)]
#[get("/v1/topics")]
pub async fn list_topics(read: CachedGet<Pagination>) -> Result<HttpResponse, Error> {
    read.respond(topics_payload).await
}

/// Loads at most `limit` topics after a slug.
async fn load_topics(mut connection: &AsyncPgConnection, after: String, limit: i64) -> Result<Vec<Topic>, Error> {
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

/// Loads the topics with the most articles; topics without articles are left out.
pub(crate) async fn load_largest(mut connection: &AsyncPgConnection, limit: i64) -> Result<Vec<Topic>, Error> {
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

async fn topics_payload(connection: &Connection, paging: Pagination, address: CanonicalUri) -> Result<Payload, Error> {
    let after = paging.after::<String>(&address.path)?.unwrap_or_default();
    let mut data = load_topics(connection, after, paging.fetch()).await?;
    let page = paging.cut(&address.path, &mut data, |topic| topic.slug.clone())?;
    let next = next_address(&address, &page);
    // A topic's count changes with its articles.
    Ok(Payload::json(&TopicList { data, page })?.tagged(["topics", "articles"]).next_page(next.as_deref()))
}

/// Read a topic
///
/// Returns the topic with the number of its articles. `/v1/articles?topic=` lists them.
#[utoipa::path(
    tag = "Topics",
    params(("slug" = String, Path, description = "The topic's slug.", example = "stem-cells")),
    responses((status = 200, description = "The topic.", body = Topic)),
)]
#[get("/v1/topics/{slug}")]
pub async fn read_topic(path: web::Path<String>, read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let slug: Slug = path.parse().map_err(|_| topic_not_found(&path))?;
    read.respond(async move |connection, _, _| {
        let topic = load_topic(connection, &slug).await?;
        Ok(Payload::json(&topic)?.tagged([format!("topic:{slug}")]))
    })
    .await
}

fn topic_not_found(slug: &str) -> Error {
    Error::NotFound(format!("there is no topic `{slug}`"))
}

/// Loads a topic, or returns 404.
pub(crate) async fn load_topic(mut connection: &AsyncPgConnection, slug: &Slug) -> Result<Topic, Error> {
    let load = topics::table
        .left_join(article_topics::table)
        .filter(topics::slug.eq(slug.as_str()))
        .group_by((topics::slug, topics::name, topics::description))
        .select((topics::slug, topics::name, topics::description, dsl::count(article_topics::article_id.nullable())))
        .first::<Topic>(&mut connection);
    load.await.optional()?.ok_or_else(|| topic_not_found(slug.as_str()))
}
