//! What is kept for an address: a page, a lasting refusal, or which thing the address means; and what makes it stale.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::http::header::HeaderValue;
use uuid::Uuid;

use super::{Tag, page::Page};
use crate::{
    error::Error,
    http::{metrics::Route, payload::Payload},
};

/// The most that `used` counts to.
const MOST_USED: u8 = 3;

/// A finished answer, or a refusal that is as lasting as one.
#[derive(Debug)]
pub struct Entry {
    /// What is answered.
    pub outcome: Outcome,
    /// What makes it stale.
    pub tags: Box<[Tag]>,
    /// Whether it depends on the program only, and on nothing that the log tells of.
    pub lasting: bool,
    /// Where requests for it are counted.
    pub route: Arc<Route>,
    /// Where the store has it; 0 where it has not.
    pub(super) place: AtomicU64,
    used: AtomicU8,
}

/// What is answered.
#[derive(Debug)]
pub enum Outcome {
    /// 200 or 304.
    Page(Box<Page>),
    /// 308, 404 or 410. The body names the request, so it is written for each.
    Refusal(Error),
    /// Which thing an address means: for handlers that do something with it. It is sent to nobody.
    Identity(Uuid),
}

/// For how long other caches may keep an answer (RFC 9111, RFC 5861).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// While it counts as fresh.
    pub max_age: Duration,
    /// Past that, while a newer one is fetched.
    pub stale_while_revalidate: Duration,
    /// Past that, while the service is slow or gone. For as long the service itself answers from memory without a database.
    pub stale_if_error: Duration,
}

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        let seconds = Duration::from_secs;
        Lifetimes { max_age: seconds(60), stale_while_revalidate: seconds(600), stale_if_error: seconds(86_400) }
    }
}

impl Lifetimes {
    /// `Cache-Control` of everything that caches may keep.
    #[must_use]
    pub fn cache_control(&self) -> HeaderValue {
        let text = format!(
            "public, max-age={}, stale-while-revalidate={}, stale-if-error={}",
            self.max_age.as_secs(),
            self.stale_while_revalidate.as_secs(),
            self.stale_if_error.as_secs()
        );
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("public"))
    }
}

impl Lifetimes {
    /// The same where something new is to come in `seconds`, if that is sooner than other caches would ask again.
    #[must_use]
    pub fn until(&self, seconds: u64) -> Option<Lifetimes> {
        let left = Duration::from_secs(seconds);
        (left < self.max_age).then_some(Lifetimes { max_age: left, ..*self })
    }
}

impl Entry {
    /// The entry of an answer or a lasting refusal to a request for `path`, counted at `route`. Errors: a refusal that says
    /// nothing of the next request, as it came.
    pub fn new(
        result: Result<Payload, Error>,
        path: &str,
        route: Arc<Route>,
        cache_control: &HeaderValue,
    ) -> Result<Entry, Error> {
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => return Entry::refusal(error, route),
        };
        let outcome = Outcome::Page(Box::new(Page::new(&answer, path, cache_control)));
        Ok(Entry::with(outcome, &answer.tags, answer.built_in, route))
    }

    /// The entry of what an address means, with what makes that stale. Errors: as of [`Entry::new`].
    pub fn identity(result: Result<(Uuid, Vec<String>), Error>, route: Arc<Route>) -> Result<Entry, Error> {
        match result {
            Ok((id, tags)) => Ok(Entry::with(Outcome::Identity(id), &tags, false, route)),
            Err(error) => Entry::refusal(error, route),
        }
    }

    fn refusal(error: Error, route: Arc<Route>) -> Result<Entry, Error> {
        let tags = error.tags().ok_or_else(|| error.clone())?;
        Ok(Entry::with(Outcome::Refusal(error), &tags, false, route))
    }

    fn with(outcome: Outcome, tags: &[String], lasting: bool, route: Arc<Route>) -> Entry {
        let tags = tags.iter().map(|tag| Tag::new(tag)).collect();
        let (place, used) = (AtomicU64::new(0), AtomicU8::new(0));
        Entry { outcome, tags, lasting, route, place, used }
    }

    /// Whether it is a refusal: those have a part of the memory of their own.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.outcome, Outcome::Refusal(_))
    }

    /// Its bytes in memory so far, without what the store adds.
    pub(super) fn weight(&self) -> usize {
        let body = match &self.outcome {
            Outcome::Page(page) => page.weight(),
            Outcome::Refusal(_) | Outcome::Identity(_) => 0,
        };
        body + self.tags.len() * size_of::<Tag>() + size_of::<Entry>()
    }

    /// Notes that it was asked for.
    pub fn touch(&self) {
        let used = self.used.load(Ordering::Relaxed);
        if used < MOST_USED {
            self.used.store(used + 1, Ordering::Relaxed);
        }
    }

    /// Whether it was asked for lately; up to [`MOST_USED`] requests count, and each is spent by being asked of here.
    pub(super) fn use_up(&self) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        self.used.store(used.saturating_sub(1), Ordering::Relaxed);
        used > 0
    }
}
