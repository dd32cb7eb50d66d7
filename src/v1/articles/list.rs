//! `/v1/articles`: pages of cards.

use std::str::FromStr;

use actix_web::{HttpResponse, get};
use chrono::{DateTime, Datelike, Utc};
use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{ToSchema, openapi::ArrayBuilder};
use uuid::Uuid;

use crate::{
    content::{ArticleName, Locale, Slug},
    db::{
        Connection,
        schema::{article_topics, articles},
    },
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload,
        pagination::{DEFAULT_LIMIT, INVALID_CURSOR, MAX_LIMIT, Pagination, next_address},
        query::{FromQuery, Parameters, Query, uuid},
    },
    v1::{
        card::{Card, CardList},
        fields::{self, Fields, filtered},
        filters,
    },
};

/// Greatest number of `ids`.
const MAX_IDS: usize = 100;

/// The order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
enum Sort {
    #[serde(rename = "-published_at")]
    NewestFirst,
    #[serde(rename = "published_at")]
    OldestFirst,
    #[serde(rename = "-updated_at")]
    LatestUpdateFirst,
    #[serde(rename = "updated_at")]
    EarliestUpdateFirst,
    #[serde(rename = "title")]
    Title,
}

/// The parameters of the list of articles.
pub struct ListQuery {
    sort: Sort,
    topic: Option<Slug>,
    locale: Option<Locale>,
    updated_since: Option<DateTime<Utc>>,
    ids: Option<Vec<Uuid>>,
    fields: Option<Fields>,
    paging: Pagination,
}

impl FromQuery for ListQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let order = "Order of the list: by time, with `-` the latest first, or by title, Han characters by pinyin. Equal \
                     items are ordered by id.";
        let sort = p.declare("sort", order).choice(Sort::NewestFirst);
        let (topic, locale) = (filters::topic(p), filters::locale(p));
        let updated_since = p.declare("updated_since", "Only articles that changed at or after this time (RFC 3339).");
        let updated_since = updated_since.example("2026-01-01T00:00:00Z").time();
        let ids = read_ids(p);
        let fields = Fields::read(p, fields::CARD);
        let paging = Pagination::read(p, if ids.is_some() { MAX_LIMIT } else { DEFAULT_LIMIT });
        ListQuery { sort, topic, locale, updated_since, ids, fields, paging }
    }
}

fn read_ids(p: &mut Parameters) -> Option<Vec<Uuid>> {
    let description = "Only the articles with these ids, in this order; `sort` is ignored, and `limit` is 100 by \
                       default. Unknown ids are left out.";
    let items = p.declare("ids", description).list(|| ArrayBuilder::new().items(uuid()).max_items(Some(MAX_IDS)))?;
    let mut ids: Vec<Uuid> = Vec::new();
    for item in &items {
        match item.parse() {
            Ok(ArticleName::Id(id)) if ids.contains(&id) => {}
            Ok(ArticleName::Id(id)) => ids.push(id),
            _ => p.fault("ids", format!("`{item}` is not an id: expected a UUID")),
        }
    }
    if ids.len() > MAX_IDS {
        p.fault("ids", format!("{} ids are too many: expected {MAX_IDS} at most", ids.len()));
    }
    p.set_canonical("ids", ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","));
    Some(ids)
}

impl ListQuery {
    /// Identifies the list in cursors: everything that filters or orders its items.
    fn cursor_scope(&self) -> String {
        format!(
            "/v1/articles {:?} {:?} {:?} {:?} {:?}",
            self.sort, self.topic, self.locale, self.updated_since, self.ids
        )
    }
}

/// List articles
///
/// Returns cards, which are articles without their text. `fields` selects fields of each card.
#[utoipa::path(
    tag = "Articles",
    params(Query<ListQuery>),
    responses((status = 200, description = "A page of cards.", body = CardList)),
)]
#[get("/v1/articles")]
pub async fn list_articles(read: CachedGet<ListQuery>) -> Result<HttpResponse, Error> {
    read.respond(articles_payload).await
}

impl ListQuery {
    /// Returns the query for the newest articles, of all topics or of one.
    pub(crate) fn newest(topic: Option<Slug>, paging: Pagination) -> ListQuery {
        let sort = Sort::NewestFirst;
        ListQuery { sort, topic, locale: None, updated_since: None, ids: None, fields: None, paging }
    }
}

/// Loads a page of the list.
pub(crate) async fn load_page(connection: &AsyncPgConnection, query: &ListQuery) -> Result<CardList, Error> {
    let scope = query.cursor_scope();
    let (data, page) = if let Some(ids) = &query.ids {
        let after: usize = query.paging.after(&scope)?.unwrap_or(0);
        let mut cards = load_by_ids(connection, query, ids).await?;
        cards.retain(|(index, _)| *index >= after);
        let page = query.paging.cut(&scope, &mut cards, |(index, _)| index + 1)?;
        (cards.into_iter().map(|(_, card)| card).collect(), page)
    } else {
        let after = query.paging.after::<(String, Uuid)>(&scope)?;
        let mut rows = load_after(connection, query, after).await?;
        let page = query.paging.cut(&scope, &mut rows, |(card, key)| (position(query.sort, card, key), card.id))?;
        (rows.into_iter().map(|(card, _)| card).collect::<Vec<Card>>(), page)
    };
    Ok(CardList { data, page })
}

async fn articles_payload(connection: &Connection, query: ListQuery, address: CanonicalUri) -> Result<Payload, Error> {
    let list = load_page(connection, &query).await?;
    let next = next_address(&address, &list.page);
    // Cards contain topic names. A list of one topic changes only with the articles of that topic.
    let items = query.topic.as_ref().map_or_else(|| "articles".to_owned(), |topic| format!("topic:{topic}"));
    let tags = ["topics".to_owned(), items];
    let apply = |fields: &Fields, list: &mut Value| {
        list["data"].as_array_mut().into_iter().flatten().for_each(|card| fields.apply(card));
    };
    let payload = filtered(&list, apply, query.fields.as_ref())?;
    Ok(payload.tagged(tags).next_page(next.as_deref()))
}

fn position(sort: Sort, card: &Card, title_key: &str) -> String {
    match sort {
        Sort::NewestFirst | Sort::OldestFirst => card.published_at.to_rfc3339(),
        Sort::LatestUpdateFirst | Sort::EarliestUpdateFirst => card.updated_at.to_rfc3339(),
        Sort::Title => title_key.to_owned(),
    }
}

type Boxed<'a> = articles::BoxedQuery<
    'a,
    diesel::pg::Pg,
    dsl::SqlTypeOf<(dsl::AsSelect<Card, diesel::pg::Pg>, articles::title_key)>,
>;

fn filtered_articles(query: &ListQuery) -> Boxed<'_> {
    let mut select = articles::table.select((Card::as_select(), articles::title_key)).into_boxed();
    if let Some(topic) = &query.topic {
        let of_topic = article_topics::table
            .filter(article_topics::topic_slug.eq(topic.as_str()))
            .select(article_topics::article_id);
        select = select.filter(articles::id.eq_any(of_topic));
    }
    if let Some(locale) = &query.locale {
        select = select.filter(articles::locale.eq(locale.as_str()));
    }
    if let Some(since) = query.updated_since {
        select = select.filter(articles::updated_at.ge(since));
    }
    select
}

/// Loads the page after a position. The first condition is an index range; the second excludes earlier items with an
/// equal key.
async fn load_after(
    mut connection: &AsyncPgConnection,
    query: &ListQuery,
    after: Option<(String, Uuid)>,
) -> Result<Vec<(Card, String)>, Error> {
    macro_rules! page {
        ($column:expr, $parse:expr, $order:ident, $beyond:ident, $from:ident) => {{
            let mut select = filtered_articles(query).order(($column.$order(), articles::id.$order()));
            if let Some((text, id)) = after {
                let value = $parse(&text)?;
                select = select
                    .filter($column.$from(value.clone()))
                    .filter($column.$beyond(value).or(articles::id.$beyond(id)));
            }
            select.limit(query.paging.fetch()).load(&mut connection).await?
        }};
    }
    let time = |text: &String| {
        let time = DateTime::<Utc>::from_str(text).ok().filter(|time| (1970..10_000).contains(&time.year()));
        time.ok_or_else(|| Error::parameter("cursor", INVALID_CURSOR))
    };
    let text = |text: &String| Ok::<_, Error>(text.clone());
    Ok(match query.sort {
        Sort::NewestFirst => page!(articles::published_at, time, desc, lt, le),
        Sort::OldestFirst => page!(articles::published_at, time, asc, gt, ge),
        Sort::LatestUpdateFirst => page!(articles::updated_at, time, desc, lt, le),
        Sort::EarliestUpdateFirst => page!(articles::updated_at, time, asc, gt, ge),
        Sort::Title => page!(articles::title_key, text, asc, gt, ge),
    })
}

/// Loads the cards of `ids`, each with its index in that list.
async fn load_by_ids(
    mut connection: &AsyncPgConnection,
    query: &ListQuery,
    ids: &[Uuid],
) -> Result<Vec<(usize, Card)>, Error> {
    let rows: Vec<(Card, String)> =
        filtered_articles(query).filter(articles::id.eq_any(ids)).load(&mut connection).await?;
    let index = |card: &Card| ids.iter().position(|id| *id == card.id);
    let mut cards: Vec<_> = rows.into_iter().filter_map(|(card, _)| Some((index(&card)?, card))).collect();
    cards.sort_by_key(|(index, _)| *index);
    Ok(cards)
}
