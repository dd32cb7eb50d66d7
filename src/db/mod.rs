//! Access to Postgres; knows no feature.
//!
//! - [`Db`]: connection pools. [`Db::read`] returns a connection on which Postgres refuses writes, to a replica if
//!   there is one; [`Db::write`] one to the primary.
//! - [`change_log`]: the subscriber of the change log.
//! - [`migrate`]: the migrations.
//! - [`embedded`]: the embedded Postgres, used without `DATABASE_URL`.
//! - [`statement`]: SQL that Diesel cannot express, prepared once a connection.

pub mod change_log;
pub mod embedded;
pub mod migrate;
#[allow(clippy::wildcard_imports, reason = "generated")]
#[expect(missing_docs, reason = "generated; the migrations describe the columns")]
pub mod schema;
pub mod statement;

use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ::deadpool::managed::Hook;
use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel_async::{
    AsyncConnection, AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod, deadpool},
};
use futures_util::FutureExt;

/// A connection to Postgres, for modules that use no Diesel.
pub use diesel_async::AsyncPgConnection as PgConnection;

use crate::error::Error;

/// A connection that returns to its pool when dropped.
pub type Connection = deadpool::Object<AsyncPgConnection>;

/// The default maximum of connections of a pool.
pub const CONNECTIONS: usize = 16;

/// The duration from which a statement is counted and logged as slow.
pub const SLOW: Duration = Duration::from_millis(250);

/// The timeout of a read for a connection; after it the database counts as unreachable.
const READ_TIMEOUT: Duration = Duration::from_millis(900);

/// The timeout of a write for a connection; longer, because waiting for other writers is no outage.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// The databases of a service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The URL of the primary, for writes, and for reads without replicas.
    pub url: String,
    /// The URLs of replicas for reads.
    pub replicas: Vec<String>,
    /// The maximum of connections of each pool.
    pub connections: usize,
}

/// The connection pools of one service; clones share them.
#[derive(Clone)]
pub struct Db(Arc<Pools>);

struct Pools {
    url: String,
    has_replicas: bool,
    write: deadpool::Pool<AsyncPgConnection>,
    read: Vec<deadpool::Pool<AsyncPgConnection>>,
    next: AtomicUsize,
    statements: Arc<Statements>,
}

/// Counts of statements and of connection timeouts; the arrays are indexed by [`Access`].
#[derive(Debug, Default)]
struct Statements {
    sent: [AtomicU64; 3],
    slow: AtomicU64,
    timeouts: [AtomicU64; 2],
}

impl Db {
    /// Returns the pools for `settings`, which connect at the first request.
    pub fn new(settings: &Settings) -> Result<Db, Error> {
        Db::with_access(settings, Access::Write)
    }

    /// Returns the pools of a command: one connection for writes, without timeouts.
    pub fn for_command(url: &str) -> Result<Db, Error> {
        let settings = Settings { url: url.to_owned(), replicas: Vec::new(), connections: 1 };
        Db::with_access(&settings, Access::Command)
    }

    fn with_access(settings: &Settings, write: Access) -> Result<Db, Error> {
        let statements = Arc::new(Statements::default());
        let pool = |url: &str, access| pool(url, access, settings.connections, &statements);
        let read = if settings.replicas.is_empty() {
            vec![pool(&settings.url, Access::Read)?]
        } else {
            settings.replicas.iter().map(|url| pool(url, Access::Read)).collect::<Result<_, _>>()?
        };
        let write = pool(&settings.url, write)?;
        let (url, has_replicas) = (settings.url.clone(), !settings.replicas.is_empty());
        Ok(Db(Arc::new(Pools { url, has_replicas, write, read, next: AtomicUsize::new(0), statements })))
    }

    /// Lends a connection on which Postgres refuses every write.
    pub async fn read(&self) -> Result<Connection, Error> {
        let pools = &self.0.read;
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lend(Access::Read, pools[turn % pools.len()].get().await)
    }

    /// Lends a connection to the primary that may write.
    pub async fn write(&self) -> Result<Connection, Error> {
        self.lend(Access::Write, self.0.write.get().await)
    }

    /// Returns a connection to the primary that is closed unless it is released.
    pub async fn lease(&self) -> Result<Lease, Error> {
        Ok(Lease(Some(self.write().await?)))
    }

    /// Runs `work` over a connection that may write, and closes the connection if `work` is cancelled.
    pub async fn writing<T>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut lease = self.lease().await?;
        let result = work(&mut lease).await;
        lease.release();
        result
    }

    /// Returns the URL of the primary, where the change log is followed.
    #[must_use]
    pub fn primary(&self) -> &str {
        &self.0.url
    }

    /// Checks for replicas, which may lag behind the change log.
    #[must_use]
    pub fn has_replicas(&self) -> bool {
        self.0.has_replicas
    }

    /// Returns the number of statements sent so far, `begin` and `commit` included.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.0.statements.sent.iter().map(|sent| sent.load(Ordering::Relaxed)).sum()
    }

    /// Returns the number of statements sent over read-only connections.
    #[must_use]
    pub fn read_statements(&self) -> u64 {
        self.0.statements.sent[Access::Read as usize].load(Ordering::Relaxed)
    }

    /// Returns the number of statements slower than [`SLOW`].
    #[must_use]
    pub fn slow_statements(&self) -> u64 {
        self.0.statements.slow.load(Ordering::Relaxed)
    }

    /// Returns the status of the read pools, all replicas together.
    #[must_use]
    pub fn read_pool(&self) -> PoolStatus {
        self.0.read.iter().map(PoolStatus::of).fold(PoolStatus::default(), |sum, pool| PoolStatus {
            size: sum.size + pool.size,
            used: sum.used + pool.used,
            waiting: sum.waiting + pool.waiting,
            timeouts: self.0.statements.timeouts[Access::Read as usize].load(Ordering::Relaxed),
        })
    }

    /// Returns the status of the write pool.
    #[must_use]
    pub fn write_pool(&self) -> PoolStatus {
        let timeouts = self.0.statements.timeouts[Access::Write as usize].load(Ordering::Relaxed);
        PoolStatus { timeouts, ..PoolStatus::of(&self.0.write) }
    }

    /// Counts a failed checkout.
    fn lend(&self, access: Access, loan: Result<Connection, deadpool::PoolError>) -> Result<Connection, Error> {
        if loan.is_err() {
            self.0.statements.timeouts[access as usize].fetch_add(1, Ordering::Relaxed);
        }
        Ok(loan?)
    }
}

/// The status of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Open connections.
    pub size: usize,
    /// Connections in use.
    pub used: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
    /// Requests that got no connection, because none was free in time or the server could not be reached.
    pub timeouts: u64,
}

impl PoolStatus {
    fn of(pool: &deadpool::Pool<AsyncPgConnection>) -> PoolStatus {
        let status = pool.status();
        let used = status.size.saturating_sub(status.available);
        PoolStatus { size: status.size, used, waiting: status.waiting, timeouts: 0 }
    }
}

/// A pooled connection that is closed on drop unless it is released: a cancelled transaction would keep its locks in the
/// pool.
pub struct Lease(Option<Connection>);

impl Lease {
    /// Returns the connection to its pool.
    pub fn release(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            discard(connection);
        }
    }
}

impl Deref for Lease {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        match &self.0 {
            Some(connection) => connection,
            None => unreachable!("only `release` and `drop` take the connection"),
        }
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        match &mut self.0 {
            Some(connection) => connection,
            None => unreachable!("only `release` and `drop` take the connection"),
        }
    }
}

/// Closes a connection that did not answer in time, so that the pool does not lend it again.
pub fn discard(connection: Connection) {
    drop(Connection::take(connection));
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
    /// Writes of a command, which may wait as long as it takes.
    Command,
}

impl Access {
    /// Returns the settings of a new connection. The timeouts end statements of lost clients and bad plans.
    fn setup(self) -> &'static str {
        match self {
            Access::Read => {
                "set default_transaction_read_only = on; set statement_timeout = '1s'; \
                 set idle_in_transaction_session_timeout = '10s'; set application_name = 'lectern read'"
            }
            Access::Write => {
                "set statement_timeout = '30s'; set lock_timeout = '20s'; \
                 set idle_in_transaction_session_timeout = '30s'; set application_name = 'lectern write'"
            }
            Access::Command => "set application_name = 'lectern command'",
        }
    }
}

fn pool(
    url: &str,
    access: Access,
    connections: usize,
    statements: &Arc<Statements>,
) -> Result<deadpool::Pool<AsyncPgConnection>, Error> {
    let (statements, counted) = (Arc::clone(statements), Arc::clone(statements));
    let mut config = ManagerConfig::default();
    // A closed connection is detected without a test query, which would double the round trips of a request.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        let metrics = QueryMetrics::new(access, &statements);
        let url = url.to_owned();
        async move {
            let mut connection = AsyncPgConnection::establish(&url).await?;
            connection
                .batch_execute(access.setup())
                .await
                .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
            connection.set_instrumentation(metrics);
            Ok(connection)
        }
        .boxed()
    });
    // The previous user may have dropped a query without its result, so the start times are reset.
    let reset = Hook::sync_fn(move |connection: &mut AsyncPgConnection, _| {
        connection.set_instrumentation(QueryMetrics::new(access, &counted));
        Ok(())
    });
    let connect = (!matches!(access, Access::Command)).then_some(READ_TIMEOUT);
    deadpool::Pool::builder(AsyncDieselConnectionManager::new_with_config(url, config))
        .post_recycle(reset)
        .max_size(connections)
        .runtime(::deadpool::Runtime::Tokio1)
        .wait_timeout(match access {
            Access::Read => Some(READ_TIMEOUT),
            Access::Write => Some(WRITE_TIMEOUT),
            Access::Command => None,
        })
        .create_timeout(connect)
        .recycle_timeout(connect)
        .build()
        .map_err(|e| Error::internal("the connection pool cannot be built", e))
}

/// Counts the statements of a connection, and logs the slow ones.
struct QueryMetrics {
    access: Access,
    statements: Arc<Statements>,
    /// The start times of the running statements. Postgres answers those of one connection in the order of sending.
    begun: VecDeque<Instant>,
}

impl QueryMetrics {
    fn new(access: Access, statements: &Arc<Statements>) -> QueryMetrics {
        QueryMetrics { access, statements: Arc::clone(statements), begun: VecDeque::new() }
    }
}

impl Instrumentation for QueryMetrics {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                self.statements.sent[self.access as usize].fetch_add(1, Ordering::Relaxed);
                self.begun.push_back(Instant::now());
                log::trace!(target: "lectern::sql", "{query}");
            }
            InstrumentationEvent::FinishQuery { query, .. } => {
                let took = self.begun.pop_front().map(|begun| begun.elapsed()).unwrap_or_default();
                if took >= SLOW {
                    self.statements.slow.fetch_add(1, Ordering::Relaxed);
                    log::warn!(target: "lectern::sql", "slow statement, millis={} query={query}", took.as_millis());
                }
            }
            _ => {}
        }
    }
}
