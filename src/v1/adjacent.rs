//! `/v1/articles/{slug}/adjacent`: the previous and the next article of a topic.

use actix_web::{HttpResponse, get, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use tokio::try_join;
use utoipa::ToSchema;

use super::{
    address::{ARTICLES_PATH, ArticlePath, require_current_slug},
    articles::published::{BodyColumns, PublishedArticle},
    card::{Card, TopicName},
};
use crate::{
    content::{ArticleName, Slug},
    db::{
        Connection,
        schema::{article_topics, articles},
    },
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload,
        query::{FromQuery, Parameters, Query},
    },
};

/// The parameters of the adjacent articles.
pub struct AdjacentQuery {
    topic: Option<Slug>,
}

impl FromQuery for AdjacentQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let topic = p.declare("topic", "Topic of the order, one of the article's; by default its first.");
        AdjacentQuery { topic: topic.example("stem-cells").value() }
    }
}

/// The adjacent articles in a topic, in the order of `/v1/articles?topic=`: the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Adjacent {
    /// The topic; `null` if the article has none.
    pub topic: Option<TopicName>,
    /// The next newer article; `null` if this is the newest.
    pub previous: Option<Card>,
    /// The next older article; `null` if this is the oldest.
    pub next: Option<Card>,
}

/// Read the adjacent articles
///
/// Returns the previous and the next article in one of its topics, in the order of `/v1/articles?topic=`.
#[utoipa::path(
    tag = "Articles", params(ArticlePath, Query<AdjacentQuery>),
    responses((status = 200, description = "The adjacent articles.", body = Adjacent)),
)]
#[get("/v1/articles/{slug}/adjacent")]
pub async fn read_adjacent(
    path: web::Path<ArticlePath>,
    read: CachedGet<AdjacentQuery>,
) -> Result<HttpResponse, Error> {
    let key = path.name()?;
    read.respond(async move |connection, query, address| adjacent_payload(connection, &key, &query, &address).await)
        .await
}

async fn adjacent_payload(
    connection: &Connection,
    key: &ArticleName,
    query: &AdjacentQuery,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let card = PublishedArticle::load(connection, key, BodyColumns::NONE).await?.card;
    require_current_slug(key, ARTICLES_PATH, card.address(), "/adjacent", address)?;
    let tags = card.tags().into_iter().chain(["topics".to_owned()]);
    let topic = match &query.topic {
        None => card.topics.as_slice().first(),
        Some(slug) => Some(card.topics.iter().find(|topic| topic.slug == slug.as_str()).ok_or_else(|| {
            let own: Vec<_> = card.topics.iter().map(|topic| topic.slug.as_str()).collect();
            Error::NotFound(format!("the article does not have the topic `{slug}`: expected one of {}", own.join(", ")))
        })?),
    };
    Ok(Payload::json(&load_adjacent(connection, &card, topic).await?)?.tagged(tags))
}

/// Loads the adjacent articles in a topic.
pub(crate) async fn load_adjacent(
    connection: &AsyncPgConnection,
    card: &Card,
    topic: Option<&TopicName>,
) -> Result<Adjacent, Error> {
    let Some(topic) = topic else { return Ok(Adjacent { topic: None, previous: None, next: None }) };
    macro_rules! neighbour {
        ($beyond:ident, $order:ident) => {{
            let (at, id) = (article_topics::published_at, article_topics::article_id);
            article_topics::table
                .inner_join(articles::table)
                .filter(article_topics::topic_slug.eq(&topic.slug))
                .filter(at.$beyond(card.published_at).or(at.eq(card.published_at).and(id.$beyond(card.id))))
                .order((at.$order(), id.$order()))
                .limit(1)
                .select(Card::as_select())
        }};
    }
    let (mut pipe, mut other) = (connection, connection);
    let previous = async { neighbour!(gt, asc).first(&mut pipe).await.optional() };
    let next = async { neighbour!(lt, desc).first(&mut other).await.optional() };
    let (previous, next) = try_join!(previous, next)?;
    Ok(Adjacent { topic: Some(topic.clone()), previous, next })
}
