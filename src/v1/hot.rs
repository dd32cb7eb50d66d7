//! `/v1/recommendations/hot`: the hot list.
//!
//! Each article appears once, for its first rule:
//! 1. `pinned`: the editor's pins, in their order;
//! 2. `views`: articles with at least [`MIN_VIEWS`](crate::content::popularity::MIN_VIEWS) views in the window, by `score`,
//!    then by id. [`Window`] states the formula: a view loses half of its weight in a quarter of the window;
//! 3. `recent`: the newest articles.
//!
//! `publishing::views` computes the scores in the background, at most every 20 seconds, and a new list invalidates the
//! cached responses of every instance. This module only reads the list, along an index.

use actix_web::{HttpResponse, get};
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    filters,
    related::{
        INCLUDED_ITEMS, Recommendation, RecommendationKind, RecommendationList, RecommendationRule, Recommendations,
        Why,
    },
};
use crate::{
    content::{Slug, popularity::Window},
    db::{
        Connection,
        statement::{Bind, Statement},
    },
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload,
        pagination::{self, DEFAULT_LIMIT, Pagination, next_address},
        query::{FromQuery, Parameters, Query},
    },
};

/// Window of requests that name none.
const DEFAULT_WINDOW: Window = Window::Week;

/// The parameters of the hot list.
pub struct HotQuery {
    window: Window,
    topic: Option<Slug>,
    paging: Pagination,
}

impl FromQuery for HotQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let window = "Period over which views count. A view loses half of its weight in a quarter of the period.";
        let window = p.declare("window", window).choice(DEFAULT_WINDOW);
        HotQuery { window, topic: filters::topic(p), paging: Pagination::read(p, DEFAULT_LIMIT) }
    }
}

/// A position in the list: rank, order within it, id, and the number of items before it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position(i32, f64, Uuid, i64);

type Item = (String, String, Option<String>, Option<String>);
type Row = ((i32, f64, Uuid), Item, (Option<i64>, Option<DateTime<Utc>>));
type Columns = (
    (Integer, Double, SqlUuid),
    (Text, Text, Nullable<Text>, Nullable<Text>),
    (Nullable<BigInt>, Nullable<Timestamptz>),
);

async fn load(
    mut connection: &AsyncPgConnection,
    window: Window,
    topic: Option<&Slug>,
    fetch: i64,
    after: Option<&Position>,
) -> Result<Vec<(Position, Recommendation)>, Error> {
    let binds = vec![
        ("span", Bind::Text(Some(window.name().to_owned()))),
        ("topic", Bind::Text(topic.map(ToString::to_string))),
        ("fetch", Bind::Integer(Some(fetch))),
        ("after_rank", Bind::Integer(after.map(|after| after.0.into()))),
        ("after_order_key", Bind::Float(after.map(|after| after.1))),
        ("after_id", Bind::Uuid(after.map(|after| after.2))),
    ];
    let rows: Vec<Row> = Statement::<Columns>::new(include_str!("hot.sql"), binds).load(&mut connection).await?;
    let before = after.map_or(0, |after| after.3);
    let items = rows.into_iter().zip(before.saturating_add(1)..).map(
        |(((rank, order_key, id), (slug, title, summary, reason), (views, computed_at)), position)| {
            let why = match rank {
                1 => Why::without_views(RecommendationRule::Pinned, reason, None),
                2 => {
                    let (score, window) = (Some(order_key), Some(window));
                    Why { source: RecommendationRule::Views, reason, score, views, window, computed_at }
                }
                _ => Why::without_views(RecommendationRule::Recent, reason, None),
            };
            let url = format!("/v1/articles/{slug}");
            let item = Recommendation {
                position,
                kind: RecommendationKind::Article,
                title,
                summary,
                url,
                slug: Some(slug),
                why,
            };
            (Position(rank, order_key, id, position), item)
        },
    );
    Ok(items.collect())
}

/// Identifies the list in cursors.
fn cursor_scope(window: Window, topic: Option<&Slug>) -> String {
    format!("/v1/recommendations/hot {window:?} {topic:?}")
}

/// Loads the first items of the list for the default window, in one statement.
pub(crate) async fn first_page(connection: &AsyncPgConnection) -> Result<Recommendations, Error> {
    let mut items = load(connection, DEFAULT_WINDOW, None, i64::from(INCLUDED_ITEMS) + 1, None).await?;
    let more = items.len() > INCLUDED_ITEMS as usize;
    items.truncate(INCLUDED_ITEMS as usize);
    let last = items.last().filter(|_| more);
    let more = last.map(|(after, _)| pagination::cursor(&cursor_scope(DEFAULT_WINDOW, None), after)).transpose()?;
    let more = more.map(|cursor| format!("/v1/recommendations/hot?cursor={cursor}"));
    Ok(Recommendations { data: items.into_iter().map(|(_, item)| item).collect(), more })
}

/// List the hot articles
///
/// Returns the pinned articles (`pinned`), then the most viewed (`views`), then the newest (`recent`), each with its
/// reason. `POST /v1/articles/{slug}/views` counts views. `score` is the sum of `count × 2^(−age / half-life)` over the
/// hourly counts, or daily counts after two days. `age` runs from the middle of the hour or day to `computed_at`, and
/// counts up to the length of the window; the half-life is a quarter of the window. Equal scores are ordered by id.
/// Articles with fewer than 3 views in the window are not listed. The list is recomputed at most every 20 seconds.
#[utoipa::path(
    tag = "Recommendations", params(Query<HotQuery>),
    responses((status = 200, description = "A page of recommendations.", body = RecommendationList)),
)]
#[get("/v1/recommendations/hot")]
pub async fn list_hot(read: CachedGet<HotQuery>) -> Result<HttpResponse, Error> {
    read.respond(hot_payload).await
}

impl HotQuery {
    /// Returns the query for the default window, of all topics or of one.
    pub(crate) fn new(topic: Option<Slug>, paging: Pagination) -> HotQuery {
        HotQuery { window: DEFAULT_WINDOW, topic, paging }
    }
}

/// Loads a page of the list.
pub(crate) async fn load_page(connection: &AsyncPgConnection, query: &HotQuery) -> Result<RecommendationList, Error> {
    let scope = cursor_scope(query.window, query.topic.as_ref());
    let after = query.paging.after::<Position>(&scope)?;
    let mut items = load(connection, query.window, query.topic.as_ref(), query.paging.fetch(), after.as_ref()).await?;
    let page = query.paging.cut(&scope, &mut items, |(after, _)| after.clone())?;
    let data = items.into_iter().map(|(_, item)| item).collect();
    Ok(RecommendationList { data, page })
}

async fn hot_payload(connection: &Connection, query: HotQuery, address: CanonicalUri) -> Result<Payload, Error> {
    let list = load_page(connection, &query).await?;
    let next = next_address(&address, &list.page);
    // A list of one topic changes only with the articles of that topic.
    let items = query.topic.map_or_else(|| "articles".to_owned(), |topic| format!("topic:{topic}"));
    Ok(Payload::json(&list)?.tagged(["hot".to_owned(), items]).next_page(next.as_deref()))
}
