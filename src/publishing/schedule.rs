//! Planned publications.

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{
    PublishTx,
    audit::{AuditAction, AuditEntry},
    revisions,
    transaction::clock_timestamp,
};
use crate::{
    db::schema::{documents, schedules},
    error::Error,
};

/// A planned publication.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = schedules)]
pub struct Schedule {
    /// The number of the revision.
    pub revision: i32,
    /// The time.
    pub publish_at: DateTime<Utc>,
    /// The reason why it failed; it is not tried again.
    pub failure: Option<String>,
}

/// Reads the planned publication of an article.
pub async fn read(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Schedule>, Error> {
    Ok(schedules::table.find(id).select(Schedule::as_select()).first(connection).await.optional()?)
}

impl PublishTx {
    /// Schedules the publication of revision `number`, replacing any other schedule of this article.
    pub async fn schedule(&mut self, id: Uuid, number: i32, at: DateTime<Utc>) -> Result<(), Error> {
        let slug = revisions::slug_of(self.connection(), id, number).await?;
        let row = (
            schedules::revision.eq(number),
            schedules::publish_at.eq(at),
            schedules::key_id.eq(self.author.key),
            schedules::author.eq(self.author.name.clone()),
            schedules::created_at.eq(clock_timestamp()),
            schedules::failure.eq(None::<String>),
        );
        diesel::insert_into(schedules::table)
            .values((schedules::document_id.eq(id), row.clone()))
            .on_conflict(schedules::document_id)
            .do_update()
            .set(row)
            .execute(self.connection())
            .await?;
        let detail = Some(at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        let entry = AuditEntry::of_document(AuditAction::Schedule, id);
        self.audit(AuditEntry { subject: Some(slug), revision: Some(number), detail, ..entry }).await?;
        self.notify_schedule().await
    }

    /// Cancels the planned publication of an article; `false` if there was none.
    pub async fn cancel_schedule(&mut self, id: Uuid) -> Result<bool, Error> {
        let Some(schedule) = read(self.connection(), id).await? else { return Ok(false) };
        self.discard_schedule(id, schedule.revision).await?;
        let slug = documents::table.find(id).select(documents::slug).first(self.connection()).await?;
        let (subject, revision) = (Some(slug), Some(schedule.revision));
        let entry = AuditEntry::of_document(AuditAction::Unschedule, id);
        self.audit(AuditEntry { subject, revision, ..entry }).await?;
        Ok(true)
    }

    /// Removes the planned publication of revision `number` or an earlier one: it would replace a newer revision.
    pub(super) async fn discard_schedule(&mut self, id: Uuid, number: i32) -> Result<(), Error> {
        let stale = schedules::table.find(id).filter(schedules::revision.le(number));
        match diesel::delete(stale).execute(self.connection()).await? {
            0 => Ok(()),
            _ => self.notify_schedule().await,
        }
    }

    /// Makes every instance look up the time of the next planned publication.
    pub(super) async fn notify_schedule(&mut self) -> Result<(), Error> {
        self.notify("schedule").await
    }
}
