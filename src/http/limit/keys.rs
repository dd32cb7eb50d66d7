//! Keys whose requests are counted by key, whatever address they come from.
//!
//! Only live keys are counted so: a client gets no new quota by inventing a key. The request path does not query the
//! database, and memory is bounded by the number of keys in [`KeyTable::replace`].
//!
//! Keys are found by digest. The time of a failed look-up reveals something about the digest of what was sent, but nothing
//! about a key: a secret of 160 bits is not guessed digest by digest.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use actix_web::http::header::HeaderMap;
use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use sha2::{Digest, Sha256};

use crate::http::headers::bearer;

/// The maximum length of a key; longer tokens are not digested.
const MAX_LENGTH: usize = 64;

/// A key that is neither revoked nor expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveKey {
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// The time until it expires; `None` for a key that does not expire.
    pub expires_in: Option<Duration>,
}

/// The rate limiter of one key.
pub(super) type KeyLimiter<C> = RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>;

struct Entry<C: Clock> {
    expires_at: Option<C::Instant>,
    limiter: Arc<KeyLimiter<C>>,
}

/// Live keys by digest, each with its rate limiter.
pub(super) struct KeyTable<C: Clock> {
    entries: RwLock<HashMap<[u8; 32], Entry<C>>>,
    quota: Quota,
    clock: C,
}

impl<C: Clock + Clone> KeyTable<C> {
    /// Returns an empty table whose keys get `quota` each.
    pub(super) fn new(quota: Quota, clock: C) -> KeyTable<C> {
        KeyTable { entries: RwLock::default(), quota, clock }
    }

    /// Replaces the keys of the table. The count of a key that was there before is retained.
    pub(super) fn replace(&self, keys: &[LiveKey]) {
        let now = self.clock.now();
        let previous = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = |key: &LiveKey| {
            let limiter = previous.get(&key.digest).map(|entry| Arc::clone(&entry.limiter));
            let new = || Arc::new(RateLimiter::new(self.quota, InMemoryState::default(), self.clock.clone()));
            let expires_at = key.expires_in.map(|expires_in| now + Nanos::from(expires_in));
            (key.digest, Entry { expires_at, limiter: limiter.unwrap_or_else(new) })
        };
        let entries = keys.iter().map(entry).collect();
        drop(previous);
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    /// Returns the rate limiter of the live key in these headers; `None` without one.
    pub(super) fn limiter(&self, headers: &HeaderMap) -> Option<Arc<KeyLimiter<C>>> {
        let token = bearer(headers).filter(|token| token.len() <= MAX_LENGTH)?;
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get::<[u8; 32]>(&Sha256::digest(token).into())?;
        entry.expires_at.is_none_or(|expires_at| self.clock.now() < expires_at).then(|| Arc::clone(&entry.limiter))
    }
}
