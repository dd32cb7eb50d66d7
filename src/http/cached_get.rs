//! From a GET to its response: a canonical key and a loader in, validators and content encoding out.

use std::{fmt, future, rc::Rc, sync::Arc, time::Instant};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::{self, RequestHead},
    web,
};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::{
    encoding::ContentEncoding,
    metrics::UNKNOWN,
    page::Page,
    query::{Canonical, FromQuery, Parameters},
    request_context::RequestContext,
    state::AppState,
};
use crate::{
    cache::{CacheStatus, Entry, Key, Payload},
    db::Connection,
    error::Error,
};

/// A canonical URI: the key of a response, and the base of links to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalUri {
    /// The path, its percent-encoding undone.
    pub path: String,
    /// The canonical form of the query.
    pub query: Canonical,
}

impl fmt::Display for CanonicalUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, self.query)
    }
}

/// Returns the query parameters of a request, and its canonical URI.
pub fn parse_uri<Q: FromQuery>(request: &HttpRequest) -> Result<(Q, CanonicalUri), Error> {
    let (query, canonical) = Parameters::new(request.query_string()).parse()?;
    let path = percent_decode_str(request.path()).decode_utf8_lossy().into_owned();
    Ok((query, CanonicalUri { path, query: canonical }))
}

/// Returns the URI as the client sent it.
#[must_use]
pub fn raw_uri(head: &RequestHead) -> &str {
    // A target without a path, as CONNECT has it, has no entry.
    head.uri.path_and_query().map_or("", |uri| uri.as_str())
}

/// A GET whose response is cached: the extractor of its query parameters `Q`.
pub struct CachedGet<Q> {
    query: Q,
    uri: CanonicalUri,
    request: HttpRequest,
    state: web::Data<AppState>,
    context: Rc<RequestContext>,
    started: Instant,
}

impl<Q: FromQuery> FromRequest for CachedGet<Q> {
    type Error = Error;
    type Future = future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let extract = || {
            let (query, uri) = parse_uri(request)?;
            let context = RequestContext::of(request)?;
            Ok(CachedGet {
                query,
                uri,
                request: request.clone(),
                state: state(request)?,
                context,
                started: Instant::now(),
            })
        };
        future::ready(extract())
    }
}

impl<Q: 'static> CachedGet<Q> {
    /// Replaces the path of the key, where several paths have one meaning.
    #[must_use]
    pub fn with_path(mut self, path: String) -> CachedGet<Q> {
        self.uri.path = path;
        self
    }

    /// Responds from the cache, or with what `load` returns over a read-only connection.
    pub async fn respond<F>(self, load: F) -> Result<HttpResponse, Error>
    where
        F: AsyncFnOnce(&Connection, Q, CanonicalUri) -> Result<Payload, Error> + 'static,
    {
        let CachedGet { query, uri, request, state, context, started } = self;
        let pattern = pattern(&request);
        let stored = uri.query.is_default() && context.policy.is_stored(&pattern);
        let key = uri.to_string();
        let key = Key { uri: &key, raw_uri: raw_uri(request.head()), stored };
        let load = async move |connection: &Connection| load(connection, query, uri).await;
        let represent = represent(&state, &pattern);
        let (entry, status) = state.cache.get_or_compute(key, load, represent).await?;
        send(&request, &state, &context, &entry, (status, started)).await
    }

    /// Responds from the cache, or with the result of `build`, which does not use the database.
    pub async fn respond_immutable(
        self,
        build: impl FnOnce(Q) -> Result<Payload, Error>,
    ) -> Result<HttpResponse, Error> {
        let CachedGet { query, uri, request, state, context, started } = self;
        let key = uri.to_string();
        let key = Key { uri: &key, raw_uri: raw_uri(request.head()), stored: false };
        let represent = represent(&state, &pattern(&request));
        let (entry, status) = state.cache.get_or_build(key, || build(query), represent).await?;
        send(&request, &state, &context, &entry, (status, started)).await
    }
}

fn state(request: &HttpRequest) -> Result<web::Data<AppState>, Error> {
    let state = request.app_data::<web::Data<AppState>>().cloned();
    state.ok_or_else(|| Error::Internal("the application has no state".into()))
}

fn pattern(request: &HttpRequest) -> String {
    request.match_pattern().unwrap_or_else(|| UNKNOWN.to_owned())
}

fn represent(state: &AppState, pattern: &str) -> impl FnOnce(Payload) -> Page + use<> {
    let (route, cache_control) = (state.metrics.route(pattern), state.cache_control.header.clone());
    move |payload| Page::new(&payload, route, cache_control)
}

/// Sends an entry in the content encoding that the client wants.
async fn send(
    request: &HttpRequest,
    state: &AppState,
    context: &RequestContext,
    entry: &Arc<Entry<Page>>,
    (status, started): (CacheStatus, Instant),
) -> Result<HttpResponse, Error> {
    let page = entry.outcome.as_ref().map_err(Clone::clone)?;
    let encoding = ContentEncoding::negotiate(request.headers());
    let grown = page.compress(encoding).await;
    state.cache.add_weight(entry, grown);
    let response = page.respond(request.head(), encoding, context.policy);
    context.cache.set(Some((status, started.elapsed())));
    response.ok_or_else(|| Error::Internal("a content encoding was not made".into()))
}

/// Returns the id of the resource that a request's path names, from the cache or from `load`, which returns also the tags that
/// invalidate it. While the database cannot be reached, the last id is valid.
pub async fn resolve_id<F>(request: &HttpRequest, load: F) -> Result<Uuid, Error>
where
    F: AsyncFnOnce(&Connection) -> Result<(Uuid, Vec<String>), Error> + 'static,
{
    let state = state(request)?;
    let raw_uri = id_key(request.head());
    let entry = if let Some((entry, _)) = state.cache.find(raw_uri) {
        entry
    } else {
        let uri = percent_decode_str(raw_uri).decode_utf8_lossy();
        let load = async move |connection: &Connection| {
            let (id, tags) = load(connection).await?;
            Ok(Payload::bytes("text/plain", id.to_string()).tagged(tags))
        };
        let represent = represent(&state, &pattern(request));
        state.cache.get_or_compute(Key { uri: &uri, raw_uri, stored: false }, load, represent).await?.0
    };
    let page = entry.outcome.as_ref().map_err(Clone::clone)?;
    parse_id(page).ok_or_else(|| Error::Internal("a cached id is not a UUID".into()))
}

/// Returns the key of the id in a path: the path without its first `/`, so that it never equals the key of a response.
pub(super) fn id_key(head: &RequestHead) -> &str {
    head.uri.path().trim_start_matches('/')
}

/// Returns the id that [`resolve_id`] has cached.
pub(super) fn parse_id(page: &Page) -> Option<Uuid> {
    Uuid::try_parse_ascii(page.body()).ok()
}
