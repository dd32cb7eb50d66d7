//! Two cache levels behind one call: memory, and the response store in Postgres.
//!
//! A caller gives [`Cache::get_or_compute`] a key and a loader, and gets an [`Entry`]. The levels are hidden from it.
//!
//! Invariants:
//! - **No stale fill.** A fill starts at the log position that memory has reached, and its statements see at least that
//!   position. Its result is not stored if a later change carries one of its tags. Check and insertion share one lock.
//! - **No stale joining.** Requests for one key wait for one fill, but never for a fill that started before a change that is
//!   known when they arrive.
//! - **Stale only if error.** While the change log is not followed, entries are served only if reads fail too, and for a
//!   bounded time (RFC 5861). One request a second tries the database.
//! - **Exact invalidation.** A change removes the entries that carry one of its tags, and no others.
//! - **Bounds.** Entries take at most the configured bytes. Cached errors have a sixteenth of them, so that made-up addresses
//!   evict only each other. Entries that are requested once do not evict those that are requested again (S3-FIFO).
//! - **One key, one entry.** Entries are indexed by the URIs as clients sent them: a hit is one look-up, copies no
//!   body, parses nothing, and takes no lock across requests.
//!
//! - [`payload`] results of loaders · [`entry`] cached responses · `get` the read path · `fill` shared computations
//! - `memory` the first level · `eviction` its order · `uri_index` its look-up · `last_changed` times of tags
//! - [`response_store`] the second level · [`write_queue`] its writes · `trust` whether entries may be served

pub mod entry;
mod eviction;
mod fill;
mod get;
mod last_changed;
mod memory;
pub mod payload;
pub mod response_store;
mod trust;
mod uri_index;
pub mod write_queue;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use tokio::{
    sync::watch,
    time::{Instant as TokioInstant, sleep},
};

pub use self::{
    entry::{Entry, Representation},
    get::Key,
    payload::Payload,
    trust::CacheStatus,
};
use self::{memory::Memory, trust::Trust, uri_index::UriIndex, write_queue::WriteQueue};
use crate::db::{
    Db,
    change_log::{Change, ChangeSubscriber, LogPosition, State},
};

/// The limits of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The maximum number of bytes of entries in memory; 0 stores nothing.
    pub bytes: usize,
    /// The time after the loss of the database for which entries are served.
    pub stale_if_error: Duration,
}

/// Counters since the start, and the present size of the memory level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries in memory.
    pub entries: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Entries that were evicted for want of room.
    pub evicted: u64,
    /// Entries that a change invalidated.
    pub invalidated: u64,
    /// Fills that were not stored because a change came in between.
    pub refused_fills: u64,
    /// Changes that were applied.
    pub changes: u64,
    /// Times that the change log was followed again after a loss.
    pub reconnects: u64,
    /// Times that everything was dropped because the change log did not continue.
    pub resets: u64,
}

/// The longest time for which a timer is set; each read of the change log sets it again.
const MAX_TIMER: Duration = Duration::from_secs(86_400);

/// No scheduled publication, in the encoding of `Cache::next_publication`.
const NEVER: u64 = u64::MAX;

/// The cache of one service, shared by its workers. `R` is the form in which the owner serves payloads.
pub struct Cache<R> {
    db: Db,
    trust: Trust,
    uri_index: Arc<UriIndex<R>>,
    memory: Mutex<Memory<R>>,
    write_queue: Arc<WriteQueue>,
    started: Instant,
    /// The next scheduled publication in milliseconds since `started`, for every response to read; `NEVER` if none.
    next_publication: AtomicU64,
    /// The same, for tasks that wait for it.
    publication_timer: watch::Sender<Option<TokioInstant>>,
    on_change: Box<dyn Fn(Duration) + Send + Sync>,
}

impl<R> Cache<R> {
    fn memory(&self) -> MutexGuard<'_, Memory<R>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Representation> Cache<R> {
    /// Returns an empty cache that reads from `db`. It serves nothing until it follows the change log. `on_change` is called
    /// for each change with the time since its commit.
    #[must_use]
    pub fn new(settings: Settings, db: Db, on_change: impl Fn(Duration) + Send + Sync + 'static) -> Cache<R> {
        let uri_index = Arc::new(UriIndex::default());
        Cache {
            db,
            trust: Trust::new(settings.stale_if_error),
            memory: Mutex::new(Memory::new(settings.bytes, Arc::clone(&uri_index))),
            uri_index,
            write_queue: Arc::default(),
            started: Instant::now(),
            next_publication: AtomicU64::new(NEVER),
            publication_timer: watch::Sender::new(None),
            on_change: Box::new(on_change),
        }
    }

    /// Returns the entry for a URI as the client sent it: the path of nearly every request.
    #[must_use]
    pub fn find(&self, raw_uri: &str) -> Option<(Arc<Entry<R>>, CacheStatus)> {
        let entry = self.uri_index.find(raw_uri)?;
        let status = self.trust.status(entry.immutable)?;
        entry.touch();
        Some((entry, status))
    }

    /// Returns the state of the subscription to the change log.
    #[must_use]
    pub fn state(&self) -> State {
        self.trust.state()
    }

    /// Waits until every change up to `sequence` is applied, at most `patience`; not while the change log is not followed.
    pub async fn wait_for(&self, sequence: i64, patience: Duration) {
        let started = Instant::now();
        let is_behind = || self.position().is_none_or(|position| position.sequence < sequence);
        while self.state() == State::Following && is_behind() && started.elapsed() < patience {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Counts bytes that an entry has gained since it was stored.
    pub fn add_weight(&self, entry: &Entry<R>, bytes: usize) {
        if bytes > 0 {
            self.memory().add_weight(entry, bytes);
        }
    }

    /// Returns the counters.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.memory().counts()
    }

    /// Sets the time until the next scheduled publication.
    pub fn set_next_publication(&self, next: Option<Duration>) {
        let millis = next.map_or(NEVER, |next| {
            let next = u64::try_from(next.as_millis()).unwrap_or(NEVER);
            self.elapsed_millis().saturating_add(next).min(NEVER - 1)
        });
        self.next_publication.store(millis, Ordering::Relaxed);
        self.publication_timer.send_replace(next.map(|next| TokioInstant::now() + next.min(MAX_TIMER)));
    }

    /// Returns a receiver of the time of the next scheduled publication.
    #[must_use]
    pub fn publication_timer(&self) -> watch::Receiver<Option<TokioInstant>> {
        self.publication_timer.subscribe()
    }

    /// Returns the full seconds until the next scheduled publication: the most for which other caches may store a
    /// response.
    #[must_use]
    pub fn seconds_to_publication(&self) -> Option<u64> {
        let due = self.next_publication.load(Ordering::Relaxed);
        (due != NEVER).then(|| due.saturating_sub(self.elapsed_millis()) / 1000)
    }

    fn elapsed_millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(NEVER)
    }

    /// Writes responses to the response store. Does not return.
    pub async fn run_write_worker(self: Arc<Self>) {
        let (db, queue) = (self.db.clone(), Arc::clone(&self.write_queue));
        drop(self);
        response_store::run_write_worker(db, queue).await;
    }
}

impl<R: Representation> ChangeSubscriber for Cache<R> {
    fn position(&self) -> Option<LogPosition> {
        self.memory().position()
    }

    fn apply(&self, changes: Vec<Change>) {
        self.memory().apply(&changes);
        let now = Utc::now();
        for change in changes {
            (self.on_change)((now - change.at).to_std().unwrap_or_default());
        }
    }

    fn reset(&self, position: LogPosition) {
        self.memory().reset(position);
    }

    fn set_state(&self, state: State) {
        // Under the lock of memory, so that no fill checked against the old state is inserted later.
        let mut memory = self.memory();
        if state == State::Following {
            memory.count_connect();
        }
        self.trust.set_state(state);
    }
}

#[cfg(test)]
mod tests;
