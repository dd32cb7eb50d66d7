//! From a public GET to its answer: from memory, or computed once for all who ask at the same time.

use std::{
    fmt, future,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::{self, RequestHead},
    http::header::{CACHE_CONTROL, HeaderMap, HeaderValue},
    rt, web,
};
use tokio::{
    sync::watch,
    time::{Instant as Deadline, timeout_at},
};

use uuid::Uuid;

use super::{
    cache::{Cache, CacheStatus, Computed, Entry, Fill, Lookup, Outcome, entry::Lifetimes},
    encoding::ContentEncoding,
    limit::Limiter,
    metrics::{Metrics, Route},
    middleware::spelled,
    payload::Payload,
    problem::Problem,
    query::{Canonical, FromQuery, Parameters},
};
use crate::{
    db::{self, Connection, Db, change_log},
    error::Error,
};

/// How long a request may take to be answered by the database, before it is told that it cannot be reached.
const DEADLINE: Duration = Duration::from_millis(900);

/// Who is told of a POST that is answered with 204 and does nothing else.
pub trait ViewSink: Send + Sync {
    /// A client sent it for the thing that its path means. It must not wait for anything: it is called on the way of requests.
    fn note(&self, id: Uuid, client: IpAddr, headers: &HeaderMap);
}

/// What answers are made of and kept in.
pub struct AppState {
    /// The database.
    pub db: Db,
    /// The answers in memory.
    pub cache: Arc<Cache>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How much a client may ask for.
    pub limiter: Arc<Limiter>,
    /// For how long other caches may keep an answer.
    pub lifetimes: Lifetimes,
    /// The same as `Cache-Control`, of everything that caches may keep.
    pub cache_control: HeaderValue,
    /// Who is told of what is only noted.
    pub noted: Arc<dyn ViewSink>,
    /// What a person gets to see instead of a problem, where a path is one of theirs.
    pub explain: fn(path: &str, problem: &Problem) -> Option<Payload>,
}

impl AppState {
    /// Tells of a request for the thing that its path means, and answers it.
    pub fn note(&self, id: Uuid, head: &RequestHead) -> HttpResponse {
        // A peer without an address is on this machine, a proxy at best: it cannot tell one client from another.
        if let Some(client) = self.limiter.client(head.peer_addr, &head.headers) {
            self.noted.note(id, client, &head.headers);
        }
        HttpResponse::NoContent().insert_header((CACHE_CONTROL, "no-store")).finish()
    }

    /// Says in the headers of an answer that may be kept that it may not be past the next scheduled publication.
    pub fn shorten(&self, headers: &mut HeaderMap) {
        if let Some(lifetimes) = self.cache.seconds_left().and_then(|seconds| self.lifetimes.until(seconds))
            && headers.get(CACHE_CONTROL) == Some(&self.cache_control)
        {
            headers.insert(CACHE_CONTROL, lifetimes.cache_control());
        }
    }
}

/// A canonical address: what an answer is known by, and what links to it carry on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalUri {
    /// The path, its percent-encoding undone.
    pub path: String,
    /// The query, as it is meant.
    pub query: Canonical,
}

impl fmt::Display for CanonicalUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, self.query)
    }
}

/// A request for an answer: its parameters, and the way to the answer.
pub struct CachedGet<Q> {
    query: Q,
    address: CanonicalUri,
    request: HttpRequest,
    delivery: web::Data<AppState>,
}

/// What a request asks for, and its canonical address.
pub fn asked<Q: FromQuery>(request: &HttpRequest) -> Result<(Q, CanonicalUri), Error> {
    let (query, canonical) = Parameters::new(request.query_string()).parse()?;
    let path = percent_encoding::percent_decode_str(request.path()).decode_utf8_lossy().into_owned();
    Ok((query, CanonicalUri { path, query: canonical }))
}

impl<Q: FromQuery> FromRequest for CachedGet<Q> {
    type Error = Error;
    type Future = future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let read = || {
            let (query, address) = asked(request)?;
            let delivery = request.app_data::<web::Data<AppState>>().cloned();
            let delivery = delivery.ok_or_else(|| Error::Internal("the service has nothing to deliver from".into()))?;
            Ok(CachedGet { query, address, request: request.clone(), delivery })
        };
        future::ready(read())
    }
}

impl<Q: 'static> CachedGet<Q> {
    /// Answers from memory, or by `compute` over a connection that Postgres holds read-only. The computation goes on when
    /// the client goes away, and is kept for the next.
    pub async fn answer<F>(self, compute: F) -> Result<HttpResponse, Error>
    where
        F: AsyncFnOnce(&Connection, Q, CanonicalUri) -> Result<Payload, Error> + 'static,
    {
        self.answer_anew(async move |connection, query, address, _| compute(connection, query, address).await).await
    }

    /// The same, where `compute` wants to know whether a change overtook the answer that memory had
    /// ([`Fill::overtakes`]).
    pub async fn answer_anew<F>(self, compute: F) -> Result<HttpResponse, Error>
    where
        F: AsyncFnOnce(&Connection, Q, CanonicalUri, bool) -> Result<Payload, Error> + 'static,
    {
        let CachedGet { query, address, request, delivery } = self;
        let cache_control = delivery.cache_control.clone();
        let lead = |flight: Fill, address: CanonicalUri, route: Arc<Route>, spelled: &str| {
            let (path, overtakes) = (address.path.clone(), flight.overtakes());
            let compute = async move |connection: &Connection| compute(connection, query, address, overtakes).await;
            let entry = move |result| Entry::new(result, &path, route, &cache_control);
            fly(flight, delivery.clone(), spelled.to_owned(), compute, entry);
        };
        serve(&request, &delivery, address, lead).await
    }

    /// Answers from memory, or by `compute` from the program alone.
    pub async fn built_in(self, compute: impl FnOnce(Q) -> Result<Payload, Error>) -> Result<HttpResponse, Error> {
        let CachedGet { query, address, request, delivery } = self;
        let lead = |flight: Fill, address: CanonicalUri, route: Arc<Route>, spelled: &str| {
            let result = compute(query).map(Payload::built_in);
            let keep = result.is_ok();
            let computed = Entry::new(result, &address.path, route, &delivery.cache_control).map(Arc::new);
            flight.land(computed, keep, spelled);
        };
        serve(&request, &delivery, address, lead).await
    }
}

/// Which thing a request's path means, from memory, or by `compute` as in [`CachedGet::answer`]; with the tags that make that
/// stale. While the database cannot be reached, what was known last holds.
///
/// It is kept beside the answers, under a name of its own.
pub async fn identify<F>(request: &HttpRequest, delivery: &web::Data<AppState>, compute: F) -> Result<Uuid, Error>
where
    F: AsyncFnOnce(&Connection) -> Result<(Uuid, Vec<String>), Error> + 'static,
{
    let spelled = name(request.head());
    let entry = if let Some((entry, _)) = delivery.cache.find(spelled) {
        entry
    } else {
        let key = percent_encoding::percent_decode_str(spelled).decode_utf8_lossy();
        let lead = |flight: Fill| {
            let route = delivery.metrics.of(request);
            let entry = move |result| Entry::identity(result, route);
            fly(flight, delivery.clone(), spelled.to_owned(), compute, entry);
        };
        obtain(delivery, &key, spelled, lead).await?.0
    };
    match &entry.outcome {
        Outcome::Identity(id) => Ok(*id),
        Outcome::Refusal(error) => Err(error.clone()),
        Outcome::Page(_) => Err(Error::Internal("a page is kept under a name that no page has".into())),
    }
}

/// What an identity is kept by: the path without its `/`, which begins no address of an answer.
pub(super) fn name(head: &RequestHead) -> &str {
    head.uri.path().trim_start_matches('/')
}

/// Computes beside the request, which may go away, and lands with the entry that is made of the result.
fn fly<T: 'static>(
    flight: Fill,
    delivery: web::Data<AppState>,
    spelled: String,
    compute: impl AsyncFnOnce(&Connection) -> Result<T, Error> + 'static,
    entry: impl FnOnce(Result<T, Error>) -> Result<Entry, Error> + 'static,
) {
    rt::spawn(async move {
        let (result, keep) = compute_within(&delivery.db, &flight, compute).await;
        delivery.cache.read_ended(!matches!(result, Err(Error::Unavailable(_))));
        flight.land(entry(result).map(Arc::new), keep, &spelled);
    });
}

/// What is kept for an address, or what `lead` computes of it, for this request or another that asked at the same time.
async fn obtain(
    delivery: &web::Data<AppState>,
    key: &str,
    spelled: &str,
    lead: impl FnOnce(Fill),
) -> Result<(Arc<Entry>, CacheStatus), Error> {
    let (computed, served) = match delivery.cache.begin(key, spelled) {
        Lookup::Known(entry, served) => (Ok(entry), served),
        Lookup::Join(receiver) => (landed(receiver).await, CacheStatus::Miss),
        Lookup::Lead(flight, receiver) => {
            lead(flight);
            (landed(receiver).await, CacheStatus::Miss)
        }
    };
    match computed {
        Ok(entry) => Ok((entry, served)),
        // Nothing fresh can be had: what was known last is better than nothing (RFC 5861 section 4).
        Err(error @ Error::Unavailable(_)) => {
            delivery.cache.last_resort(key).map(|entry| (entry, CacheStatus::Stale)).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// Answers a request from memory, or lets it `lead` a computation and waits for the result, its own or another's.
async fn serve(
    request: &HttpRequest,
    delivery: &web::Data<AppState>,
    address: CanonicalUri,
    lead: impl FnOnce(Fill, CanonicalUri, Arc<Route>, &str),
) -> Result<HttpResponse, Error> {
    let begun = Instant::now();
    let key = address.to_string();
    let spelling = spelled(request.head());
    let lead = |flight| lead(flight, address, delivery.metrics.of(request), spelling);
    let (entry, served) = obtain(delivery, &key, spelling, lead).await?;
    let mut response = match &entry.outcome {
        Outcome::Refusal(error) => return Err(error.clone()),
        Outcome::Identity(_) => return Err(Error::NotFound("nothing is at this address".into())),
        Outcome::Page(page) => {
            let coding = ContentEncoding::wanted(request.headers());
            if let Some(response) = page.answer(request.head(), coding) {
                response
            } else {
                let grown = page.encode(coding).await;
                delivery.cache.grew(&entry, grown);
                let response = page.answer(request.head(), coding);
                response.ok_or_else(|| Error::Internal("a content coding was not made".into()))?
            }
        }
    };
    response.extensions_mut().insert(Timing { served, took: begun.elapsed() });
    Ok(response)
}

/// How an answer came about and how long that took, for whoever tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// From memory or not.
    pub served: CacheStatus,
    /// The time from the parsed request to the answer.
    pub took: Duration,
}

async fn landed(mut receiver: watch::Receiver<Option<Computed>>) -> Computed {
    match receiver.wait_for(Option::is_some).await {
        Ok(computed) => computed.clone().unwrap_or_else(|| Err(Error::Internal("a computation has no result".into()))),
        Err(_) => Err(Error::Internal("a computation ended without a result".into())),
    }
}

/// Computes within the deadline, and says whether the result may be kept: not what a replica answered that does not know yet
/// what the log said when the computation began.
async fn compute_within<T>(
    db: &Db,
    flight: &Fill,
    compute: impl AsyncFnOnce(&Connection) -> Result<T, Error>,
) -> (Result<T, Error>, bool) {
    let deadline = Deadline::now() + DEADLINE;
    let late = || Error::Unavailable("no answer within the time allowed".into());
    let connection = match timeout_at(deadline, db.read()).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return (Err(error), false),
        Err(_) => return (Err(late()), false),
    };
    let work = async {
        let keep = if db.replicated() {
            // Before the first statement of the answer: what those see can only be newer.
            let visible = change_log::newest(&connection).await?.sequence;
            flight.position().is_some_and(|known| visible >= known)
        } else {
            true
        };
        Ok::<_, Error>((compute(&connection).await, keep))
    };
    match timeout_at(deadline, work).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => (Err(error), false),
        Err(_) => {
            db::discard(connection);
            (Err(late()), false)
        }
    }
}
