//! The second cache level: responses in Postgres, so that a cold read costs one statement.
//!
//! Invariants:
//! - **Exact.** A row names the log position at which all of the response was read, and its tags. It is served only if, in the
//!   snapshot that reads it, no tag has changed after that position. A trigger on the change log records the last change of
//!   each tag, whatever program writes the log. So it does not matter who wrote a row, nor when.
//! - **Same build.** Another build may respond otherwise, so it does not serve the row.
//! - **Same log.** A row is written only if its position, with its time, is in the log: not after a restore to an earlier
//!   state.
//! - **Never waited for.** A background worker writes, for at most a tenth of the time. What does not fit into its queue is
//!   not stored. It takes no lock that a publication needs.
//! - **Bounded.** Only JSON of routes whose policy says so is stored, one row a key. Rows that a change has invalidated are
//!   deleted once an hour.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::time::{sleep, timeout};

use super::{
    Payload,
    payload::JSON,
    write_queue::{StoredResponse, WriteQueue},
};
use crate::{
    db::{
        Connection, Db,
        change_log::{self, LogPosition},
        statement::{Bind, Statement},
    },
    error::Error,
};

/// The digest of the sources of this program.
pub const BUILD: &str = env!("LECTERN_BUILD");

/// The time for which responses are collected before they are written together.
const COLLECT: Duration = Duration::from_millis(50);

/// The maximum number of responses in one statement.
const BATCH: usize = 32;

/// The fraction of the time that may be spent on writing.
const FRACTION: u32 = 10;

/// The time after which a write counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The time between two deletions of invalidated rows.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// Returns the stored response for `key`, or loads it and queues it for storage.
pub(super) async fn get_or_load(
    connection: &Connection,
    key: &Arc<str>,
    queue: &WriteQueue,
    load: impl AsyncFnOnce(&Connection) -> Result<Payload, Error>,
) -> Result<Payload, Error> {
    let (position, stored) = find(connection, key).await?;
    if let Some(payload) = stored {
        return Ok(payload);
    }
    let payload = load(connection).await?;
    if let Some(position) = position
        && is_storable(&payload)
        && queue.has_room(payload.body.len())
        // Checks that everything was read at this position, because a restore could lose a later change and its data.
        && change_log::newest(connection).await? == position
        && let Ok(body) = str::from_utf8(&payload.body)
    {
        queue.push(key, StoredResponse { position, tags: payload.tags.clone(), body: body.to_owned() });
    }
    Ok(payload)
}

/// Returns whether a row has all that the payload has.
fn is_storable(payload: &Payload) -> bool {
    payload.content_type == JSON && payload.links.is_empty() && payload.policy.is_none()
}

/// Returns the end of the log, and the stored response for `key` that is valid there, in one statement.
async fn find(mut connection: &AsyncPgConnection, key: &str) -> Result<(Option<LogPosition>, Option<Payload>), Error> {
    type Row = (i64, DateTime<Utc>, Option<Vec<String>>, Option<String>);
    let given = vec![("key", Bind::Text(Some(key.to_owned()))), ("build", Bind::Text(Some(BUILD.to_owned())))];
    let sql = include_str!("response_store/find.sql");
    let statement = Statement::<(BigInt, Timestamptz, Nullable<Array<Text>>, Nullable<Text>)>::new(sql, given);
    let rows: Vec<Row> = statement.load(&mut connection).await?;
    let Some((sequence, at, tags, body)) = rows.into_iter().next() else { return Ok((None, None)) };
    let payload = body.map(|body| Payload::bytes(JSON, body).tagged(tags.unwrap_or_default()));
    Ok((Some(LogPosition { sequence, at: Some(at) }), payload))
}

/// Writes the responses of the queue. Does not return.
pub(super) async fn run_write_worker(db: Db, queue: Arc<WriteQueue>) {
    let mut next_sweep = Instant::now();
    loop {
        let responses = queue.take(BATCH);
        if responses.is_empty() {
            queue.wait().await;
            sleep(COLLECT).await;
            continue;
        }
        let (started, count) = (Instant::now(), responses.len());
        let is_sweep_due = started >= next_sweep;
        let work = async |connection: &mut AsyncPgConnection| {
            if is_sweep_due {
                connection.batch_execute(include_str!("response_store/sweep.sql")).await?;
            }
            write(connection, responses).await
        };
        match timeout(PATIENCE, db.writing(work)).await {
            Ok(Ok(())) if is_sweep_due => next_sweep = started + SWEEP_INTERVAL,
            Ok(Ok(())) => {}
            // They are computed again by the next reads.
            Ok(Err(error)) => log::debug!("responses not stored count={count} error={error}"),
            Err(_) => log::debug!("responses not stored count={count} error=timeout"),
        }
        sleep(started.elapsed() * FRACTION).await;
    }
}

/// Writes responses, sorted by key, in one statement. Newer rows and those of another log stay out.
pub async fn write(
    connection: &mut AsyncPgConnection,
    responses: Vec<(Arc<str>, StoredResponse)>,
) -> Result<(), Error> {
    let (mut keys, mut sequences, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tag_lists, mut bodies) = (Vec::new(), Vec::new());
    for (key, StoredResponse { position, tags, body }) in responses {
        keys.push(key.to_string());
        sequences.push(position.sequence);
        times.push(position.at.map_or(0, |at| at.timestamp_micros()));
        tag_lists.push(tags.join(" "));
        bodies.push(body);
    }
    let given = vec![
        ("build", Bind::Text(Some(BUILD.to_owned()))),
        ("keys", Bind::Texts(keys)),
        ("sequences", Bind::Integers(sequences)),
        ("times", Bind::Integers(times)),
        ("tag_lists", Bind::Texts(tag_lists)),
        ("bodies", Bind::Texts(bodies)),
    ];
    Statement::<()>::new(include_str!("response_store/write.sql"), given).execute(connection).await?;
    Ok(())
}
