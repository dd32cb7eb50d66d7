//! A representation of a payload: its bytes in each content encoding, with prepared headers.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpResponse,
    body::{self, BoxBody},
    dev::RequestHead,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web::Bytes,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::{
    encoding::ContentEncoding,
    headers,
    metrics::Route,
    policy::RoutePolicy,
    validators::{LastModified, entity_tag, is_fresh},
};
use crate::cache::{Payload, Representation};

/// A 200 response to a GET, and the 304 that goes with it.
#[derive(Debug)]
pub struct Page {
    /// The counters of requests for it.
    pub route: Arc<Route>,
    identity: Encoded,
    /// In the order of [`ContentEncoding::COMPRESSED`]; `None` if an encoding does not make it smaller.
    compressed: [OnceCell<Option<Encoded>>; 3],
    is_compressible: bool,
    content_type: &'static str,
    policy: Option<&'static str>,
    cache_control: HeaderValue,
    /// `Surrogate-Key` and `Link`.
    headers: Box<[(HeaderName, HeaderValue)]>,
    modified: Option<LastModified>,
}

/// The bytes in a content encoding, and their validator.
#[derive(Debug, Clone)]
struct Encoded {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Page {
    /// Returns the page of a payload, counted at `route`.
    #[must_use]
    pub fn new(payload: &Payload, route: Arc<Route>, cache_control: HeaderValue) -> Page {
        let tags = HeaderValue::from_str(&payload.tags.join(" ")).ok().map(|tags| (headers::SURROGATE_KEY, tags));
        let links = payload.links.iter().filter_map(|link| HeaderValue::from_str(link).ok());
        let etag = URL_SAFE_NO_PAD.encode(&Sha256::digest(&payload.body)[..16]);
        let identity = Encoded::new(&payload.body, entity_tag(&etag, ContentEncoding::Identity));
        Page {
            route,
            identity,
            compressed: [const { OnceCell::const_new() }; 3],
            is_compressible: !payload.content_type.starts_with("image/"),
            content_type: payload.content_type,
            policy: payload.policy,
            cache_control,
            headers: tags.into_iter().chain(links.map(|link| (header::LINK, link))).collect(),
            modified: payload.immutable.then(|| LastModified::new(process_start())),
        }
    }

    /// Returns its body without content encoding.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.identity.bytes
    }

    /// Returns the response in `encoding`; `None` if [`Page::compress`] has to make its bytes first.
    #[must_use]
    pub fn respond(&self, head: &RequestHead, encoding: ContentEncoding, policy: &RoutePolicy) -> Option<HttpResponse> {
        let encoded = match encoding {
            ContentEncoding::Identity => None,
            encoding if self.is_compressible => self.compressed[encoding as usize].get()?.as_ref(),
            _ => None,
        };
        let encoding = encoded.map_or(ContentEncoding::Identity, |_| encoding);
        let Encoded { bytes, etag } = encoded.unwrap_or(&self.identity);
        let is_fresh = is_fresh(head.headers(), etag, self.modified.as_ref());
        let mut response = if is_fresh {
            // No body, and not an empty one: over HTTP/2 actix would send that one's length, which is not the page's.
            HttpResponse::with_body(StatusCode::NOT_MODIFIED, BoxBody::new(body::None::new()))
        } else {
            HttpResponse::with_body(StatusCode::OK, BoxBody::new(bytes.clone()))
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        for (name, value) in headers::always(policy.is_cors_open()) {
            headers.insert(name, value);
        }
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
        headers.insert(header::ETAG, etag.clone());
        if let Some(modified) = &self.modified {
            headers.insert(header::LAST_MODIFIED, modified.header());
        }
        if !is_fresh {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            for (name, value) in headers::safe(self.policy) {
                headers.insert(name, value);
            }
            if encoding != ContentEncoding::Identity {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
            }
        }
        Some(response)
    }

    /// Makes the bytes in `encoding` once, however many requests want them. Returns by how many bytes the page grew.
    pub async fn compress(&self, encoding: ContentEncoding) -> usize {
        if encoding == ContentEncoding::Identity || !self.is_compressible {
            return 0;
        }
        let mut grown = 0;
        self.compressed[encoding as usize]
            .get_or_init(async || {
                let identity = self.identity.bytes.clone();
                let bytes = tokio::task::spawn_blocking(move || encoding.encode(&identity)).await.ok().flatten()?;
                grown = bytes.len();
                let digest = self.identity.etag.to_str().unwrap_or_default().trim_matches('"');
                Some(Encoded::new(&bytes, entity_tag(digest, encoding)))
            })
            .await;
        grown
    }
}

impl Encoded {
    /// Copies the bytes into exactly the memory that they need: the buffer they were written into grew by doubling.
    fn new(bytes: &[u8], etag: HeaderValue) -> Encoded {
        Encoded { bytes: Bytes::copy_from_slice(bytes), etag }
    }
}

impl Representation for Page {
    fn weight(&self) -> usize {
        let compressed = self.compressed.iter().filter_map(OnceCell::get).flatten();
        let bytes: usize = compressed.chain([&self.identity]).map(|encoded| encoded.bytes.len() + 64).sum();
        let headers = self.headers.iter().map(|(_, value)| value.len() + size_of::<(HeaderName, HeaderValue)>());
        bytes + headers.sum::<usize>()
    }

    fn set_last_modified(&mut self, at: DateTime<Utc>) {
        self.modified = Some(LastModified::new(at));
    }
}

/// Returns the time of the first request for something immutable: nothing immutable changes after it.
fn process_start() -> DateTime<Utc> {
    static START: LazyLock<DateTime<Utc>> = LazyLock::new(Utc::now);
    *START
}

/// Returns the response to one client, which no cache may store.
#[must_use]
pub fn respond_no_store(payload: Payload) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type(payload.content_type).insert_header((header::CACHE_CONTROL, "no-store"));
    for (name, value) in headers::safe(payload.policy) {
        response.insert_header((name, value));
    }
    response.body(payload.body)
}
