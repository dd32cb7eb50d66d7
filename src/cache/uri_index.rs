//! Maps a raw URI to its entry: the only look-up of a hit.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::Entry;

/// The number of shards, so that workers seldom contend for one lock.
const SHARDS: usize = 64;

type Shard<R> = RwLock<HashMap<Box<str>, Arc<Entry<R>>>>;

/// A sharded map.
#[derive(Debug)]
pub(super) struct UriIndex<R>([Shard<R>; SHARDS]);

impl<R> Default for UriIndex<R> {
    fn default() -> UriIndex<R> {
        UriIndex(std::array::from_fn(|_| Shard::default()))
    }
}

impl<R> UriIndex<R> {
    fn shard(&self, raw_uri: &str) -> &Shard<R> {
        // The URIs of a service differ mostly at their end.
        let hash =
            raw_uri.bytes().rev().take(12).fold(raw_uri.len(), |sum, byte| (sum * 31 + usize::from(byte)) % 0xffff);
        &self.0[hash % SHARDS]
    }

    pub(super) fn find(&self, raw_uri: &str) -> Option<Arc<Entry<R>>> {
        self.shard(raw_uri).read().unwrap_or_else(PoisonError::into_inner).get(raw_uri).cloned()
    }

    pub(super) fn insert(&self, raw_uri: &str, entry: &Arc<Entry<R>>) {
        let mut shard = self.shard(raw_uri).write().unwrap_or_else(PoisonError::into_inner);
        shard.insert(raw_uri.into(), Arc::clone(entry));
    }

    pub(super) fn remove(&self, raw_uri: &str) {
        self.shard(raw_uri).write().unwrap_or_else(PoisonError::into_inner).remove(raw_uri);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).is_empty())
    }
}
