//! `/v1/articles` and `/v1/articles/{slug}`: lists of cards, and whole articles.

use std::str::FromStr;

use actix_web::{HttpRequest, get, web};
use chrono::{DateTime, Datelike, Utc};
use diesel::{dsl, prelude::*, sql_types::Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::OptionFuture;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use tokio::try_join;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    address::{Key, MOUNT, unknown},
    card::{Card, CardList},
    fields::{self, Fields},
    hot, last_change,
    related::{self, Recommendations},
};
use crate::{
    content::{
        Locale, Slug,
        body::{self, Body, Format, Section, TocEntry, Written},
    },
    db::{
        Db,
        schema::{addresses, article_bodies, article_topics, articles, changes, withdrawals},
        statement::Scalar,
    },
    error::Error,
    http::{
        Answer, Query,
        page::{DEFAULT_LIMIT, MAX_LIMIT, Paging, next_address},
        query::{FromQuery, Parameters},
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
    paging: Paging,
}

impl FromQuery for ListQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let sort = p.choice("sort", SORTS);
        let (topic, locale, updated_since) = (p.name("topic"), p.name("locale"), p.time("updated_since"));
        let ids = ids(p);
        let fields = Fields::from_query(p, fields::CARD);
        let paging = Paging::take(p, if ids.is_some() { MAX_LIMIT } else { DEFAULT_LIMIT });
        ListQuery { sort: sort.unwrap_or(Sort::NewestFirst), topic, locale, updated_since, ids, fields, paging }
    }
}

fn ids(p: &mut Parameters) -> Option<Vec<Uuid>> {
    let text = p.text("ids")?;
    let mut ids: Vec<Uuid> = Vec::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        match Key::parse(part) {
            Ok(Key::Id(id)) if ids.contains(&id) => {}
            Ok(Key::Id(id)) => ids.push(id),
            _ => p.fault("ids", format!("`{part}` is not an id")),
        }
    }
    if ids.len() > 100 {
        p.fault("ids", format!("at most 100 ids can be asked for at once, not {}", ids.len()));
    }
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
pub async fn list_articles(
    db: web::Data<Db>,
    Query(query): Query<ListQuery>,
    request: HttpRequest,
) -> Result<Answer, Error> {
    let name = query.name();
    let connection = db.read().await?;
    let (data, modified, page) = if let Some(ids) = &query.ids {
        let after: usize = query.paging.after(&name)?.unwrap_or(0);
        let (mut cards, modified) = try_join!(cards_of(&connection, &query, ids), last_change(&connection))?;
        cards.retain(|(place, _)| *place >= after);
        let page = query.paging.cut(&name, &mut cards, |(place, _)| place + 1)?;
        (cards.into_iter().map(|(_, card)| card).collect(), modified, page)
    } else {
        let after = query.paging.after::<(String, Uuid)>(&name)?;
        let cards = cards(&connection, &query, after);
        let (mut rows, modified) = try_join!(cards, last_change(&connection))?;
        let page = query.paging.cut(&name, &mut rows, |(card, key)| (position(query.sort, card, key), card.id))?;
        (rows.into_iter().map(|(card, _)| card).collect::<Vec<Card>>(), modified, page)
    };
    let next = next_address(request.path(), request.query_string(), &page);
    // Cards show the names of their topics.
    let mut tags = vec!["articles".to_owned(), "topics".to_owned()];
    tags.extend(query.topic.iter().map(|topic| format!("topic:{topic}")));
    let answer = filtered(
        &CardList { data, page },
        |list| {
            let cards = list.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten();
            cards.for_each(|card| query.fields.iter().for_each(|fields| fields.apply(card)));
        },
        query.fields.as_ref(),
    )?;
    Ok(answer.tagged(tags).modified(modified).next_page(next.as_deref()))
}

/// `answer` as JSON, with `apply` over it where there are fields to take away.
fn filtered<T: Serialize>(
    answer: &T,
    apply: impl FnOnce(&mut Value),
    fields: Option<&Fields>,
) -> Result<Answer, Error> {
    if fields.is_none() {
        return Answer::json(answer);
    }
    let mut value =
        serde_json::to_value(answer).map_err(|e| Error::internal("an answer cannot be written as JSON", e))?;
    apply(&mut value);
    Answer::json(&value)
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

/// A part of an article that `include` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Toc,
    Sections,
    Related,
    Hot,
}

const PARTS: &[(&str, Part)] =
    &[("toc", Part::Toc), ("sections", Part::Sections), ("related", Part::Related), ("hot", Part::Hot)];

/// What an article can be asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that `ArticleQuery` reads")]
pub struct ArticleParameters {
    /// The parts to answer, separated by commas: `toc`, `sections` (with the lead), `related`, `hot`. Empty for none.
    #[param(
        example = "toc,sections,related,hot",
        default = "toc,sections,related",
        pattern = "^((toc|sections|related|hot)(,(toc|sections|related|hot))*)?$"
    )]
    include: Option<String>,
    /// The form of the text: `html`, `markdown`, `text` or `blocks`.
    #[param(example = "html", default = "html", pattern = "^(html|markdown|text|blocks)$")]
    format: Option<String>,
    /// Only these fields (`title,sections.title`), or all but these (`-summary`).
    #[param(
        example = "title,questions,sections.title,sections.html",
        pattern = "^-?[a-z_]+(\\.[a-z_]+)?(,-?[a-z_]+(\\.[a-z_]+)?)*$"
    )]
    fields: Option<String>,
}

/// The parameters of an article.
pub struct ArticleQuery {
    parts: Vec<Part>,
    format: Format,
    fields: Option<Fields>,
}

impl FromQuery for ArticleQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let parts = p.choices("include", PARTS);
        ArticleQuery {
            parts: parts.unwrap_or_else(|| vec![Part::Toc, Part::Sections, Part::Related]),
            format: p.choice("format", Format::WORDS).unwrap_or_default(),
            fields: Fields::from_query(p, fields::ARTICLE),
        }
    }
}

impl ArticleQuery {
    fn wants(&self, part: Part) -> bool {
        let name = PARTS.iter().find(|(_, known)| *known == part).map_or("", |(name, _)| name);
        let wanted = |fields: &Fields| fields.want(name) || (part == Part::Sections && fields.want("lead"));
        self.parts.contains(&part) && self.fields.as_ref().is_none_or(wanted)
    }
}

/// A whole article. Parts that were not asked for are absent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Article {
    /// The card.
    #[serde(flatten)]
    pub card: Card,
    /// The text before the first heading; `null` where there is none. Comes with `sections`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Written>, required = false)]
    pub lead: Option<Box<RawValue>>,
    /// The table of contents.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<TocEntry>, required = false)]
    pub toc: Option<Box<RawValue>>,
    /// The sections with their text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<Section>, required = false)]
    pub sections: Option<Box<RawValue>>,
    /// Related reading, the first of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub related: Option<Recommendations>,
    /// What is read most on the whole site, the first of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hot: Option<Recommendations>,
}

/// Read an article
///
/// One request for a whole page: the card, the table of contents, the sections with their text, and related reading.
#[utoipa::path(
    tag = "Articles",
    params(("slug" = String, Path, description = "The article's slug or id; an earlier slug redirects.", example = "stem-cell-infusion"), ArticleParameters),
    responses((status = 200, description = "The article.", body = Article)),
)]
#[get("/v1/articles/{slug}")]
pub async fn read_article(
    db: web::Data<Db>,
    path: web::Path<String>,
    Query(query): Query<ArticleQuery>,
    request: HttpRequest,
) -> Result<Answer, Error> {
    let key = Key::parse(&path)?;
    let connection = db.read().await?;
    let (found, related, hot) =
        whole(&connection, &key, Wanted::from(&query), query.wants(Part::Related), query.wants(Part::Hot)).await?;
    key.check(MOUNT, &found.card, "", &request)?;

    let mut tags = found.card.tags();
    tags.extend(related.iter().flat_map(|related| related.tags.clone()));
    if hot.is_some() {
        tags.extend(["hot".to_owned(), "articles".to_owned()]);
    }
    let modified = found.changed_at;
    let article = found.into_article(&query, related.map(|related| related.shown), hot)?;
    let answer =
        filtered(&article, |value| query.fields.iter().for_each(|fields| fields.apply(value)), query.fields.as_ref())?;
    Ok(answer.tagged(tags).modified(modified))
}

/// How often an article is read again when a publication falls between its statements.
const ATTEMPTS: usize = 10;

pub(crate) type Whole = (Found, Option<related::First>, Option<Recommendations>);

/// An article with the parts that were asked for, all of one revision. The statements are sent together; each sees the
/// database as it is when it begins, so related reading says which revision it belongs to.
pub(crate) async fn whole(
    connection: &AsyncPgConnection,
    key: &Key,
    wanted: Wanted,
    with_related: bool,
    with_hot: bool,
) -> Result<Whole, Error> {
    for _ in 0..ATTEMPTS {
        let related = async {
            let related = with_related.then(|| related::first(connection, key));
            OptionFuture::from(related).await.transpose()
        };
        let hot = async {
            let hot = with_hot.then(|| hot::first(connection));
            OptionFuture::from(hot).await.transpose()
        };
        let (found, related, hot) = try_join!(find(connection, key, wanted), related, hot)?;
        if related.as_ref().is_none_or(|related| related.revision == Some(found.card.revision)) {
            return Ok((found, related, hot));
        }
    }
    Err(Error::Unavailable("an article was published anew during every attempt to read it".into()))
}

/// Which columns of the text to fetch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub toc: bool,
    pub html: bool,
    pub content: bool,
}

impl From<&ArticleQuery> for Wanted {
    fn from(query: &ArticleQuery) -> Self {
        let sections = query.wants(Part::Sections);
        Wanted {
            toc: query.wants(Part::Toc),
            html: sections && query.format == Format::Html,
            content: sections && query.format != Format::Html,
        }
    }
}

/// The text as blocks, and nothing else of it.
pub(crate) const CONTENT: Wanted = Wanted { toc: false, html: false, content: true };

/// A published article with the text that was wanted.
pub(crate) struct Found {
    pub card: Card,
    pub changed_at: Option<DateTime<Utc>>,
    toc: Option<String>,
    lead_html: Option<String>,
    sections_html: Option<String>,
    content: Option<String>,
    present_links: Option<Value>,
}

/// The article that `key` names, or why there is none. One statement.
pub(crate) async fn find(mut connection: &AsyncPgConnection, key: &Key, wanted: Wanted) -> Result<Found, Error> {
    type Row = (
        Option<Card>,
        Option<String>,
        Option<DateTime<Utc>>,
        (Option<String>, Option<String>, Option<String>, Option<String>),
        Option<Value>,
    );
    let when = |wanted: bool| wanted.into_sql::<Bool>();
    let newest = changes::table.order(changes::sequence.desc()).select(changes::at).limit(1).single_value();
    let select = addresses::table
        .left_join(articles::table.on(articles::id.eq(addresses::article_id)))
        .left_join(article_bodies::table.on(article_bodies::article_id.eq(addresses::article_id)))
        .left_join(withdrawals::table.on(withdrawals::article_id.eq(addresses::article_id)))
        .select((
            Option::<Card>::as_select(),
            withdrawals::reason.nullable(),
            newest,
            (
                dsl::case_when(when(wanted.toc), article_bodies::toc.nullable()),
                dsl::case_when(when(wanted.html), article_bodies::lead_html.nullable()),
                dsl::case_when(when(wanted.html), article_bodies::sections_html.nullable()),
                dsl::case_when(when(wanted.content), article_bodies::content.nullable()),
            ),
            dsl::case_when(when(wanted.html || wanted.content), PRESENT_LINKS),
        ))
        .limit(1);
    let row: Option<Row> = match key {
        Key::Slug(slug) => select.filter(addresses::slug.eq(slug.as_str())).first(&mut connection).await,
        Key::Id(id) => select.filter(addresses::article_id.eq(id)).first(&mut connection).await,
    }
    .optional()?;
    let name = || key.slug().unwrap_or_else(|| key.id().map(|id| id.to_string()).unwrap_or_default());
    match row {
        Some((Some(card), _, changed_at, (toc, lead_html, sections_html, content), present_links)) => {
            Ok(Found { card, changed_at, toc, lead_html, sections_html, content, present_links })
        }
        Some((None, Some(reason), ..)) => Err(Error::Withdrawn(reason)),
        Some((None, None, ..)) | None => Err(unknown(&name())),
    }
}

/// The present address of everything that the text links to by an earlier one: slugs, and the anchors behind them.
const PRESENT_LINKS: Scalar<diesel::sql_types::Nullable<diesel::sql_types::Jsonb>> =
    Scalar::new(include_str!("present_links.sql"));

impl Found {
    /// The text, its links as they are stored.
    pub(crate) fn body(&self) -> Result<Body, Error> {
        let content = self.content.as_deref().unwrap_or_default();
        serde_json::from_str(content).map_err(|e| Error::internal("a stored body cannot be read", e))
    }

    /// `stored` with today's addresses in its links.
    pub(crate) fn resolve(&self, stored: &str) -> String {
        self.resolve_to(MOUNT, stored)
    }

    /// `stored` with today's addresses below `mount` in its links.
    pub(crate) fn resolve_to(&self, mount: &str, stored: &str) -> String {
        let present = |link: &str| self.present_links.as_ref().and_then(|links| links.get(link)?.as_str());
        body::resolve_links(mount, stored, present)
    }

    fn into_article(
        self,
        query: &ArticleQuery,
        related: Option<Recommendations>,
        hot: Option<Recommendations>,
    ) -> Result<Article, Error> {
        let (mut lead, mut sections) = (None, None);
        if let (Some(stored_lead), Some(stored_sections)) = (&self.lead_html, &self.sections_html) {
            lead = Some(raw(self.resolve(stored_lead))?);
            sections = Some(raw(self.resolve(stored_sections))?);
        } else if self.content.is_some() {
            let body = self.body()?;
            lead = Some(raw(self.resolve(&written(&body.lead(query.format))?))?);
            sections = Some(raw(self.resolve(&written(&body.sections(query.format))?))?);
        }
        let toc = self.toc.map(raw).transpose()?;
        Ok(Article { card: self.card, lead, toc, sections, related, hot })
    }
}

fn raw(json: String) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(json).map_err(|e| Error::internal("a stored body cannot be read", e))
}

pub(super) fn written<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::internal("an answer cannot be written as JSON", e))
}
