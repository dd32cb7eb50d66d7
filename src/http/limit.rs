//! How many requests a client may send: a rate for each key and each address, refused above it, and told in every answer.
//!
//! The rate is held by GCRA (ITU-T I.371) as `governor` computes it: a client may send the whole quota at once, and then
//! gets it back evenly. 1200 requests in 60 seconds are 1200 at once and 20 a second after that, so 2400 in a first minute
//! and 1200 in every other. What is refused is not counted.
//!
//! A request with a key that lets somebody in is counted by the key (`keys`), wherever it comes from; a key that is made up,
//! was revoked or has expired counts for nothing. Other clients are told by address ([`super::client`]), an IPv6 client by
//! its /64. What is kept about them is bounded (`places`): 65,536 clients in about 1 MiB, and beyond that newcomers are
//! counted by neighbourhood.
//!
//! `RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-11.

mod keys;
mod places;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    str::FromStr,
    time::Duration,
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use governor::{
    NotUntil, Quota as GovernorQuota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::{StateInformationMiddleware, StateSnapshot},
};

use self::{
    keys::Keys,
    places::{CLIENTS, Client, Places},
};
use super::client::TrustedProxies;
use crate::db::change_log::{KeyObserver, LiveKey};

/// What the client has left.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What the client is given.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Requests in a period: 1 to [`Rate::MOST_REQUESTS`] in 1 to [`Rate::MOST_SECONDS`] seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    requests: NonZeroU32,
    seconds: NonZeroU32,
}

impl Rate {
    /// The most requests that a rate can name.
    pub const MOST_REQUESTS: u32 = 1_000_000;

    /// The longest period that a rate can name: a day.
    pub const MOST_SECONDS: u32 = 86_400;

    /// `requests` in `seconds`; `None` where one of them is zero or larger than the most.
    #[must_use]
    pub fn new(requests: u32, seconds: u32) -> Option<Rate> {
        let within = requests <= Rate::MOST_REQUESTS && seconds <= Rate::MOST_SECONDS;
        let (requests, seconds) = (NonZeroU32::new(requests)?, NonZeroU32::new(seconds)?);
        within.then_some(Rate { requests, seconds })
    }

    /// The time in which one request comes back; at least a microsecond.
    fn interval(self) -> Duration {
        Duration::from_secs(self.seconds.get().into()) / self.requests.get()
    }

    /// The time in which `requests` come back, in whole seconds, rounded up.
    fn seconds_for(self, requests: u32) -> u32 {
        whole_seconds(self.interval() * requests)
    }
}

/// 1200 requests in 60 seconds. A reader's page takes a handful of requests and a partner's copy of a library comes in
/// pages, so neither meets it, nor does an office behind one address; whoever does is left with 20 answers a second, of
/// the tens of thousands that the service gives.
impl Default for Rate {
    fn default() -> Rate {
        const REQUESTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(1199);
        const SECONDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
        Rate { requests: REQUESTS, seconds: SECONDS }
    }
}

/// As [`Rate::from_str`] reads it.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, self.seconds)
    }
}

/// `600/60`: 600 requests in 60 seconds.
impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        // `parse` alone would take a sign.
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(requests, seconds)| Some((number(requests)?, number(seconds)?)));
        numbers.and_then(|(requests, seconds)| Rate::new(requests, seconds)).ok_or_else(|| {
            format!(
                "`{text}` is not a rate: expected requests/seconds, 600/60 for example, with 1 to {} requests in 1 to {} seconds",
                Rate::MOST_REQUESTS,
                Rate::MOST_SECONDS
            )
        })
    }
}

/// Who is limited, and to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Limit {
    /// The default rate for all clients but those on this machine (loopback addresses).
    #[default]
    Standard,
    /// This rate for all clients, loopback included.
    Set(Rate),
    /// No limit for anyone.
    Off,
}

/// `off`, or a rate for all clients.
impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Limit, String> {
        if text == "off" {
            return Ok(Limit::Off);
        }
        text.parse().map(Limit::Set).map_err(|why| format!("{why}; or off"))
    }
}

/// Whether a request is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is, and nothing is counted for this client.
    Free,
    /// It is, and the client has this left.
    Within(Quota),
    /// It is not; [`Quota::retry_after`] says when the next one is.
    Refused(Quota),
}

/// What a client may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    rate: Rate,
    remaining: u32,
    seconds: u32,
}

impl Quota {
    /// Where the request was refused: the seconds after which one is let in, at least 1, for `Retry-After` (RFC 9110
    /// section 10.2.3).
    ///
    /// A client that waits so long is let in, unless it is one of several who are counted as one and the others were
    /// faster.
    #[must_use]
    pub fn retry_after(self) -> u32 {
        self.seconds
    }

    /// Writes `RateLimit` and `RateLimit-Policy`.
    ///
    /// `r` is how many requests are let in at once now. `t` is in seconds, rounded up, at least 1: where something
    /// remains, until the whole quota is there again if nothing is sent; where nothing remains, until a request is let
    /// in, so that it never contradicts `Retry-After` (draft section 6). It may be late by the time that one request takes to
    /// come back.
    pub fn write_to(self, headers: &mut HeaderMap) {
        let Rate { requests, seconds } = self.rate;
        let values = [
            (RATE_LIMIT, item([(";r=", self.remaining), (";t=", self.seconds)])),
            (RATE_LIMIT_POLICY, item([(";q=", requests.get()), (";w=", seconds.get())])),
        ];
        for (name, value) in values {
            if let Ok(value) = value {
                headers.insert(name, value);
            }
        }
    }
}

/// The one policy with two parameters, as a structured field (RFC 9651). Put together of its parts because `format!`,
/// twice in every answer, takes longer than all the rest of this module.
fn item([(first, a), (second, b)]: [(&str, u32); 2]) -> Result<HeaderValue, InvalidHeaderValue> {
    ["\"default\"", first, itoa::Buffer::new().format(a), second, itoa::Buffer::new().format(b)].concat().try_into()
}

/// Counts requests by client; one for all workers. `C` is the clock, so that tests need no time.
pub struct Limiter<C: Clock = MonotonicClock> {
    proxies: TrustedProxies,
    rule: Option<Rule<C>>,
}

struct Rule<C: Clock> {
    rate: Rate,
    loopback_is_free: bool,
    keys: Keys<C>,
    clients: RateLimiter<Client, Places, C, StateInformationMiddleware>,
}

impl Limiter {
    /// A limiter that has seen nobody yet.
    #[must_use]
    pub fn new(limit: Limit, proxies: TrustedProxies) -> Limiter {
        Limiter::with_clock(limit, proxies, MonotonicClock)
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn with_clock(limit: Limit, proxies: TrustedProxies, clock: C) -> Limiter<C> {
        let rule = match limit {
            Limit::Standard => Some(Rule::new(Rate::default(), true, clock)),
            Limit::Set(rate) => Some(Rule::new(rate, false, clock)),
            Limit::Off => None,
        };
        Limiter { proxies, rule }
    }

    /// Whose request it is that came from `peer` with `headers`; `None` where the peer has no address.
    #[must_use]
    pub fn client(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        Some(self.proxies.client(peer?.ip(), headers))
    }

    /// Counts a request that came from `peer` with `headers`, and decides about it.
    ///
    /// A peer without an address (a Unix socket) is free: it is on this machine.
    pub fn check(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Decision {
        let (Some(rule), Some(client)) = (&self.rule, self.client(peer, headers)) else { return Decision::Free };
        if rule.loopback_is_free && client.is_loopback() {
            return Decision::Free;
        }
        match rule.keys.counter(headers) {
            Some(counter) => rule.verdict(counter.check()),
            None => rule.check(Client::of(client)),
        }
    }
}

impl KeyObserver for Limiter {
    fn admit(&self, keys: Vec<LiveKey>) {
        if let Some(rule) = &self.rule {
            rule.keys.admit(&keys);
        }
    }
}

impl<C: Clock + Clone> Rule<C> {
    fn new(rate: Rate, loopback_is_free: bool, clock: C) -> Rule<C> {
        // `None` only for an interval of zero, which no rate has.
        let quota = GovernorQuota::with_period(rate.interval()).unwrap_or(GovernorQuota::per_second(rate.requests));
        let places = Places::new(CLIENTS, quota.replenish_interval().into());
        let quota = quota.allow_burst(rate.requests);
        let keys = Keys::new(quota, clock.clone());
        Rule { rate, loopback_is_free, keys, clients: RateLimiter::new(quota, places, clock) }
    }

    fn check(&self, client: Client) -> Decision {
        self.verdict(self.clients.check_key(&client))
    }

    fn verdict(&self, counted: Result<StateSnapshot, NotUntil<C::Instant>>) -> Decision {
        let rate = self.rate;
        match counted {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let missing = if remaining == 0 { 1 } else { rate.requests.get() - remaining };
                Decision::Within(Quota { rate, remaining, seconds: rate.seconds_for(missing) })
            }
            Err(refusal) => {
                let wait = refusal.wait_time_from(self.clients.clock().now());
                Decision::Refused(Quota { rate, remaining: 0, seconds: whole_seconds(wait) })
            }
        }
    }
}

/// Rounded up, at least 1.
fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests;
