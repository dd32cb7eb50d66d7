//! The audit: every write with its author, time and target.
//!
//! Invariants: a write appends its row in its own transaction; rows are never changed or removed, which a trigger in
//! Postgres enforces; a dry run leaves no row.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{PublishTx, text_enum::text_enum};
use crate::{
    db::{schema::audit, statement::Scalar},
    error::Error,
};

/// The sequence of the next row. It is unique, because only one transaction at a time holds the publishing lock.
const NEXT_SEQUENCE: Scalar<BigInt> = Scalar::new("(select coalesce(max(audit.sequence), 0) + 1 from audit)");

text_enum! {
    /// The kind of a write.
    AuditAction {
        /// A revision was saved.
        Save = "save",
        /// An earlier revision was saved again.
        Restore = "restore",
        /// A revision was published.
        Publish = "publish",
        /// A publication was scheduled.
        Schedule = "schedule",
        /// A scheduled publication was cancelled.
        Unschedule = "unschedule",
        /// An article was withdrawn.
        Withdraw = "withdraw",
        /// An article got another slug.
        Move = "move",
        /// An article was deleted.
        Delete = "delete",
        /// A preview link was made.
        Preview = "preview",
        /// The site was described.
        PutSite = "put_site",
        /// A topic was created or described.
        PutTopic = "put_topic",
        /// A topic was deleted.
        DeleteTopic = "delete_topic",
        /// The pins were replaced.
        PutPins = "put_pins",
        /// An API key was created.
        CreateKey = "create_key",
        /// An API key was revoked.
        RevokeKey = "revoke_key",
    }
}

/// A row that is about to be appended.
pub(super) struct AuditEntry {
    pub action: AuditAction,
    pub document: Option<Uuid>,
    /// The slug of the article or topic, or the prefix of the key.
    pub subject: Option<String>,
    pub revision: Option<i32>,
    /// A reason, a time, an earlier slug: see `AuditRow::detail` in the API.
    pub detail: Option<String>,
}

impl AuditEntry {
    pub(super) fn new(action: AuditAction) -> AuditEntry {
        AuditEntry { action, document: None, subject: None, revision: None, detail: None }
    }

    pub(super) fn of_document(action: AuditAction, document: Uuid) -> AuditEntry {
        AuditEntry { document: Some(document), ..AuditEntry::new(action) }
    }
}

impl PublishTx {
    /// Appends a row to the audit.
    pub(super) async fn audit(&mut self, entry: AuditEntry) -> Result<(), Error> {
        let author = self.author.clone();
        diesel::insert_into(audit::table)
            .values((
                audit::sequence.eq(NEXT_SEQUENCE),
                audit::key_id.eq(author.key),
                audit::author.eq(author.name),
                audit::action.eq(entry.action),
                audit::document_id.eq(entry.document),
                audit::subject.eq(entry.subject),
                audit::revision.eq(entry.revision),
                audit::detail.eq(entry.detail),
            ))
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

/// A row of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit)]
pub struct AuditRow {
    /// The position, in the order of the writes.
    pub sequence: i64,
    /// The time of the write.
    pub at: DateTime<Utc>,
    /// The id of the API key; `None` for the command line and the service itself.
    pub key_id: Option<Uuid>,
    /// The name of the key at that time, or of the part of the service.
    pub author: String,
    /// The kind of the write.
    pub action: AuditAction,
    /// The id of the article.
    pub document_id: Option<Uuid>,
    /// The slug of the article or topic, or the prefix of the key.
    pub subject: Option<String>,
    /// The number of the revision.
    pub revision: Option<i32>,
    /// A reason, a time, an earlier slug.
    pub detail: Option<String>,
}

/// Lists rows with sequences below `before`, the latest first, at most `limit`; those of `document` if it is given.
pub async fn list(
    connection: &mut AsyncPgConnection,
    document: Option<Uuid>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditRow>, Error> {
    let mut rows = audit::table.order(audit::sequence.desc()).limit(limit).select(AuditRow::as_select()).into_boxed();
    if let Some(document) = document {
        rows = rows.filter(audit::document_id.eq(document));
    }
    if let Some(before) = before {
        rows = rows.filter(audit::sequence.lt(before));
    }
    Ok(rows.load(connection).await?)
}
