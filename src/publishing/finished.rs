//! Writes whole articles as they were answered, so that the next reading finds them; what must hold is said at
//! [`crate::finished`].
//!
//! This changes nothing that readers can see, so it takes no lock of publishing and has no row in the log.

use std::{sync::Arc, time::Duration};

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::{
    db::{
        Db,
        statement::{Bind, Statement},
    },
    error::Error,
    finished::{BUILD, Finished, Shelf},
};

/// How long articles are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(50);

/// How long writing may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long nothing is written after that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes what is put on the shelf, for ever.
pub async fn keep(db: Db, shelf: Arc<Shelf>) {
    loop {
        shelf.filled().await;
        sleep(GATHER).await;
        let articles = shelf.take();
        if articles.is_empty() {
            continue;
        }
        let written = timeout(PATIENCE, db.writing(async |connection| write(connection, &articles).await)).await;
        let why = match written {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer within the time allowed".to_owned(),
        };
        // They are assembled again when they are read again.
        log::debug!("{} finished articles were not kept: {why}", articles.len());
        sleep(PAUSE).await;
    }
}

/// Writes finished articles. One statement.
pub async fn write(connection: &mut AsyncPgConnection, articles: &[(Uuid, Finished)]) -> Result<(), Error> {
    let all = || articles.iter().map(|(_, finished)| finished);
    let given = vec![
        ("build", Bind::Text(Some(BUILD.to_owned()))),
        ("ids", Bind::Uuids(articles.iter().map(|(id, _)| *id).collect())),
        ("sequences", Bind::Integers(all().map(|finished| finished.place.sequence).collect())),
        ("times", Bind::Integers(all().map(|finished| finished.place.at.timestamp_micros()).collect())),
        ("joined", Bind::Texts(all().map(|finished| finished.tags.join(" ")).collect())),
        ("bodies", Bind::Texts(all().map(|finished| finished.body.clone()).collect())),
    ];
    Statement::<()>::new(include_str!("finished.sql"), given).execute(connection).await?;
    Ok(())
}
