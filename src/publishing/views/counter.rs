//! How often articles are read: counted in memory, and what the counts are worth.
//!
//! What must hold:
//! - **Nothing about a reader is kept.** A repeat is known by a fingerprint of client address, user agent and article under
//!   a random key that never leaves memory and is thrown away with the fingerprints (`readers`). No address is kept, none
//!   is written or logged, and without the key none can be found by trying.
//! - **Bounds.** Whatever is sent, the memory of readers holds 524,288 fingerprints and the counts 131,072 sums at most.
//! - **Cheap.** To count takes two hashes and two short locks, each one of many.
//!
//! Counts are sums by article and hour; `publishing` writes them to the database from time to time, and gives back what
//! could not be written. What a sum is worth in the hot list is said at [`Window`].
//!
//! - `readers`: who was here a short time ago

mod readers;
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
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use self::readers::Readers;

/// Fewer views than these in a window are neither shown nor ranked by.
pub const FLOOR: i64 = 3;

/// The seconds of a bucket.
const HOUR: i64 = 3600;

/// In how many parts the sums are, so that workers seldom meet at one lock.
const PARTS: usize = 16;

/// The most sums of a part.
const MOST_SUMS: usize = 8192;

/// A time over which reading counts.
///
/// What an article is worth in it, at a time `t`: the sum over its buckets of
/// `count × 2^(−(t − middle) / half-life)`, where `middle` is the middle of the bucket's hour or day, over all buckets with
/// `t − middle` up to the length of the window; rounded to nine decimals, so that what is equal is equal however it was added. The half-life is a quarter of the window. The middle of an hour that is not
/// half over lies ahead, and counts a little more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(description = "The period over which views count.")]
pub enum Window {
    /// 24 hours; the half-life is 6 hours.
    #[serde(rename = "24h")]
    Day,
    /// 7 days; the half-life is 42 hours.
    #[serde(rename = "7d")]
    Week,
    /// 30 days; the half-life is 7.5 days.
    #[serde(rename = "30d")]
    Month,
}

impl Window {
    /// Every window.
    pub const ALL: [Window; 3] = [Window::Day, Window::Week, Window::Month];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Window::Day => "24h",
            Window::Week => "7d",
            Window::Month => "30d",
        }
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        HOUR * match self {
            Window::Day => 24,
            Window::Week => 7 * 24,
            Window::Month => 30 * 24,
        }
    }

    /// The time in which a view loses half of what it is worth, in seconds.
    #[must_use]
    pub fn half_life(self) -> i64 {
        self.seconds() / 4
    }
}

/// Views of an article in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// The article.
    pub article: Uuid,
    /// The hour: whole hours since 1970.
    pub hour: i64,
    /// How many.
    pub count: i64,
}

type Part = Mutex<HashMap<(Uuid, i64), i64>>;

/// What was read since the last time that it was written; one for all workers.
#[derive(Debug)]
pub struct ViewCounter {
    readers: Readers,
    sums: [Part; PARTS],
    lost: AtomicU64,
}

impl Default for ViewCounter {
    fn default() -> ViewCounter {
        ViewCounter { readers: Readers::new(readers::MOST), sums: Default::default(), lost: AtomicU64::new(0) }
    }
}

impl ViewCounter {
    /// Counts that somebody at `address` with this user agent reads an article at a time, unless that was counted a short
    /// time ago: within 10 minutes and up to 20, or less where more readers come than are remembered. An IPv6 client is known
    /// by its /64. Says whether it counts.
    pub fn view(&self, address: IpAddr, agent: &[u8], article: Uuid, at: DateTime<Utc>) -> bool {
        let new = self.readers.is_new(address, agent, article, at);
        if new {
            self.add(Sum { article, hour: at.timestamp().div_euclid(HOUR), count: 1 });
        }
        new
    }

    fn part(&self, article: Uuid) -> MutexGuard<'_, HashMap<(Uuid, i64), i64>> {
        // The end of a UUID of version 7 is random.
        let place = usize::from(article.as_bytes()[15]) % PARTS;
        self.sums[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, sum: Sum) {
        let mut part = self.part(sum.article);
        let key = (sum.article, sum.hour);
        if part.len() >= MOST_SUMS && !part.contains_key(&key) {
            let count = u64::try_from(sum.count).unwrap_or_default();
            self.lost.fetch_add(count, Ordering::Relaxed);
            return;
        }
        let held = part.entry(key).or_default();
        *held = held.saturating_add(sum.count);
    }

    /// Takes the sums away, for whoever writes them.
    #[must_use]
    pub fn take(&self) -> Vec<Sum> {
        let parts =
            self.sums.iter().map(|part| std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner)));
        parts.flatten().map(|((article, hour), count)| Sum { article, hour, count }).collect()
    }

    /// Adds sums again that could not be written.
    pub fn give_back(&self, sums: Vec<Sum>) {
        for sum in sums {
            self.add(sum);
        }
    }

    /// How many views were not counted for want of room since this was asked last: sums wait where nothing can be written.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}
