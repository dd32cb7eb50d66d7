//! A revision becomes what readers see, later.
//!
//! What must hold: what is scheduled is published once, however many instances look, on time by the clock of Postgres, and
//! after a restart too; every instance knows the next time as soon as it is set, so that no cache is told to keep an answer
//! past it. What cannot be published when its time has come says why, and holds nothing else up.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::{dsl::sql, prelude::*, sql_types::Double};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::{
    Author,
    audit::{self, AuditEntry},
    clock_timestamp, hold, notify, publish, revisions,
};
use crate::{
    db::{
        Db,
        schema::{documents, schedules},
    },
    error::Error,
};

/// How long to wait before another attempt, where the database did not answer or another instance was faster.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest wait before the next look, whatever is scheduled.
const LONGEST: Duration = Duration::from_secs(3600);

/// What is to be published, and when.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = schedules)]
pub struct Schedule {
    /// The revision.
    pub revision: i32,
    /// When.
    pub publish_at: DateTime<Utc>,
    /// Why it could not be published when the time had come; it is not tried again.
    pub failure: Option<String>,
}

/// Publishes revision `number` at `at`, in place of whatever was scheduled for the article. Must run in a transaction.
pub async fn put(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    number: i32,
    at: DateTime<Utc>,
    author: &Author,
) -> Result<(), Error> {
    hold(connection).await?;
    let slug = revisions::read(connection, id, number).await?.document.slug.to_string();
    let row = (
        schedules::revision.eq(number),
        schedules::publish_at.eq(at),
        schedules::key_id.eq(author.key),
        schedules::author.eq(&author.name),
        schedules::created_at.eq(clock_timestamp()),
        schedules::failure.eq(None::<String>),
    );
    diesel::insert_into(schedules::table)
        .values((schedules::document_id.eq(id), row.clone()))
        .on_conflict(schedules::document_id)
        .do_update()
        .set(row)
        .execute(connection)
        .await?;
    let detail = Some(at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    let act = AuditEntry {
        document: Some(id),
        subject: Some(slug),
        revision: Some(number),
        detail,
        ..AuditEntry::new("schedule")
    };
    audit::write(connection, author, act).await?;
    announce(connection).await
}

/// Publishes nothing later; `false` where nothing was scheduled. Must run in a transaction.
pub async fn cancel(connection: &mut AsyncPgConnection, id: Uuid, author: &Author) -> Result<bool, Error> {
    hold(connection).await?;
    let Some(schedule) = read(connection, id).await? else { return Ok(false) };
    drop_until(connection, id, schedule.revision).await?;
    let slug = documents::table.find(id).select(documents::slug).first(connection).await?;
    let (subject, revision) = (Some(slug), Some(schedule.revision));
    let act = AuditEntry { document: Some(id), subject, revision, ..AuditEntry::new("unschedule") };
    audit::write(connection, author, act).await?;
    Ok(true)
}

/// What is scheduled for an article.
pub async fn read(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Schedule>, Error> {
    Ok(schedules::table.find(id).select(Schedule::as_select()).first(connection).await.optional()?)
}

/// Forgets a schedule of revision `number` or an earlier one: a newer revision is never taken back by an older one whose
/// time comes later.
pub(super) async fn drop_until(connection: &mut AsyncPgConnection, id: Uuid, number: i32) -> Result<(), Error> {
    let stale = schedules::table.find(id).filter(schedules::revision.le(number));
    match diesel::delete(stale).execute(connection).await? {
        0 => Ok(()),
        _ => announce(connection).await,
    }
}

/// Lets every instance look when the next time is.
async fn announce(connection: &mut AsyncPgConnection) -> Result<(), Error> {
    notify(connection, "schedule").await
}

/// Publishes what is scheduled when its time has come, for ever. `upcoming` says when that is next.
pub async fn run_scheduler(db: Db, mut upcoming: watch::Receiver<Option<Instant>>) {
    loop {
        let next = *upcoming.borrow_and_update();
        let changed = match next {
            Some(next) => timeout_at(next, upcoming.changed()).await.ok(),
            None => Some(upcoming.changed().await),
        };
        match changed {
            Some(Ok(())) => continue,
            Some(Err(_)) => return,
            None => {}
        }
        let wait = match publish_due(&db).await {
            Ok(wait) => wait.unwrap_or(PAUSE),
            Err(error) => {
                log::warn!("what is scheduled cannot be published now, trying again: {error}");
                PAUSE
            }
        };
        // What was published is told by the log; until then the time that is known is the one that has passed.
        let again = Instant::now() + wait;
        if let Ok(Err(_)) = timeout_at(again, upcoming.changed()).await {
            return;
        }
    }
}

/// What became of the schedule that comes first.
enum Next {
    Nothing,
    Later(Duration),
    Published,
    Refused(Uuid, Error),
}

/// Publishes everything whose time has come; gives the time until the next, if there is one.
pub async fn publish_due(db: &Db) -> Result<Option<Duration>, Error> {
    let mut connection = db.write().await?;
    loop {
        match connection.transaction(async |connection| publish_first(connection).await).await? {
            Next::Nothing => return Ok(None),
            Next::Later(wait) => return Ok(Some(wait)),
            Next::Published => {}
            Next::Refused(id, error) => log::error!("{id} cannot be published as scheduled: {error}"),
        }
    }
}

async fn publish_first(connection: &mut AsyncPgConnection) -> Result<Next, Error> {
    hold(connection).await?;
    let seconds = sql::<Double>("extract(epoch from publish_at - clock_timestamp())::float8");
    let first = schedules::table
        .filter(schedules::failure.is_null())
        .order((schedules::publish_at, schedules::document_id))
        .select((schedules::document_id, schedules::revision, schedules::key_id, schedules::author, seconds))
        .first::<(Uuid, i32, Option<Uuid>, String, f64)>(connection)
        .await
        .optional()?;
    let Some((id, number, key, name, seconds)) = first else { return Ok(Next::Nothing) };
    if seconds > 0.0 {
        return Ok(Next::Later(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST)));
    }
    let author = Author { key, name };
    // A transaction inside this one: what fails leaves nothing behind but its reason.
    let published = connection.transaction(async |c| publish::publish(c, id, number, &author).await).await;
    match published {
        Ok(_) => Ok(Next::Published),
        Err(error @ Error::Unavailable(_)) => Err(error),
        Err(error) => {
            let row = diesel::update(schedules::table.find(id));
            row.set(schedules::failure.eq(error.detail())).execute(connection).await?;
            announce(connection).await?;
            Ok(Next::Refused(id, error))
        }
    }
}
