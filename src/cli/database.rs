//! The database of a command: the one that is named, or a private one that starts and ends with it.

use std::{sync::Arc, time::Duration};

use super::Settings;
use crate::{
    db::{self, embedded::PrivatePostgres, migrate},
    error::Error,
};

/// Runs `work` with the URL of a database that is up to date, on a runtime of its own.
pub(super) fn with_database(
    settings: &Settings,
    work: impl AsyncFnOnce(&str) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let unusable = |e: db::embedded::PrivateError| Error::internal("the private Postgres", e);
    // A variable that is set to nothing, as compose files do, is not set.
    let given = settings.database_url.clone().filter(|url| !url.is_empty());
    let private = if given.is_some() {
        None
    } else {
        let folder = settings.data_dir.clone().map_or_else(db::embedded::default_data_dir, Ok).map_err(unusable)?;
        log::info!("using the private Postgres in {}", folder.display());
        Some(Arc::new(PrivatePostgres::start(&folder).map_err(unusable)?))
    };
    let url = given.or_else(|| private.as_ref().map(|private| private.url())).unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Error::internal("the runtime cannot start", e))?;
    let result = runtime.block_on(async {
        for version in migrate::run(&url).await? {
            log::info!("migrated the database to {version}");
        }
        if let Some(private) = &private {
            tokio::spawn(keep_running(Arc::clone(private)));
        }
        work(&url).await
    });
    // Ends the watch, and waits for what it is doing.
    drop(runtime);
    if let Some(private) = private.and_then(Arc::into_inner) {
        private.stop().map_err(unusable)?;
    }
    result
}

/// Starts the private Postgres again whenever it died.
async fn keep_running(private: Arc<PrivatePostgres>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let watched = Arc::clone(&private);
        match tokio::task::spawn_blocking(move || watched.ensure_running()).await {
            Ok(Ok(true)) => log::warn!("the private Postgres had died, and was started again"),
            Ok(Ok(false)) => {}
            Ok(Err(e)) => log::error!("the private Postgres died and cannot be started: {e}"),
            Err(_) => return,
        }
    }
}
