//! The history of a document: every revision that was ever saved, as it was.
//!
//! What must hold: a revision never changes and never goes while its document is there; an older one comes back as a new
//! one, so that the history says what happened.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{
    Author,
    audit::{self, AuditEntry},
    draft::{self, Outcome, Precondition, Saved},
    hold,
};
use crate::{
    content::Document,
    db::schema::{documents, revisions},
    error::Error,
};

/// A revision as it would be published today: under the slug that the document has now.
#[derive(Debug, Clone)]
pub struct Revision {
    /// What the history says of it.
    pub summary: Summary,
    /// The content.
    pub document: Document,
    /// The identity of each section, in reading order.
    pub section_ids: Vec<Uuid>,
}

/// What the history says of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = revisions)]
pub struct Summary {
    /// Its number: 1 for the first of a document.
    pub number: i32,
    /// `draft`, `live` or `past`.
    pub state: String,
    /// The hash of its content.
    pub hash: String,
    /// Who saved it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl Summary {
    /// A strong validator (RFC 9110 section 8.8.3) of the document whose latest revision this is.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.number, &self.hash)
    }
}

/// The validator of a document with this latest revision.
pub(super) fn etag(number: i32, hash: &str) -> String {
    format!("\"{number}-{hash}\"")
}

type Row = (Summary, String, serde_json::Value, Vec<Uuid>);

/// Revision `number` of a document.
pub async fn read(connection: &mut AsyncPgConnection, id: Uuid, number: i32) -> Result<Revision, Error> {
    let row = revisions::table
        .inner_join(documents::table)
        .filter(revisions::document_id.eq(id))
        .filter(revisions::number.eq(number))
        .select((Summary::as_select(), documents::slug, revisions::content, revisions::section_ids))
        .first::<Row>(connection)
        .await
        .optional()?;
    row.ok_or_else(|| Error::NotFound(format!("the article has no revision {number}"))).and_then(revision)
}

/// The latest revision of a document, which has one.
pub async fn latest(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Revision, Error> {
    let row = revisions::table
        .inner_join(documents::table)
        .filter(revisions::document_id.eq(id))
        .order(revisions::number.desc())
        .select((Summary::as_select(), documents::slug, revisions::content, revisions::section_ids))
        .first::<Row>(connection)
        .await?;
    revision(row)
}

fn revision((summary, slug, content, section_ids): Row) -> Result<Revision, Error> {
    let unreadable = |e: String| Error::internal("a stored revision cannot be read", e);
    let mut document: Document = serde_json::from_value(content).map_err(|e| unreadable(e.to_string()))?;
    document.slug = slug.parse().map_err(|e: crate::content::name::InvalidName| unreadable(e.to_string()))?;
    Ok(Revision { summary, document, section_ids })
}

/// The number of the revision that readers see, if they see one.
pub async fn live(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Option<i32>, Error> {
    in_state(connection, id, "live").await
}

/// The number of the draft, if there is one.
pub async fn draft(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Option<i32>, Error> {
    in_state(connection, id, "draft").await
}

async fn in_state(connection: &mut AsyncPgConnection, id: Uuid, state: &str) -> Result<Option<i32>, Error> {
    let found = revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::state.eq(state));
    Ok(found.select(revisions::number).first(connection).await.optional()?)
}

/// The revisions before `before` (all of them without one), the latest first, at most `limit`.
pub async fn list(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<Summary>, Error> {
    let of = revisions::table.filter(revisions::document_id.eq(id));
    let before = of.filter(revisions::number.lt(before.unwrap_or(i32::MAX)));
    let latest = before.order(revisions::number.desc()).limit(limit).select(Summary::as_select());
    Ok(latest.load(connection).await?)
}

/// Makes the content of revision `number` the latest revision, unless it is that already. Must run in a transaction.
pub async fn restore(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    number: i32,
    author: &Author,
) -> Result<Saved, Error> {
    hold(connection).await?;
    let old = read(connection, id, number).await?;
    let subject = Some(old.document.slug.to_string());
    let saved = draft::keep(connection, old.document, author, &Precondition::Present).await?;
    if saved.outcome != Outcome::Unchanged {
        let detail = Some(format!("revision {number}"));
        let act = AuditEntry {
            document: Some(id),
            subject,
            revision: Some(saved.revision),
            detail,
            ..AuditEntry::new("restore")
        };
        audit::write(connection, author, act).await?;
    }
    Ok(saved)
}
