//! `/manage/v1/audit`: who did what, when, to which revision.

use actix_web::{HttpResponse, get};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authorized::{Admin, Authorized, page_response};
use crate::{
    error::Error,
    http::{
        pagination::{DEFAULT_LIMIT, Page, Pagination},
        query::{FromQuery, Parameters, Query},
    },
    publishing::audit::{self, AuditAction, AuditRow},
};

/// What somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its place: what was done later has a greater one, and none is left out.
    #[schema(example = 412, minimum = 1)]
    pub sequence: i64,
    /// When it was done, by the clock of the database.
    pub at: DateTime<Utc>,
    /// Who did it: the name of the key, or what did it without one, such as the command line.
    #[schema(example = "newsroom")]
    pub author: String,
    /// The id of the key that it was done with; `null` where it was done without one.
    pub key_id: Option<Uuid>,
    /// What was done. `preview` is a link to a draft that was made; all others changed something.
    #[schema(example = "publish")]
    pub action: AuditAction,
    /// The id of the article that it was done to; `null` where it was done to none.
    pub article_id: Option<Uuid>,
    /// What it was done to, as it was called then: the slug of the article or topic, or the beginning of the key; `null`
    /// for the site and its pins.
    #[schema(example = "cord-blood")]
    pub subject: Option<String>,
    /// The number of the revision that it was done to, or that it made; `null` where it concerns none.
    #[schema(example = 3, minimum = 1)]
    pub revision: Option<i32>,
    /// What else there is to tell: the reason of a withdrawal, the time of a schedule or of a preview's end, the revision that
    /// was restored, the slug before a move, the name of a topic, the slugs that are pinned, the name and scopes of a key;
    /// `null` for nothing.
    pub detail: Option<String>,
}

impl From<AuditRow> for AuditEntry {
    fn from(entry: AuditRow) -> AuditEntry {
        AuditEntry {
            sequence: entry.sequence,
            at: entry.at,
            author: entry.author,
            key_id: entry.key_id,
            action: entry.action,
            article_id: entry.document_id,
            subject: entry.subject,
            revision: entry.revision,
            detail: entry.detail,
        }
    }
}

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditList {
    /// What was done.
    pub data: Vec<AuditEntry>,
    /// Where this page is.
    pub page: Page,
}

/// The parameters of the audit.
pub struct AuditQuery {
    article: Option<Uuid>,
    paging: Pagination,
}

impl FromQuery for AuditQuery {
    fn from_query(parameters: &mut Parameters) -> Self {
        let article = parameters.declare("article", "Only entries about the article with this id.");
        let article = article.example("0198c0de-0000-7000-8000-000000000000").uuid();
        AuditQuery { article, paging: Pagination::read(parameters, DEFAULT_LIMIT) }
    }
}

/// Read the audit
///
/// Who did what, when, to which revision, the latest first. Every change leaves its entry, whether it came by this API, by
/// the command line, or by a schedule; entries never change and never go, which the database itself holds.
#[utoipa::path(
    tag = "Management", security(("key" = ["admin"])), params(Query<AuditQuery>),
    responses((status = 200, description = "A page of the audit.", body = AuditList)),
)]
#[get("/manage/v1/audit")]
pub async fn list_audit(request: Authorized<Admin>) -> Result<HttpResponse, Error> {
    let (AuditQuery { article, paging }, address) = request.list()?;
    let list = format!("/manage/v1/audit?article={article:?}");
    let before = paging.after::<i64>(&list)?;
    let read = request.read(async |connection| audit::list(connection, article, before, paging.fetch()).await);
    let mut rows = read.await?;
    let page = paging.cut(&list, &mut rows, |entry| entry.sequence)?;
    let list = AuditList { data: rows.into_iter().map(AuditEntry::from).collect(), page };
    Ok(page_response(&list, &list.page, &address))
}
