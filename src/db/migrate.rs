//! The embedded migrations. Several services that start at once run them one after another.

use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::time::timeout;

use crate::error::Error;

/// How long a connection may take before the database counts as unreachable. Something that takes connections and says
/// nothing would otherwise be waited for in silence.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the service needs of its database, oldest first.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Brings the database at `url` up to date and returns the names of the migrations that ran.
///
/// Must be called from a multi-threaded runtime, before the server starts.
pub async fn run(url: &str) -> Result<Vec<String>, Error> {
    let late = |_| Error::Unavailable("no connection within the time allowed".into());
    let mut connection = timeout(PATIENCE, AsyncPgConnection::establish(url)).await.map_err(late)??;
    // "lectern" in ASCII, so that no other program's lock is met by chance. The session's end releases it.
    connection.batch_execute("select pg_advisory_lock(30510775313724014)").await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let versions = tokio::task::block_in_place(|| {
        harness.run_pending_migrations(MIGRATIONS).map(|v| v.iter().map(ToString::to_string).collect())
    });
    versions.map_err(Error::migration)
}
