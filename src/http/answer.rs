//! An answer as a handler gives it, and all that HTTP adds to it (RFC 9110, 9111, 5861).
//!
//! What must hold:
//! - the `ETag` is strong: it is made of the bytes that are sent, so equal tags mean equal bytes;
//! - `If-None-Match` decides alone where it is given, `If-Modified-Since` otherwise (RFC 9110 section 13.2.2);
//! - `Last-Modified` never names a second in which another change could still become visible, so a client that knows
//!   only the date is never told 304 over a change (`settled`).

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{StatusCode, header},
    web::Bytes,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// How long caches may keep an answer, and how long past that where the service is slow or gone (RFC 5861).
pub(super) const CACHE_CONTROL: &str = "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400";

/// How long after a change its second is named as `Last-Modified`: longer than a change takes to commit.
const SETTLING: TimeDelta = TimeDelta::seconds(5);

/// A finished answer to a GET.
#[derive(Debug, Clone)]
pub struct Answer {
    body: Bytes,
    content_type: &'static str,
    tags: Vec<String>,
    modified: Option<DateTime<Utc>>,
    links: Vec<String>,
    policy: Option<&'static str>,
}

impl Answer {
    /// `value` as JSON.
    pub fn json<T: Serialize>(value: &T) -> Result<Answer, Error> {
        let body = serde_json::to_vec(value).map_err(|e| Error::internal("an answer cannot be written as JSON", e))?;
        Ok(Answer::bytes("application/json", body))
    }

    /// Bytes of a type.
    pub fn bytes(content_type: &'static str, body: impl Into<Bytes>) -> Answer {
        Answer { body: body.into(), content_type, tags: Vec::new(), modified: None, links: Vec::new(), policy: None }
    }

    /// The tags that make the answer stale, for `Surrogate-Key`.
    #[must_use]
    pub fn tagged<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Answer {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// When anything that the answer depends on changed last.
    #[must_use]
    pub fn modified(mut self, at: Option<DateTime<Utc>>) -> Answer {
        self.modified = at;
        self
    }

    /// What a page may load (`Content-Security-Policy`).
    #[must_use]
    pub fn policy(mut self, policy: &'static str) -> Answer {
        self.policy = Some(policy);
        self
    }

    /// For what only changes with the program: it changed when the program was started, at the latest.
    #[must_use]
    pub fn built_in(self) -> Answer {
        static STARTED: LazyLock<DateTime<Utc>> = LazyLock::new(Utc::now);
        self.modified(Some(*STARTED))
    }

    /// A `Link` header (RFC 8288): `target` is a path.
    #[must_use]
    pub fn link(mut self, target: &str, relation: &str) -> Answer {
        self.links.push(format!("<{target}>; rel=\"{relation}\""));
        self
    }

    /// The `Link` to the next page, where there is one.
    #[must_use]
    pub fn next_page(self, target: Option<&str>) -> Answer {
        match target {
            Some(target) => self.link(target, "next"),
            None => self,
        }
    }
}

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let etag = etag(&self.body);
        let now = Utc::now();
        let modified = self.modified.map(|at| settled(at, now));
        let fresh = is_fresh(request, &etag, self.modified, now);
        let mut response = HttpResponse::build(if fresh { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        response
            .insert_header((header::ETAG, etag))
            .insert_header((header::CACHE_CONTROL, CACHE_CONTROL))
            .insert_header((header::VARY, "Accept-Encoding"));
        if let Some(at) = modified {
            response.insert_header((header::LAST_MODIFIED, http_date(at)));
        }
        if !self.tags.is_empty() {
            response.insert_header(("Surrogate-Key", self.tags.join(" ")));
        }
        for link in self.links {
            response.append_header((header::LINK, link));
        }
        if let Some(policy) = self.policy {
            response.insert_header((header::CONTENT_SECURITY_POLICY, policy));
        }
        if fresh { response.finish() } else { response.content_type(self.content_type).body(self.body) }
    }
}

/// The time to name as `Last-Modified` at `now`, for something that changed at `changed`.
///
/// HTTP dates have whole seconds (RFC 9110 section 8.8.2.2): a second in which a further change could still become
/// visible is not named yet; an earlier one is, which costs a client one full answer and never a stale one.
fn settled(changed: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let changed = changed.trunc_subsecs(0);
    if now - changed < SETTLING { changed - SETTLING } else { changed }
}

fn etag(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..16]))
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
fn http_date(at: DateTime<Utc>) -> String {
    httpdate::fmt_http_date(at.into())
}

/// Whether the client has this answer already. A date alone is believed only when the change has settled: before, a client
/// may hold an answer of the same second from before it.
fn is_fresh(request: &HttpRequest, etag: &str, changed: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    let mut matches = request.headers().get_all(header::IF_NONE_MATCH).peekable();
    if matches.peek().is_some() {
        return matches.filter_map(|value| value.to_str().ok()).any(|value| names(value, etag));
    }
    let since = request.headers().get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    match (since.and_then(|text| httpdate::parse_http_date(text).ok()), changed.map(|at| at.trunc_subsecs(0))) {
        (Some(since), Some(changed)) => now - changed >= SETTLING && changed <= DateTime::<Utc>::from(since),
        _ => false,
    }
}

/// Whether the list of an `If-None-Match` field names `etag`; weak comparison (RFC 9110 section 13.1.2). Our own tags
/// hold no comma, so splitting at commas is safe: a piece of a foreign tag never equals one of ours.
fn names(field: &str, etag: &str) -> bool {
    field.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_named_only_when_it_is_over() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let changed = at("2026-01-02T03:04:05.678Z");
        assert_eq!(settled(changed, at("2026-01-02T03:04:05.900Z")), at("2026-01-02T03:04:00Z"));
        assert_eq!(settled(changed, at("2026-01-02T03:04:09.999Z")), at("2026-01-02T03:04:00Z"));
        assert_eq!(settled(changed, at("2026-01-02T03:04:10Z")), at("2026-01-02T03:04:05Z"));
        assert_eq!(http_date(settled(changed, at("2027-01-01T00:00:00Z"))), "Fri, 02 Jan 2026 03:04:05 GMT");
    }

    #[test]
    fn a_date_is_believed_only_when_the_change_has_settled() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let fresh = |since: &str, changed: &str, now: &str| {
            let request = actix_web::test::TestRequest::get().insert_header((header::IF_MODIFIED_SINCE, since));
            is_fresh(&request.to_http_request(), "\"a\"", Some(at(changed)), at(now))
        };
        // Changes at 10.2 and 10.9; a client that asked between them was told 05.
        assert!(!fresh("Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:10.900Z", "2026-01-02T03:04:11Z"));
        assert!(!fresh("Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:10.900Z", "2026-01-02T03:05:00Z"));
        assert!(!fresh("Fri, 02 Jan 2026 03:04:10 GMT", "2026-01-02T03:04:10.900Z", "2026-01-02T03:04:12Z"));
        assert!(fresh("Fri, 02 Jan 2026 03:04:10 GMT", "2026-01-02T03:04:10.900Z", "2026-01-02T03:05:00Z"));
    }

    #[test]
    fn if_none_match_is_a_list_with_weak_comparison() {
        assert!(names("\"a\"", "\"a\""));
        assert!(names("\"x\", W/\"a\"", "\"a\""));
        assert!(names("*", "\"a\""));
        assert!(!names("\"b\", a", "\"a\""));
    }
}
