//! The way to Postgres; knows no feature.
//!
//! - [`Db`]: pools of connections: [`Db::read`] gives one that Postgres itself holds read-only (a replica where there
//!   is one), [`Db::write`] one that may change things.
//! - [`change_log`]: the log of changes, followed as it grows.
//! - [`migrate`]: the embedded migrations, under an advisory lock.
//! - [`embedded`]: our own Postgres, where no `DATABASE_URL` names another.
//! - [`statement`]: SQL that Diesel cannot say, prepared once all the same.

pub mod change_log;
pub mod embedded;
pub mod migrate;
#[allow(clippy::wildcard_imports, reason = "generated")]
#[expect(missing_docs, reason = "generated; the migrations say what the columns mean")]
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

/// A connection on loan from a pool.
pub type Connection = deadpool::Object<AsyncPgConnection>;

/// The most connections to each server and purpose, unless a test wants fewer.
pub const CONNECTIONS: usize = 16;

/// From when on a statement counts as slow, and is named in the log.
pub const SLOW: Duration = Duration::from_millis(250);

/// How long a request waits for a connection before it is told that the database cannot be reached.
const WAIT: Duration = Duration::from_millis(900);

/// How long it waits for its turn to write: other writers are no outage.
const TURN: Duration = Duration::from_secs(20);

/// Which databases to use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The primary, for writes, and for reads where `replicas` is empty.
    pub url: String,
    /// Replicas for reads.
    pub replicas: Vec<String>,
    /// The most connections to each server and purpose.
    pub connections: usize,
}

/// The pools of one service. Cloning shares them.
#[derive(Clone)]
pub struct Db(Arc<Pools>);

struct Pools {
    url: String,
    replicated: bool,
    write: deadpool::Pool<AsyncPgConnection>,
    read: Vec<deadpool::Pool<AsyncPgConnection>>,
    next: AtomicUsize,
    statements: Arc<Statements>,
}

/// Counts of statements, and of requests that got no connection; by what they are for, where there are two: to read or to write.
#[derive(Debug, Default)]
struct Statements {
    sent: [AtomicU64; 3],
    slow: AtomicU64,
    timeouts: [AtomicU64; 2],
}

impl Db {
    /// Pools for `settings`; connects to nothing yet, so a database that is down is met by the first request.
    pub fn new(settings: &Settings) -> Result<Db, Error> {
        Db::with_access(settings, Access::Write)
    }

    /// Pools for a command: one connection for writes, without time limits.
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
        let (url, replicated) = (settings.url.clone(), !settings.replicas.is_empty());
        Ok(Db(Arc::new(Pools { url, replicated, write, read, next: AtomicUsize::new(0), statements })))
    }

    /// A connection on which Postgres refuses every write.
    pub async fn read(&self) -> Result<Connection, Error> {
        let pools = &self.0.read;
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lend(Access::Read, pools[turn % pools.len()].get().await)
    }

    /// A connection to the primary that may write.
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

    /// The address of the primary: whoever follows the log listens there.
    #[must_use]
    pub fn primary(&self) -> &str {
        &self.0.url
    }

    /// Whether reads come from replicas, which may lag behind the log.
    #[must_use]
    pub fn replicated(&self) -> bool {
        self.0.replicated
    }

    /// How many statements were sent to Postgres so far, those that open and close transactions included.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.0.statements.sent.iter().map(|sent| sent.load(Ordering::Relaxed)).sum()
    }

    /// How many of them were sent over connections that only read.
    #[must_use]
    pub fn read_statements(&self) -> u64 {
        self.0.statements.sent[Access::Read as usize].load(Ordering::Relaxed)
    }

    /// How many of them took longer than [`SLOW`].
    #[must_use]
    pub fn slow_statements(&self) -> u64 {
        self.0.statements.slow.load(Ordering::Relaxed)
    }

    /// How it stands with the pools for reading, all replicas together.
    #[must_use]
    pub fn read_pool(&self) -> PoolUse {
        self.0.read.iter().map(PoolUse::of).fold(PoolUse::default(), |sum, pool| PoolUse {
            size: sum.size + pool.size,
            used: sum.used + pool.used,
            waiting: sum.waiting + pool.waiting,
            timeouts: self.0.statements.timeouts[Access::Read as usize].load(Ordering::Relaxed),
        })
    }

    /// How it stands with the pool for writing.
    #[must_use]
    pub fn write_pool(&self) -> PoolUse {
        let timeouts = self.0.statements.timeouts[Access::Write as usize].load(Ordering::Relaxed);
        PoolUse { timeouts, ..PoolUse::of(&self.0.write) }
    }

    /// Counts a loan that came to nothing.
    fn lend(&self, access: Access, loan: Result<Connection, deadpool::PoolError>) -> Result<Connection, Error> {
        if loan.is_err() {
            self.0.statements.timeouts[access as usize].fetch_add(1, Ordering::Relaxed);
        }
        Ok(loan?)
    }
}

/// How it stands with a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// Its connections.
    pub size: usize,
    /// Those on loan.
    pub used: usize,
    /// The requests that wait for one.
    pub waiting: usize,
    /// Requests that got none so far, because none came free in time or the server could not be reached.
    pub timeouts: u64,
}

impl PoolUse {
    fn of(pool: &deadpool::Pool<AsyncPgConnection>) -> PoolUse {
        let status = pool.status();
        let used = status.size.saturating_sub(status.available);
        PoolUse { size: status.size, used, waiting: status.waiting, timeouts: 0 }
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

/// Closes a connection that did not answer in time, so that nobody else waits for it.
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
    /// What a new connection is told once. The time limits end what a lost client or a bad plan would hold for ever.
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
    // A connection that Postgres closed is known to be closed; a test query a request would double the round trips.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        let watch = QueryMetrics::new(access, &statements);
        let url = url.to_owned();
        async move {
            let mut connection = AsyncPgConnection::establish(&url).await?;
            connection
                .batch_execute(access.setup())
                .await
                .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
            connection.set_instrumentation(watch);
            Ok(connection)
        }
        .boxed()
    });
    // Whoever had the connection before may have gone without the answers to what they asked.
    let anew = Hook::sync_fn(move |connection: &mut AsyncPgConnection, _| {
        connection.set_instrumentation(QueryMetrics::new(access, &counted));
        Ok(())
    });
    let connect = (!matches!(access, Access::Command)).then_some(WAIT);
    deadpool::Pool::builder(AsyncDieselConnectionManager::new_with_config(url, config))
        .post_recycle(anew)
        .max_size(connections)
        .runtime(::deadpool::Runtime::Tokio1)
        .wait_timeout(match access {
            Access::Read => Some(WAIT),
            Access::Write => Some(TURN),
            Access::Command => None,
        })
        .create_timeout(connect)
        .recycle_timeout(connect)
        .build()
        .map_err(|e| Error::internal("the pool cannot be built", e))
}

/// Counts the statements of a connection, and names those that are slow.
struct QueryMetrics {
    access: Access,
    statements: Arc<Statements>,
    /// When the statements that are under way began. Those of one connection are answered in the order in which they were
    /// sent.
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
                    log::warn!(target: "lectern::sql", "slow statement, {} ms: {query}", took.as_millis());
                }
            }
            _ => {}
        }
    }
}
