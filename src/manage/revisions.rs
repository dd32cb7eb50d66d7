//! `/manage/v1/articles/{slug}/revisions` and `…/diff`: the history of an article.

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    article_status::{ArticleStatus, RevisionSummary},
    articles::{ContentForm, SavedArticle, saved_response},
    authorized::{Authorized, MOUNT, ReadDrafts, Write, page_response},
};
use crate::{
    content::{
        diff::{self, Diff},
        json::ArticleJson,
    },
    error::Error,
    http::{
        pagination::{Page, Pagination},
        problem::PreconditionFailed,
        query::{FromQuery, NoParameters, Parameters, Query},
    },
    publishing::revisions::{self, Revision, RevisionState},
};

/// A page of revisions.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevisionList {
    /// The revisions.
    pub data: Vec<RevisionSummary>,
    /// The position of the page.
    pub page: Page,
}

/// A revision with its content.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevisionContent {
    /// The revision without its content.
    #[serde(flatten)]
    pub summary: RevisionSummary,
    /// The content, in the form that `PUT` accepts.
    #[schema(value_type = ArticleJson)]
    pub content: Box<RawValue>,
}

/// The differences between two revisions.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevisionDiff {
    /// The first revision.
    pub from: RevisionSummary,
    /// The second revision.
    pub to: RevisionSummary,
    /// The differences.
    #[serde(flatten)]
    pub diff: Diff,
}

/// List revisions
///
/// Returns the history of an article, the latest revision first.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    params(
        ("slug" = String, Path, description = "Slug or id of the article; an earlier slug redirects.", example = "cord-blood"),
        Query<Pagination>
    ),
    responses((status = 200, description = "A page of revisions.", body = RevisionList)),
)]
#[get("/manage/v1/articles/{slug}/revisions")]
pub async fn list_revisions(path: web::Path<String>, request: Authorized<ReadDrafts>) -> Result<HttpResponse, Error> {
    let (paging, address): (Pagination, _) = request.list()?;
    let (list, mut rows) = request
        .read(async |connection| {
            let article = request.article(connection, &path, "/revisions").await?;
            let list = format!("{MOUNT}{}/revisions", article.id);
            let before = paging.after::<i32>(&list)?;
            Ok((list, revisions::list(connection, article.id, before, paging.fetch()).await?))
        })
        .await?;
    let page = paging.cut(&list, &mut rows, |row| row.number)?;
    let data = rows.into_iter().map(RevisionSummary::from).collect();
    let list = RevisionList { data, page };
    Ok(page_response(&list, &list.page, &address))
}

/// Read a revision
///
/// Returns one revision of an article.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    params(
        ("slug" = String, Path, description = "Slug or id of the article; an earlier slug redirects.", example = "cord-blood"),
        ("revision" = i32, Path, description = "The number of the revision.", example = 1, minimum = 1),
        Query<ContentForm>
    ),
    responses((
        status = 200, description = "The revision.", headers(("ETag")),
        content((RevisionContent = "application/json"), (String = "text/markdown", example = "---\nslug: cord-blood\nlocale: zh-Hans\ntitle: 脐带血是什么？\n---\n\n脐带血是分娩后留在脐带和胎盘里的血。\n")),
    )),
)]
#[get("/manage/v1/articles/{slug}/revisions/{revision}")]
pub async fn read_revision(
    path: web::Path<(String, String)>,
    request: Authorized<ReadDrafts>,
) -> Result<HttpResponse, Error> {
    let (name, number) = path.into_inner();
    let form: ContentForm = request.query()?;
    let Revision { summary, document, .. } = request
        .read(async |connection| {
            let article = request.article(connection, &name, &format!("/revisions/{number}")).await?;
            revisions::read(connection, article.id, parse_number(&number)?).await
        })
        .await?;
    let etag = summary.etag();
    form.respond(&document, &etag, |content| RevisionContent { summary: summary.into(), content })
}

/// Restore a revision
///
/// Saves the content of an earlier revision as a new draft, and returns the status of the article. `If-Match` is optional.
#[utoipa::path(
    tag = "Management", security(("key" = ["write"])),
    params(
        ("slug" = String, Path, description = "Slug or id of the article.", example = "cord-blood"),
        ("revision" = i32, Path, description = "The number of the revision.", example = 1, minimum = 1)
    ),
    responses(
        (status = 200, description = "The article has a new revision, or has this content already.", body = SavedArticle, headers(("ETag"))),
        (status = 412, response = PreconditionFailed),
    ),
)]
#[post("/manage/v1/articles/{slug}/revisions/{revision}/restore")]
pub async fn restore_revision(
    path: web::Path<(String, String)>,
    request: Authorized<Write>,
) -> Result<HttpResponse, Error> {
    let (name, number) = path.into_inner();
    let NoParameters = request.query()?;
    let (saved, status, etag) = request
        .write(async |tx| {
            let article = request.article(tx.connection(), &name, &format!("/revisions/{number}/restore")).await?;
            let saved = tx.restore_revision(article.id, parse_number(&number)?).await?;
            let (status, etag) = ArticleStatus::of(tx.connection(), &article).await?;
            Ok((saved, status, etag))
        })
        .await?;
    Ok(saved_response(&saved, status, &etag, Vec::new()))
}

/// Greatest number of a revision.
const MAX_REVISION: u32 = i32::MAX.unsigned_abs();

/// The numbers of the revisions to compare; `None` where they were not given.
pub struct Compared {
    from: Option<i32>,
    to: Option<i32>,
}

impl FromQuery for Compared {
    fn from_query(parameters: &mut Parameters) -> Self {
        let from = "The older revision; by default the published one, else the one before `to`.";
        let from = parameters.declare("from", from).example(1).optional_number(1..=MAX_REVISION);
        let to = "The newer revision; by default the latest.";
        let to = parameters.declare("to", to).example(2).optional_number(1..=MAX_REVISION);
        Compared { from: from.map(u32::cast_signed), to: to.map(u32::cast_signed) }
    }
}

/// Compare revisions
///
/// Returns the differences by section: added, removed, moved, changed, with the changed words.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    params(("slug" = String, Path, description = "Slug or id of the article; an earlier slug redirects.", example = "cord-blood"), Query<Compared>),
    responses((status = 200, description = "The differences.", body = RevisionDiff)),
)]
#[get("/manage/v1/articles/{slug}/diff")]
pub async fn diff_revisions(path: web::Path<String>, request: Authorized<ReadDrafts>) -> Result<HttpResponse, Error> {
    let asked: Compared = request.query()?;
    let (from, to) = request
        .read(async |connection| {
            let article = request.article(connection, &path, "/diff").await?;
            let to = match asked.to {
                Some(number) => revisions::read(connection, article.id, number).await?,
                None => revisions::latest(connection, article.id).await?,
            };
            let live = revisions::number_in_state(connection, article.id, RevisionState::Live).await?;
            let before = (to.summary.number - 1).max(1);
            let from = asked.from.or(live.filter(|live| *live != to.summary.number)).unwrap_or(before);
            Ok((revisions::read(connection, article.id, from).await?, to))
        })
        .await?;
    let compare = move || {
        let diff = diff::diff((&from.document, &from.section_ids), (&to.document, &to.section_ids));
        RevisionDiff { from: from.summary.into(), to: to.summary.into(), diff }
    };
    let diff = web::block(compare).await.map_err(|e| Error::internal("the revisions were not compared", e))?;
    Ok(HttpResponse::build(StatusCode::OK).json(diff))
}

/// Parses the number of a revision in a path.
fn parse_number(text: &str) -> Result<i32, Error> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| Error::NotFound(format!("the article has no revision {text}")))
}
