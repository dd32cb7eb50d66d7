//! Follows the log of changes: what every instance learns of what any of them wrote.
//!
//! What must hold:
//! - a follower is given every change exactly once and in sequence order, which is commit order;
//! - what was missed while the connection was lost is told before the follower is told that it follows again;
//! - where the log cannot be joined to what the follower knows (first start, another database, one that was restored or
//!   failed over and lost its last changes, a gap too long to be worth telling), it is told to begin anew;
//! - a connection that died in silence is found out within [`HEARTBEAT`] and [`PATIENCE`];
//! - it is told when the next change is to come, where that is known, as soon as that is set;
//! - whoever decides about requests ([`KeyObserver`]) knows each key as soon as it is made, and none that was revoked.
//!
//! A notice on the channel is only a reason to look: the changes themselves are read from the log, so none is missed
//! where a notice is lost, and thousands that come at once are one statement. A look begins with the change that is known:
//! where the log has another in its place, because it was put back under the connection, the follower begins anew.

mod keys;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{
    ConnectionError,
    dsl::sql,
    prelude::*,
    sql_types::{Double, Nullable},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

pub use self::keys::{KEYS, KeyObserver, LiveKey};
use super::schema::{changes, schedules};

/// The channel on which the sequence of every new row of the log is told, once its transaction committed.
pub const CHANNEL: &str = "lectern_changes";

/// How often the log is looked at although nothing was told.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long a connection or a look at the log may take before the database counts as unreachable.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The shortest and the longest pause before another attempt to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The most changes that are told after a gap; after a longer one the follower begins anew.
const LONGEST_GAP: i64 = 10_000;

/// How many changes are read at once.
const BATCH: i64 = 500;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Change {
    /// Its place in the log.
    pub sequence: i64,
    /// What it makes stale, in the words of `Surrogate-Key`.
    pub tags: Vec<String>,
    /// When it was written, by the clock of Postgres.
    pub at: DateTime<Utc>,
}

/// A point in the change log. The time tells two logs apart that both have this sequence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogPosition {
    /// The sequence of the last change up to here; 0 before the first.
    pub sequence: i64,
    /// The time of that change; `None` before the first.
    pub at: Option<DateTime<Utc>>,
}

/// How it stands with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Every change becomes known as it is committed.
    Following,
    /// The connection is lost; the database may be there for others.
    Lost,
    /// The database cannot be reached.
    Unreachable,
}

/// Who wants to know of changes.
pub trait ChangeSubscriber: Send + Sync + 'static {
    /// The place that it has reached; `None` before the first.
    fn position(&self) -> Option<LogPosition>;
    /// Takes the changes after its position, in order, without a gap.
    fn apply(&self, changes: Vec<Change>);
    /// Forgets all that depends on changes: between what it knew and `position`, anything may have happened.
    fn reset(&self, position: LogPosition);
    /// Learns in what time the next publication is to come that somebody scheduled; zero where it is overdue.
    fn upcoming(&self, next: Option<Duration>);
    /// Learns how it stands with the log.
    fn set_state(&self, state: State);
}

/// Keeps `follower` told of the log of the database at `url`, and `door` of its keys, for ever.
pub async fn follow(url: String, follower: Arc<impl ChangeSubscriber>, door: Arc<impl KeyObserver>) {
    let mut pause = PAUSES.0;
    loop {
        let first = pause == PAUSES.0;
        let end = follow_once(&url, &*follower, &*door, &mut pause).await;
        follower.set_state(if end.unreachable { State::Unreachable } else { State::Lost });
        // Once, not with every attempt of an outage.
        let level = if first || pause == PAUSES.0 { log::Level::Warn } else { log::Level::Debug };
        log::log!(level, "the log of changes cannot be followed, trying again: {}", end.why);
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Why following ended.
struct End {
    why: String,
    /// Whether the database itself seems to be away, not only the connection.
    unreachable: bool,
}

impl End {
    fn lost(cause: &dyn std::fmt::Display) -> End {
        End { why: cause.to_string(), unreachable: false }
    }

    fn unreachable(cause: &dyn std::fmt::Display) -> End {
        End { why: cause.to_string(), unreachable: true }
    }

    /// What Postgres answered, or that it did not. One that refuses is there, and others may well be answered (all its
    /// connections are taken, say); unless it refuses because it is coming or going.
    fn refused(error: &diesel::result::Error) -> End {
        use diesel::result::{DatabaseErrorKind as Kind, Error};
        let unreachable = match error {
            Error::DatabaseError(Kind::UnableToSendCommand | Kind::ClosedConnection, _) => true,
            Error::DatabaseError(_, info) => {
                ["the database system is", "terminating connection"].iter().any(|text| info.message().contains(text))
            }
            _ => false,
        };
        End { why: error.to_string(), unreachable }
    }
}

/// Connects, catches up, and follows until that ends.
async fn follow_once(
    url: &str,
    follower: &impl ChangeSubscriber,
    door: &impl KeyObserver,
    pause: &mut Duration,
) -> End {
    let connect = async {
        let mut connection = AsyncPgConnection::establish(url).await?;
        let listen =
            format!("set application_name = 'lectern listen'; set statement_timeout = '10s'; listen {CHANNEL}");
        connection.batch_execute(&listen).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok::<_, ConnectionError>(connection)
    };
    let mut connection = match timeout(PATIENCE, connect).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(ConnectionError::CouldntSetupConfiguration(error))) => return End::refused(&error),
        Ok(Err(error)) => return End::unreachable(&error),
        Err(_) => return End::unreachable(&"no connection within the time allowed"),
    };
    let joined = timeout(PATIENCE * 5, async {
        // What is to come and who may come in is known before anything is trusted.
        keys::look(&mut connection, door).await?;
        look_ahead(&mut connection, follower).await?;
        join(&mut connection, follower).await
    })
    .await;
    match joined {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return End::refused(&error),
        Err(_) => return End::unreachable(&"no answer within the time allowed"),
    }
    follower.set_state(State::Following);
    if *pause > PAUSES.0 {
        log::info!("the log of changes is followed again");
    }
    *pause = PAUSES.0;
    let end = listen(&mut connection, follower, door).await;
    // At once, and before anything else is tried: from here on changes may be missed.
    follower.set_state(State::Lost);
    end
}

/// Waits for notices and reads what they tell of.
async fn listen(connection: &mut AsyncPgConnection, follower: &impl ChangeSubscriber, door: &impl KeyObserver) -> End {
    loop {
        let mut of_keys = false;
        {
            let mut notices = std::pin::pin!(connection.notifications_stream());
            match timeout(HEARTBEAT, notices.next()).await {
                Ok(Some(Err(error))) => return End::lost(&error),
                Ok(None) => return End::lost(&"the connection was closed"),
                // What was told is in the log, like all that was told since; and no notice is news, too.
                Ok(Some(Ok(notice))) => of_keys = notice.payload == KEYS,
                Err(_) => {}
            }
            while let Some(Some(notice)) = futures_util::FutureExt::now_or_never(notices.next()) {
                match notice {
                    Ok(notice) => of_keys |= notice.payload == KEYS,
                    Err(error) => return End::lost(&error),
                }
            }
        }
        let look = async {
            catch_up(connection, follower).await?;
            if of_keys { keys::look(connection, door).await } else { Ok(()) }
        };
        match timeout(PATIENCE, look).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return End::lost(&error),
            // A connection that is there and says nothing: so is the database, as far as anybody can tell.
            Err(_) => return End::unreachable(&"the database does not answer"),
        }
    }
}

/// Brings a follower that is connected anew to the end of the log.
async fn join(connection: &mut AsyncPgConnection, follower: &impl ChangeSubscriber) -> QueryResult<()> {
    let newest = newest(connection).await?;
    let Some(known) = follower.position() else {
        follower.reset(newest);
        return Ok(());
    };
    let same = changes::table.find(known.sequence).select(changes::at).first(connection).await.optional()?;
    if same != known.at || newest.sequence - known.sequence > LONGEST_GAP {
        log::info!("the log of changes is begun anew at {}, after {}", newest.sequence, known.sequence);
        follower.reset(newest);
        return Ok(());
    }
    catch_up(connection, follower).await
}

/// Returns the end of the log as this connection sees it; behind the primary on a replica.
pub async fn newest(mut connection: &AsyncPgConnection) -> QueryResult<LogPosition> {
    let newest = changes::table.order(changes::sequence.desc()).select((changes::sequence, changes::at)).limit(1);
    let newest: Option<(i64, DateTime<Utc>)> = newest.first(&mut connection).await.optional()?;
    Ok(newest.map_or(LogPosition::default(), |(sequence, at)| LogPosition { sequence, at: Some(at) }))
}

/// Tells all changes after the follower's position, if the log still has that.
async fn catch_up(connection: &mut AsyncPgConnection, follower: &impl ChangeSubscriber) -> QueryResult<()> {
    loop {
        let known = follower.position().unwrap_or_default();
        let mut batch: Vec<Change> = changes::table
            .filter(changes::sequence.ge(known.sequence))
            .order(changes::sequence)
            .limit(BATCH)
            .select((changes::sequence, changes::tags, changes::at))
            .load(connection)
            .await?;
        let last = i64::try_from(batch.len()).is_ok_and(|length| length < BATCH);
        let same =
            batch.as_slice().first().filter(|first| first.sequence == known.sequence).map(|first| first.at) == known.at;
        batch.retain(|change| change.sequence > known.sequence);
        if !same || batch.iter().zip(known.sequence + 1..).any(|(change, sequence)| change.sequence != sequence) {
            follower.reset(newest(connection).await?);
            return look_ahead(connection, follower).await;
        }
        if !batch.is_empty() {
            follower.apply(batch);
        }
        if last {
            return look_ahead(connection, follower).await;
        }
    }
}

/// Tells when the next scheduled publication is.
async fn look_ahead(connection: &mut AsyncPgConnection, follower: &impl ChangeSubscriber) -> QueryResult<()> {
    let seconds = sql::<Nullable<Double>>("extract(epoch from min(publish_at) - clock_timestamp())::float8");
    let next = schedules::table.filter(schedules::failure.is_null()).select(seconds);
    let next: Option<f64> = next.first(connection).await?;
    // A time that no clock reaches is as good as none.
    follower.upcoming(next.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok()));
    Ok(())
}
