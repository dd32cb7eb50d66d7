//! What was read becomes what the hot list is ordered by.
//!
//! What must hold:
//! - What was counted is written in one statement a flush, also at a graceful stop. What cannot be written is kept and tried
//!   again. Where nobody knows whether a statement was carried out, because the connection was lost under it, its views may
//!   be counted twice; none is lost.
//! - The list is computed from the buckets alone, by one instance at a time, in one transaction with its row in the log of
//!   changes; without a row where readers would see the same. So every instance drops what shows the list, and nothing else.
//! - Computing takes a twentieth of the time at most, and holds publishing up only while it writes.
//! - Old buckets are added up: hours that are over for 48 hours or longer become days (in UTC), days that are over for 62 days
//!   become one sum. No window reaches as far as those.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, dsl,
    prelude::*,
    sql_types::{BigInt, Bool, Timestamptz},
};
use diesel_async::{AnsiTransactionManager, AsyncConnection, AsyncPgConnection, RunQueryDsl, TransactionManager};
use tokio::{
    select,
    sync::oneshot,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Author, PublishTx,
    transaction::{Change, ChangeKind},
};
use crate::{
    db::{
        Db, Lease,
        schema::hot,
        statement::{Bind, Statement},
    },
    error::Error,
    views::{FLOOR, Sum, ViewCounter, Window},
};

/// "hot" in ASCII: the key of the advisory lock of whoever computes or adds up.
const LOCK: i64 = 0x0068_6f74;

/// How long a flush may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same at a stop, which waits for it.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// How often old buckets are looked for.
const ROLL_UP: Duration = Duration::from_secs(3600);

/// The most buckets that are added up in one transaction.
const BATCH: i64 = 10_000;

/// Computing the list takes at most one part in so many of the time.
const SHARE: u32 = 20;

diesel::define_sql_function! {
    /// Takes an advisory lock that is held to the end of the transaction, if nobody has it.
    fn pg_try_advisory_xact_lock(key: BigInt) -> Bool;
}

/// How often something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// What was counted is written.
    pub flush: Duration,
    /// The hot list is computed, if it could be another.
    pub refresh: Duration,
}

impl Default for Intervals {
    fn default() -> Intervals {
        Intervals { flush: Duration::from_secs(5), refresh: Duration::from_secs(20) }
    }
}

/// Writes what is counted and keeps the hot list, until `stop` says something or is dropped; then writes once more.
pub async fn run_view_worker(db: Db, counter: Arc<ViewCounter>, rhythm: Intervals, mut stop: oneshot::Receiver<()>) {
    let begun = Instant::now();
    let (mut next_flush, mut next_refresh, mut next_roll_up) =
        (begun + rhythm.flush, begun + rhythm.refresh, begun + ROLL_UP.min(rhythm.refresh));
    // What is in the buckets may have been counted by an instance that is gone, and long ago.
    let (mut counted, mut hour) = (true, None);
    loop {
        select! {
            () = sleep_until(next_flush) => {}
            _ = &mut stop => break,
        }
        counted |= flush_within(&db, &counter, PATIENCE).await;
        next_flush = Instant::now() + rhythm.flush;
        let now = Some(Utc::now().timestamp().div_euclid(3600));
        if Instant::now() >= next_refresh && (counted || hour != now) {
            let began = Instant::now();
            let computed = select! {
                computed = refresh(&db, rhythm.refresh) => computed,
                _ = &mut stop => break,
            };
            match computed {
                Ok(true) => (counted, hour) = (false, now),
                Ok(false) => {}
                Err(error) => log::warn!("the hot list cannot be computed now, trying again: {error}"),
            }
            next_refresh = began + rhythm.refresh.max(began.elapsed() * SHARE);
        }
        if Instant::now() >= next_roll_up {
            let rolled = select! {
                rolled = roll_up(&db, Utc::now()) => rolled,
                _ = &mut stop => break,
            };
            if let Err(error) = rolled {
                log::warn!("old views cannot be added up now, trying again: {error}");
            }
            next_roll_up = Instant::now() + ROLL_UP;
        }
    }
    flush_within(&db, &counter, LAST_PATIENCE).await;
}

/// Writes what was counted; says whether anything was written. What was not goes back.
async fn flush_within(db: &Db, counter: &ViewCounter, patience: Duration) -> bool {
    let lost = counter.lost();
    if lost > 0 {
        log::error!("{lost} views were not counted: too many wait to be written");
    }
    let sums = counter.take();
    if sums.is_empty() {
        return false;
    }
    let written = timeout(patience, db.writing(async |connection| flush(connection, &sums).await)).await;
    let error = match written {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => error,
        Err(_) => Error::Unavailable("no answer within the time allowed".into()),
    };
    log::warn!("views cannot be written now, trying again: {error}");
    counter.give_back(sums);
    false
}

/// Adds sums to the buckets. One statement.
pub async fn flush(connection: &mut AsyncPgConnection, sums: &[Sum]) -> Result<(), Error> {
    let given = vec![
        ("ids", Bind::Uuids(sums.iter().map(|sum| sum.article).collect())),
        ("hours", Bind::Integers(sums.iter().map(|sum| sum.hour).collect())),
        ("counts", Bind::Integers(sums.iter().map(|sum| sum.count).collect())),
    ];
    Statement::<()>::new(include_str!("flush.sql"), given).execute(connection).await?;
    Ok(())
}

/// Computes the hot list, unless an instance did within nearly `interval` or does now; returns whether it did.
pub async fn refresh(db: &Db, interval: Duration) -> Result<bool, Error> {
    let mut lease = db.lease().await?;
    AnsiTransactionManager::begin_transaction(&mut *lease).await?;
    match compute(&mut lease, interval).await? {
        Computed::ByOthers => end(lease).await.map(|()| false),
        Computed::Same => end(lease).await.map(|()| true),
        Computed::Changed => {
            // The lock is taken only now, so computing does not block publishing.
            let mut tx = PublishTx::lock(lease, &Author::local("hot list")).await?;
            tx.replace_hot_list().await?;
            tx.commit().await.map(|_| true)
        }
    }
}

async fn end(mut lease: Lease) -> Result<(), Error> {
    AnsiTransactionManager::commit_transaction(&mut *lease).await?;
    lease.release();
    Ok(())
}

/// The result of a computation; the list itself is in the temporary table `fresh`.
enum Computed {
    ByOthers,
    Same,
    Changed,
}

async fn compute(connection: &mut AsyncPgConnection, interval: Duration) -> Result<Computed, Error> {
    if !try_lock(connection).await? {
        return Ok(Computed::ByOthers);
    }
    let last: Option<DateTime<Utc>> = hot::table.select(dsl::max(hot::computed_at)).first(connection).await?;
    let now: DateTime<Utc> = diesel::select(dsl::now.into_sql::<Timestamptz>()).get_result(connection).await?;
    // Two instances with one interval may be a little early.
    if last.is_some_and(|last| (now - last).to_std().unwrap_or_default() < interval.mul_f64(0.9)) {
        return Ok(Computed::ByOthers);
    }
    diesel::sql_query(with_windows(include_str!("fresh.sql"))).execute(connection).await?;
    let differs: Differs = diesel::sql_query(with_windows(include_str!("differs.sql"))).get_result(connection).await?;
    Ok(if differs.differs { Computed::Changed } else { Computed::Same })
}

impl PublishTx {
    async fn replace_hot_list(&mut self) -> Result<(), Error> {
        diesel::sql_query(include_str!("replace.sql")).execute(self.connection()).await?;
        self.record(Change::of_site(ChangeKind::Hot, ["hot".to_owned()])).await?;
        Ok(())
    }
}

/// Takes the lock of computing and rolling up until the transaction ends; `false` if another instance has it.
async fn try_lock(connection: &mut AsyncPgConnection) -> Result<bool, Error> {
    Ok(diesel::select(pg_try_advisory_xact_lock(LOCK)).get_result(connection).await?)
}

#[derive(QueryableByName)]
struct Differs {
    #[diesel(sql_type = Bool)]
    differs: bool,
}

/// A statement with the windows and the floor in it.
fn with_windows(sql: &str) -> String {
    let windows = || Window::ALL.into_iter();
    let spans: Vec<_> = windows()
        .map(|window| format!("('{}', {}, {}::float8)", window.name(), window.seconds(), window.half_life()))
        .collect();
    let longest = windows().map(Window::seconds).max().unwrap_or_default();
    sql.replace("{spans}", &spans.join(", "))
        .replace("{longest}", &longest.to_string())
        .replace("{floor}", &FLOOR.to_string())
}

/// The ways of a bucket: its span, when it must have begun for that, the next span, and when that one's bucket begins.
const WAYS: [[&str; 4]; 2] = [
    ["hour", "date_trunc('day', {now} - interval '48 hours', 'UTC')", "day", "date_trunc('day', starts_at, 'UTC')"],
    ["day", "date_trunc('day', {now} - interval '62 days', 'UTC')", "ever", "to_timestamp(0)"],
];

#[derive(QueryableByName)]
struct Moved {
    #[diesel(sql_type = BigInt)]
    moved: i64,
}

/// Adds up what is old at `now`, in batches, unless another instance does.
pub async fn roll_up(db: &Db, now: DateTime<Utc>) -> Result<(), Error> {
    for [of, before, into, start] in WAYS {
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
