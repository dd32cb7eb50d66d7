//! The history of a document: every saved revision.
//!
//! Invariants: a revision never changes, and exists as long as its document; restoring an older one makes a new one.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::text_enum::text_enum;
use crate::{
    content::{Document, name::InvalidName},
    db::schema::{documents, revisions},
    error::Error,
};

text_enum! {
    /// The state of a revision.
    RevisionState {
        /// The latest one, not published yet.
        Draft = "draft",
        /// The one that readers see.
        Live = "live",
        /// One that was superseded or withdrawn.
        Past = "past",
    }
}

/// A revision, with the slug that its document has now.
#[derive(Debug, Clone)]
pub struct Revision {
    /// All but the content.
    pub summary: RevisionSummary,
    /// The content.
    pub document: Document,
    /// The ids of its sections, in reading order.
    pub section_ids: Vec<Uuid>,
}

/// A revision without its content.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = revisions)]
pub struct RevisionSummary {
    /// The number, counted from 1 in each document.
    pub number: i32,
    /// The state.
    pub state: RevisionState,
    /// The hash of the content.
    pub hash: String,
    /// The name of the author.
    pub created_by: String,
    /// The time of the save.
    pub created_at: DateTime<Utc>,
}

impl RevisionSummary {
    /// Returns the strong validator (RFC 9110 section 8.8.3) of the document whose latest revision this is.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}-{}\"", self.number, self.hash)
    }
}

type Row = (RevisionSummary, String, serde_json::Value, Vec<Uuid>);

/// Reads revision `number` of a document.
pub async fn read(connection: &mut AsyncPgConnection, id: Uuid, number: i32) -> Result<Revision, Error> {
    let row = revisions::table
        .inner_join(documents::table)
        .filter(revisions::document_id.eq(id))
        .filter(revisions::number.eq(number))
        .select((RevisionSummary::as_select(), documents::slug, revisions::content, revisions::section_ids))
        .first::<Row>(connection)
        .await
        .optional()?;
    row.ok_or_else(|| missing(number)).and_then(revision)
}

/// Reads the latest revision of a document.
pub async fn latest(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Revision, Error> {
    let row = revisions::table
        .inner_join(documents::table)
        .filter(revisions::document_id.eq(id))
        .order(revisions::number.desc())
        .select((RevisionSummary::as_select(), documents::slug, revisions::content, revisions::section_ids))
        .first::<Row>(connection)
        .await?;
    revision(row)
}

fn revision((summary, slug, content, section_ids): Row) -> Result<Revision, Error> {
    let unreadable = |e: String| Error::internal("a stored revision cannot be read", e);
    let mut document: Document = serde_json::from_value(content).map_err(|e| unreadable(e.to_string()))?;
    document.slug = slug.parse().map_err(|e: InvalidName| unreadable(e.to_string()))?;
    Ok(Revision { summary, document, section_ids })
}

fn missing(number: i32) -> Error {
    Error::NotFound(format!("the article has no revision {number}"))
}

/// Reads the summary of the latest revision of a document.
pub async fn latest_summary(connection: &mut AsyncPgConnection, id: Uuid) -> Result<RevisionSummary, Error> {
    let of = revisions::table.filter(revisions::document_id.eq(id)).order(revisions::number.desc());
    Ok(of.select(RevisionSummary::as_select()).first(connection).await?)
}

/// Returns the present slug of the document that has revision `number`. Errors: there is no such revision.
pub(super) async fn slug_of(connection: &mut AsyncPgConnection, id: Uuid, number: i32) -> Result<String, Error> {
    let row = revisions::table
        .inner_join(documents::table)
        .filter(revisions::document_id.eq(id))
        .filter(revisions::number.eq(number))
        .select(documents::slug)
        .first(connection)
        .await
        .optional()?;
    row.ok_or_else(|| missing(number))
}

/// Returns the number of the revision in `state`, which is `Draft` or `Live`: a document has at most one of each.
pub async fn number_in_state(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    state: RevisionState,
) -> Result<Option<i32>, Error> {
    let found = revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::state.eq(state));
    Ok(found.select(revisions::number).first(connection).await.optional()?)
}

/// Lists the revisions with numbers below `before`, the latest first, at most `limit`.
pub async fn list(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<RevisionSummary>, Error> {
    let of = revisions::table.filter(revisions::document_id.eq(id));
    let before = of.filter(revisions::number.lt(before.unwrap_or(i32::MAX)));
    let latest = before.order(revisions::number.desc()).limit(limit).select(RevisionSummary::as_select());
    Ok(latest.load(connection).await?)
}
