//! The list of articles: cards, in pages.

use std::str::FromStr;

use actix_web::{HttpResponse, get};
use chrono::{DateTime, Datelike, Utc};
use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use utoipa::IntoParams;
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
        pagination::{DEFAULT_LIMIT, MAX_LIMIT, Pagination, next_address},
        query::{FromQuery, Parameters},
    },
    v1::{
        address::named,
        card::{Card, CardList},
        fields::{self, Fields, filtered},
    },
};

/// How the list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    NewestFirst,
    OldestFirst,
    UpdatedLastFirst,
    UpdatedFirstFirst,
    Title,
}

const SORTS: &[(&str, Sort)] = &[
    ("-published_at", Sort::NewestFirst),
    ("published_at", Sort::OldestFirst),
    ("-updated_at", Sort::UpdatedLastFirst),
    ("updated_at", Sort::UpdatedFirstFirst),
    ("title", Sort::Title),
];

/// What the list of articles can be asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that `ListQuery` reads")]
pub struct ListParameters {
    /// The order: by time of publication or change, the newest first with a `-`, or by title (Han characters by
    /// pinyin). Every order ends with the id.
    #[param(example = "-published_at", default = "-published_at", pattern = "^(-?published_at|-?updated_at|title)$")]
    sort: Option<String>,
    /// Only articles of this topic.
    #[param(example = "stem-cells", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 96)]
    topic: Option<String>,
    /// Only articles in this language and script (RFC 5646).
    #[param(example = "zh-Hans", pattern = "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$")]
    locale: Option<String>,
    /// Only articles that changed at or after this time (RFC 3339).
    #[param(example = "2026-01-01T00:00:00Z", format = DateTime)]
    updated_since: Option<String>,
    /// Only these, in the order asked, whatever `sort` says; up to 100 ids separated by commas. Unknown ones are left out.
    /// `limit` is 100 unless given.
    #[param(
        pattern = "^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(,[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}){0,99})?$"
    )]
    ids: Option<String>,
    /// Only these fields of each card (`title,topics.name`), or all but these (`-summary`).
    #[param(example = "slug,title,summary", pattern = "^-?[a-z_]+(\\.[a-z_]+)?(,-?[a-z_]+(\\.[a-z_]+)?)*$")]
    fields: Option<String>,
    /// The most items of the page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
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
        let sort = p.choice("sort", SORTS);
        let (topic, locale, updated_since) = (p.name("topic"), p.name("locale"), p.time("updated_since"));
        let ids = ids(p);
        let fields = Fields::from_query(p, fields::CARD);
        let paging = Pagination::take(p, if ids.is_some() { MAX_LIMIT } else { DEFAULT_LIMIT });
        ListQuery { sort, topic, locale, updated_since, ids, fields, paging }
    }
}

fn ids(p: &mut Parameters) -> Option<Vec<Uuid>> {
    let text = p.text("ids")?;
    let mut ids: Vec<Uuid> = Vec::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        match named(part) {
            Ok(ArticleName::Id(id)) if ids.contains(&id) => {}
            Ok(ArticleName::Id(id)) => ids.push(id),
            _ => p.fault("ids", format!("`{part}` is not an id")),
        }
    }
    if ids.len() > 100 {
        p.fault("ids", format!("at most 100 ids can be asked for at once, not {}", ids.len()));
    }
    p.set_canonical("ids", &ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","));
    Some(ids)
}

impl ListQuery {
    /// Names the list for its cursors: all that chooses or orders its items.
    fn name(&self) -> String {
        format!(
            "/v1/articles {:?} {:?} {:?} {:?} {:?}",
            self.sort, self.topic, self.locale, self.updated_since, self.ids
        )
    }
}

/// List articles
///
/// Cards, without the articles' text, in pages.
#[utoipa::path(
    tag = "Articles",
    params(ListParameters),
    responses((status = 200, description = "A page of cards; `fields` takes fields away.", body = CardList)),
)]
#[get("/v1/articles")]
pub async fn list_articles(read: CachedGet<ListQuery>) -> Result<HttpResponse, Error> {
    read.answer(page_of_articles).await
}

impl ListQuery {
    /// The newest articles, of a topic where one is given.
    pub(crate) fn newest(topic: Option<Slug>, paging: Pagination) -> ListQuery {
        let sort = Sort::NewestFirst;
        ListQuery { sort, topic, locale: None, updated_since: None, ids: None, fields: None, paging }
    }
}

/// A page of the list.
pub(crate) async fn page_of(connection: &AsyncPgConnection, query: &ListQuery) -> Result<CardList, Error> {
    let name = query.name();
    let (data, page) = if let Some(ids) = &query.ids {
        let after: usize = query.paging.after(&name)?.unwrap_or(0);
        let mut cards = cards_of(connection, query, ids).await?;
        cards.retain(|(place, _)| *place >= after);
        let page = query.paging.cut(&name, &mut cards, |(place, _)| place + 1)?;
        (cards.into_iter().map(|(_, card)| card).collect(), page)
    } else {
        let after = query.paging.after::<(String, Uuid)>(&name)?;
        let mut rows = cards(connection, query, after).await?;
        let page = query.paging.cut(&name, &mut rows, |(card, key)| (position(query.sort, card, key), card.id))?;
        (rows.into_iter().map(|(card, _)| card).collect::<Vec<Card>>(), page)
    };
    Ok(CardList { data, page })
}

async fn page_of_articles(connection: &Connection, query: ListQuery, address: CanonicalUri) -> Result<Payload, Error> {
    let list = page_of(connection, &query).await?;
    let next = next_address(&address, &list.page);
    // Cards show the names of their topics. Within a topic only what happens to its articles changes the list.
    let of = query.topic.as_ref().map_or_else(|| "articles".to_owned(), |topic| format!("topic:{topic}"));
    let tags = ["topics".to_owned(), of];
    let answer = filtered(
        &list,
        |list| {
            let cards = list.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten();
            cards.for_each(|card| query.fields.iter().for_each(|fields| fields.apply(card)));
        },
        query.fields.as_ref(),
    )?;
    Ok(answer.tagged(tags).next_page(next.as_deref()))
}

fn position(sort: Sort, card: &Card, title_key: &str) -> String {
    match sort {
        Sort::NewestFirst | Sort::OldestFirst => card.published_at.to_rfc3339(),
        Sort::UpdatedLastFirst | Sort::UpdatedFirstFirst => card.updated_at.to_rfc3339(),
        Sort::Title => title_key.to_owned(),
    }
}

type Boxed<'a> = articles::BoxedQuery<
    'a,
    diesel::pg::Pg,
    dsl::SqlTypeOf<(dsl::AsSelect<Card, diesel::pg::Pg>, articles::title_key)>,
>;

fn chosen(query: &ListQuery) -> Boxed<'_> {
    let mut select = articles::table.select((Card::as_select(), articles::title_key)).into_boxed();
    if let Some(topic) = &query.topic {
        let of = article_topics::table
            .filter(article_topics::topic_slug.eq(topic.as_str()))
            .select(article_topics::article_id);
        select = select.filter(articles::id.eq_any(of));
    }
    if let Some(locale) = &query.locale {
        select = select.filter(articles::locale.eq(locale.as_str()));
    }
    if let Some(since) = query.updated_since {
        select = select.filter(articles::updated_at.ge(since));
    }
    select
}

/// The page after a position. The first condition lets Postgres begin in the index, the second is exact.
async fn cards(
    mut connection: &AsyncPgConnection,
    query: &ListQuery,
    after: Option<(String, Uuid)>,
) -> Result<Vec<(Card, String)>, Error> {
    macro_rules! page {
        ($column:expr, $parse:expr, $order:ident, $beyond:ident, $from:ident) => {{
            let mut select = chosen(query).order(($column.$order(), articles::id.$order()));
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
        time.ok_or_else(|| Error::parameter("cursor", "this cursor was changed, or belongs to another query"))
    };
    let text = |text: &String| Ok::<_, Error>(text.clone());
    Ok(match query.sort {
        Sort::NewestFirst => page!(articles::published_at, time, desc, lt, le),
        Sort::OldestFirst => page!(articles::published_at, time, asc, gt, ge),
        Sort::UpdatedLastFirst => page!(articles::updated_at, time, desc, lt, le),
        Sort::UpdatedFirstFirst => page!(articles::updated_at, time, asc, gt, ge),
        Sort::Title => page!(articles::title_key, text, asc, gt, ge),
    })
}

/// The cards of `ids`, each with its place among them.
async fn cards_of(
    mut connection: &AsyncPgConnection,
    query: &ListQuery,
    ids: &[Uuid],
) -> Result<Vec<(usize, Card)>, Error> {
    let rows: Vec<(Card, String)> = chosen(query).filter(articles::id.eq_any(ids)).load(&mut connection).await?;
    let place = |card: &Card| ids.iter().position(|id| *id == card.id);
    let mut cards: Vec<_> = rows.into_iter().filter_map(|(card, _)| Some((place(&card)?, card))).collect();
    cards.sort_by_key(|(place, _)| *place);
    Ok(cards)
}
