//! `/v1/topics`: what the articles are about.

use actix_web::{HttpRequest, get, web};
use diesel::{dsl, prelude::*};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use tokio::try_join;
use utoipa::{IntoParams, ToSchema};

use super::last_change;
use crate::{
    content::Slug,
    db::{
        Db,
        schema::{article_topics, topics},
    },
    error::Error,
    http::{
        Answer, Query,
        page::{Page, Paging, next_address},
        query::{FromQuery, Nothing, Parameters},
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

/// What a list of topics can be asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters; `Paging` reads them")]
pub struct TopicQuery {
    /// The most items of the page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

impl FromQuery for Paging {
    fn from_query(parameters: &mut Parameters) -> Self {
        Paging::take(parameters, crate::http::page::DEFAULT_LIMIT)
    }
}

/// List the topics
///
/// Every topic with the number of its articles, in the order of their slugs.
#[utoipa::path(tag = "Topics", params(TopicQuery), responses((status = 200, description = "A page of topics.", body = TopicList)))]
#[get("/v1/topics")]
pub async fn list_topics(
    db: web::Data<Db>,
    Query(paging): Query<Paging>,
    request: HttpRequest,
) -> Result<Answer, Error> {
    let after = paging.after::<String>(request.path())?.unwrap_or_default();
    let connection = db.read().await?;
    let mut pipe = &*connection;
    let load = topics::table
        .left_join(article_topics::table)
        .filter(topics::slug.gt(after))
        .group_by((topics::slug, topics::name, topics::description))
        .order(topics::slug)
        .limit(paging.fetch())
        .select((topics::slug, topics::name, topics::description, dsl::count(article_topics::article_id.nullable())))
        .load::<Topic>(&mut pipe);
    let (mut data, modified) = try_join!(async { Ok(load.await?) }, last_change(&connection))?;
    let page = paging.cut(request.path(), &mut data, |topic| topic.slug.clone())?;
    let next = next_address(request.path(), request.query_string(), &page);
    // A topic's count changes with its articles.
    Ok(Answer::json(&TopicList { data, page })?
        .tagged(["topics", "articles"])
        .modified(modified)
        .next_page(next.as_deref()))
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
pub async fn read_topic(db: web::Data<Db>, path: web::Path<String>, _: Query<Nothing>) -> Result<Answer, Error> {
    let unknown = || Error::NotFound(format!("there is no topic `{path}`"));
    let slug: Slug = path.parse().map_err(|_| unknown())?;
    let connection = db.read().await?;
    let mut pipe = &*connection;
    let load = topics::table
        .left_join(article_topics::table)
        .filter(topics::slug.eq(slug.as_str()))
        .group_by((topics::slug, topics::name, topics::description))
        .select((topics::slug, topics::name, topics::description, dsl::count(article_topics::article_id.nullable())))
        .first::<Topic>(&mut pipe);
    let (topic, modified) = try_join!(async { Ok(load.await.optional()?) }, last_change(&connection))?;
    let tags = ["topics".to_owned(), format!("topic:{slug}")];
    Ok(Answer::json(&topic.ok_or_else(unknown)?)?.tagged(tags).modified(modified))
}
