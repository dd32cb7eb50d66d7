//! Headers of every response, and of every request.

use std::{cell::RefCell, time::SystemTime};

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The id of a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The origin of a response (W3C Server Timing).
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The tags that invalidate a response.
pub const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// The headers that scripts of other origins may read (CORS).
const EXPOSED: &str = "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/// The policy of a response that is no page: it loads nothing (CSP Level 3).
const LOADS_NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Returns the headers of every response, 304 included: with CORS if scripts of every origin may read it.
pub fn always(is_cors_open: bool) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let no_sniffing = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Without regard to `Origin`: a shared cache stores one response for all.
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED)),
    ];
    std::iter::once(no_sniffing).chain(is_cors_open.then_some(headers).into_iter().flatten())
}

/// Returns the headers that limit what a body may load and send: with `policy` it is a page. Not for a 304, which has no body.
pub fn safe(policy: Option<&'static str>) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let referrer = (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    let content = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy.unwrap_or(LOADS_NOTHING)));
    std::iter::once(content).chain(policy.map(|_| referrer))
}

/// Returns the token of `Authorization: Bearer …` (RFC 6750 section 2.1).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

thread_local! {
    static RANDOM: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::new());
}

/// Returns the client's own request id if it is safe in a header and a log line, else a new `UUIDv7`. Its random part is no
/// secret, so a fast generator is enough.
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
