//! The database of a command: the one in `DATABASE_URL`, or the embedded Postgres, which starts and stops with the command.

use std::{sync::Arc, time::Duration};

use super::Settings;
use crate::{
    db::{self, embedded::EmbeddedPostgres, migrate},
    error::Error,
};

/// Runs `work` on a new runtime with the URL of a migrated database.
pub(super) fn with_database(
    settings: &Settings,
    work: impl AsyncFnOnce(&str) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let unusable = |e: db::embedded::EmbeddedError| Error::internal("the embedded Postgres", e);
    // An empty variable, as compose files set it, counts as unset.
    let given = settings.database_url.clone().filter(|url| !url.is_empty());
    let embedded = if given.is_some() {
        None
    } else {
        let folder = settings.data_dir.clone().map_or_else(db::embedded::default_data_dir, Ok).map_err(unusable)?;
        log::info!("using the embedded Postgres, folder={}", folder.display());
        Some(Arc::new(EmbeddedPostgres::start(&folder).map_err(unusable)?))
    };
    let url = given.or_else(|| embedded.as_ref().map(|embedded| embedded.url())).unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Error::internal("the runtime cannot start", e))?;
    let result = runtime.block_on(async {
        for version in migrate::run(&url).await? {
            log::info!("migration applied, version={version}");
        }
        if let Some(embedded) = &embedded {
            tokio::spawn(supervise(Arc::clone(embedded)));
        }
        work(&url).await
    });
    // Ends the supervision, and waits for a restart that is under way.
    drop(runtime);
    if let Some(embedded) = embedded.and_then(Arc::into_inner) {
        embedded.stop().map_err(unusable)?;
    }
    result
}

/// Restarts the embedded Postgres whenever it died.
async fn supervise(embedded: Arc<EmbeddedPostgres>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let server = Arc::clone(&embedded);
        match tokio::task::spawn_blocking(move || server.ensure_running()).await {
            Ok(Ok(true)) => log::warn!("embedded Postgres died and was restarted"),
            Ok(Ok(false)) => {}
            Ok(Err(e)) => log::error!("embedded Postgres died and cannot be restarted, retrying error={e}"),
            Err(_) => return,
        }
    }
}
