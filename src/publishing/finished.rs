//! Writes whole articles as they were answered, so that the next reading finds them; what must hold is said at
//! [`crate::finished`].
//!
//! This changes nothing that readers can see, so it takes no lock of publishing and has no row in the log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::{
    dsl::{exists, not},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::{
    db::{
        Db,
        schema::{articles, finished_articles as kept},
        statement::{Bind, Statement},
    },
    error::Error,
    finished::{BUILD, Finished, Shelf},
};

/// How long articles are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(50);

/// The most articles that are written together.
const BATCH: usize = 32;

/// Writing takes at most one part in so many of the time.
const SHARE: u32 = 10;

/// How long writing may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often what is of articles that are gone is looked for.
const SWEEP: Duration = Duration::from_secs(3600);

/// Writes what is put on the shelf, for ever.
pub async fn run_write_worker(db: Db, shelf: Arc<Shelf>) {
    let mut next_sweep = Instant::now();
    loop {
        let articles = shelf.take(BATCH);
        if articles.is_empty() {
            shelf.filled().await;
            sleep(GATHER).await;
            continue;
        }
        let began = Instant::now();
        let count = articles.len();
        let sweeps = began >= next_sweep;
        let work = async |connection: &mut AsyncPgConnection| {
            if sweeps {
                sweep(connection).await?;
            }
            write(connection, articles).await
        };
        match timeout(PATIENCE, db.writing(work)).await {
            Ok(Ok(())) if sweeps => next_sweep = began + SWEEP,
            Ok(Ok(())) => {}
            // They are assembled again when they are read again.
            Ok(Err(error)) => log::debug!("{count} finished articles were not kept: {error}"),
            Err(_) => log::debug!("{count} finished articles were not kept: no answer within the time allowed"),
        }
        sleep(began.elapsed() * SHARE).await;
    }
}

/// Takes away what is kept of articles that are gone.
async fn sweep(connection: &mut AsyncPgConnection) -> Result<(), Error> {
    let present = articles::table.filter(articles::id.eq(kept::article_id));
    diesel::delete(kept::table.filter(not(exists(present)))).execute(connection).await?;
    Ok(())
}

/// Writes finished articles, in the order of their ids. One statement.
pub async fn write(connection: &mut AsyncPgConnection, finished: Vec<(Uuid, Finished)>) -> Result<(), Error> {
    let (mut ids, mut sequences, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut joined, mut bodies) = (Vec::new(), Vec::new());
    for (id, Finished { place, tags, body }) in finished {
        ids.push(id);
        sequences.push(place.sequence);
        times.push(place.at.timestamp_micros());
        joined.push(tags.join(" "));
        bodies.push(body);
    }
    let given = vec![
        ("build", Bind::Text(Some(BUILD.to_owned()))),
        ("ids", Bind::Uuids(ids)),
        ("sequences", Bind::Integers(sequences)),
        ("times", Bind::Integers(times)),
        ("joined", Bind::Texts(joined)),
        ("bodies", Bind::Texts(bodies)),
    ];
    Statement::<()>::new(include_str!("finished.sql"), given).execute(connection).await?;
    Ok(())
}
