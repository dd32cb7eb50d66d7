//! A page that is kept: its bytes in each content coding, its headers prepared, and what it answers to one request.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use actix_web::{
    HttpResponse,
    body::{self, BoxBody},
    dev::RequestHead,
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    web::Bytes,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::http::{
    encoding::ContentEncoding,
    headers,
    payload::{self, Payload},
};

/// How long after a change its second is named as `Last-Modified`: longer than a change takes to commit.
const SETTLING: TimeDelta = TimeDelta::seconds(5);

/// An answer to a GET.
#[derive(Debug)]
pub struct Page {
    identity: Coded,
    /// In the order of [`ContentEncoding::CODED`]; `None` where a coding does not make it smaller.
    coded: [OnceCell<Option<Coded>>; 3],
    compressible: bool,
    /// Whether every origin may read it.
    public: bool,
    content_type: &'static str,
    policy: Option<&'static str>,
    cache_control: HeaderValue,
    /// The headers that are its own, and stand in a 304 too; those that many pages have are made for each answer.
    own: Box<[(HeaderName, HeaderValue)]>,
    modified: OnceLock<Modified>,
}

/// The bytes of a content coding and their validator.
#[derive(Debug, Clone)]
struct Coded {
    bytes: Bytes,
    etag: HeaderValue,
}

/// When anything that the answer depends on changed last.
#[derive(Debug)]
struct Modified {
    at: DateTime<Utc>,
    header: HeaderValue,
    settled: AtomicBool,
}

impl Page {
    /// The page of an answer to a request for `path`.
    pub(super) fn new(answer: &Payload, path: &str, cache_control: &HeaderValue) -> Page {
        let tags = HeaderValue::from_str(&answer.tags.join(" ")).ok().map(|tags| (headers::SURROGATE_KEY, tags));
        let links = answer.links.iter().filter_map(|link| HeaderValue::from_str(link).ok());
        let own = tags.into_iter().chain(links.map(|link| (header::LINK, link))).collect();
        let etag = URL_SAFE_NO_PAD.encode(&Sha256::digest(&answer.body)[..16]);
        let identity = Coded { bytes: exact(&answer.body), etag: quoted(&etag, ContentEncoding::Identity) };
        let compressible = !answer.content_type.starts_with("image/");
        let modified = OnceLock::new();
        if answer.built_in {
            let _ = modified.set(Modified::new(payload::started()));
        }
        Page {
            identity,
            coded: [const { OnceCell::const_new() }; 3],
            compressible,
            public: headers::is_public(path),
            content_type: answer.content_type,
            policy: answer.policy,
            cache_control: cache_control.clone(),
            own,
            modified,
        }
    }

    /// Its bytes in memory so far.
    pub(super) fn weight(&self) -> usize {
        let coded = self.coded.iter().filter_map(OnceCell::get).flatten();
        let bytes: usize = coded.chain([&self.identity]).map(|coded| coded.bytes.len() + 64).sum();
        bytes + self.own.iter().map(|(_, value)| value.len() + size_of::<(HeaderName, HeaderValue)>()).sum::<usize>()
    }

    /// Says when anything that it depends on changed last; only the first word counts.
    pub(super) fn modified(&self, at: DateTime<Utc>) {
        let _ = self.modified.set(Modified::new(at));
    }

    /// The answer in `coding`, if its bytes are there.
    pub fn answer(&self, head: &RequestHead, coding: ContentEncoding) -> Option<HttpResponse> {
        let coded = match coding {
            ContentEncoding::Identity => &self.identity,
            coded if self.compressible => self.coded[coded as usize].get()?.as_ref().unwrap_or(&self.identity),
            _ => &self.identity,
        };
        let coding = if std::ptr::eq(coded, &raw const self.identity) { ContentEncoding::Identity } else { coding };
        Some(self.answer_with(head, coding, coded))
    }

    fn answer_with(&self, head: &RequestHead, coding: ContentEncoding, coded: &Coded) -> HttpResponse {
        let modified = self.modified.get();
        let fresh = is_fresh(head.headers(), &coded.etag, modified);
        let mut response = if fresh {
            // No body, and not an empty one: over HTTP/2 actix would tell of that one's length, which is not the page's.
            HttpResponse::with_body(StatusCode::NOT_MODIFIED, BoxBody::new(body::None::new()))
        } else {
            HttpResponse::with_body(StatusCode::OK, BoxBody::new(coded.bytes.clone()))
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        for (name, value) in headers::always(self.public) {
            headers.insert(name, value);
        }
        for (name, value) in &self.own {
            headers.append(name.clone(), value.clone());
        }
        headers.insert(header::ETAG, coded.etag.clone());
        if let Some(modified) = modified {
            headers.insert(header::LAST_MODIFIED, modified.header());
        }
        if !fresh {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            for (name, value) in headers::safe(self.policy) {
                headers.insert(name, value);
            }
            if coding != ContentEncoding::Identity {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            }
        }
        response
    }

    /// Makes the bytes of `coding`, unless they are there; many who want them at once wait for one. Returns by how many
    /// bytes the page grew.
    pub async fn encode(&self, coding: ContentEncoding) -> usize {
        if coding == ContentEncoding::Identity || !self.compressible {
            return 0;
        }
        let mut grown = 0;
        self.coded[coding as usize]
            .get_or_init(async || {
                let identity = self.identity.bytes.clone();
                let bytes = tokio::task::spawn_blocking(move || coding.encode(&identity)).await.ok().flatten()?;
                grown = bytes.len();
                let etag = self.identity.etag.to_str().unwrap_or_default().trim_matches('"').to_owned();
                Some(Coded { bytes: exact(&bytes), etag: quoted(&etag, coding) })
            })
            .await;
        grown
    }
}

/// The same bytes in no more memory than they need: what they were written into grew by doubling.
fn exact(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// The strong validator of the bytes in a coding: a digest of the bytes as they are, and the coding that they are sent in.
fn quoted(digest: &str, coding: ContentEncoding) -> HeaderValue {
    let tag = match coding {
        ContentEncoding::Identity => format!("\"{digest}\""),
        coded => format!("\"{digest}-{}\"", coded.name()),
    };
    HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

impl Modified {
    fn new(at: DateTime<Utc>) -> Modified {
        let settled = at.trunc_subsecs(0);
        Modified { at, header: http_date(settled), settled: AtomicBool::new(false) }
    }

    fn is_settled(&self, now: impl FnOnce() -> DateTime<Utc>) -> bool {
        if self.settled.load(Ordering::Relaxed) {
            return true;
        }
        let settled = now() - self.at.trunc_subsecs(0) >= SETTLING;
        self.settled.store(settled, Ordering::Relaxed);
        settled
    }

    /// The time to name.
    ///
    /// HTTP dates have whole seconds (RFC 9110 section 8.8.2.2): a second in which a further change could still become
    /// visible is not named yet; an earlier one is, which costs a client one full answer and never a stale one.
    fn header(&self) -> HeaderValue {
        if self.is_settled(Utc::now) { self.header.clone() } else { http_date(self.at.trunc_subsecs(0) - SETTLING) }
    }
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
fn http_date(at: DateTime<Utc>) -> HeaderValue {
    HeaderValue::from_str(&httpdate::fmt_http_date(at.into())).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whether the client has this answer already. `If-None-Match` decides alone where it is given (RFC 9110 section 13.2.2). A
/// date alone is believed only when the change has settled: before, a client may hold an answer of the same second from
/// before it.
fn is_fresh(headers: &HeaderMap, etag: &HeaderValue, modified: Option<&Modified>) -> bool {
    let mut matches = headers.get_all(header::IF_NONE_MATCH).peekable();
    if matches.peek().is_some() {
        return matches.any(|value| value == etag || names(value.as_bytes(), etag.as_bytes()));
    }
    let Some(since) = headers.get(header::IF_MODIFIED_SINCE) else { return false };
    let since = since.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
    let (Some(since), Some(modified)) = (since, modified) else { return false };
    modified.is_settled(Utc::now) && modified.at.trunc_subsecs(0) <= DateTime::<Utc>::from(since)
}

/// Whether the list of an `If-None-Match` field names `etag`; weak comparison (RFC 9110 section 13.1.2). Our own tags
/// hold no comma, so splitting at commas is safe: a piece of a foreign tag never equals one of ours.
fn names(field: &[u8], etag: &[u8]) -> bool {
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
    fn a_second_is_named_only_when_it_is_over() {
        let changed = Modified::new(at("2026-01-02T03:04:05.678Z"));
        assert!(!changed.is_settled(|| at("2026-01-02T03:04:05.900Z")));
        assert!(!changed.is_settled(|| at("2026-01-02T03:04:09.999Z")));
        assert!(changed.is_settled(|| at("2026-01-02T03:04:10Z")));
        assert_eq!(changed.header(), "Fri, 02 Jan 2026 03:04:05 GMT");
        let now = Modified::new(Utc::now());
        let named = httpdate::parse_http_date(now.header().to_str().unwrap()).unwrap();
        assert!(Utc::now() - DateTime::<Utc>::from(named) >= SETTLING);
    }

    #[test]
    fn a_date_is_believed_only_when_the_change_has_settled() {
        let fresh = |since: &'static str, changed: &str, now: &str| {
            let modified = Modified::new(at(changed));
            modified.is_settled(|| at(now));
            // Asked for again inside, the clock says that it has settled long ago: only the flag keeps it from that.
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MODIFIED_SINCE, HeaderValue::from_static(since));
            is_fresh(&headers, &HeaderValue::from_static("\"a\""), Some(&modified))
        };
        assert!(!fresh("Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:10.900Z", "2026-01-02T03:05:00Z"));
        assert!(fresh("Fri, 02 Jan 2026 03:04:10 GMT", "2026-01-02T03:04:10.900Z", "2026-01-02T03:05:00Z"));
        let now = Utc::now();
        let since = HeaderValue::from_str(&httpdate::fmt_http_date((now + TimeDelta::days(1)).into())).unwrap();
        let headers = HeaderMap::from_iter([(header::IF_MODIFIED_SINCE, since)]);
        assert!(!is_fresh(&headers, &HeaderValue::from_static("\"a\""), Some(&Modified::new(now))));
        assert!(is_fresh(
            &headers,
            &HeaderValue::from_static("\"a\""),
            Some(&Modified::new(now - TimeDelta::minutes(1)))
        ));
        assert!(!is_fresh(&headers, &HeaderValue::from_static("\"a\""), None));
    }

    #[test]
    fn if_none_match_is_a_list_with_weak_comparison() {
        assert!(names(b"\"a\"", b"\"a\""));
        assert!(names(b"\"x\", W/\"a\"", b"\"a\""));
        assert!(names(b"*", b"\"a\""));
        assert!(!names(b"\"b\", a", b"\"a\""));
    }
}
