//! `/v1/recommendations/hot`: what leads the site.
//!
//! The rule, in this order, each article once:
//! 1. `pinned`: the editor's pins in their order;
//! 2. `views`: what was read at least [`MIN_VIEWS`](crate::content::popularity::MIN_VIEWS) times within the window, by `score`, then by id. The
//!    formula is [`Window`]'s: a view loses half of what it is worth in a quarter of the window;
//! 3. `recent`: the most recently published.
//!
//! The list of views is computed beside the requests, every 20 seconds at most (`publishing::views`), and all instances drop
//! their answers when it is another. Here it is read, along an index.

use actix_web::{HttpResponse, get};
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    filters,
    related::{FIRST, Kind, Recommendation, RecommendationList, Recommendations, Rule, Why},
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

/// A position in the list: rank, place within it, id, and how many items come before the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct After(i32, f64, Uuid, i64);

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
    after: Option<&After>,
) -> Result<Vec<(After, Recommendation)>, Error> {
    let given = vec![
        ("span", Bind::Text(Some(window.name().to_owned()))),
        ("topic", Bind::Text(topic.map(ToString::to_string))),
        ("fetch", Bind::Integer(Some(fetch))),
        ("after_rank", Bind::Integer(after.map(|after| after.0.into()))),
        ("after_place", Bind::Float(after.map(|after| after.1))),
        ("after_id", Bind::Uuid(after.map(|after| after.2))),
    ];
    let rows: Vec<Row> = Statement::<Columns>::new(include_str!("hot.sql"), given).load(&mut connection).await?;
    let before = after.map_or(0, |after| after.3);
    let items = rows.into_iter().zip(before.saturating_add(1)..).map(
        |(((rank, place, id), (slug, title, summary, reason), (views, computed_at)), position)| {
            let why = match rank {
                1 => Why::unread(Rule::Pinned, reason, None),
                2 => {
                    let (score, window) = (Some(place), Some(window));
                    Why { source: Rule::Views, reason, score, views, window, computed_at }
                }
                _ => Why::unread(Rule::Recent, reason, None),
            };
            let url = format!("/v1/articles/{slug}");
            let shown = Recommendation { position, kind: Kind::Article, title, summary, url, slug: Some(slug), why };
            (After(rank, place, id, position), shown)
        },
    );
    Ok(items.collect())
}

fn name(window: Window, topic: Option<&Slug>) -> String {
    format!("/v1/recommendations/hot {window:?} {topic:?}")
}

/// The first of the whole list, by the default window. One statement.
pub(crate) async fn first(connection: &AsyncPgConnection) -> Result<Recommendations, Error> {
    let mut items = load(connection, DEFAULT_WINDOW, None, i64::from(FIRST) + 1, None).await?;
    let more = items.len() > FIRST as usize;
    items.truncate(FIRST as usize);
    let last = items.last().filter(|_| more);
    let more = last.map(|(after, _)| pagination::cursor(&name(DEFAULT_WINDOW, None), after)).transpose()?;
    let more = more.map(|cursor| format!("/v1/recommendations/hot?cursor={cursor}"));
    Ok(Recommendations { data: items.into_iter().map(|(_, shown)| shown).collect(), more })
}

/// List what leads the site
///
/// The articles that the editor put first (`pinned`), then those that were read most lately (`views`), then the most recently
/// published (`recent`); each says why it is there. Views are those of `POST /v1/articles/{slug}/views`. The `score` is the
/// sum over hourly and, past two days, daily sums of views, `count × 2^(−age / half-life)`: the age from the middle of the
/// hour or day to `computed_at`, over all with an age within the window; the half-life a quarter of the window. Equal scores
/// are ordered by id. Fewer than 3 views in the window are not shown. The list is computed anew every 20 seconds at most.
#[utoipa::path(tag = "Recommendations", params(Query<HotQuery>), responses((status = 200, description = "A page of recommendations.", body = RecommendationList)))]
#[get("/v1/recommendations/hot")]
pub async fn list_hot(read: CachedGet<HotQuery>) -> Result<HttpResponse, Error> {
    read.respond(page_of_hot).await
}

impl HotQuery {
    /// What is read most by the default window, of a topic where one is given.
    pub(crate) fn new(topic: Option<Slug>, paging: Pagination) -> HotQuery {
        HotQuery { window: DEFAULT_WINDOW, topic, paging }
    }
}

/// A page of the list.
pub(crate) async fn page_of(connection: &AsyncPgConnection, query: &HotQuery) -> Result<RecommendationList, Error> {
    let name = name(query.window, query.topic.as_ref());
    let after = query.paging.after::<After>(&name)?;
    let mut items = load(connection, query.window, query.topic.as_ref(), query.paging.fetch(), after.as_ref()).await?;
    let page = query.paging.cut(&name, &mut items, |(after, _)| after.clone())?;
    let data = items.into_iter().map(|(_, shown)| shown).collect();
    Ok(RecommendationList { data, page })
}

async fn page_of_hot(connection: &Connection, query: HotQuery, address: CanonicalUri) -> Result<Payload, Error> {
    let list = page_of(connection, &query).await?;
    let next = next_address(&address, &list.page);
    // Within a topic only what happens to its articles changes the list.
    let of = query.topic.map_or_else(|| "articles".to_owned(), |topic| format!("topic:{topic}"));
    let answer = Payload::json(&list)?.tagged(["hot".to_owned(), of]);
    Ok(answer.next_page(next.as_deref()))
}
