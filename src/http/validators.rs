//! Validators: strong entity tags, `Last-Modified`, and the conditions of requests (RFC 9110 sections 8.8 and 13).

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::encoding::ContentEncoding;

/// The time after a change until its second is named as `Last-Modified`: longer than a change takes to commit.
const SETTLING: TimeDelta = TimeDelta::seconds(5);

/// The time of the last change of anything that a response depends on.
#[derive(Debug)]
pub(super) struct LastModified {
    at: DateTime<Utc>,
    header: HeaderValue,
    settled: AtomicBool,
}

impl LastModified {
    pub(super) fn new(at: DateTime<Utc>) -> LastModified {
        let header = http_date(at.trunc_subsecs(0));
        LastModified { at, header, settled: AtomicBool::new(false) }
    }

    /// Returns whether no further change can become visible in the same second.
    fn is_settled(&self, now: impl FnOnce() -> DateTime<Utc>) -> bool {
        if self.settled.load(Ordering::Relaxed) {
            return true;
        }
        let settled = now() - self.at.trunc_subsecs(0) >= SETTLING;
        self.settled.store(settled, Ordering::Relaxed);
        settled
    }

    /// Returns the value of `Last-Modified`.
    ///
    /// HTTP dates have whole seconds (RFC 9110 section 8.8.2.2). Until the change has settled, an earlier second is named:
    /// that costs a client one full response, and never gives it a stale one.
    pub(super) fn header(&self) -> HeaderValue {
        if self.is_settled(Utc::now) { self.header.clone() } else { http_date(self.at.trunc_subsecs(0) - SETTLING) }
    }
}

/// Returns an IMF-fixdate (RFC 9110 section 5.6.7).
fn http_date(at: DateTime<Utc>) -> HeaderValue {
    HeaderValue::from_str(&httpdate::fmt_http_date(at.into())).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Returns the strong entity tag of a digest of the identity bytes, sent in an encoding.
pub(super) fn entity_tag(digest: &str, encoding: ContentEncoding) -> HeaderValue {
    let tag = match encoding {
        ContentEncoding::Identity => format!("\"{digest}\""),
        encoding => format!("\"{digest}-{}\"", encoding.name()),
    };
    HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Returns whether the client has this response, so that it gets 304. `If-None-Match` decides alone if it is given (RFC 9110 section
/// 13.2.2). A date counts only after the change has settled: a client may have a response of the same second from before it.
pub(super) fn is_fresh(headers: &HeaderMap, etag: &HeaderValue, modified: Option<&LastModified>) -> bool {
    let mut conditions = headers.get_all(header::IF_NONE_MATCH).peekable();
    if conditions.peek().is_some() {
        return conditions.any(|value| value == etag || matches(value.as_bytes(), etag.as_bytes()));
    }
    let Some(since) = headers.get(header::IF_MODIFIED_SINCE) else { return false };
    let since = since.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
    let (Some(since), Some(modified)) = (since, modified) else { return false };
    modified.is_settled(Utc::now) && modified.at.trunc_subsecs(0) <= DateTime::<Utc>::from(since)
}

/// Returns whether the list of an `If-None-Match` field contains `etag`, by weak comparison (RFC 9110 section 13.1.2). Our own tags
/// have no comma, so splitting at commas is safe: a piece of a foreign tag never equals one of ours.
fn matches(field: &[u8], etag: &[u8]) -> bool {
    field.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|tag| {
        let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
        tag == b"*" || tag == etag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn last_modified_names_a_second_only_after_it_has_settled() {
        let changed = LastModified::new(at("2026-01-02T03:04:05.678Z"));
        assert!(!changed.is_settled(|| at("2026-01-02T03:04:05.900Z")));
        assert!(!changed.is_settled(|| at("2026-01-02T03:04:09.999Z")));
        assert!(changed.is_settled(|| at("2026-01-02T03:04:10Z")));
        assert_eq!(changed.header(), "Fri, 02 Jan 2026 03:04:05 GMT");
        let now = LastModified::new(Utc::now());
        let named = httpdate::parse_http_date(now.header().to_str().unwrap()).unwrap();
        assert!(Utc::now() - DateTime::<Utc>::from(named) >= SETTLING);
    }

    #[test]
    fn if_modified_since_counts_only_after_the_change_has_settled() {
        let fresh = |since: &'static str, changed: &str, now: &str| {
            let modified = LastModified::new(at(changed));
            modified.is_settled(|| at(now));
            // `is_fresh` asks again with the real clock, which is long after: the stored flag must win if it is set.
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MODIFIED_SINCE, HeaderValue::from_static(since));
            is_fresh(&headers, &HeaderValue::from_static("\"a\""), Some(&modified))
        };
        assert!(!fresh("Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:10.900Z", "2026-01-02T03:05:00Z"));
        assert!(fresh("Fri, 02 Jan 2026 03:04:10 GMT", "2026-01-02T03:04:10.900Z", "2026-01-02T03:05:00Z"));
        let now = Utc::now();
        let since = HeaderValue::from_str(&httpdate::fmt_http_date((now + TimeDelta::days(1)).into())).unwrap();
        let headers = HeaderMap::from_iter([(header::IF_MODIFIED_SINCE, since)]);
        assert!(!is_fresh(&headers, &HeaderValue::from_static("\"a\""), Some(&LastModified::new(now))));
        assert!(is_fresh(
            &headers,
            &HeaderValue::from_static("\"a\""),
            Some(&LastModified::new(now - TimeDelta::minutes(1)))
        ));
        assert!(!is_fresh(&headers, &HeaderValue::from_static("\"a\""), None));
    }

    #[test]
    fn if_none_match_is_a_list_with_weak_comparison() {
        assert!(matches(b"\"a\"", b"\"a\""));
        assert!(matches(b"\"x\", W/\"a\"", b"\"a\""));
        assert!(matches(b"*", b"\"a\""));
        assert!(!matches(b"\"b\", a", b"\"a\""));
    }
}
