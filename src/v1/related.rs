//! `/v1/articles/{slug}/related`: related reading, each item with its reason.
//!
//! Each article or page appears once, for its first reason; the article itself and unpublished articles never appear:
//! 1. `editorial`: the editor's choice, in the editor's order;
//! 2. `linked`: articles that the text links to, in the order of the links;
//! 3. `linked_from`: articles whose text or related reading links to this one, the newest first;
//! 4. `shared_topics`: the newest 50 articles of each of its topics, by `score`, then the newest first. The score is the
//!    mean of two numbers: the Jaccard index of the two topic sets (shared topics divided by all topics of both), and
//!    the likeness of the two articles.
//!
//! The likeness estimates the Jaccard index of the terms of their titles, questions and headings
//! ([`likeness`](crate::content::search::minhash)): twice the share of equal bits of their signatures, minus one.
//! Scores are rounded to six decimals.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Double, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    address::{ARTICLES_PATH, ArticlePath, article_not_found, require_current_slug},
    articles::published::{BodyColumns, PublishedArticle},
    card::Json,
};
use crate::{
    content::{ArticleName, popularity::Window},
    db::{
        Connection,
        statement::{Bind, Statement},
    },
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload, Query,
        pagination::{self, INVALID_CURSOR, Page, Pagination, next_address},
    },
};

/// Number of recommendations that an article includes.
pub const INCLUDED_ITEMS: u32 = 6;

/// A recommended article or page.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Recommendation {
    /// Its position in the list, from 1.
    #[schema(example = 1, minimum = 1)]
    pub position: i64,
    /// The kind of its target.
    pub kind: RecommendationKind,
    /// Its title.
    #[schema(example = "间充质干细胞")]
    pub title: String,
    /// Its summary; `null` for an external page.
    pub summary: Option<String>,
    /// Its path in this API, or the absolute URL of an external page.
    #[schema(example = "/v1/articles/mesenchymal-stem-cells")]
    pub url: String,
    /// The article's slug; `null` for an external page.
    #[schema(example = "mesenchymal-stem-cells")]
    pub slug: Option<String>,
    /// The reason for the recommendation.
    pub why: Why,
}

/// The kind of a recommendation's target.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecommendationKind {
    /// An article of this library.
    Article,
    /// A page of another site.
    External,
}

/// The reason for a recommendation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Why {
    /// The rule that selected it.
    pub source: RecommendationRule,
    /// The reason in words, for readers: the editor's own, or the shared topics; `null` if there is none.
    pub reason: Option<String>,
    /// The score that orders it within its rule; `null` for rules without a score.
    pub score: Option<f64>,
    /// The number of views within `window`; `null` for other rules.
    #[schema(minimum = 3)]
    pub views: Option<i64>,
    /// The period of `views`; `null` together with `views`.
    pub window: Option<Window>,
    /// The time when `views` and `score` were computed; `null` together with `views`.
    pub computed_at: Option<DateTime<Utc>>,
}

impl Why {
    /// Returns the reason of a rule that does not count views.
    #[must_use]
    pub fn without_views(source: RecommendationRule, reason: Option<String>, score: Option<f64>) -> Why {
        Why { source, reason, score, views: None, window: None, computed_at: None }
    }
}

/// A rule that selects recommendations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecommendationRule {
    /// Related reading: chosen by the editor.
    Editorial,
    /// Related reading: linked in the text.
    Linked,
    /// Related reading: links to the article.
    LinkedFrom,
    /// Related reading: shares topics.
    SharedTopics,
    /// Hot list: pinned by the editor.
    Pinned,
    /// Hot list: viewed most.
    Views,
    /// Hot list: published most recently.
    Recent,
}

/// The first items of a list of recommendations.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recommendations {
    /// The recommendations.
    pub data: Vec<Recommendation>,
    /// The path of the next page; `null` if there are no more items.
    #[schema(example = "/v1/articles/stem-cell-infusion/related?cursor=…")]
    pub more: Option<String>,
}

/// A page of recommendations.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecommendationList {
    /// The recommendations.
    pub data: Vec<Recommendation>,
    /// The position of this page in the list.
    pub page: Page,
}

/// A position in the list: rank, major order, minor order, tie breaker, and the id of the article.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position(i32, f64, f64, String, Uuid);

type Target = (SqlUuid, Text, Integer, Array<Text>);
type Order = (Nullable<BigInt>, Nullable<Integer>, Nullable<Double>, Nullable<Double>, Nullable<Text>);
type Item = (Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>);
type Score = (Nullable<Double>, Nullable<Jsonb>, Nullable<SqlUuid>);

type Row = (
    (Uuid, String, i32, Vec<String>),
    (Option<i64>, Option<i32>, Option<f64>, Option<f64>, Option<String>),
    (Option<String>, Option<String>, Option<String>, Option<String>, Option<String>),
    (Option<f64>, Option<Json<Vec<String>>>, Option<Uuid>),
);

/// Loaded items of the list of one article.
struct RelatedItems {
    id: Uuid,
    slug: String,
    revision: i32,
    topics: Vec<String>,
    items: Vec<(Position, Option<Uuid>, Recommendation)>,
}

async fn load(
    mut connection: &AsyncPgConnection,
    key: &ArticleName,
    fetch: i64,
    after: Option<Position>,
) -> Result<Option<RelatedItems>, Error> {
    let Position(rank, major, minor, tie, _) =
        after.clone().unwrap_or(Position(0, 0.0, 0.0, String::new(), Uuid::nil()));
    let (slug, id) = match key {
        ArticleName::Slug(slug) => (Some(slug.to_string()), None),
        ArticleName::Id(id) => (None, Some(*id)),
    };
    let binds = vec![
        ("slug", Bind::Text(slug)),
        ("id", Bind::Uuid(id)),
        ("fetch", Bind::Integer(Some(fetch))),
        ("after_rank", Bind::Integer(after.map(|_| rank.into()))),
        ("after_major", Bind::Float(Some(major))),
        ("after_minor", Bind::Float(Some(minor))),
        ("after_tie", Bind::Text(Some(tie))),
    ];
    let statement = Statement::<(Target, Order, Item, Score)>::new(include_str!("related.sql"), binds);
    let rows: Vec<Row> = statement.load(&mut connection).await?;
    let Some(((id, slug, revision, topics), ..)) = rows.as_slice().first() else {
        return Ok(None);
    };
    let (id, slug, revision, topics) = (*id, slug.clone(), *revision, topics.clone());
    let items = rows.into_iter().filter_map(item).collect();
    Ok(Some(RelatedItems { id, slug, revision, topics, items }))
}

fn item(row: Row) -> Option<(Position, Option<Uuid>, Recommendation)> {
    let ((article, ..), (position, rank, major, minor, tie), (slug, url, title, summary, reason), (score, shared, id)) =
        row;
    let rank = rank?;
    let source = match rank {
        1 => RecommendationRule::Editorial,
        2 => RecommendationRule::Linked,
        3 => RecommendationRule::LinkedFrom,
        _ => RecommendationRule::SharedTopics,
    };
    let shared: Vec<String> = shared.map(Vec::from).unwrap_or_default();
    let reason = reason.or_else(|| (!shared.is_empty()).then(|| shared.join("、")));
    let (kind, url) = match (&slug, url) {
        (Some(slug), _) => (RecommendationKind::Article, format!("/v1/articles/{slug}")),
        (None, url) => (RecommendationKind::External, url?),
    };
    let why = Why::without_views(source, reason, score);
    let recommendation = Recommendation { position: position?, kind, title: title?, summary, url, slug, why };
    Some((Position(rank, major?, minor?, tie?, article), id, recommendation))
}

/// The first recommendations of an article.
pub(crate) struct FirstPage {
    pub list: Recommendations,
    pub tags: Vec<String>,
    /// The slug and the revision of the article; `None` if it is not published.
    pub revision: Option<(String, i32)>,
}

/// Loads the first recommendations in one statement; none if the article is not published.
pub(crate) async fn first_page(connection: &AsyncPgConnection, key: &ArticleName) -> Result<FirstPage, Error> {
    let Some(mut related) = load(connection, key, i64::from(INCLUDED_ITEMS) + 1, None).await? else {
        let list = Recommendations { data: Vec::new(), more: None };
        return Ok(FirstPage { list, tags: Vec::new(), revision: None });
    };
    let path = format!("/v1/articles/{}/related", related.slug);
    let more = related.items.len() > INCLUDED_ITEMS as usize;
    related.items.truncate(INCLUDED_ITEMS as usize);
    let last = related.items.last().filter(|_| more);
    let more = last.map(|(after, ..)| pagination::cursor(CURSOR_SCOPE, after)).transpose()?;
    let more = more.map(|cursor| format!("{path}?cursor={cursor}"));
    let tags = related.tags();
    let data = related.items.into_iter().map(|(.., item)| item).collect();
    Ok(FirstPage { list: Recommendations { data, more }, tags, revision: Some((related.slug, related.revision)) })
}

/// Identifies the list in cursors; the position contains the article's id.
const CURSOR_SCOPE: &str = "related";

impl RelatedItems {
    /// Returns the tags whose changes invalidate these items.
    fn tags(&self) -> Vec<String> {
        let ids = self.items.iter().filter_map(|(_, id, _)| *id).chain([self.id]);
        let mut tags: Vec<String> = ids.map(|id| format!("article:{id}")).collect();
        tags.extend(self.topics.iter().map(|topic| format!("topic:{topic}")));
        tags
    }
}

/// List related reading
///
/// Returns the articles and pages to read next, each with its reason: the editor's choice, then articles that the text
/// links to, then articles that link to this one, then articles that share topics. `score` is the mean of the Jaccard
/// index of the topics and of an estimate of the Jaccard index of the terms of titles, questions and headings.
#[utoipa::path(
    tag = "Articles", params(ArticlePath, Query<Pagination>),
    responses((status = 200, description = "A page of recommendations.", body = RecommendationList)),
)]
#[get("/v1/articles/{slug}/related")]
pub async fn list_related(path: web::Path<ArticlePath>, read: CachedGet<Pagination>) -> Result<HttpResponse, Error> {
    let key = path.name()?;
    read.respond(async move |connection, paging, address| related_payload(connection, &key, &paging, &address).await)
        .await
}

async fn related_payload(
    connection: &Connection,
    key: &ArticleName,
    paging: &Pagination,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let (list, tags) = load_page(connection, key, paging, (ARTICLES_PATH, address)).await?;
    let next = next_address(address, &list.page);
    Ok(Payload::json(&list)?.tagged(tags).next_page(next.as_deref()))
}

/// Loads a page of the list and its tags. A redirect leads to the current slug under `mount`.
pub(crate) async fn load_page(
    connection: &AsyncPgConnection,
    key: &ArticleName,
    paging: &Pagination,
    (mount, address): (&str, &CanonicalUri),
) -> Result<(RecommendationList, Vec<String>), Error> {
    let after = paging.after::<Position>(CURSOR_SCOPE)?;
    let Some(mut related) = load(connection, key, paging.fetch(), after.clone()).await? else {
        // Loading the article gives the reason: 410 or 404.
        let article = PublishedArticle::load(connection, key, BodyColumns::NONE).await?;
        return Err(article_not_found(&article.card.slug));
    };
    require_current_slug(key, mount, (related.id, &related.slug), "/related", address)?;
    if after.is_some_and(|after| after.4 != related.id) {
        return Err(Error::parameter("cursor", INVALID_CURSOR));
    }
    let page = paging.cut(CURSOR_SCOPE, &mut related.items, |(after, ..)| after.clone())?;
    let tags = related.tags();
    let data = related.items.into_iter().map(|(.., item)| item).collect();
    Ok((RecommendationList { data, page }, tags))
}
