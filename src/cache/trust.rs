//! The decision to serve an entry, by the state of the change log subscription and of database reads.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::db::change_log::State;

/// The time for which one failed read speaks for all others, in milliseconds.
const RETRY: u64 = 1000;

/// The origin of a response, as `Server-Timing`, the log and the metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStatus {
    /// Memory, and current.
    Hit,
    /// A fill, for this request or for another one at the same time.
    Miss,
    /// Memory, not known to be current, because the database cannot be reached.
    Stale,
}

impl CacheStatus {
    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CacheStatus::Hit => "hit",
            CacheStatus::Miss => "miss",
            CacheStatus::Stale => "stale",
        }
    }
}

/// Decides whether entries may be served; every method is cheap and called on every request.
#[derive(Debug)]
pub(super) struct Trust {
    stale_if_error: Duration,
    state: AtomicU8,
    lost_at: Mutex<Option<Instant>>,
    started: Instant,
    /// The time of the last failed or probing read in milliseconds since `started`; 0 if the last read succeeded.
    read_failed_at: AtomicU64,
}

impl Trust {
    /// Trusts nothing yet.
    pub(super) fn new(stale_if_error: Duration) -> Trust {
        Trust {
            stale_if_error,
            state: AtomicU8::new(encode(State::Lost)),
            lost_at: Mutex::new(None),
            started: Instant::now(),
            read_failed_at: AtomicU64::new(0),
        }
    }

    /// Returns the status with which an entry may be served; `None` if it must not be.
    pub(super) fn status(&self, is_immutable: bool) -> Option<CacheStatus> {
        match self.state() {
            State::Following => Some(CacheStatus::Hit),
            _ if is_immutable => Some(CacheStatus::Hit),
            State::Unreachable if self.reads_fail() && self.may_be_stale() => Some(CacheStatus::Stale),
            State::Lost | State::Unreachable => None,
        }
    }

    /// Records whether a read reached the database.
    pub(super) fn record_read(&self, reached: bool) {
        let at = if reached { 0 } else { self.now() };
        self.read_failed_at.store(at, Ordering::Relaxed);
    }

    /// Returns whether reads are known to fail. Once a second one caller gets `false` and tries for all others. A lost subscription
    /// alone is no proof: a database that takes no more connections may still answer on those it has.
    fn reads_fail(&self) -> bool {
        let (failed_at, now) = (self.read_failed_at.load(Ordering::Relaxed), self.now());
        if failed_at == 0 {
            return false;
        }
        let probes = now - failed_at >= RETRY
            && self.read_failed_at.compare_exchange(failed_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        !probes
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Returns whether the subscription was lost so recently that stale entries may be served.
    pub(super) fn may_be_stale(&self) -> bool {
        let lost_at = *self.lost_at.lock().unwrap_or_else(PoisonError::into_inner);
        lost_at.is_some_and(|lost_at| lost_at.elapsed() < self.stale_if_error)
    }

    pub(super) fn state(&self) -> State {
        [State::Following, State::Lost, State::Unreachable][usize::from(self.state.load(Ordering::Acquire)).min(2)]
    }

    pub(super) fn is_following(&self) -> bool {
        self.state() == State::Following
    }

    pub(super) fn set_state(&self, state: State) {
        let mut lost_at = self.lost_at.lock().unwrap_or_else(PoisonError::into_inner);
        *lost_at = match state {
            State::Following => None,
            State::Lost | State::Unreachable => lost_at.or_else(|| Some(Instant::now())),
        };
        self.state.store(encode(state), Ordering::Release);
    }
}

fn encode(state: State) -> u8 {
    match state {
        State::Following => 0,
        State::Lost => 1,
        State::Unreachable => 2,
    }
}
