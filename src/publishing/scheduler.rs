//! The worker that carries out planned publications.
//!
//! Invariants: each is published once, on time by the clock of Postgres, by one of all instances, also after a restart. Every
//! instance learns the time of the next one as soon as it is set, so that no response may be cached past it. One that fails
//! stores its reason, and does not block the others.

use std::time::Duration;

use diesel::{
    prelude::*,
    sql_types::{Double, Nullable},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::{Author, PublishTx};
use crate::{
    db::{Db, schema::schedules, statement::Scalar},
    error::Error,
};

/// The pause before another attempt, if the database did not answer or another instance was faster.
const RETRY: Duration = Duration::from_secs(1);

/// The longest pause between two attempts.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// The time until a planned publication, in seconds.
const SECONDS_LEFT: Scalar<Double> =
    Scalar::new("extract(epoch from schedules.publish_at - clock_timestamp())::float8");

/// The time until the first planned publication, in seconds.
const SECONDS_TO_FIRST: Scalar<Nullable<Double>> =
    Scalar::new("extract(epoch from min(schedules.publish_at) - clock_timestamp())::float8");

/// The result of an attempt to carry out the first planned publication.
enum Attempt {
    Nothing,
    NotDue(Duration),
    Published,
    Failed(Uuid, Error),
}

/// Returns the time until the next planned publication; zero if it is overdue.
pub async fn next_due(connection: &mut AsyncPgConnection) -> QueryResult<Option<Duration>> {
    let next = schedules::table.filter(schedules::failure.is_null()).select(SECONDS_TO_FIRST);
    let next: Option<f64> = next.first(connection).await?;
    // A duration that does not fit is as good as none.
    Ok(next.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok()))
}

/// Publishes due articles, until `upcoming` closes. `upcoming` has the time of the next planned publication.
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
            Ok(wait) => wait.unwrap_or(RETRY),
            Err(error) => {
                log::warn!("scheduled publication failed, retrying error={error}");
                RETRY
            }
        };
        // The change log brings the next time. Until then `upcoming` has the one that has passed.
        if let Ok(Err(_)) = timeout_at(Instant::now() + wait, upcoming.changed()).await {
            return;
        }
    }
}

/// Publishes everything that is due, and returns the time until the next planned publication.
pub async fn publish_due(db: &Db) -> Result<Option<Duration>, Error> {
    loop {
        // Replaced by the author of the first planned publication.
        let author = Author::local("schedule");
        let (attempt, _) = PublishTx::run(db, &author, async |tx| tx.publish_first_due().await).await?;
        match attempt {
            Attempt::Nothing => return Ok(None),
            Attempt::NotDue(wait) => return Ok(Some(wait)),
            Attempt::Published => {}
            Attempt::Failed(id, error) => log::error!("scheduled publication failed article={id} error={error}"),
        }
    }
}

impl PublishTx {
    async fn publish_first_due(&mut self) -> Result<Attempt, Error> {
        let first = schedules::table
            .filter(schedules::failure.is_null())
            .order((schedules::publish_at, schedules::document_id))
            .select((schedules::document_id, schedules::revision, schedules::key_id, schedules::author, SECONDS_LEFT))
            .first::<(Uuid, i32, Option<Uuid>, String, f64)>(self.connection())
            .await
            .optional()?;
        let Some((id, number, key, name, seconds)) = first else { return Ok(Attempt::Nothing) };
        if seconds > 0.0 {
            return Ok(Attempt::NotDue(Duration::try_from_secs_f64(seconds).unwrap_or(MAX_WAIT).min(MAX_WAIT)));
        }
        self.author = Author { key, name };
        match self.savepoint(async |tx| tx.publish(id, number).await).await {
            Ok(_) => Ok(Attempt::Published),
            Err(error @ Error::Unavailable(_)) => Err(error),
            Err(error) => {
                let row = diesel::update(schedules::table.find(id)).set(schedules::failure.eq(error.detail()));
                row.execute(self.connection()).await?;
                self.notify_schedule().await?;
                Ok(Attempt::Failed(id, error))
            }
        }
    }
}
