//! Whole articles that were assembled once, on their way into the database: the next reading of one costs one row.
//!
//! What must hold:
//! - **Exact.** What is answered from a row is what would be assembled at that moment. A row says at which place in the log
//!   all of it was read, and which tags it depends on; it is answered only where, in the very snapshot that it is read from,
//!   none of them has changed after that place. So it does not matter who wrote it, nor when. The last change of each tag is
//!   noted by the database itself, whatever program writes the log.
//! - **Of this build.** Another build may answer otherwise, so a row is answered only by the build that made it.
//! - **Of this log.** What was read before a database was restored to an earlier state is not written after it: the place
//!   must be in the log, with its time.
//! - **Never in the way.** Nobody waits for the writing of a row, neither who reads nor who publishes; it takes a tenth of the
//!   time at most, however often everything becomes stale. What does not fit on the shelf is not written, and assembled again
//!   at the next reading.
//!
//! `v1` reads the rows and fills the [`Shelf`]; `publishing` writes what is on it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

/// The sources that this program is built from.
pub const BUILD: &str = env!("LECTERN_BUILD");

/// The most bytes of bodies that wait to be written.
const MOST_BYTES: usize = 8 << 20;

/// The largest body that is written: a larger one would be more than its share of what waits.
const LARGEST: usize = 1 << 20;

/// A place in the log of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its sequence.
    pub sequence: i64,
    /// The time of that change, by which two logs are told apart.
    pub at: DateTime<Utc>,
}

/// A whole article as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where the log was, before anything of it was read and after all was.
    pub place: Place,
    /// What makes it stale; no tag has a space in it.
    pub tags: Vec<String>,
    /// The answer.
    pub body: String,
}

/// What waits to be written; one for all workers.
#[derive(Debug, Default)]
pub struct Shelf {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    articles: HashMap<Uuid, Finished>,
    bytes: usize,
}

impl Shelf {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an answer of so many bytes would find room: if not, nothing need be done for it.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        bytes <= LARGEST && self.waiting().bytes + bytes <= MOST_BYTES
    }

    /// Puts an article on the shelf, in place of an earlier form of it, if there is room.
    pub fn put(&self, article: Uuid, finished: Finished) {
        let size = finished.body.len();
        let mut waiting = self.waiting();
        let earlier = waiting.articles.get(&article);
        let newer = earlier.is_some_and(|earlier| earlier.place.sequence > finished.place.sequence);
        let bytes = waiting.bytes - earlier.map_or(0, |earlier| earlier.body.len()) + size;
        if newer || size > LARGEST || bytes > MOST_BYTES {
            return;
        }
        waiting.bytes = bytes;
        waiting.articles.insert(article, finished);
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits until something may be on the shelf.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes up to `most` articles, in the order of their ids; none where there is nothing.
    #[must_use]
    pub fn take(&self, most: usize) -> Vec<(Uuid, Finished)> {
        let mut waiting = self.waiting();
        let ids: Vec<Uuid> = waiting.articles.keys().take(most).copied().collect();
        let mut taken: Vec<_> = ids.iter().filter_map(|id| waiting.articles.remove_entry(id)).collect();
        waiting.bytes -= taken.iter().map(|(_, finished)| finished.body.len()).sum::<usize>();
        drop(waiting);
        taken.sort_unstable_by_key(|(id, _)| *id);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(bytes: usize) -> Finished {
        let place = Place { sequence: 1, at: DateTime::UNIX_EPOCH };
        Finished { place, tags: Vec::new(), body: "a".repeat(bytes) }
    }

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let shelf = Shelf::default();
        let id = |n: usize| Uuid::from_u128(n as u128);
        shelf.put(id(0), finished(LARGEST + 1));
        assert!(shelf.take(1).is_empty() && !shelf.has_room(LARGEST + 1) && shelf.has_room(LARGEST));
        (0..100).for_each(|n| shelf.put(id(100 - n), finished(LARGEST)));
        assert!(!shelf.has_room(1));
        assert_eq!(shelf.take(3).len(), 3);
        let taken = shelf.take(1000);
        assert_eq!(taken.len(), MOST_BYTES / LARGEST - 3);
        assert!(taken.is_sorted_by_key(|(id, _)| *id));
        shelf.put(id(1), finished(LARGEST));
        assert_eq!(shelf.take(1000).len(), 1);
    }

    #[test]
    fn an_article_stands_there_once_in_its_last_form() {
        let shelf = Shelf::default();
        // Many times as much as fits, were each kept.
        (1..=100).for_each(|n| shelf.put(Uuid::nil(), finished(LARGEST - n)));
        let taken = shelf.take(1000);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].1.body.len(), LARGEST - 100);
        shelf.put(Uuid::nil(), Finished { place: Place { sequence: 2, at: DateTime::UNIX_EPOCH }, ..finished(2) });
        shelf.put(Uuid::nil(), finished(1));
        assert_eq!(shelf.take(1000)[0].1.body.len(), 2, "what is newer stays");
    }
}
