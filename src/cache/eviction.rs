//! The order in which entries are evicted: S3-FIFO (Yang et al., SOSP 2023).
//!
//! New entries wait in a small queue. Only those that are requested again before they reach its end enter the main queue,
//! where each counted request is worth another round. Keys that were evicted from the small queue are remembered for a while:
//! a key that comes back soon enters the main queue at once.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::{Entry, entry::Tag};

/// The maximum number of keys of evicted entries that are remembered.
const MAX_GHOSTS: usize = 8192;

/// The fraction of the limit for the small queue.
const SMALL_FRACTION: usize = 10;

pub(super) type SlotId = u64;

/// An entry and all that leads to it.
#[derive(Debug)]
pub(super) struct Slot<R> {
    pub(super) entry: Arc<Entry<R>>,
    pub(super) key: Arc<str>,
    pub(super) raw_uris: Vec<Box<str>>,
    weight: usize,
    /// True if it is in the main queue.
    pub(super) is_main: bool,
}

/// Two queues of slots under one limit of bytes. Slots that are gone stay queued until they are met.
#[derive(Debug, Default)]
pub(super) struct Queue {
    limit: usize,
    bytes: usize,
    small_bytes: usize,
    small: VecDeque<SlotId>,
    main: VecDeque<SlotId>,
    /// Hashes of the keys that were evicted from the small queue.
    ghosts: VecDeque<Tag>,
    ghost_set: HashSet<Tag>,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Queue {
        Queue { limit, ..Queue::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Queues a new entry and returns its slot.
    pub(super) fn push<R>(&mut self, id: SlotId, entry: &Arc<Entry<R>>, key: Arc<str>, weight: usize) -> Slot<R> {
        self.bytes += weight;
        let is_main = self.ghost_set.contains(&Tag::new(&key));
        if is_main {
            self.main.push_back(id);
        } else {
            self.small_bytes += weight;
            self.small.push_back(id);
        }
        Slot { entry: Arc::clone(entry), key, raw_uris: Vec::new(), weight, is_main }
    }

    pub(super) fn add_weight<R>(&mut self, slot: &mut Slot<R>, bytes: usize) {
        slot.weight += bytes;
        self.bytes += bytes;
        if !slot.is_main {
            self.small_bytes += bytes;
        }
    }

    /// Subtracts the bytes of a slot that is removed.
    pub(super) fn subtract<R>(&mut self, slot: &Slot<R>) {
        self.bytes -= slot.weight;
        if !slot.is_main {
            self.small_bytes -= slot.weight;
        }
    }

    /// Remembers a key, so that its next entry enters the main queue at once.
    pub(super) fn remember(&mut self, key: &str) {
        let ghost = Tag::new(key);
        if self.ghost_set.insert(ghost) {
            self.ghosts.push_back(ghost);
            if self.ghosts.len() > MAX_GHOSTS
                && let Some(oldest) = self.ghosts.pop_front()
            {
                self.ghost_set.remove(&oldest);
            }
        }
    }

    /// Takes the next slot to evict from the queues; `None` if the bytes are within the limit.
    pub(super) fn next_victim<R>(&mut self, slots: &mut HashMap<SlotId, Slot<R>>) -> Option<SlotId> {
        if self.small.len() + self.main.len() > 2 * slots.len() + 1024 {
            self.small.retain(|id| slots.get(id).is_some_and(|slot| !slot.is_main));
            self.main.retain(|id| slots.contains_key(id));
        }
        while self.bytes > self.limit {
            let from_small = self.small_bytes > self.limit / SMALL_FRACTION || self.main.is_empty();
            let id = if from_small { self.small.pop_front() } else { self.main.pop_front() }?;
            let Some(slot) = slots.get_mut(&id).filter(|slot| slot.is_main != from_small) else { continue };
            if !slot.entry.take_use() {
                if from_small {
                    self.remember(&slot.key);
                }
                return Some(id);
            }
            if from_small {
                slot.is_main = true;
                self.small_bytes -= slot.weight;
            }
            self.main.push_back(id);
        }
        None
    }
}
