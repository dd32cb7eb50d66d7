//! The client table: the rate-limit state of each client address, in fixed memory.
//!
//! An address is hashed to a bucket of [`WAYS`] slots. A slot stores the time from which on its client has its whole
//! quota again (GCRA's theoretical arrival time); after it, the slot is free for the next client. So nothing is swept, and
//! a request locks one bucket.
//!
//! If a bucket has no free slot, no client is evicted, because it would get a new quota. The newcomer shares one client's
//! quota with other such newcomers of its neighbourhood (IPv4 /16, IPv6 /32: about one provider). Whoever fills the
//! table, which takes tens of thousands of addresses, so shuts out newcomers of the same provider (and by chance of one in
//! [`SHARED`] others), but no client that has a slot.
//!
//! The hash has a random key, so a client cannot compute which addresses collide.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use governor::{
    nanos::Nanos,
    state::{InMemoryState, StateStore, direct::NotKeyed},
};

/// The number of slots, 16 bytes each: about 1 MiB, allocated at the start.
pub(super) const CLIENTS: usize = 65_536;

/// The slots of a bucket. Buckets fill unevenly: with half of all slots in use, 1 newcomer in 120 finds a full bucket; with
/// a quarter, 1 in 200,000.
const WAYS: usize = 16;

/// The number of shared states, 8 bytes each.
const SHARED: usize = 4096;

/// A client: an IPv4 address, or the /64 of an IPv6 address, within which a host can take any address (RFC 4291 section
/// 2.5.4, RFC 8981).
///
/// The number is the upper half of the IPv6 address, or the IPv4 address. They coincide only in `::/32`, which is
/// assigned to nobody (RFC 4291 section 2.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Client(u64);

impl Client {
    pub(super) fn of(address: IpAddr) -> Client {
        Client(match address.to_canonical() {
            IpAddr::V4(address) => address.to_bits().into(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                [a, b, c, d].iter().fold(0, |bits, &segment| bits << 16 | u64::from(segment))
            }
        })
    }

    /// Returns the number that all clients of an IPv4 /16 or an IPv6 /32 share.
    pub(super) fn neighbourhood(self) -> u64 {
        if self.0 <= u32::MAX.into() { self.0 >> 16 } else { self.0 >> 32 << 32 }
    }
}

/// Slots; each is free from its time in `until` on, at first always.
#[derive(Default)]
struct Bucket {
    clients: [Client; WAYS],
    until: [Nanos; WAYS],
}

/// The states of all clients.
pub(super) struct ClientTable {
    buckets: Box<[Mutex<Bucket>]>,
    shared: Box<[InMemoryState]>,
    hasher: RandomState,
    interval: Nanos,
}

impl ClientTable {
    /// Returns an empty table of at least `clients` slots; `interval` is the time in which one request of the quota comes
    /// back.
    pub(super) fn new(clients: usize, interval: Nanos) -> ClientTable {
        ClientTable {
            buckets: (0..clients.div_ceil(WAYS).max(1)).map(|_| Mutex::default()).collect(),
            shared: (0..SHARED).map(|_| InMemoryState::default()).collect(),
            hasher: RandomState::new(),
            interval,
        }
    }

    fn choose<'a, T>(&self, from: &'a [T], key: impl Hash) -> &'a T {
        let index = self.hasher.hash_one(key) % from.len() as u64;
        &from[usize::try_from(index).unwrap_or_default()]
    }
}

impl StateStore for ClientTable {
    type Key = Client;

    fn measure_and_replace<T, F, E>(&self, client: &Client, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let bucket = self.choose(&self.buckets, client);
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = bucket.clients.iter().position(|other| other == client) {
            let (outcome, until) = measure(Some(bucket.until[slot]))?;
            bucket.until[slot] = until;
            return Ok(outcome);
        }
        // A new client is admitted and counts for one interval from now on, which gives the present time.
        let (outcome, until) = measure(None)?;
        let now = until.saturating_sub(self.interval);
        let free = bucket.until.iter().position(|&until| until <= now);
        if let Some(slot) = free {
            bucket.clients[slot] = *client;
            bucket.until[slot] = until;
            return Ok(outcome);
        }
        drop(bucket);
        self.choose(&self.shared, client.neighbourhood()).measure_and_replace(&NotKeyed::NonKey, measure)
    }
}
