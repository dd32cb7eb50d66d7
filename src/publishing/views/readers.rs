//! Recent readers: two generations of fingerprints, each under its own key.
//!
//! A generation is filled for [`AGE`], is compared with for as long again, and is dropped with its key. A full one is replaced
//! early; its readers may be counted twice.

use std::{
    collections::HashSet,
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    mem,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use siphasher::sip::SipHasher24;
use uuid::Uuid;

/// The time for which a generation is filled.
pub(super) const AGE: TimeDelta = TimeDelta::minutes(10);

/// The maximum number of fingerprints of a generation: about 5 MiB.
pub(super) const MAX_FINGERPRINTS: usize = 1 << 18;

/// The number of parts of a generation, each with its own lock.
const PARTS: usize = 16;

#[derive(Debug)]
pub(super) struct Readers {
    capacity: usize,
    generations: RwLock<Generations>,
}

#[derive(Debug)]
struct Generations {
    present: Generation,
    previous: Generation,
    began: DateTime<Utc>,
}

pub(super) struct Generation {
    key: [u8; 16],
    seen: [Mutex<HashSet<u64>>; PARTS],
    count: AtomicUsize,
}

/// Omits the key.
impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Generation {
    pub(super) fn new() -> Generation {
        let mut key = [0; 16];
        if getrandom::fill(&mut key).is_err() {
            // The keys of this process's hash maps are secret too.
            let random = RandomState::new();
            key = std::array::from_fn(|place| random.hash_one(place).to_le_bytes()[0]);
        }
        Generation { key, seen: Default::default(), count: AtomicUsize::new(0) }
    }

    pub(super) fn fingerprint(&self, address: &[u8; 16], agent: &[u8], article: Uuid) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(address);
        hasher.write(article.as_bytes());
        // The part of variable length comes last.
        hasher.write(agent);
        hasher.finish()
    }

    fn part(&self, fingerprint: u64) -> MutexGuard<'_, HashSet<u64>> {
        let place = usize::try_from(fingerprint % PARTS as u64).unwrap_or_default();
        self.seen[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contains(&self, fingerprint: u64) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && self.part(fingerprint).contains(&fingerprint)
    }

    fn insert(&self, fingerprint: u64) -> bool {
        let new = self.part(fingerprint).insert(fingerprint);
        if new {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        new
    }
}

/// Returns the bytes that identify a client: of an IPv6 address the /64, in which a client may use any address.
fn client_bytes(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).octets(),
    }
}

impl Readers {
    /// Remembers up to twice `capacity` readers.
    pub(super) fn new(capacity: usize) -> Readers {
        let (present, previous) = (Generation::new(), Generation::new());
        Readers { capacity, generations: RwLock::new(Generations { present, previous, began: DateTime::UNIX_EPOCH }) }
    }

    /// Returns whether a reader did not view the article recently, and remembers the view.
    pub(super) fn is_new(&self, address: IpAddr, agent: &[u8], article: Uuid, at: DateTime<Utc>) -> bool {
        self.rotate(at);
        let address = client_bytes(address);
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        let Generations { present, previous, .. } = &*generations;
        !previous.contains(previous.fingerprint(&address, agent, article))
            && present.insert(present.fingerprint(&address, agent, article))
    }

    /// Begins another generation if the present one is old or full.
    fn rotate(&self, at: DateTime<Utc>) {
        let over = |generations: &Generations| {
            // Also after the clock was set back.
            !(TimeDelta::zero()..AGE).contains(&(at - generations.began))
                || generations.present.count.load(Ordering::Relaxed) >= self.capacity
        };
        if !over(&self.generations.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        if over(&generations) {
            let last = mem::replace(&mut generations.present, Generation::new());
            // A generation from long ago has no recent readers.
            let recent = at - generations.began < AGE * 2;
            generations.previous = if recent { last } else { Generation::new() };
            generations.began = at;
        }
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        let count = |generation: &Generation| {
            let parts = generation.seen.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).len());
            parts.sum::<usize>()
        };
        count(&generations.present) + count(&generations.previous)
    }
}
