//! Finished answers in memory: exact, bounded, computed once.
//!
//! What must hold:
//! - **No stale fill.** An answer is computed under the place in the log of changes that was known before its first
//!   statement was sent; those statements see at least that place. It is refused if a change after that place carries one
//!   of its tags, and dropped when such a change becomes known later. Both happen under one lock.
//! - **No stale joining.** Requests for one answer wait for one computation, but never for one that began before a change
//!   that is known when they come.
//! - **No trust without news.** While the log is not followed, nothing may be known of changes, so answers from memory are
//!   served only where reading from the database fails too, and for a bounded time. One request a second tries.
//! - **Exact invalidation.** A change drops the answers that carry one of its tags, and no others.
//! - **Bounds.** Answers take no more than the limit; refusals (404, 410, 308) have a part of their own, a sixteenth of it, so
//!   that made-up addresses push out nothing but each other; made-up queries of real addresses are asked for once, and
//!   what is asked for once does not push out what is asked for again (S3-FIFO, Yang et al., SOSP 2023).
//! - **One address, one entry.** Entries are known by the canonical form of their address; the spellings by which they were
//!   asked for lead to them directly, so that a hit costs one look-up and nothing is parsed.
//!
//! - [`entry`]: what is kept for an address, and what makes it stale · [`page`]: an answer, and what it says to one request
//! - `store`: what is kept, and by what it is found

mod clock;
pub mod entry;
mod front;
pub mod page;
mod store;

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use tokio::{
    sync::watch,
    time::{Instant as Due, sleep},
};

pub use self::entry::{Entry, Outcome};
use self::{front::UriIndex, store::Store};
use crate::{
    db::change_log::{Change, ChangeSubscriber, LogPosition, State},
    error::Error,
    http::metrics::Metrics,
};

/// A tag as the cache compares it. Two tags that fall together would only drop an answer too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(u64);

impl Tag {
    /// The tag of this name.
    #[must_use]
    pub fn new(name: &str) -> Tag {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Tag(hasher.finish())
    }
}

/// How an answer came about, as `Server-Timing`, the log and the metrics say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStatus {
    /// From memory.
    Hit,
    /// Computed for this request, or for another one that asked at the same time.
    Miss,
    /// From memory although nobody knows whether it still holds, because the database cannot be reached.
    Stale,
}

impl CacheStatus {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CacheStatus::Hit => "hit",
            CacheStatus::Miss => "miss",
            CacheStatus::Stale => "stale",
        }
    }
}

/// How much a cache keeps, and how long it serves what nobody can confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The most bytes of answers; 0 keeps nothing.
    pub bytes: usize,
    /// For how long after the database was lost answers are served from memory.
    pub stale_if_error: Duration,
}

/// What happened in a cache so far, and what is in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The entries in memory.
    pub entries: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Entries that were pushed out by others.
    pub evicted: u64,
    /// Entries that a change dropped.
    pub invalidated: u64,
    /// Answers that were not kept, because a change had come in between.
    pub refused: u64,
    /// Changes that were applied.
    pub changes: u64,
    /// How often the log was followed again after it was lost.
    pub followed_again: u64,
    /// How often everything was forgotten, because the log could not be joined to what was known.
    pub begun_anew: u64,
}

/// The answers of one service; shared by its workers.
#[derive(Debug)]
pub struct Cache {
    settings: Settings,
    metrics: Arc<Metrics>,
    front: UriIndex,
    store: Mutex<Store>,
    state: AtomicU8,
    lost: Mutex<Option<Instant>>,
    began: Instant,
    /// When a read failed for want of a database, or one was sent to see whether it still does: in milliseconds since
    /// `began`, and 0 where the last one went well.
    failed: AtomicU64,
    /// When the next scheduled publication is.
    upcoming: watch::Sender<Option<Due>>,
    /// The same for the way of every answer: in milliseconds since `began`, and `NEVER` where there is none.
    due: AtomicU64,
}

/// How far ahead a clock is set at most; it is set anew with every look at the log.
const FARTHEST: Duration = Duration::from_secs(86_400);

/// The time of what is not to come.
const NEVER: u64 = u64::MAX;

/// For how long a failed read speaks for all others.
const RETRY: u64 = 1000;

/// What a computation came to, for all who waited for it.
pub type Computed = Result<Arc<Entry>, Error>;

/// What becomes of a request.
pub enum Lookup {
    /// It is answered from memory.
    Known(Arc<Entry>, CacheStatus),
    /// It waits for a computation that another request began.
    Join(watch::Receiver<Option<Computed>>),
    /// It has to compute; everybody, itself included, waits for the result.
    Lead(Fill, watch::Receiver<Option<Computed>>),
}

/// A computation that is under way. Dropped without a result, it wakes those who wait.
pub struct Fill {
    cache: Arc<Cache>,
    key: Arc<str>,
    number: u64,
    position: Option<LogPosition>,
    overtaken: bool,
    sender: watch::Sender<Option<Computed>>,
}

impl Cache {
    /// An empty cache. It trusts nothing until it follows the log.
    #[must_use]
    pub fn new(settings: Settings, metrics: Arc<Metrics>) -> Cache {
        Cache {
            settings,
            metrics,
            front: UriIndex::default(),
            store: Mutex::new(Store::new(settings.bytes)),
            state: AtomicU8::new(code(State::Lost)),
            lost: Mutex::new(None),
            began: Instant::now(),
            failed: AtomicU64::new(0),
            upcoming: watch::Sender::new(None),
            due: AtomicU64::new(NEVER),
        }
    }

    /// When the next scheduled publication is, as it becomes known.
    #[must_use]
    pub fn upcoming(&self) -> watch::Receiver<Option<Due>> {
        self.upcoming.subscribe()
    }

    /// The whole seconds until the next scheduled publication, where there is one: for so long an answer may be kept
    /// elsewhere, at most.
    #[must_use]
    pub fn seconds_left(&self) -> Option<u64> {
        let due = self.due.load(Ordering::Relaxed);
        (due != NEVER).then(|| due.saturating_sub(self.now()) / 1000)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept for an address as it was spelled: the way of nearly every request.
    #[must_use]
    pub fn find(&self, spelled: &str) -> Option<(Arc<Entry>, CacheStatus)> {
        let entry = self.front.find(spelled)?;
        let served = self.trust(&entry)?;
        entry.touch();
        Some((entry, served))
    }

    /// Whether an entry may be served at all, and as what.
    fn trust(&self, entry: &Entry) -> Option<CacheStatus> {
        match self.state() {
            State::Following => Some(CacheStatus::Hit),
            _ if entry.lasting => Some(CacheStatus::Hit),
            State::Unreachable if self.reads_fail() && self.may_be_stale() => Some(CacheStatus::Stale),
            State::Lost | State::Unreachable => None,
        }
    }

    /// Notes whether a read reached the database.
    pub fn read_ended(&self, reached: bool) {
        let now = if reached { 0 } else { self.now() };
        self.failed.store(now, Ordering::Relaxed);
    }

    /// Whether reading is known to fail. Who asks when that was some time ago is told no, and tries for all others. That the
    /// log cannot be followed is no proof: a database that takes no more connections may well answer over those that it has.
    fn reads_fail(&self) -> bool {
        let (failed, now) = (self.failed.load(Ordering::Relaxed), self.now());
        if failed == 0 {
            return false;
        }
        let tries = now - failed >= RETRY
            && self.failed.compare_exchange(failed, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        !tries
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn may_be_stale(&self) -> bool {
        let lost = *self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_some_and(|lost| lost.elapsed() < self.settings.stale_if_error)
    }

    /// How it stands with the log.
    #[must_use]
    pub fn state(&self) -> State {
        [State::Following, State::Lost, State::Unreachable][usize::from(self.state.load(Ordering::Acquire)).min(2)]
    }

    /// Waits until nothing from before this place in the log is answered any more, `patience` at most; not while the log cannot
    /// be followed.
    pub async fn reached(&self, sequence: i64, patience: Duration) {
        let began = Instant::now();
        let behind = || self.position().is_none_or(|position| position.sequence < sequence);
        while self.state() == State::Following && behind() && began.elapsed() < patience {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// What is kept for a canonical address, whatever happened since: for when nothing else can be answered.
    #[must_use]
    pub fn last_resort(&self, key: &str) -> Option<Arc<Entry>> {
        let entry = self.store().known(key)?;
        (entry.lasting || self.may_be_stale()).then_some(entry)
    }

    /// Begins to answer a request for the canonical address `key`, spelled as `spelled`.
    pub fn begin(self: &Arc<Self>, key: &str, spelled: &str) -> Lookup {
        let mut store = self.store();
        if let Some(entry) = store.known(key)
            && let Some(served) = self.trust(&entry)
        {
            entry.touch();
            store.spell(&entry, spelled, &self.front);
            return Lookup::Known(entry, served);
        }
        if let Some(receiver) = store.flight(key) {
            return Lookup::Join(receiver);
        }
        let (sender, receiver) = watch::channel(None);
        let key: Arc<str> = key.into();
        let (number, position, overtaken) = store.take_off(Arc::clone(&key), receiver.clone());
        Lookup::Lead(Fill { cache: Arc::clone(self), key, number, position, overtaken, sender }, receiver)
    }

    /// What happened so far, and what is in memory.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.store().counts()
    }

    /// Tells the store that an entry has grown, after a coding was made.
    pub fn grew(&self, entry: &Entry, bytes: usize) {
        if bytes > 0 {
            self.store().grow(entry, bytes, &self.front);
        }
    }
}

impl Fill {
    /// The place in the log that the computation knows of: what it reads must be at least as new.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        self.position.map(|position| position.sequence)
    }

    /// Whether memory had an answer that a change has overtaken since: then whoever else kept it has an old one, too. Not
    /// always known.
    #[must_use]
    pub fn overtakes(&self) -> bool {
        self.overtaken
    }

    /// Gives the result to all who wait. It is kept where `keep` and where no change came in between, under its address
    /// and its spelling.
    pub fn land(self, result: Computed, keep: bool, spelled: &str) {
        let mut store = self.cache.store();
        // A computation that was forgotten or overtaken is not kept: it belongs to another log, or a newer one is on its way.
        let ours = store.land(&self.key, self.number);
        if let Ok(entry) = &result
            && keep
            && ours
            && (entry.lasting || self.cache.state() == State::Following)
        {
            store.fill(&self.key, entry, self.position, &self.cache.front);
            store.spell(entry, spelled, &self.cache.front);
        }
        drop(store);
        self.sender.send_replace(Some(result));
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        self.cache.store().land(&self.key, self.number);
    }
}

impl ChangeSubscriber for Cache {
    fn position(&self) -> Option<LogPosition> {
        self.store().position()
    }

    fn apply(&self, changes: Vec<Change>) {
        self.store().apply(&changes, &self.front);
        let now = Utc::now();
        for change in changes {
            self.metrics.observe_publication_delay((now - change.at).to_std().unwrap_or_default());
        }
    }

    fn reset(&self, position: LogPosition) {
        self.store().reset(position, &self.front);
    }

    fn upcoming(&self, next: Option<Duration>) {
        let millis = next.map_or(NEVER, |next| {
            self.now().saturating_add(u64::try_from(next.as_millis()).unwrap_or(NEVER)).min(NEVER - 1)
        });
        self.due.store(millis, Ordering::Relaxed);
        self.upcoming.send_replace(next.map(|next| Due::now() + next.min(FARTHEST)));
    }

    fn set_state(&self, state: State) {
        {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            match state {
                State::Following => *lost = None,
                State::Lost | State::Unreachable => *lost = lost.or_else(|| Some(Instant::now())),
            }
        }
        // Under the lock of the store: no fill that was decided before is still on its way.
        let mut store = self.store();
        if state == State::Following {
            store.followed();
        }
        self.state.store(code(state), Ordering::Release);
    }
}

fn code(state: State) -> u8 {
    match state {
        State::Following => 0,
        State::Lost => 1,
        State::Unreachable => 2,
    }
}

#[cfg(test)]
mod tests;
