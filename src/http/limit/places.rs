//! Where the state of each client is kept: a table of fixed size, so that no number of addresses makes it grow.
//!
//! A client's address leads to one shelf of [`WAYS`] places. A place holds the moment from which on its client counts as
//! one that was never seen (GCRA's theoretical arrival time); a place whose moment has passed says nothing any more and
//! is given to the next newcomer. So nothing has to be swept, and a request looks at one shelf and locks no other.
//!
//! A newcomer that finds only places that still count is not given another client's: that client would start afresh.
//! It is counted together with the others of its neighbourhood (IPv4 /16, IPv6 /32: about what one provider is given)
//! that find none either, all of them at the rate of one client. Whoever fills the table, which takes addresses by the
//! ten thousand, so shuts out newcomers of the provider the addresses are of (and, by chance, of one in [`SHARED`]
//! others), but nobody who has a place, and no one elsewhere.
//!
//! Shelf and shared state are chosen by a hash with a random key: which addresses meet cannot be worked out beforehand.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use governor::{
    nanos::Nanos,
    state::{InMemoryState, StateStore, direct::NotKeyed},
};

/// How many clients are tracked at most, each with 16 bytes: about 1 MiB in all, taken at the start.
pub(super) const CLIENTS: usize = 65_536;

/// The places of a shelf. Shelves do not fill evenly: with half of all places taken, 1 newcomer in 120
/// finds a full one; with a quarter, 1 in 200,000.
const WAYS: usize = 16;

/// How many states the neighbourhoods share, 8 bytes each.
const SHARED: usize = 4096;

/// What is counted as one client: an IPv4 address, or the /64 of an IPv6 address, within which a host takes any address
/// it likes (RFC 4291 section 2.5.4, RFC 8981).
///
/// The upper half of the IPv6 address, or the IPv4 address as a number; the two meet only in `::/32`, which nobody is
/// given (RFC 4291 section 2.4).
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

    /// The same for all clients of an IPv4 /16 or an IPv6 /32.
    pub(super) fn neighbourhood(self) -> u64 {
        if self.0 <= u32::MAX.into() { self.0 >> 16 } else { self.0 >> 32 << 32 }
    }
}

/// A place is free from the moment in `until` on; at first, from the beginning of time.
#[derive(Default)]
struct Shelf {
    clients: [Client; WAYS],
    until: [Nanos; WAYS],
}

/// The states of all clients.
pub(super) struct Places {
    shelves: Box<[Mutex<Shelf>]>,
    shared: Box<[InMemoryState]>,
    hasher: RandomState,
    interval: Nanos,
}

impl Places {
    /// An empty table of at least `clients` places; `interval` is the time that one request counts for.
    pub(super) fn new(clients: usize, interval: Nanos) -> Places {
        Places {
            shelves: (0..clients.div_ceil(WAYS).max(1)).map(|_| Mutex::default()).collect(),
            shared: (0..SHARED).map(|_| InMemoryState::default()).collect(),
            hasher: RandomState::new(),
            interval,
        }
    }

    fn choose<'a, T>(&self, of: &'a [T], by: impl Hash) -> &'a T {
        let index = self.hasher.hash_one(by) % of.len() as u64;
        &of[usize::try_from(index).unwrap_or_default()]
    }
}

impl StateStore for Places {
    type Key = Client;

    fn measure_and_replace<T, F, E>(&self, client: &Client, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let shelf = self.choose(&self.shelves, client);
        let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = shelf.clients.iter().position(|known| known == client) {
            let (outcome, until) = measure(Some(shelf.until[place]))?;
            shelf.until[place] = until;
            return Ok(outcome);
        }
        // A client that was never seen is let in and counts for one interval from now on: that tells what now is.
        let (outcome, until) = measure(None)?;
        let now = until.saturating_sub(self.interval);
        let free = shelf.until.iter().position(|&until| until <= now);
        if let Some(place) = free {
            shelf.clients[place] = *client;
            shelf.until[place] = until;
            return Ok(outcome);
        }
        drop(shelf);
        self.choose(&self.shared, client.neighbourhood()).measure_and_replace(&NotKeyed::NonKey, measure)
    }
}
