//! The rate limit: a quota for each key and each client address, stated in every response.
//!
//! The algorithm is GCRA (ITU-T I.371) of `governor`: a client may send its whole quota at once, and then gets it back
//! evenly. 1200 requests in 60 seconds are 1200 at once and 20 a second after that, so up to 2400 in the first minute
//! and 1200 in each later one. Refused requests are not counted.
//!
//! A request with a live key is counted by the key (`keys`), whatever its address; an invented, revoked or expired key
//! has no effect. Other requests are counted by client address ([`super::client`]), IPv6 by /64, in a table of fixed size
//! (`clients`): 65,536 clients in about 1 MiB.
//!
//! `RateLimit` and `RateLimit-Policy` follow draft-ietf-httpapi-ratelimit-headers-11.

mod clients;
mod keys;

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

pub use self::keys::LiveKey;
use self::{
    clients::{CLIENTS, Client, ClientTable},
    keys::KeyTable,
};
use super::client::TrustedProxies;

/// The rest of the client's quota.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The client's quota.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Requests in a period: 1 to [`Rate::MAX_REQUESTS`] in 1 to [`Rate::MAX_SECONDS`] seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    requests: NonZeroU32,
    seconds: NonZeroU32,
}

impl Rate {
    /// The maximum number of requests.
    pub const MAX_REQUESTS: u32 = 1_000_000;

    /// The maximum period: a day.
    pub const MAX_SECONDS: u32 = 86_400;

    /// Returns the rate of `requests` in `seconds`; `None` if one of them is zero or above its maximum.
    #[must_use]
    pub fn new(requests: u32, seconds: u32) -> Option<Rate> {
        let within = requests <= Rate::MAX_REQUESTS && seconds <= Rate::MAX_SECONDS;
        let (requests, seconds) = (NonZeroU32::new(requests)?, NonZeroU32::new(seconds)?);
        within.then_some(Rate { requests, seconds })
    }

    /// Returns the time in which one request of the quota comes back; at least a microsecond.
    fn interval(self) -> Duration {
        Duration::from_secs(self.seconds.get().into()) / self.requests.get()
    }

    /// Returns the seconds in which `requests` of the quota come back, rounded up.
    fn seconds_for(self, requests: u32) -> u32 {
        whole_seconds(self.interval() * requests)
    }
}

/// 1200 requests in 60 seconds: far above a reader's page, a partner's copy of the library in pages, or an office behind one
/// address. A client that reaches it still gets 20 responses a second, of the tens of thousands that the service gives.
impl Default for Rate {
    fn default() -> Rate {
        const REQUESTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(1199);
        const SECONDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
        Rate { requests: REQUESTS, seconds: SECONDS }
    }
}

/// Formats the rate as [`Rate::from_str`] parses it.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, self.seconds)
    }
}

/// Parses `600/60`: 600 requests in 60 seconds.
impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        // `parse` alone would take a sign.
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(requests, seconds)| Some((number(requests)?, number(seconds)?)));
        numbers.and_then(|(requests, seconds)| Rate::new(requests, seconds)).ok_or_else(|| {
            format!(
                "`{text}` is not a rate: expected requests/seconds, such as 600/60, with 1 to {} requests in 1 to {} seconds",
                Rate::MAX_REQUESTS,
                Rate::MAX_SECONDS
            )
        })
    }
}

/// The setting of the rate limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Limit {
    /// The default rate for all clients except loopback addresses.
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

/// The decision about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Admitted without a limit.
    Free,
    /// Admitted; the rest of the quota.
    Within(Quota),
    /// Refused; see [`Quota::retry_after`].
    Refused(Quota),
}

/// The rest of a client's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    rate: Rate,
    remaining: u32,
    seconds: u32,
}

impl Quota {
    /// Returns the seconds for `Retry-After` of a refused request (RFC 9110 section 10.2.3), at least 1.
    ///
    /// A client that waits so long is admitted, unless others that share its count were faster.
    #[must_use]
    pub fn retry_after(self) -> u32 {
        self.seconds
    }

    /// Writes `RateLimit` and `RateLimit-Policy`.
    ///
    /// `r` is the number of requests that would be admitted at once now. `t` is in seconds, rounded up, at least 1: the time
    /// until the whole quota is back, or, if `r` is 0, until the next request is admitted, so that it never contradicts
    /// `Retry-After` (draft section 6). It may be late by the time in which one request comes back.
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

/// Returns the policy with two parameters, as a structured field (RFC 9651). Concatenated, because two calls of `format!` a
/// response take longer than the rest of this module.
fn item([(first, a), (second, b)]: [(&str, u32); 2]) -> Result<HeaderValue, InvalidHeaderValue> {
    ["\"default\"", first, itoa::Buffer::new().format(a), second, itoa::Buffer::new().format(b)].concat().try_into()
}

/// The rate limiter of a service, shared by its workers. Tests replace the clock `C`.
pub struct Limiter<C: Clock = MonotonicClock> {
    proxies: TrustedProxies,
    rule: Option<Rule<C>>,
}

struct Rule<C: Clock> {
    rate: Rate,
    loopback_is_free: bool,
    keys: KeyTable<C>,
    clients: RateLimiter<Client, ClientTable, C, StateInformationMiddleware>,
}

impl Limiter {
    /// Returns a limiter without any client.
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

    /// Returns the address of the client behind `peer`; `None` if the peer has no address.
    #[must_use]
    pub fn client(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        Some(self.proxies.client(peer?.ip(), headers))
    }

    /// Counts a request and decides about it. A peer without an address (a Unix socket) is free: it is on this machine.
    pub fn check(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Decision {
        let (Some(rule), Some(client)) = (&self.rule, self.client(peer, headers)) else { return Decision::Free };
        if rule.loopback_is_free && client.is_loopback() {
            return Decision::Free;
        }
        match rule.keys.limiter(headers) {
            Some(limiter) => rule.decision(limiter.check()),
            None => rule.check(Client::of(client)),
        }
    }

    /// Replaces the live keys. The count of a key that was live before is retained.
    pub fn replace_keys(&self, keys: &[LiveKey]) {
        if let Some(rule) = &self.rule {
            rule.keys.replace(keys);
        }
    }
}

impl<C: Clock + Clone> Rule<C> {
    fn new(rate: Rate, loopback_is_free: bool, clock: C) -> Rule<C> {
        // `None` only for an interval of zero, which no rate has.
        let quota = GovernorQuota::with_period(rate.interval()).unwrap_or(GovernorQuota::per_second(rate.requests));
        let table = ClientTable::new(CLIENTS, quota.replenish_interval().into());
        let quota = quota.allow_burst(rate.requests);
        let keys = KeyTable::new(quota, clock.clone());
        Rule { rate, loopback_is_free, keys, clients: RateLimiter::new(quota, table, clock) }
    }

    fn check(&self, client: Client) -> Decision {
        self.decision(self.clients.check_key(&client))
    }

    fn decision(&self, counted: Result<StateSnapshot, NotUntil<C::Instant>>) -> Decision {
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

/// Returns the time in seconds, rounded up, at least 1.
fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests;
