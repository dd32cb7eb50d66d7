//! `Cache-Control` of responses that caches may store.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};

/// The times for which other caches may store a response (RFC 9111, RFC 5861).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The time for which it is fresh.
    pub max_age: Duration,
    /// The time after that while a newer one is fetched.
    pub stale_while_revalidate: Duration,
    /// The time after that while the service fails. The service itself serves from memory as long without a database.
    pub stale_if_error: Duration,
}

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        let seconds = Duration::from_secs;
        Lifetimes { max_age: seconds(60), stale_while_revalidate: seconds(600), stale_if_error: seconds(86_400) }
    }
}

impl Lifetimes {
    fn header(&self) -> HeaderValue {
        let text = format!(
            "public, max-age={}, stale-while-revalidate={}, stale-if-error={}",
            self.max_age.as_secs(),
            self.stale_while_revalidate.as_secs(),
            self.stale_if_error.as_secs()
        );
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("public"))
    }
}

/// The header for all responses that caches may store.
#[derive(Debug, Clone)]
pub struct CacheControl {
    lifetimes: Lifetimes,
    /// The header without a scheduled publication.
    pub header: HeaderValue,
}

impl CacheControl {
    /// Returns the header for these lifetimes.
    #[must_use]
    pub fn new(lifetimes: Lifetimes) -> CacheControl {
        CacheControl { header: lifetimes.header(), lifetimes }
    }

    /// Caps `max-age` at the next scheduled publication, which comes in `seconds`.
    pub fn cap(&self, headers: &mut HeaderMap, seconds: Option<u64>) {
        if let Some(left) = seconds.map(Duration::from_secs)
            && left < self.lifetimes.max_age
            && headers.get(CACHE_CONTROL) == Some(&self.header)
        {
            headers.insert(CACHE_CONTROL, Lifetimes { max_age: left, ..self.lifetimes }.header());
        }
    }
}
