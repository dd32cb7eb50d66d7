//! Who did what, when, to which revision.
//!
//! What must hold: every write leaves its row, in the transaction that did it; a row never changes and never goes, which
//! Postgres itself holds; a trial that is rolled back leaves none.

use chrono::{DateTime, Utc};
use diesel::{dsl, prelude::*, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::Author;
use crate::{db::schema::audit, error::Error};

/// What was done.
#[derive(Debug, Clone, Default)]
pub(super) struct AuditEntry {
    pub action: &'static str,
    pub document: Option<Uuid>,
    /// The slug of the article or topic, or the prefix of the key.
    pub subject: Option<String>,
    pub revision: Option<i32>,
    /// What else there is to tell: a reason, a time, the slug before.
    pub detail: Option<String>,
}

impl AuditEntry {
    pub(super) fn new(action: &'static str) -> AuditEntry {
        AuditEntry { action, ..AuditEntry::default() }
    }
}

/// Writes the row of an act. The publishing lock must be held.
pub(super) async fn write(connection: &mut AsyncPgConnection, author: &Author, act: AuditEntry) -> Result<(), Error> {
    let next = dsl::sql::<BigInt>("(select coalesce(max(sequence), 0) + 1 from audit)");
    diesel::insert_into(audit::table)
        .values((
            audit::sequence.eq(next),
            audit::key_id.eq(author.key),
            audit::author.eq(&author.name),
            audit::action.eq(act.action),
            audit::document_id.eq(act.document),
            audit::subject.eq(act.subject),
            audit::revision.eq(act.revision),
            audit::detail.eq(act.detail),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// A row of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit)]
pub struct Entry {
    /// Its place: later acts have greater ones.
    pub sequence: i64,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// The key that it was done with; `None` for the command line and the service itself.
    pub key_id: Option<Uuid>,
    /// The key's name at that time, or what did it.
    pub author: String,
    /// What was done.
    pub action: String,
    /// The article that it was done to.
    pub document_id: Option<Uuid>,
    /// The slug of the article or topic, or the prefix of the key.
    pub subject: Option<String>,
    /// The revision.
    pub revision: Option<i32>,
    /// What else there is to tell: a reason, a time, the slug before.
    pub detail: Option<String>,
}

/// The acts before `before` (all of them without one), the latest first, at most `limit`; those of one document if it is
/// given.
pub async fn list(
    connection: &mut AsyncPgConnection,
    document: Option<Uuid>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let mut acts = audit::table.order(audit::sequence.desc()).limit(limit).select(Entry::as_select()).into_boxed();
    if let Some(document) = document {
        acts = acts.filter(audit::document_id.eq(document));
    }
    if let Some(before) = before {
        acts = acts.filter(audit::sequence.lt(before));
    }
    Ok(acts.load(connection).await?)
}
