//! `/v1/articles/{slug}/related`: related reading that says why.
//!
//! The rule, in this order, each item once for its best reason, never the article itself, never one that is not
//! published:
//! 1. `editorial`: what the editor chose, in the editor's order;
//! 2. `linked`: articles that the text links to, in the order of the links;
//! 3. `linked_from`: articles whose text or related reading leads here, the newest first;
//! 4. `shared_topics`: of each of the article's topics the newest 50 articles, by `score`, then the newest first. The score is
//!    the mean of Jaccard's index of the two sets of topics (shared topics over all topics of both) and of the likeness of
//!    the two.
//!
//! The likeness of two articles is an estimate of Jaccard's index of the terms of their titles, questions and headings
//! ([`likeness`](crate::content::search::minhash)): the share of equal bits of their signatures, doubled, less one.
//! Scores are rounded to six decimals.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Double, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    address::{MOUNT, check, named, unknown},
    articles::find::{Wanted, find},
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
        pagination::{self, Page, Pagination, next_address},
    },
};

/// How many recommendations come with an article.
pub const FIRST: u32 = 6;

/// Something to read next.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Recommendation {
    /// Its place in the whole list, counted from 1.
    #[schema(example = 1, minimum = 1)]
    pub position: i64,
    /// An article of this library, or a page elsewhere.
    pub kind: Kind,
    /// Its title.
    #[schema(example = "间充质干细胞")]
    pub title: String,
    /// Its summary; `null` for a page elsewhere.
    pub summary: Option<String>,
    /// Where it is: a path here, or an absolute address elsewhere.
    #[schema(example = "/v1/articles/mesenchymal-stem-cells")]
    pub url: String,
    /// The article's slug; `null` for a page elsewhere.
    #[schema(example = "mesenchymal-stem-cells")]
    pub slug: Option<String>,
    /// Why it stands there.
    pub why: Why,
}

/// What a recommendation leads to.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An article of this library.
    Article,
    /// A page elsewhere.
    External,
}

/// Why a recommendation stands where it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Why {
    /// The rule that put it there.
    pub source: Rule,
    /// The reason in words, for readers: the editor's own, or the shared topics; `null` where the rule says it all.
    pub reason: Option<String>,
    /// What it is ordered by within its rule, where that is a score.
    pub score: Option<f64>,
    /// How often it was read within `window`; `null` where that is not the reason.
    #[schema(minimum = 3)]
    pub views: Option<i64>,
    /// The period over which views counted; `null` where `views` is.
    pub window: Option<Window>,
    /// When `views` and `score` were computed; `null` where `views` is.
    pub computed_at: Option<DateTime<Utc>>,
}

impl Why {
    /// By a rule that does not count views.
    #[must_use]
    pub fn unread(source: Rule, reason: Option<String>, score: Option<f64>) -> Why {
        Why { source, reason, score, views: None, window: None, computed_at: None }
    }
}

/// A rule of recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Related: the editor chose it.
    Editorial,
    /// Related: the text links to it.
    Linked,
    /// Related: it leads here.
    LinkedFrom,
    /// Related: it has topics in common.
    SharedTopics,
    /// Hot: the editor put it first.
    Pinned,
    /// Hot: it was read most, lately.
    Views,
    /// Hot: it was published most recently.
    Recent,
}

/// The first recommendations of a list, and where the rest is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recommendations {
    /// The recommendations.
    pub data: Vec<Recommendation>,
    /// The address of the page after these; `null` where there are no more.
    #[schema(example = "/v1/articles/stem-cell-infusion/related?cursor=…")]
    pub more: Option<String>,
}

/// A page of recommendations.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecommendationList {
    /// The recommendations.
    pub data: Vec<Recommendation>,
    /// Where this page is.
    pub page: Page,
}

/// A position in the list: rank, major and minor order, tie; and whose list it is, whatever slug that has by the next page.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct After(i32, f64, f64, String, Uuid);

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

/// Part of the list of one article.
struct Part {
    id: Uuid,
    slug: String,
    revision: i32,
    topics: Vec<String>,
    items: Vec<(After, Option<Uuid>, Recommendation)>,
}

async fn load(
    mut connection: &AsyncPgConnection,
    key: &ArticleName,
    fetch: i64,
    after: Option<After>,
) -> Result<Option<Part>, Error> {
    let After(rank, major, minor, tie, _) = after.clone().unwrap_or(After(0, 0.0, 0.0, String::new(), Uuid::nil()));
    let (slug, id) = match key {
        ArticleName::Slug(slug) => (Some(slug.to_string()), None),
        ArticleName::Id(id) => (None, Some(*id)),
    };
    let given = vec![
        ("slug", Bind::Text(slug)),
        ("id", Bind::Uuid(id)),
        ("fetch", Bind::Integer(Some(fetch))),
        ("after_rank", Bind::Integer(after.map(|_| rank.into()))),
        ("after_major", Bind::Float(Some(major))),
        ("after_minor", Bind::Float(Some(minor))),
        ("after_tie", Bind::Text(Some(tie))),
    ];
    let statement = Statement::<(Target, Order, Item, Score)>::new(include_str!("related.sql"), given);
    let rows: Vec<Row> = statement.load(&mut connection).await?;
    let Some(((id, slug, revision, topics), ..)) = rows.as_slice().first() else {
        return Ok(None);
    };
    let (id, slug, revision, topics) = (*id, slug.clone(), *revision, topics.clone());
    let items = rows.into_iter().filter_map(item).collect();
    Ok(Some(Part { id, slug, revision, topics, items }))
}

fn item(row: Row) -> Option<(After, Option<Uuid>, Recommendation)> {
    let ((of, ..), (position, rank, major, minor, tie), (slug, url, title, summary, reason), (score, shared, id)) = row;
    let rank = rank?;
    let source = match rank {
        1 => Rule::Editorial,
        2 => Rule::Linked,
        3 => Rule::LinkedFrom,
        _ => Rule::SharedTopics,
    };
    let shared: Vec<String> = shared.map(Vec::from).unwrap_or_default();
    let reason = reason.or_else(|| (!shared.is_empty()).then(|| shared.join("、")));
    let (kind, url) = match (&slug, url) {
        (Some(slug), _) => (Kind::Article, format!("/v1/articles/{slug}")),
        (None, url) => (Kind::External, url?),
    };
    let why = Why::unread(source, reason, score);
    let shown = Recommendation { position: position?, kind, title: title?, summary, url, slug, why };
    Some((After(rank, major?, minor?, tie?, of), id, shown))
}

/// The first recommendations of an article, and the tags of the articles among them.
pub(crate) struct First {
    pub shown: Recommendations,
    pub tags: Vec<String>,
    /// The slug and the revision that they belong to; `None` where the article is not published.
    pub of: Option<(String, i32)>,
}

/// The first recommendations of the article that `key` names; none where it is not published. One statement.
pub(crate) async fn first(connection: &AsyncPgConnection, key: &ArticleName) -> Result<First, Error> {
    let Some(mut part) = load(connection, key, i64::from(FIRST) + 1, None).await? else {
        let shown = Recommendations { data: Vec::new(), more: None };
        return Ok(First { shown, tags: Vec::new(), of: None });
    };
    let path = format!("/v1/articles/{}/related", part.slug);
    let more = part.items.len() > FIRST as usize;
    part.items.truncate(FIRST as usize);
    let last = part.items.last().filter(|_| more);
    let more = last.map(|(after, ..)| pagination::cursor(LIST, after)).transpose()?;
    let more = more.map(|cursor| format!("{path}?cursor={cursor}"));
    let tags = part.tags();
    let data = part.items.into_iter().map(|(.., shown)| shown).collect();
    Ok(First { shown: Recommendations { data, more }, tags, of: Some((part.slug, part.revision)) })
}

/// Names the list for its cursors; whose it is stands in the position.
const LIST: &str = "related";

impl Part {
    /// The tags of what makes this part of the list another.
    fn tags(&self) -> Vec<String> {
        let ids = self.items.iter().filter_map(|(_, id, _)| *id).chain([self.id]);
        let mut tags: Vec<String> = ids.map(|id| format!("article:{id}")).collect();
        tags.extend(self.topics.iter().map(|topic| format!("topic:{topic}")));
        tags
    }
}

/// List related reading
///
/// What to read after an article: the editor's choice, the articles that it links to, those that lead to it, and those
/// that share its topics (`score`: the mean of Jaccard's index of the topics and of an estimate of the same index of the
/// terms of titles, questions and headings), in this order. Each says why it is there.
#[utoipa::path(
    tag = "Articles",
    params(("slug" = String, Path, description = "The article's slug or id; an earlier slug redirects.", example = "stem-cell-infusion"), Query<Pagination>),
    responses((status = 200, description = "A page of recommendations.", body = RecommendationList)),
)]
#[get("/v1/articles/{slug}/related")]
pub async fn list_related(path: web::Path<String>, read: CachedGet<Pagination>) -> Result<HttpResponse, Error> {
    let key = named(&path)?;
    read.respond(async move |connection, paging, address| page_of_related(connection, &key, &paging, &address).await)
        .await
}

async fn page_of_related(
    connection: &Connection,
    key: &ArticleName,
    paging: &Pagination,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let (list, tags) = page_of(connection, key, paging, (MOUNT, address)).await?;
    let next = next_address(address, &list.page);
    Ok(Payload::json(&list)?.tagged(tags).next_page(next.as_deref()))
}

/// A page of the list of the article that `key` names, and the tags of what makes it another; asked for at an address below
/// a mount.
pub(crate) async fn page_of(
    connection: &AsyncPgConnection,
    key: &ArticleName,
    paging: &Pagination,
    (mount, address): (&str, &CanonicalUri),
) -> Result<(RecommendationList, Vec<String>), Error> {
    let after = paging.after::<After>(LIST)?;
    let Some(mut part) = load(connection, key, paging.fetch(), after.clone()).await? else {
        // Why there is none.
        let found = find(connection, key, Wanted::default()).await?;
        return Err(unknown(&found.card.slug));
    };
    check(key, mount, (part.id, &part.slug), "/related", address)?;
    if after.is_some_and(|after| after.4 != part.id) {
        return Err(Error::parameter("cursor", "this cursor was changed, or belongs to another query"));
    }
    let page = paging.cut(LIST, &mut part.items, |(after, ..)| after.clone())?;
    let tags = part.tags();
    let data = part.items.into_iter().map(|(.., shown)| shown).collect();
    Ok((RecommendationList { data, page }, tags))
}
