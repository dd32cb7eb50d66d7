//! The headers that answers have whatever they answer.

use std::{cell::RefCell, time::SystemTime};

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that says how an answer came about (W3C Server Timing).
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The header that names what makes an answer stale.
pub const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// The headers that scripts of other origins may read.
const EXPOSED: &str = "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/// What an answer that is no page may load: nothing (CSP Level 3).
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// What every answer has, 304 included: no guessing of types, and under the API that `is_public` what lets scripts of every
/// origin read it (Fetch Standard).
pub fn always(is_public: bool) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let exact = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not only where an Origin was sent: a shared cache keeps one answer for all.
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED)),
    ];
    std::iter::once(exact).chain(is_public.then_some(headers).into_iter().flatten())
}

/// What keeps a body from loading and telling more than it should: with a `policy` of its own it is a page, else nothing that
/// a browser shows. A 304 has no body.
pub fn safe(policy: Option<&'static str>) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let referrer = (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    let policed = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy.unwrap_or(NOTHING)));
    std::iter::once(policed).chain(policy.map(|_| referrer))
}

/// Whether a path is of the API that every origin may read.
#[must_use]
pub fn is_public(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/") || path.starts_with("/preview/")
}

/// Whether a path is of the API that changes things; no other origin may use it.
#[must_use]
pub fn is_managed(path: &str) -> bool {
    path.starts_with("/manage/")
}

/// Whether answers under a path are for the one who asked only.
#[must_use]
pub fn is_private(path: &str) -> bool {
    is_managed(path) || path.starts_with("/preview/")
}

/// The token of `Authorization: Bearer …` (RFC 6750 section 2.1).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

thread_local! {
    static RANDOM: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::new());
}

/// The client's own id where it can stand in a header and a log line, else a new one: a UUID of version 7. Its random part
/// tells requests apart and is no secret, so it need not come from the system.
#[must_use]
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| {
        let id = id.as_bytes();
        (1..=64).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    });
    if let Some(given) = given {
        return given.clone();
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut random = [0; 10];
    RANDOM.with_borrow_mut(|rng| rng.fill(&mut random));
    let id = uuid::Builder::from_unix_timestamp_millis(u64::try_from(now).unwrap_or_default(), &random).into_uuid();
    let mut text = Uuid::encode_buffer();
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).unwrap_or_else(|_| HeaderValue::from_static("-"))
}
