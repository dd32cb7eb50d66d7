//! Writing view counts, and keeping the hot list.
//!
//! Invariants:
//! - A flush is one statement, also at a graceful stop. Counts that cannot be written are flushed again. If the connection is
//!   lost during a flush, its views may be counted twice; none is lost.
//! - The hot list is computed from the buckets alone, by one instance at a time, in one transaction with its row in the change
//!   log; an unchanged list writes no row. So every instance invalidates the responses that show the list, and no others.
//! - Computing takes at most a twentieth of the time, and blocks publishing only while it writes.
//! - Old buckets are merged: hours become days (UTC) 48 hours after their end, days become one total after 62 days. No window
//!   is that long.
//!
//! - [`counter`]: counting in memory; `readers`: recognising repeats.
//! - [`hot_list`]: computing the list.

pub mod counter;
pub mod hot_list;
mod readers;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{QueryableByName, sql_types::BigInt};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use tokio::{
    select,
    sync::oneshot,
    time::{Instant, sleep_until, timeout},
};

use self::counter::{HourlyCount, ViewCounter};
use crate::{
    db::{
        Db,
        statement::{Bind, Statement},
    },
    error::Error,
};

/// "hot" in ASCII: the key of the advisory lock of computing and merging.
const LOCK: i64 = 0x0068_6f74;

/// The longest flush.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest last flush, which a stop waits for.
const LAST_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// The interval between two searches for old buckets.
const ROLL_UP: Duration = Duration::from_secs(3600);

/// The maximum number of buckets that are merged in one transaction.
const BATCH: i64 = 10_000;

/// The least time between two computations of the hot list, in durations of the last one.
const PAUSE_FACTOR: u32 = 20;

diesel::define_sql_function! {
    /// Takes an advisory lock until the transaction ends, if it is free.
    fn pg_try_advisory_xact_lock(key: BigInt) -> Bool;
}

/// The intervals of the view worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// The interval between two flushes.
    pub flush: Duration,
    /// The least interval between two computations of the hot list.
    pub refresh: Duration,
}

impl Default for Intervals {
    fn default() -> Intervals {
        Intervals { flush: Duration::from_secs(5), refresh: Duration::from_secs(20) }
    }
}

/// Flushes view counts and updates the hot list, until `stop` is sent or dropped; then flushes once more.
pub async fn run_view_worker(db: Db, counter: Arc<ViewCounter>, intervals: Intervals, mut stop: oneshot::Receiver<()>) {
    let begun = Instant::now();
    let (mut next_flush, mut next_refresh, mut next_roll_up) =
        (begun + intervals.flush, begun + intervals.refresh, begun + ROLL_UP.min(intervals.refresh));
    // Another instance may have counted views before this start.
    let (mut counted, mut hour) = (true, None);
    loop {
        select! {
            () = sleep_until(next_flush) => {}
            _ = &mut stop => break,
        }
        counted |= flush_within(&db, &counter, FLUSH_TIMEOUT).await;
        next_flush = Instant::now() + intervals.flush;
        let now = Some(Utc::now().timestamp().div_euclid(3600));
        if Instant::now() >= next_refresh && (counted || hour != now) {
            let began = Instant::now();
            let computed = select! {
                computed = hot_list::refresh(&db, intervals.refresh) => computed,
                _ = &mut stop => break,
            };
            match computed {
                Ok(true) => (counted, hour) = (false, now),
                Ok(false) => {}
                Err(error) => log::warn!("computing the hot list failed, retrying error={error}"),
            }
            next_refresh = began + intervals.refresh.max(began.elapsed() * PAUSE_FACTOR);
        }
        if Instant::now() >= next_roll_up {
            let rolled = select! {
                rolled = roll_up(&db, Utc::now()) => rolled,
                _ = &mut stop => break,
            };
            if let Err(error) = rolled {
                log::warn!("merging old view counts failed, retrying error={error}");
            }
            next_roll_up = Instant::now() + ROLL_UP;
        }
    }
    flush_within(&db, &counter, LAST_FLUSH_TIMEOUT).await;
}

/// Flushes within `limit`, and returns whether anything was written. Counts that were not written are restored.
async fn flush_within(db: &Db, counter: &ViewCounter, limit: Duration) -> bool {
    let dropped = counter.take_dropped();
    if dropped > 0 {
        log::error!("views dropped, too many unwritten counts views={dropped}");
    }
    let counts = counter.take();
    if counts.is_empty() {
        return false;
    }
    let written = timeout(limit, db.writing(async |connection| flush(connection, &counts).await)).await;
    let error = match written {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => error,
        Err(_) => Error::Unavailable(format!("no answer within {limit:?}")),
    };
    log::warn!("writing view counts failed, retrying error={error}");
    counter.restore(counts);
    false
}

/// Adds counts to the hourly buckets, in one statement.
pub async fn flush(connection: &mut AsyncPgConnection, counts: &[HourlyCount]) -> Result<(), Error> {
    let given = vec![
        ("ids", Bind::Uuids(counts.iter().map(|views| views.article).collect())),
        ("hours", Bind::Integers(counts.iter().map(|views| views.hour).collect())),
        ("counts", Bind::Integers(counts.iter().map(|views| views.count).collect())),
    ];
    Statement::<()>::new(include_str!("flush.sql"), given).execute(connection).await?;
    Ok(())
}

/// Takes the lock of computing and rolling up until the transaction ends; `false` if another instance has it.
async fn try_lock(connection: &mut AsyncPgConnection) -> Result<bool, Error> {
    Ok(diesel::select(pg_try_advisory_xact_lock(LOCK)).get_result(connection).await?)
}

/// The merges: a span, the time before which its buckets are old, the next span, and the begin of its bucket.
const MERGES: [[&str; 4]; 2] = [
    ["hour", "date_trunc('day', {now} - interval '48 hours', 'UTC')", "day", "date_trunc('day', starts_at, 'UTC')"],
    ["day", "date_trunc('day', {now} - interval '62 days', 'UTC')", "ever", "to_timestamp(0)"],
];

#[derive(QueryableByName)]
struct Moved {
    #[diesel(sql_type = BigInt)]
    moved: i64,
}

/// Merges the buckets that are old at `now`, in batches, unless another instance does.
pub async fn roll_up(db: &Db, now: DateTime<Utc>) -> Result<(), Error> {
    for [of, before, into, start] in MERGES {
        let now = format!("to_timestamp({})", now.timestamp());
        let sql = include_str!("roll_up.sql")
            .replace("{of}", of)
            .replace("{before}", &before.replace("{now}", &now))
            .replace("{into}", into)
            .replace("{start}", start)
            .replace("{batch}", &BATCH.to_string());
        let batch = async |connection: &mut AsyncPgConnection| {
            if !try_lock(connection).await? {
                return Ok(0);
            }
            let Moved { moved } = diesel::sql_query(&sql).get_result(connection).await?;
            Ok::<_, Error>(moved)
        };
        while db.writing(async |connection| connection.transaction(async |c| batch(c).await).await).await? == BATCH {}
    }
    Ok(())
}
