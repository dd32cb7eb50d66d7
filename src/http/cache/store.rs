//! What a cache keeps, and by what it is found: address, tags, spellings; what goes when room is needed.
//!
//! Everything here happens under one lock, which a hit never takes.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use tokio::sync::watch;

use super::{Computed, Counts, Entry, Outcome, Tag, clock::Clock, front::UriIndex};
use crate::db::change_log::{Change, LogPosition};

/// The most changes that are remembered to judge computations by; one that began before them is not kept.
const REMEMBERED: usize = 1024;

/// The most spellings of one address that lead to its entry directly; others find it when they are parsed.
const SPELLINGS: usize = 8;

/// What an entry costs in memory beyond its own bytes: its place in the maps and queues.
const OVERHEAD: usize = 512;

/// What a spelling costs beyond its bytes.
const SPELLING_OVERHEAD: usize = 96;

/// The part of the limit that refusals may take, and that one answer may take at most.
const SMALL_PART: usize = 16;

/// The addresses of pushed-out answers that are remembered: what comes back soon was pushed out too soon.
const GHOSTS: usize = 8192;

/// The most addresses that are remembered for an answer that a change overtook.
const MOST_OVERTAKEN: usize = 65_536;

type Place = u64;

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Store {
    position: Option<LogPosition>,
    /// The last changes, each with its tags.
    recent: VecDeque<(i64, Box<[Tag]>)>,
    /// The last change that is not among them.
    forgotten: i64,
    clock: Clock,
    records: HashMap<Place, Record>,
    places: HashMap<Arc<str>, Place>,
    tagged: HashMap<Tag, HashSet<Place>>,
    flights: HashMap<Arc<str>, UnderWay>,
    /// The addresses whose answers a change dropped, and that were not asked for since.
    overtaken: HashSet<Tag>,
    answers: Queue,
    refusals: Queue,
    limit: usize,
    next: Place,
    counts: Counts,
    was_followed: bool,
}

/// An entry and all that leads to it.
#[derive(Debug)]
struct Record {
    entry: Arc<Entry>,
    key: Arc<str>,
    spellings: Vec<Box<str>>,
    weight: usize,
    /// Whether it was asked for again since it came, and left the small queue.
    proven: bool,
}

/// A computation that others may wait for.
#[derive(Debug)]
struct UnderWay {
    number: u64,
    position: Option<LogPosition>,
    receiver: watch::Receiver<Option<Computed>>,
}

/// The order in which entries go (S3-FIFO): what is new waits in a small queue, and only what is asked for again before it
/// reaches the end comes into the main one, where it gets another turn each time that it was asked for.
#[derive(Debug, Default)]
struct Queue {
    limit: usize,
    bytes: usize,
    small_bytes: usize,
    small: VecDeque<Place>,
    main: VecDeque<Place>,
    ghosts: VecDeque<Tag>,
    ghost_set: HashSet<Tag>,
}

impl Queue {
    fn remember(&mut self, key: &str) {
        let ghost = Tag::new(key);
        if self.ghost_set.insert(ghost) {
            self.ghosts.push_back(ghost);
            if self.ghosts.len() > GHOSTS
                && let Some(oldest) = self.ghosts.pop_front()
            {
                self.ghost_set.remove(&oldest);
            }
        }
    }
}

impl Store {
    /// An empty store for so many bytes of answers.
    pub(super) fn new(limit: usize) -> Store {
        let queue = |limit| Queue { limit, ..Queue::default() };
        let part = limit / SMALL_PART;
        Store { answers: queue(limit - part), refusals: queue(part), limit, ..Store::default() }
    }

    pub(super) fn position(&self) -> Option<LogPosition> {
        self.position
    }

    pub(super) fn known(&self, key: &str) -> Option<Arc<Entry>> {
        let record = self.records.get(self.places.get(key)?)?;
        Some(Arc::clone(&record.entry))
    }

    pub(super) fn counts(&self) -> Counts {
        let bytes = self.answers.bytes + self.refusals.bytes;
        Counts { entries: self.records.len(), bytes, ..self.counts }
    }

    /// A computation of this answer that knows all that is known now.
    pub(super) fn flight(&self, key: &str) -> Option<watch::Receiver<Option<Computed>>> {
        let flight = self.flights.get(key)?;
        (flight.position == self.position).then(|| flight.receiver.clone())
    }

    /// Notes a computation, for others to wait for. Without a limit everybody computes alone. Its number, its place in the
    /// log, and whether a change overtook what memory had.
    pub(super) fn take_off(
        &mut self,
        key: Arc<str>,
        receiver: watch::Receiver<Option<Computed>>,
    ) -> (u64, Option<LogPosition>, bool) {
        self.next += 1;
        let overtaken = self.overtaken.remove(&Tag::new(&key));
        if self.limit > 0 {
            self.flights.insert(key, UnderWay { number: self.next, position: self.position, receiver });
        }
        (self.next, self.position, overtaken)
    }

    /// Takes a computation off the list, and says whether it still was on it: not if another one of the same answer has
    /// begun since, or everything was begun anew.
    pub(super) fn land(&mut self, key: &str, number: u64) -> bool {
        let listed = self.flights.get(key).is_some_and(|flight| flight.number == number);
        if listed {
            self.flights.remove(key);
        }
        listed || self.limit == 0
    }

    /// Keeps an entry that was computed under `position`, unless a change since then makes it stale.
    pub(super) fn fill(&mut self, key: &Arc<str>, entry: &Arc<Entry>, position: Option<LogPosition>, front: &UriIndex) {
        if !entry.lasting && !self.holds(entry, position) {
            self.counts.refused += 1;
            return;
        }
        if let Outcome::Page(page) = &entry.outcome
            && let Some(at) = self.clock.newest(&entry.tags)
        {
            page.modified(at);
        }
        let weight = entry.weight() + 2 * key.len() + OVERHEAD;
        if weight > self.limit / SMALL_PART {
            return;
        }
        if let Some(place) = self.places.get(key.as_ref()).copied() {
            self.remove(place, front);
        }
        self.next += 1;
        let place = self.next;
        entry.place.store(place, Ordering::Relaxed);
        self.places.insert(Arc::clone(key), place);
        for tag in &entry.tags {
            self.tagged.entry(*tag).or_default().insert(place);
        }
        let queue = queue_of(&mut self.answers, &mut self.refusals, entry);
        queue.bytes += weight;
        let proven = queue.ghost_set.contains(&Tag::new(key));
        if proven {
            queue.main.push_back(place);
        } else {
            queue.small_bytes += weight;
            queue.small.push_back(place);
        }
        let record = Record { entry: Arc::clone(entry), key: Arc::clone(key), spellings: Vec::new(), weight, proven };
        self.records.insert(place, record);
        self.make_room(!entry.is_refusal(), front);
    }

    /// Whether no change after `position` is known that carries a tag of `entry`.
    fn holds(&self, entry: &Entry, position: Option<LogPosition>) -> bool {
        let Some(position) = position else { return false };
        if position.sequence < self.forgotten {
            return false;
        }
        let mut since = self.recent.iter().filter(|(sequence, _)| *sequence > position.sequence);
        !since.any(|(_, tags)| tags.iter().any(|tag| entry.tags.contains(tag)))
    }

    /// Lets a spelling lead to an entry, if that is kept.
    pub(super) fn spell(&mut self, entry: &Arc<Entry>, spelled: &str, front: &UriIndex) {
        let Some(record) = self.records.get_mut(&entry.place.load(Ordering::Relaxed)) else { return };
        if record.spellings.len() >= SPELLINGS || record.spellings.iter().any(|known| **known == *spelled) {
            return;
        }
        record.spellings.push(spelled.into());
        front.insert(spelled, entry);
        self.grow(entry, spelled.len() * 2 + SPELLING_OVERHEAD, front);
    }

    /// Counts bytes that an entry has more than when it came.
    pub(super) fn grow(&mut self, entry: &Entry, bytes: usize, front: &UriIndex) {
        let Some(record) = self.records.get_mut(&entry.place.load(Ordering::Relaxed)) else { return };
        record.weight += bytes;
        let queue = queue_of(&mut self.answers, &mut self.refusals, entry);
        queue.bytes += bytes;
        if !record.proven {
            queue.small_bytes += bytes;
        }
        self.make_room(!entry.is_refusal(), front);
    }

    /// Applies changes: drops what carries their tags.
    pub(super) fn apply(&mut self, changes: &[Change], front: &UriIndex) {
        for change in changes {
            let tags: Box<[Tag]> = change.tags.iter().map(|tag| Tag::new(tag)).collect();
            for tag in &tags {
                for place in self.tagged.remove(tag).into_iter().flatten() {
                    self.counts.invalidated += u64::from(self.invalidate(place, front));
                }
            }
            self.clock.strike(&tags, change.at);
            self.recent.push_back((change.sequence, tags));
            if self.recent.len() > REMEMBERED
                && let Some((sequence, _)) = self.recent.pop_front()
            {
                self.forgotten = sequence;
            }
            self.position = Some(LogPosition { sequence: change.sequence, at: Some(change.at) });
            self.counts.changes += 1;
        }
    }

    /// Drops all that any change could make stale.
    pub(super) fn reset(&mut self, position: LogPosition, front: &UriIndex) {
        let all = self.records.iter().filter(|(_, record)| !record.entry.lasting);
        for place in all.map(|(place, _)| *place).collect::<Vec<_>>() {
            self.remove(place, front);
        }
        // What was computed before belongs to no place in this log: nobody joins it, and none of it is kept.
        self.flights.clear();
        self.overtaken.clear();
        self.recent.clear();
        self.forgotten = position.sequence;
        self.clock = Clock::beginning(position.at);
        self.position = Some(position);
        self.counts.begun_anew += 1;
    }

    /// Notes that the log is followed from here on.
    pub(super) fn followed(&mut self) {
        self.counts.followed_again += u64::from(self.was_followed);
        self.was_followed = true;
    }

    /// Drops an entry; what was asked for again keeps its standing for when it comes back.
    fn invalidate(&mut self, place: Place, front: &UriIndex) -> bool {
        let Some(record) = self.remove(place, front) else { return false };
        if self.overtaken.len() < MOST_OVERTAKEN {
            self.overtaken.insert(Tag::new(&record.key));
        }
        if record.proven || record.entry.use_up() {
            queue_of(&mut self.answers, &mut self.refusals, &record.entry).remember(&record.key);
        }
        true
    }

    fn remove(&mut self, place: Place, front: &UriIndex) -> Option<Record> {
        let record = self.records.remove(&place)?;
        self.places.remove(&record.key);
        for spelled in &record.spellings {
            front.remove(spelled);
        }
        for tag in &record.entry.tags {
            if let Some(places) = self.tagged.get_mut(tag) {
                places.remove(&place);
                if places.is_empty() {
                    self.tagged.remove(tag);
                }
            }
        }
        let queue = queue_of(&mut self.answers, &mut self.refusals, &record.entry);
        queue.bytes -= record.weight;
        if !record.proven {
            queue.small_bytes -= record.weight;
        }
        Some(record)
    }

    /// Takes away what goes first until the rest fits. Places of entries that are gone are passed over.
    fn make_room(&mut self, answers: bool, front: &UriIndex) {
        loop {
            let queue = if answers { &mut self.answers } else { &mut self.refusals };
            if queue.small.len() + queue.main.len() > 2 * self.records.len() + 1024 {
                let records = &self.records;
                queue.small.retain(|place| records.get(place).is_some_and(|record| !record.proven));
                queue.main.retain(|place| records.contains_key(place));
            }
            if queue.bytes <= queue.limit {
                return;
            }
            let from_small = queue.small_bytes > queue.limit / 10 || queue.main.is_empty();
            let next = if from_small { queue.small.pop_front() } else { queue.main.pop_front() };
            let Some(place) = next else { return };
            let Some(record) = self.records.get_mut(&place).filter(|record| record.proven != from_small) else {
                continue;
            };
            if record.entry.use_up() {
                if from_small {
                    record.proven = true;
                    queue.small_bytes -= record.weight;
                }
                queue.main.push_back(place);
                continue;
            }
            if from_small {
                queue.remember(&record.key);
            }
            self.remove(place, front);
            self.counts.evicted += 1;
        }
    }
}

fn queue_of<'a>(answers: &'a mut Queue, refusals: &'a mut Queue, entry: &Entry) -> &'a mut Queue {
    if entry.is_refusal() { refusals } else { answers }
}
