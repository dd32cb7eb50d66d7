//! `/v1/articles/{slug}/adjacent`: the articles before and after one in a topic.

use actix_web::{HttpResponse, get, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use tokio::try_join;
use utoipa::ToSchema;

use super::{
    address::{MOUNT, check, named},
    articles::find::{Wanted, find},
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

/// The parameters of the neighbours of an article.
pub struct AdjacentQuery {
    topic: Option<Slug>,
}

impl FromQuery for AdjacentQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let topic = p.declare("topic", "Topic of the order, one of the article's; by default its first.");
        AdjacentQuery { topic: topic.example("stem-cells").value() }
    }
}

/// The neighbours of an article in a topic, in the order of `/v1/articles?topic=`: the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Adjacent {
    /// The topic; `null` where the article has none.
    pub topic: Option<TopicName>,
    /// The article that was published next after this one; `null` where this is the newest.
    pub previous: Option<Card>,
    /// The article that was published last before this one; `null` where this is the oldest.
    pub next: Option<Card>,
}

/// Read the articles beside an article
///
/// The articles before and after it in one of its topics, as `/v1/articles?topic=` lists them.
#[utoipa::path(
    tag = "Articles",
    params(("slug" = String, Path, description = "The article's slug or id; an earlier slug redirects.", example = "stem-cell-infusion"), Query<AdjacentQuery>),
    responses((status = 200, description = "The neighbours.", body = Adjacent)),
)]
#[get("/v1/articles/{slug}/adjacent")]
pub async fn read_adjacent(path: web::Path<String>, read: CachedGet<AdjacentQuery>) -> Result<HttpResponse, Error> {
    let key = named(&path)?;
    read.respond(async move |connection, query, address| beside(connection, &key, &query, &address).await).await
}

async fn beside(
    connection: &Connection,
    key: &ArticleName,
    query: &AdjacentQuery,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let card = find(connection, key, Wanted::default()).await?.card;
    check(key, MOUNT, card.address(), "/adjacent", address)?;
    let tags = card.tags().into_iter().chain(["topics".to_owned()]);
    let topic = match &query.topic {
        None => card.topics.as_slice().first(),
        Some(slug) => Some(card.topics.iter().find(|topic| topic.slug == slug.as_str()).ok_or_else(|| {
            let own: Vec<_> = card.topics.iter().map(|topic| topic.slug.as_str()).collect();
            Error::NotFound(format!("the article is not of the topic `{slug}`; it is of: {}", own.join(", ")))
        })?),
    };
    Ok(Payload::json(&neighbours(connection, &card, topic).await?)?.tagged(tags))
}

/// The neighbours of an article in a topic.
pub(crate) async fn neighbours(
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
