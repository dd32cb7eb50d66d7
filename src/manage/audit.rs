//! `/manage/v1/audit`: the record of all writes.

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

/// A write.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// The position: later writes have greater ones, without gaps.
    #[schema(example = 412, minimum = 1)]
    pub sequence: i64,
    /// The time, by the clock of the database.
    pub at: DateTime<Utc>,
    /// The author: the name of the key, or of the command or service.
    #[schema(example = "newsroom")]
    pub author: String,
    /// The id of the key; `null` without a key.
    pub key_id: Option<Uuid>,
    /// The kind of the write. `preview` made a link to a draft; all others changed content or keys.
    #[schema(example = "publish")]
    pub action: AuditAction,
    /// The id of the article; `null` if the write is not about one.
    pub article_id: Option<Uuid>,
    /// The slug of the article or topic at that time, or the first characters of the key; `null` for the site and the pins.
    #[schema(example = "cord-blood")]
    pub subject: Option<String>,
    /// The number of the revision; `null` if the write is not about one.
    #[schema(example = 3, minimum = 1)]
    pub revision: Option<i32>,
    /// The reason of a withdrawal, the time of a scheduled publication, the expiry of a preview link, the number of the restored
    /// revision, the slug before a move, the name of a topic, the pinned slugs, or the name and scopes of a key; else `null`.
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
    /// The entries.
    pub data: Vec<AuditEntry>,
    /// The position of the page.
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
/// Returns all writes with their authors, the latest first: those of this API, of the command line and of schedules. Entries
/// are never changed or removed; the database enforces it.
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
