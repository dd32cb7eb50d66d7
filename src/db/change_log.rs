//! The subscriber of the change log: every instance learns each change that any instance committed.
//!
//! Invariants:
//! - a subscriber gets every change exactly once and in sequence order, which is commit order;
//! - changes missed during a lost connection are applied before the state is [`State::Following`] again;
//! - if the log does not continue at the subscriber's position (first start, another database, one that was restored or
//!   failed over with loss, a gap beyond `MAX_GAP`), the subscriber is reset;
//! - a connection that died silently is detected within [`HEARTBEAT`] and [`TIMEOUT`];
//! - hooks ran before the state is [`State::Following`], and run again when the log or their topic moves.
//!
//! A notification is only a reason to read the log, so a lost one loses no change, and thousands at once are one query.
//! Each read begins with the change at the subscriber's position: if the log has another one there, because it was
//! restored under the connection, the subscriber is reset.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{ConnectionError, prelude::*};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use tokio::time::{sleep, timeout};

use super::schema::changes;

/// The notification channel. Its payload is the sequence of a new change, or the topic of a [`Hook`], and is sent when the
/// transaction commits.
pub const CHANNEL: &str = "lectern_changes";

/// The interval at which the log is read without a notification.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// The timeout of a connection attempt or a read of the log; after it the database counts as unreachable.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// The shortest and the longest pause between two connection attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The longest gap after which missed changes are applied; after a longer one the subscriber is reset.
const MAX_GAP: i64 = 10_000;

/// The number of changes read at once.
const BATCH: i64 = 500;

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Change {
    /// Its sequence in the log.
    pub sequence: i64,
    /// The tags that it invalidates, as in `Surrogate-Key`.
    pub tags: Vec<String>,
    /// The time of the write, by the clock of Postgres.
    pub at: DateTime<Utc>,
}

/// A point in the change log. The time distinguishes two logs that both have this sequence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogPosition {
    /// The sequence of the last change up to here; 0 before the first.
    pub sequence: i64,
    /// The time of that change; `None` before the first.
    pub at: Option<DateTime<Utc>>,
}

/// The state of the subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Changes arrive as they are committed.
    Following,
    /// The connection is lost; the database may still answer other connections.
    Lost,
    /// The database cannot be reached.
    Unreachable,
}

/// A subscriber of the change log.
pub trait ChangeSubscriber: Send + Sync + 'static {
    /// Returns the position of the last change applied; `None` before the first start.
    fn position(&self) -> Option<LogPosition>;
    /// Applies the changes after its position, in order and without a gap.
    fn apply(&self, changes: Vec<Change>);
    /// Forgets everything that depends on changes: any change may have happened before `position`.
    fn reset(&self, position: LogPosition);
    /// Sets the state of the subscription.
    fn set_state(&self, state: State);
}

/// A query that its owner wants repeated over the subscriber's connection: at each connection, and after each read of
/// the log or after each notification of one topic.
pub struct Hook {
    topic: Option<&'static str>,
    run: Box<dyn Query>,
}

/// The query of a [`Hook`].
trait Query: for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, QueryResult<()>> + Send + Sync {}

impl<F: for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, QueryResult<()>> + Send + Sync> Query for F {}

impl Hook {
    /// Returns a hook that runs after each read of the log.
    pub fn every_read(
        run: impl for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, QueryResult<()>> + Send + Sync + 'static,
    ) -> Hook {
        Hook { topic: None, run: Box::new(run) }
    }

    /// Returns a hook that runs after each notification with this payload.
    pub fn on_topic(
        topic: &'static str,
        run: impl for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, QueryResult<()>> + Send + Sync + 'static,
    ) -> Hook {
        Hook { topic: Some(topic), run: Box::new(run) }
    }
}

/// Follows the change log of the database at `url`. Does not return.
pub async fn follow(url: String, subscriber: Arc<impl ChangeSubscriber>, hooks: Vec<Hook>) {
    let mut pause = BACKOFF.0;
    loop {
        let first = pause == BACKOFF.0;
        let end = follow_once(&url, &*subscriber, &hooks, &mut pause).await;
        subscriber.set_state(if end.is_unreachable { State::Unreachable } else { State::Lost });
        // Once, not with every attempt of an outage.
        let level = if first || pause == BACKOFF.0 { log::Level::Warn } else { log::Level::Debug };
        log::log!(level, "change log subscription lost, reconnecting error={}", end.cause);
        sleep(pause).await;
        pause = (pause * 2).min(BACKOFF.1);
    }
}

/// The end of a subscription.
struct End {
    cause: String,
    /// The database itself seems to be down, not only the connection.
    is_unreachable: bool,
}

impl End {
    fn lost(cause: &dyn std::fmt::Display) -> End {
        End { cause: cause.to_string(), is_unreachable: false }
    }

    fn unreachable(cause: &dyn std::fmt::Display) -> End {
        End { cause: cause.to_string(), is_unreachable: true }
    }

    /// Classifies a database error. A server that refuses (for want of free connections, say) may still answer others,
    /// unless it refuses because it starts or stops.
    fn refused(error: &diesel::result::Error) -> End {
        use diesel::result::{DatabaseErrorKind as Kind, Error};
        let is_unreachable = match error {
            Error::DatabaseError(Kind::UnableToSendCommand | Kind::ClosedConnection, _) => true,
            Error::DatabaseError(_, info) => {
                ["the database system is", "terminating connection"].iter().any(|text| info.message().contains(text))
            }
            _ => false,
        };
        End { cause: error.to_string(), is_unreachable }
    }
}

/// Connects, catches up, and follows until the connection ends.
async fn follow_once(url: &str, subscriber: &impl ChangeSubscriber, hooks: &[Hook], pause: &mut Duration) -> End {
    let connect = async {
        let mut connection = AsyncPgConnection::establish(url).await?;
        let listen =
            format!("set application_name = 'lectern listen'; set statement_timeout = '10s'; listen {CHANNEL}");
        connection.batch_execute(&listen).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok::<_, ConnectionError>(connection)
    };
    let mut connection = match timeout(TIMEOUT, connect).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(ConnectionError::CouldntSetupConfiguration(error))) => return End::refused(&error),
        Ok(Err(error)) => return End::unreachable(&error),
        Err(_) => return End::unreachable(&"no connection within the timeout"),
    };
    let joined = timeout(TIMEOUT * 5, async {
        run_hooks(&mut connection, hooks, |_| true).await?;
        join(&mut connection, subscriber).await
    })
    .await;
    match joined {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return End::refused(&error),
        Err(_) => return End::unreachable(&"no answer within the timeout"),
    }
    subscriber.set_state(State::Following);
    if *pause > BACKOFF.0 {
        log::info!("change log subscription restored");
    }
    *pause = BACKOFF.0;
    let end = listen(&mut connection, subscriber, hooks).await;
    // This comes first, because changes may be missed from here on.
    subscriber.set_state(State::Lost);
    end
}

/// Waits for notifications and reads the log after each.
async fn listen(connection: &mut AsyncPgConnection, subscriber: &impl ChangeSubscriber, hooks: &[Hook]) -> End {
    loop {
        let mut payloads = Vec::new();
        {
            let mut notices = std::pin::pin!(connection.notifications_stream());
            match timeout(HEARTBEAT, notices.next()).await {
                Ok(Some(Err(error))) => return End::lost(&error),
                Ok(None) => return End::lost(&"the connection was closed"),
                Ok(Some(Ok(notice))) => payloads.push(notice.payload),
                // The log is also read without a notification.
                Err(_) => {}
            }
            while let Some(Some(notice)) = notices.next().now_or_never() {
                match notice {
                    Ok(notice) => payloads.push(notice.payload),
                    Err(error) => return End::lost(&error),
                }
            }
        }
        let read = async {
            catch_up(connection, subscriber).await?;
            let is_due =
                |topic: Option<&str>| topic.is_none_or(|topic| payloads.iter().any(|payload| payload == topic));
            run_hooks(connection, hooks, is_due).await
        };
        match timeout(TIMEOUT, read).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return End::lost(&error),
            // A connection that is open and silent: the database may not answer other connections either.
            Err(_) => return End::unreachable(&"the database does not answer"),
        }
    }
}

async fn run_hooks(
    connection: &mut AsyncPgConnection,
    hooks: &[Hook],
    is_due: impl Fn(Option<&str>) -> bool,
) -> QueryResult<()> {
    for hook in hooks.iter().filter(|hook| is_due(hook.topic)) {
        (hook.run)(connection).await?;
    }
    Ok(())
}

/// Brings a subscriber that has just connected to the end of the log.
async fn join(connection: &mut AsyncPgConnection, subscriber: &impl ChangeSubscriber) -> QueryResult<()> {
    let newest = newest(connection).await?;
    let Some(position) = subscriber.position() else {
        subscriber.reset(newest);
        return Ok(());
    };
    let same = changes::table.find(position.sequence).select(changes::at).first(connection).await.optional()?;
    if same != position.at || newest.sequence - position.sequence > MAX_GAP {
        log::info!("change log reset, cache cleared position={} previous={}", newest.sequence, position.sequence);
        subscriber.reset(newest);
        return Ok(());
    }
    catch_up(connection, subscriber).await
}

/// Returns the end of the log as this connection sees it; behind the primary on a replica.
pub async fn newest(mut connection: &AsyncPgConnection) -> QueryResult<LogPosition> {
    let newest = changes::table.order(changes::sequence.desc()).select((changes::sequence, changes::at)).limit(1);
    let newest: Option<(i64, DateTime<Utc>)> = newest.first(&mut connection).await.optional()?;
    Ok(newest.map_or(LogPosition::default(), |(sequence, at)| LogPosition { sequence, at: Some(at) }))
}

/// Applies all changes after the subscriber's position, or resets it if the log does not continue there.
async fn catch_up(connection: &mut AsyncPgConnection, subscriber: &impl ChangeSubscriber) -> QueryResult<()> {
    loop {
        let position = subscriber.position().unwrap_or_default();
        let mut batch: Vec<Change> = changes::table
            .filter(changes::sequence.ge(position.sequence))
            .order(changes::sequence)
            .limit(BATCH)
            .select((changes::sequence, changes::tags, changes::at))
            .load(connection)
            .await?;
        let is_last = i64::try_from(batch.len()).is_ok_and(|length| length < BATCH);
        let first = batch.as_slice().first().filter(|first| first.sequence == position.sequence);
        let continues = first.map(|first| first.at) == position.at;
        batch.retain(|change| change.sequence > position.sequence);
        let has_gap = batch.iter().zip(position.sequence + 1..).any(|(change, sequence)| change.sequence != sequence);
        if !continues || has_gap {
            subscriber.reset(newest(connection).await?);
            return Ok(());
        }
        if !batch.is_empty() {
            subscriber.apply(batch);
        }
        if is_last {
            return Ok(());
        }
    }
}
