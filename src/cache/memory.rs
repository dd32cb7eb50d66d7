//! The memory level: entries by key, tag and raw URI, the fills that run, and the changes that invalidate them.
//!
//! One lock guards this level. A hit never takes that lock.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use tokio::sync::watch;

use super::{
    Counts, Entry, Representation,
    entry::{Computed, Tag},
    eviction::{Queue, Slot, SlotId},
    last_changed::LastChanged,
    uri_index::UriIndex,
};
use crate::db::change_log::{Change, LogPosition};

/// The maximum number of recent changes against which fills are checked; a fill that started before them is not stored.
const MAX_CHANGES: usize = 1024;

/// The maximum number of indexed raw URIs of one entry; other URIs are parsed on each request.
const MAX_RAW_URIS: usize = 8;

/// The bytes of an entry in the maps and queues.
const ENTRY_OVERHEAD: usize = 512;

/// The bytes of a raw URI in the index, beyond its own.
const RAW_URI_OVERHEAD: usize = 96;

/// The fraction of the limit for all cached errors, and for one entry.
const FRACTION: usize = 16;

/// The maximum number of remembered keys of invalidated entries.
const MAX_INVALIDATED: usize = 65_536;

#[derive(Debug)]
pub(super) struct Memory<R> {
    limit: usize,
    position: Option<LogPosition>,
    /// The last changes, each with its sequence and tags.
    changes: VecDeque<(i64, Box<[Tag]>)>,
    /// The sequence of the last change that is not in `changes`.
    forgotten: i64,
    last_changed: LastChanged,
    slots: HashMap<SlotId, Slot<R>>,
    by_key: HashMap<Arc<str>, SlotId>,
    by_tag: HashMap<Tag, HashSet<SlotId>>,
    by_raw_uri: Arc<UriIndex<R>>,
    fills: HashMap<Arc<str>, PendingFill<R>>,
    /// Hashes of the keys whose entries a change removed, until the next request for them.
    invalidated: HashSet<Tag>,
    responses: Queue,
    errors: Queue,
    last_number: u64,
    counts: Counts,
    was_following: bool,
}

/// A fill that others may wait for.
#[derive(Debug)]
struct PendingFill<R> {
    number: u64,
    position: Option<LogPosition>,
    receiver: watch::Receiver<Option<Computed<R>>>,
}

/// The conditions under which a fill started.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) key: Arc<str>,
    number: u64,
    /// The log position that memory had reached; the data that the fill reads must be at least as new.
    pub(super) position: Option<LogPosition>,
    /// True if a change is known to have invalidated an entry for this key; may miss some.
    pub(super) was_invalidated: bool,
}

impl<R> Memory<R> {
    pub(super) fn new(limit: usize, by_raw_uri: Arc<UriIndex<R>>) -> Memory<R> {
        Memory {
            limit,
            position: None,
            changes: VecDeque::new(),
            forgotten: 0,
            last_changed: LastChanged::default(),
            slots: HashMap::new(),
            by_key: HashMap::new(),
            by_tag: HashMap::new(),
            by_raw_uri,
            fills: HashMap::new(),
            invalidated: HashSet::new(),
            responses: Queue::new(limit - limit / FRACTION),
            errors: Queue::new(limit / FRACTION),
            last_number: 0,
            counts: Counts::default(),
            was_following: false,
        }
    }

    pub(super) fn position(&self) -> Option<LogPosition> {
        self.position
    }

    pub(super) fn find(&self, key: &str) -> Option<Arc<Entry<R>>> {
        let slot = self.slots.get(self.by_key.get(key)?)?;
        Some(Arc::clone(&slot.entry))
    }

    pub(super) fn counts(&self) -> Counts {
        let bytes = self.responses.bytes() + self.errors.bytes();
        Counts { entries: self.slots.len(), bytes, ..self.counts }
    }

    /// Records that the change log is followed from now on.
    pub(super) fn count_connect(&mut self) {
        self.counts.reconnects += u64::from(self.was_following);
        self.was_following = true;
    }

    /// Returns the fill for this key that includes every change known now.
    pub(super) fn pending_fill(&self, key: &str) -> Option<watch::Receiver<Option<Computed<R>>>> {
        let fill = self.fills.get(key)?;
        (fill.position == self.position).then(|| fill.receiver.clone())
    }

    /// Registers a fill, for others to wait for. With a limit of 0, every request computes for itself.
    pub(super) fn register_fill(
        &mut self,
        key: Arc<str>,
        receiver: watch::Receiver<Option<Computed<R>>>,
    ) -> Registration {
        self.last_number += 1;
        let (number, position) = (self.last_number, self.position);
        let was_invalidated = self.invalidated.remove(&Tag::new(&key));
        if self.limit > 0 {
            self.fills.insert(Arc::clone(&key), PendingFill { number, position, receiver });
        }
        Registration { key, number, position, was_invalidated }
    }

    /// Removes a fill. `false` if a newer fill for its key or a reset has replaced it.
    pub(super) fn remove_fill(&mut self, fill: &Registration) -> bool {
        let is_registered = self.fills.get(&fill.key).is_some_and(|pending| pending.number == fill.number);
        if is_registered {
            self.fills.remove(&fill.key);
        }
        is_registered || self.limit == 0
    }

    /// Returns whether no change since the start of a fill carries a tag of its entry.
    fn is_valid(&self, entry: &Entry<R>, fill: &Registration) -> bool {
        let Some(position) = fill.position else { return false };
        if position.sequence < self.forgotten {
            return false;
        }
        let mut since = self.changes.iter().filter(|(sequence, _)| *sequence > position.sequence);
        !since.any(|(_, tags)| tags.iter().any(|tag| entry.tags.contains(tag)))
    }

    /// Indexes a stored entry by a raw URI.
    pub(super) fn add_raw_uri(&mut self, entry: &Arc<Entry<R>>, raw_uri: &str) {
        let Some(slot) = self.slots.get_mut(&entry.slot.load(Ordering::Relaxed)) else { return };
        if slot.raw_uris.len() >= MAX_RAW_URIS || slot.raw_uris.iter().any(|known| **known == *raw_uri) {
            return;
        }
        slot.raw_uris.push(raw_uri.into());
        self.by_raw_uri.insert(raw_uri, entry);
        self.add_weight(entry, raw_uri.len() * 2 + RAW_URI_OVERHEAD);
    }

    /// Counts bytes that an entry has gained since it was stored.
    pub(super) fn add_weight(&mut self, entry: &Entry<R>, bytes: usize) {
        let Some(slot) = self.slots.get_mut(&entry.slot.load(Ordering::Relaxed)) else { return };
        let queue = if entry.is_error() { &mut self.errors } else { &mut self.responses };
        queue.add_weight(slot, bytes);
        self.make_room(entry.is_error());
    }

    /// Removes the entries that the changes invalidate.
    pub(super) fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            let tags: Box<[Tag]> = change.tags.iter().map(|tag| Tag::new(tag)).collect();
            for tag in &tags {
                for id in self.by_tag.remove(tag).into_iter().flatten() {
                    self.invalidate(id);
                }
            }
            self.last_changed.record(&tags, change.at);
            self.changes.push_back((change.sequence, tags));
            if self.changes.len() > MAX_CHANGES
                && let Some((sequence, _)) = self.changes.pop_front()
            {
                self.forgotten = sequence;
            }
            self.position = Some(LogPosition { sequence: change.sequence, at: Some(change.at) });
            self.counts.changes += 1;
        }
    }

    /// Removes every entry that a change could invalidate, and starts at another log position.
    pub(super) fn reset(&mut self, position: LogPosition) {
        let ids: Vec<_> = self.slots.iter().filter(|(_, slot)| !slot.entry.immutable).map(|(id, _)| *id).collect();
        for id in ids {
            self.remove(id);
        }
        // Their positions are of another log: no request may wait for them, and none of them is stored.
        self.fills.clear();
        self.invalidated.clear();
        self.changes.clear();
        self.forgotten = position.sequence;
        self.last_changed = LastChanged::starting(position.at);
        self.position = Some(position);
        self.counts.resets += 1;
    }

    /// Removes an invalidated entry. If it was requested again, the next fill gets its rank.
    fn invalidate(&mut self, id: SlotId) {
        let Some(slot) = self.remove(id) else { return };
        if self.invalidated.len() < MAX_INVALIDATED {
            self.invalidated.insert(Tag::new(&slot.key));
        }
        if slot.is_main || slot.entry.take_use() {
            self.queue(slot.entry.is_error()).remember(&slot.key);
        }
        self.counts.invalidated += 1;
    }

    fn remove(&mut self, id: SlotId) -> Option<Slot<R>> {
        let slot = self.slots.remove(&id)?;
        self.by_key.remove(&slot.key);
        for raw_uri in &slot.raw_uris {
            self.by_raw_uri.remove(raw_uri);
        }
        for tag in &slot.entry.tags {
            if let Some(ids) = self.by_tag.get_mut(tag) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_tag.remove(tag);
                }
            }
        }
        self.queue(slot.entry.is_error()).subtract(&slot);
        Some(slot)
    }

    fn queue(&mut self, of_errors: bool) -> &mut Queue {
        if of_errors { &mut self.errors } else { &mut self.responses }
    }

    /// Evicts entries until the rest fits.
    fn make_room(&mut self, of_errors: bool) {
        loop {
            let queue = if of_errors { &mut self.errors } else { &mut self.responses };
            let Some(id) = queue.next_victim(&mut self.slots) else { return };
            self.remove(id);
            self.counts.evicted += 1;
        }
    }
}

impl<R: Representation> Memory<R> {
    /// Stores the entry of a fill under its key and `raw_uri`, unless a change invalidates it or it is too large.
    pub(super) fn insert(&mut self, fill: &Registration, mut entry: Entry<R>, raw_uri: &str) -> Arc<Entry<R>> {
        if !entry.immutable {
            if !self.is_valid(&entry, fill) {
                self.counts.refused_fills += 1;
                return Arc::new(entry);
            }
            if let Ok(representation) = &mut entry.outcome
                && let Some(at) = self.last_changed.newest(&entry.tags)
            {
                representation.set_last_modified(at);
            }
        }
        let weight = entry.weight() + 2 * fill.key.len() + ENTRY_OVERHEAD;
        if weight > self.limit / FRACTION {
            return Arc::new(entry);
        }
        if let Some(id) = self.by_key.get(&fill.key).copied() {
            self.remove(id);
        }
        self.last_number += 1;
        let id = self.last_number;
        entry.slot = id.into();
        let entry = Arc::new(entry);
        self.by_key.insert(Arc::clone(&fill.key), id);
        for tag in &entry.tags {
            self.by_tag.entry(*tag).or_default().insert(id);
        }
        let slot = self.queue(entry.is_error()).push(id, &entry, Arc::clone(&fill.key), weight);
        self.slots.insert(id, slot);
        self.make_room(entry.is_error());
        self.add_raw_uri(&entry, raw_uri);
        entry
    }
}
