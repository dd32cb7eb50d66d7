//! From an address as it was spelled to its entry: the one look-up of a hit.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::Entry;

/// In how many parts the map is, so that workers seldom meet at one lock.
const PARTS: usize = 64;

type Part = RwLock<HashMap<Box<str>, Arc<Entry>>>;

/// The map, in parts.
#[derive(Debug)]
pub(super) struct UriIndex([Part; PARTS]);

impl Default for UriIndex {
    fn default() -> UriIndex {
        UriIndex(std::array::from_fn(|_| Part::default()))
    }
}

impl UriIndex {
    fn part(&self, spelled: &str) -> &Part {
        // Where the addresses of a service differ is mostly at their end.
        let ends =
            spelled.bytes().rev().take(12).fold(spelled.len(), |sum, byte| (sum * 31 + usize::from(byte)) % 0xffff);
        &self.0[ends % PARTS]
    }

    pub(super) fn find(&self, spelled: &str) -> Option<Arc<Entry>> {
        self.part(spelled).read().unwrap_or_else(PoisonError::into_inner).get(spelled).cloned()
    }

    pub(super) fn insert(&self, spelled: &str, entry: &Arc<Entry>) {
        let mut part = self.part(spelled).write().unwrap_or_else(PoisonError::into_inner);
        part.insert(spelled.into(), Arc::clone(entry));
    }

    pub(super) fn remove(&self, spelled: &str) {
        self.part(spelled).write().unwrap_or_else(PoisonError::into_inner).remove(spelled);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|part| part.read().unwrap_or_else(PoisonError::into_inner).is_empty())
    }
}
