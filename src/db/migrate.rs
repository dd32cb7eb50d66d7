//! The embedded migrations. Services that start at once run them one after another, under an advisory lock.

use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::time::timeout;

use crate::error::Error;

/// The timeout of the connection: a server that accepts it and does not answer would otherwise block the start.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The migrations, oldest first.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Runs the pending migrations of the database at `url` and returns their names.
///
/// Must be called from a multi-threaded runtime, before the server starts.
pub async fn run(url: &str) -> Result<Vec<String>, Error> {
    let late = |_| Error::Unavailable("no connection within the timeout".into());
    let mut connection = timeout(TIMEOUT, AsyncPgConnection::establish(url)).await.map_err(late)??;
    // "lectern" in ASCII, so that it meets no other program's lock by chance. The end of the session releases it.
    connection.batch_execute("select pg_advisory_lock(30510775313724014)").await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let versions = tokio::task::block_in_place(|| {
        harness.run_pending_migrations(MIGRATIONS).map(|v| v.iter().map(ToString::to_string).collect())
    });
    versions.map_err(Error::migration)
}
