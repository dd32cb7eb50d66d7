//! `/v1/recommendations/hot`: what leads the site.
//!
//! The rule: the editor's pins in their order, then the most recently published. Reading is not counted yet, so no item
//! is there for its views, and `window` changes nothing so far.

use actix_web::{HttpResponse, get};
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::related::{FIRST, Kind, Recommendation, RecommendationList, Recommendations, Rule, Why};
use crate::{
    content::Slug,
    db::{
        Connection,
        statement::{Bind, Statement},
    },
    error::Error,
    http::{
        Address, Answer, Read,
        page::{self, DEFAULT_LIMIT, Paging, next_address},
        query::{FromQuery, Parameters},
    },
};

/// What the hot list can be asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that `HotQuery` reads")]
pub struct HotParameters {
    /// The time over which reading counts: `24h`, `7d` or `30d`. Reading is not counted yet, so it changes nothing so
    /// far.
    #[param(example = "7d", default = "7d", pattern = "^(24h|7d|30d)$")]
    window: Option<String>,
    /// Only articles of this topic.
    #[param(example = "stem-cells", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 96)]
    topic: Option<String>,
    /// The most items of the page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// The parameters of the hot list.
pub struct HotQuery {
    topic: Option<Slug>,
    paging: Paging,
}

impl FromQuery for HotQuery {
    fn from_query(p: &mut Parameters) -> Self {
        p.choice("window", &[("7d", ()), ("24h", ()), ("30d", ())]);
        HotQuery { topic: p.name("topic"), paging: Paging::take(p, DEFAULT_LIMIT) }
    }
}

/// A position in the list: rank, place within it, id, and how many items come before the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct After(i32, i64, Uuid, i64);

type Row = (i32, i64, Uuid, String, String, Option<String>, Option<String>);
type Columns = (Integer, BigInt, SqlUuid, Text, Text, Nullable<Text>, Nullable<Text>);

async fn load(
    mut connection: &AsyncPgConnection,
    topic: Option<&Slug>,
    fetch: i64,
    after: Option<&After>,
) -> Result<Vec<(After, Recommendation)>, Error> {
    let given = vec![
        ("topic", Bind::Text(topic.map(ToString::to_string))),
        ("fetch", Bind::Integer(Some(fetch))),
        ("after_rank", Bind::Integer(after.map(|after| after.0.into()))),
        ("after_place", Bind::Integer(after.map(|after| after.1))),
        ("after_id", Bind::Uuid(after.map(|after| after.2))),
    ];
    let rows: Vec<Row> = Statement::<Columns>::new(include_str!("hot.sql"), given).load(&mut connection).await?;
    let before = after.map_or(0, |after| after.3);
    let items = rows.into_iter().zip(before.saturating_add(1)..).map(
        |((rank, place, id, slug, title, summary, reason), position)| {
            let source = if rank == 1 { Rule::Pinned } else { Rule::Recent };
            let why = Why { source, reason, score: None };
            let url = format!("/v1/articles/{slug}");
            let shown = Recommendation { position, kind: Kind::Article, title, summary, url, slug: Some(slug), why };
            (After(rank, place, id, position), shown)
        },
    );
    Ok(items.collect())
}

fn name(topic: Option<&Slug>) -> String {
    format!("/v1/recommendations/hot {topic:?}")
}

/// The first of the whole list. One statement.
pub(super) async fn first(connection: &AsyncPgConnection) -> Result<Recommendations, Error> {
    let mut items = load(connection, None, i64::from(FIRST) + 1, None).await?;
    let more = items.len() > FIRST as usize;
    items.truncate(FIRST as usize);
    let last = items.last().filter(|_| more);
    let more = last.map(|(after, _)| page::cursor(&name(None), after)).transpose()?;
    let more = more.map(|cursor| format!("/v1/recommendations/hot?cursor={cursor}"));
    Ok(Recommendations { data: items.into_iter().map(|(_, shown)| shown).collect(), more })
}

/// List what leads the site
///
/// The articles that the editor put first, then the most recently published; each says why it is there.
#[utoipa::path(tag = "Recommendations", params(HotParameters), responses((status = 200, description = "A page of recommendations.", body = RecommendationList)))]
#[get("/v1/recommendations/hot")]
pub async fn list_hot(read: Read<HotQuery>) -> Result<HttpResponse, Error> {
    read.answer(page_of_hot).await
}

async fn page_of_hot(connection: &Connection, query: HotQuery, address: Address) -> Result<Answer, Error> {
    let name = name(query.topic.as_ref());
    let after = query.paging.after::<After>(&name)?;
    let mut items = load(connection, query.topic.as_ref(), query.paging.fetch(), after.as_ref()).await?;
    let page = query.paging.cut(&name, &mut items, |(after, _)| after.clone())?;
    let next = next_address(&address, &page);
    let data = items.into_iter().map(|(_, shown)| shown).collect();
    // Within a topic only what happens to its articles changes the list.
    let of = query.topic.map_or_else(|| "articles".to_owned(), |topic| format!("topic:{topic}"));
    let answer = Answer::json(&RecommendationList { data, page })?.tagged(["hot".to_owned(), of]);
    Ok(answer.next_page(next.as_deref()))
}
