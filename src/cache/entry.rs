//! A cache entry: a representation or a cached error, and the tags that invalidate it.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};

use super::Payload;
use crate::error::Error;

/// The maximum number of requests that are counted for the eviction order.
const MAX_USES: u8 = 3;

/// A payload in the form in which its owner serves it.
pub trait Representation: Send + Sync + 'static {
    /// Returns its bytes in memory.
    fn weight(&self) -> usize;

    /// Sets the time at which anything that it depends on changed last.
    fn set_last_modified(&mut self, at: DateTime<Utc>);
}

/// The result of a fill, for all who wait for it.
pub(super) type Computed<R> = Result<Arc<Entry<R>>, Error>;

/// A hash of a surrogate key. A collision would invalidate one entry too many, never one too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(u64);

impl Tag {
    /// Returns the tag of this name.
    #[must_use]
    pub fn new(name: &str) -> Tag {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Tag(hasher.finish())
    }
}

/// A response for all requests with one key.
#[derive(Debug)]
pub struct Entry<R> {
    /// The representation, or a cached error: 308, 404 or 410.
    pub outcome: Result<Box<R>, Error>,
    pub(super) tags: Box<[Tag]>,
    /// True if it depends on the program only, so that no change invalidates it.
    pub(super) immutable: bool,
    /// The slot in memory; 0 while it has none.
    pub(super) slot: AtomicU64,
    uses: AtomicU8,
}

impl<R: Representation> Entry<R> {
    /// Returns the entry for a loader's result. Returns uncacheable errors unchanged.
    pub(super) fn new(result: Result<Payload, Error>, represent: impl FnOnce(Payload) -> R) -> Result<Entry<R>, Error> {
        let (outcome, tags, immutable) = match result {
            Ok(payload) => {
                let (tags, immutable) = (hashed(&payload.tags), payload.immutable);
                (Ok(Box::new(represent(payload))), tags, immutable)
            }
            Err(error) => {
                let tags = hashed(&error.cache_tags().ok_or_else(|| error.clone())?);
                (Err(error), tags, false)
            }
        };
        Ok(Entry { outcome, tags, immutable, slot: AtomicU64::new(0), uses: AtomicU8::new(0) })
    }

    /// Returns its bytes in memory, without those of the maps around it.
    pub(super) fn weight(&self) -> usize {
        let body = self.outcome.as_ref().map_or(0, |representation| representation.weight());
        body + self.tags.len() * size_of::<Tag>() + size_of::<Entry<R>>()
    }
}

impl<R> Entry<R> {
    /// Returns whether it is a cached error, which counts against a limit of its own.
    pub(super) fn is_error(&self) -> bool {
        self.outcome.is_err()
    }

    /// Counts a request.
    pub(super) fn touch(&self) {
        let uses = self.uses.load(Ordering::Relaxed);
        if uses < MAX_USES {
            self.uses.store(uses + 1, Ordering::Relaxed);
        }
    }

    /// Takes back one counted request; `false` if there is none left.
    pub(super) fn take_use(&self) -> bool {
        let uses = self.uses.load(Ordering::Relaxed);
        self.uses.store(uses.saturating_sub(1), Ordering::Relaxed);
        uses > 0
    }
}

fn hashed(tags: &[String]) -> Box<[Tag]> {
    tags.iter().map(|tag| Tag::new(tag)).collect()
}
