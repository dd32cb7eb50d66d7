//! Counting views in memory.
//!
//! Invariants:
//! - **Nothing about a reader is stored.** A repeat is recognised by a fingerprint of client address, user agent and article
//!   under a random key that never leaves memory and is dropped with the fingerprints (`readers`). No
//!   address is stored, written or logged, and without the key none can be found by trying.
//! - **Bounds.** Memory has at most 524,288 fingerprints and 131,072 counts, whatever is sent.
//! - **Cheap.** Counting takes two hashes and two short locks, each one of many.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::readers::{self, Readers};

/// The length of an hour in seconds.
const HOUR: i64 = 3600;

/// The number of parts, each with its own lock, so that workers rarely wait for each other.
const PARTS: usize = 16;

/// The maximum number of counts of a part.
const MAX_COUNTS: usize = 8192;

/// The number of views of an article in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourlyCount {
    /// The id of the article.
    pub article: Uuid,
    /// The hour, in hours since 1970.
    pub hour: i64,
    /// The number of views.
    pub count: i64,
}

type Part = Mutex<HashMap<(Uuid, i64), i64>>;

/// The views since the last flush, of all workers.
#[derive(Debug)]
pub struct ViewCounter {
    readers: Readers,
    parts: [Part; PARTS],
    dropped: AtomicU64,
}

impl Default for ViewCounter {
    fn default() -> ViewCounter {
        ViewCounter {
            readers: Readers::new(readers::MAX_FINGERPRINTS),
            parts: Default::default(),
            dropped: AtomicU64::new(0),
        }
    }
}

impl ViewCounter {
    /// Counts a view of an article, unless the same client and user agent viewed it in the last 10 to 20 minutes, or
    /// less if there are more readers than fingerprints. IPv6 clients are distinguished by their /64. Returns whether
    /// it counted.
    pub fn count(&self, address: IpAddr, agent: &[u8], article: Uuid, at: DateTime<Utc>) -> bool {
        let new = self.readers.is_new(address, agent, article, at);
        if new {
            self.add(HourlyCount { article, hour: at.timestamp().div_euclid(HOUR), count: 1 });
        }
        new
    }

    fn part(&self, article: Uuid) -> MutexGuard<'_, HashMap<(Uuid, i64), i64>> {
        // The last bytes of a UUIDv7 are random.
        let index = usize::from(article.as_bytes()[15]) % PARTS;
        self.parts[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, views: HourlyCount) {
        let mut part = self.part(views.article);
        let key = (views.article, views.hour);
        if part.len() >= MAX_COUNTS && !part.contains_key(&key) {
            let count = u64::try_from(views.count).unwrap_or_default();
            self.dropped.fetch_add(count, Ordering::Relaxed);
            return;
        }
        let counted = part.entry(key).or_default();
        *counted = counted.saturating_add(views.count);
    }

    /// Takes all counts, for a flush.
    #[must_use]
    pub fn take(&self) -> Vec<HourlyCount> {
        let parts =
            self.parts.iter().map(|part| std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner)));
        parts.flatten().map(|((article, hour), count)| HourlyCount { article, hour, count }).collect()
    }

    /// Adds counts again that were not written.
    pub fn restore(&self, counts: Vec<HourlyCount>) {
        for views in counts {
            self.add(views);
        }
    }

    /// Returns the number of views since the last call that found no room: counts pile up while nothing can be written.
    #[must_use]
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}
