//! The keys whose requests are counted by themselves, whatever address they come from.
//!
//! What must hold: only what holds a key that lets somebody in is counted by it, so that nobody makes up another client for
//! each request; the database is asked nothing; what is kept is bounded by the number of keys that [`KeyObserver`] is told.
//!
//! A key is found by its digest. How long it takes to find none tells something of the digest of what was sent, and nothing
//! of any key: a secret of 160 bits is not guessed digest by digest.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
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

use crate::{db::change_log::LiveKey, http::headers::bearer};

/// No key is longer, so nothing longer is digested.
const LONGEST: usize = 64;

/// What counts the requests of one key.
pub(super) type Counter<C> = RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>;

struct Held<C: Clock> {
    until: Option<C::Instant>,
    counter: Arc<Counter<C>>,
}

/// The keys that let somebody in, by digest.
pub(super) struct Keys<C: Clock> {
    held: RwLock<HashMap<[u8; 32], Held<C>>>,
    quota: Quota,
    clock: C,
}

impl<C: Clock + Clone> Keys<C> {
    /// None yet; each will have `quota`.
    pub(super) fn new(quota: Quota, clock: C) -> Keys<C> {
        Keys { held: RwLock::default(), quota, clock }
    }

    /// Takes `keys` in place of those that are held. A key that stays keeps what was counted of it.
    pub(super) fn admit(&self, keys: &[LiveKey]) {
        let now = self.clock.now();
        let known = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let hold = |key: &LiveKey| {
            let counter = known.get(&key.digest).map(|held| Arc::clone(&held.counter));
            let fresh = || Arc::new(RateLimiter::new(self.quota, InMemoryState::default(), self.clock.clone()));
            let until = key.lasts.map(|lasts| now + Nanos::from(lasts));
            (key.digest, Held { until, counter: counter.unwrap_or_else(fresh) })
        };
        let held = keys.iter().map(hold).collect();
        drop(known);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// What counts a request with these headers, if it comes with a key that lets somebody in.
    pub(super) fn counter(&self, headers: &HeaderMap) -> Option<Arc<Counter<C>>> {
        let token = bearer(headers).filter(|token| token.len() <= LONGEST)?;
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let held = held.get::<[u8; 32]>(&Sha256::digest(token).into())?;
        held.until.is_none_or(|until| self.clock.now() < until).then(|| Arc::clone(&held.counter))
    }
}
