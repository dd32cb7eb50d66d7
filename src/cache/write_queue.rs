//! Responses on their way to the response store: bounded, and never waited for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::db::change_log::LogPosition;

/// The maximum number of bytes of bodies in the queue.
const MAX_BYTES: usize = 8 << 20;

/// The largest body that is stored, so that one response does not fill the queue.
const MAX_BODY: usize = 1 << 20;

/// A row, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// The end of the log before and after all of the response was read.
    pub position: LogPosition,
    /// The tags that invalidate it; no tag has a space in it.
    pub tags: Vec<String>,
    /// The body, JSON.
    pub body: String,
}

/// The queue, one for all workers; one response a key.
#[derive(Debug, Default)]
pub struct WriteQueue {
    pending: Mutex<Pending>,
    pushed: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    responses: HashMap<Arc<str>, StoredResponse>,
    bytes: usize,
}

impl WriteQueue {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a body of so many bytes would be accepted.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        bytes <= MAX_BODY && self.pending().bytes + bytes <= MAX_BYTES
    }

    /// Queues a response in place of an older one for its key, if there is room.
    pub fn push(&self, key: &Arc<str>, response: StoredResponse) {
        let size = response.body.len();
        let mut pending = self.pending();
        let previous = pending.responses.get(key);
        let is_older = previous.is_some_and(|previous| previous.position.sequence > response.position.sequence);
        let bytes = pending.bytes - previous.map_or(0, |previous| previous.body.len()) + size;
        if is_older || size > MAX_BODY || bytes > MAX_BYTES {
            return;
        }
        pending.bytes = bytes;
        pending.responses.insert(Arc::clone(key), response);
        drop(pending);
        self.pushed.notify_one();
    }

    /// Waits until a response may be in the queue.
    pub async fn wait(&self) {
        self.pushed.notified().await;
    }

    /// Takes up to `limit` responses, sorted by key.
    #[must_use]
    pub fn take(&self, limit: usize) -> Vec<(Arc<str>, StoredResponse)> {
        let mut pending = self.pending();
        let keys: Vec<Arc<str>> = pending.responses.keys().take(limit).cloned().collect();
        let mut taken: Vec<_> = keys.iter().filter_map(|key| pending.responses.remove_entry(key)).collect();
        pending.bytes -= taken.iter().map(|(_, response)| response.body.len()).sum::<usize>();
        drop(pending);
        taken.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(sequence: i64, bytes: usize) -> StoredResponse {
        let position = LogPosition { sequence, at: None };
        StoredResponse { position, tags: Vec::new(), body: "a".repeat(bytes) }
    }

    fn key(n: usize) -> Arc<str> {
        format!("/{n:03}").into()
    }

    #[test]
    fn queue_is_bounded_in_bytes() {
        let queue = WriteQueue::default();
        queue.push(&key(0), response(1, MAX_BODY + 1));
        assert!(queue.take(1).is_empty() && !queue.has_room(MAX_BODY + 1) && queue.has_room(MAX_BODY));
        (0..100).for_each(|n| queue.push(&key(100 - n), response(1, MAX_BODY)));
        assert!(!queue.has_room(1));
        assert_eq!(queue.take(3).len(), 3);
        let taken = queue.take(1000);
        assert_eq!(taken.len(), MAX_BYTES / MAX_BODY - 3);
        assert!(taken.is_sorted_by_key(|(key, _)| key.clone()));
        queue.push(&key(1), response(1, MAX_BODY));
        assert_eq!(queue.take(1000).len(), 1);
    }

    #[test]
    fn key_is_queued_once_with_its_newest_response() {
        let queue = WriteQueue::default();
        // Many times the limit, if each were queued.
        (1..=100).for_each(|n| queue.push(&key(0), response(1, MAX_BODY - n)));
        let taken = queue.take(1000);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].1.body.len(), MAX_BODY - 100);
        queue.push(&key(0), response(2, 2));
        queue.push(&key(0), response(1, 1));
        assert_eq!(queue.take(1000)[0].1.body.len(), 2, "the newer response stays");
    }
}
