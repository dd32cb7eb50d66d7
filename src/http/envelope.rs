//! What is around every request: its id, the way to answers in memory, readable addresses, HEAD as GET, CORS, problem bodies,
//! the headers that every answer has, and the line in the log.
//!
//! An answer that is in memory goes out from here: nothing is routed, parsed or computed for it. So does the answer to what is
//! only noted.

use std::{
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{RequestHead, Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web,
};
use futures_util::{
    FutureExt,
    future::{Either, LocalBoxFuture},
};

use super::{
    body_limit,
    cache::{Entry, Outcome, Served},
    coding::Coding,
    fallback::Methods,
    headers::{REQUEST_ID, SERVER_TIMING, always, is_private, is_public, request_id, safe},
    limit::Verdict,
    metrics::{Metrics, Route},
    problem::{MEDIA_TYPE, Problem},
    read::{Delivery, Timing, name},
};
use crate::{
    error::Error,
    logging::{Access, access},
};

/// The middleware; the outermost of all.
#[derive(Clone)]
pub struct Envelope(pub web::Data<Delivery>);

/// The service with the envelope around it.
pub struct Enveloped<S> {
    inner: Rc<S>,
    delivery: web::Data<Delivery>,
}

impl<S, B> Transform<S, ServiceRequest> for Envelope
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Transform = Enveloped<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Enveloped { inner: Rc::new(service), delivery: self.0.clone() }))
    }
}

type Answered = Result<ServiceResponse<BoxBody>, actix_web::Error>;

impl<S, B> Service<ServiceRequest> for Enveloped<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Future = Either<Ready<Answered>, LocalBoxFuture<'static, Answered>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let begun = Instant::now();
        let verdict = self.judge(&request);
        if !matches!(verdict, Verdict::Refused(_))
            && let Some((response, entry, served)) = self.known(&request).or_else(|| self.noted(&request))
        {
            let method = request.method().clone();
            let mut response = ServiceResponse::new(request.into_parts().0, response);
            let id = request_id(response.request().headers());
            let told = Told { method: &method, begun, id: &id, served };
            told.tell(&response, &entry.route, &self.delivery.metrics);
            let headers = response.headers_mut();
            self.delivery.shorten(headers);
            if let Some(served) = served {
                headers.insert(SERVER_TIMING, timing(served, None));
            }
            headers.insert(REQUEST_ID, id);
            if let Verdict::Within(allowance) = verdict {
                allowance.write_to(headers);
            }
            return Either::Left(ready(Ok(response)));
        }
        Either::Right(answer(Rc::clone(&self.inner), self.delivery.clone(), request, begun, verdict).boxed_local())
    }
}

impl<S> Enveloped<S> {
    /// Whether the client may ask for this now. Probes are not counted: a load balancer's must not fail for its haste.
    fn judge(&self, request: &ServiceRequest) -> Verdict {
        let path = request.path();
        if ["/health/live", "/health/ready", "/metrics"].contains(&path) {
            return Verdict::Free;
        }
        self.delivery.limiter.check(request.peer_addr(), request.headers())
    }

    /// The answer that is in memory in the coding that the client wants.
    fn known(&self, request: &ServiceRequest) -> Option<Quick> {
        let head = request.head();
        // A body that is too large is refused whatever is in memory.
        let reads = head.method == Method::GET || head.method == Method::HEAD;
        if !reads || head.headers.contains_key(header::CONTENT_LENGTH) || is_chunked(head) {
            return None;
        }
        let (entry, served) = self.delivery.cache.find(spelled(head))?;
        // A refusal names the request in its body; it is found once more on the way that all others go.
        let Outcome::Page(page) = &entry.outcome else { return None };
        let response = page.answer(head, Coding::wanted(&head.headers))?;
        Some((response, entry, Some(served)))
    }

    /// The answer to a POST that is only noted, where memory has what its path means.
    fn noted(&self, request: &ServiceRequest) -> Option<Quick> {
        let head = request.head();
        let empty = head.headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0") && !is_chunked(head);
        // Parameters and bodies are for the handler to judge.
        if head.method != Method::POST || !empty || head.uri.query().is_some() {
            return None;
        }
        let (entry, _) = self.delivery.cache.find(name(head))?;
        let Outcome::Identity(id) = entry.outcome else { return None };
        let mut response = self.delivery.note(id, head);
        for (name, value) in always(is_public(head.uri.path())).chain(safe(None)) {
            response.headers_mut().insert(name, value);
        }
        Some((response, entry, None))
    }
}

/// An answer for which nothing is routed, what it comes from, and whether that is what was kept of an earlier one.
type Quick = (HttpResponse, Arc<Entry>, Option<Served>);

fn is_chunked(head: &RequestHead) -> bool {
    head.headers.contains_key(header::TRANSFER_ENCODING)
}

/// The address as the client spelled it.
#[must_use]
pub fn spelled(head: &RequestHead) -> &str {
    // A target without a path, as CONNECT has it, names nothing here.
    head.uri.path_and_query().map_or("", |address| address.as_str())
}

/// Answers what is not in memory.
async fn answer<S, B>(
    inner: Rc<S>,
    delivery: web::Data<Delivery>,
    mut request: ServiceRequest,
    begun: Instant,
    verdict: Verdict,
) -> Answered
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    let id = request_id(request.headers());
    let path = request.path().to_owned();
    let method = request.method().clone();
    let mut response = if let Err(error) = allowed(verdict).and(readable(&request)).and_then(|()| small(&request)) {
        // Not `into_response`, which would lose the error that the problem is made from.
        ServiceResponse::new(request.into_parts().0, HttpResponse::from_error(error))
    } else if is_public(&path) && is_preflight(&request) {
        let request = request.into_parts().0;
        let response = preflight(&request);
        ServiceResponse::new(request, response)
    } else {
        if request.method() == Method::HEAD {
            // actix sends the length of the body and drops the body: the connection knows that it was HEAD.
            request.head_mut().method = Method::GET;
        }
        inner.call(request).await?.map_into_boxed_body()
    };

    let status = response.status();
    let timed = response.response().extensions().get::<Timing>().copied();
    if status.is_client_error() || status.is_server_error() {
        response = with_problem(response, &path, id.to_str().unwrap_or_default(), &delivery);
    }
    let told = Told { method: &method, begun, id: &id, served: timed.map(|timed| timed.served) };
    told.tell(&response, &delivery.metrics.of(response.request()), &delivery.metrics);
    if status == StatusCode::TOO_MANY_REQUESTS {
        delivery.metrics.rate_limited.inc();
    }
    let headers = response.headers_mut();
    for (name, value) in always(is_public(&path)) {
        headers.insert(name, value);
    }
    if status != StatusCode::NOT_MODIFIED && !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        for (name, value) in safe(None) {
            headers.insert(name, value);
        }
    }
    if status == StatusCode::PERMANENT_REDIRECT {
        // A redirect that may be kept for ever would outlive the next move.
        headers.insert(header::CACHE_CONTROL, delivery.cache_control.clone());
    }
    delivery.shorten(headers);
    if is_private(&path) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(timed) = timed {
        headers.insert(SERVER_TIMING, timing(timed.served, Some(timed.took)));
    }
    if let Verdict::Within(allowance) | Verdict::Refused(allowance) = verdict {
        allowance.write_to(headers);
    }
    headers.insert(REQUEST_ID, id);
    Ok(response)
}

/// 429 for a client that asked too often.
fn allowed(verdict: Verdict) -> Result<(), Error> {
    match verdict {
        Verdict::Refused(allowance) => Err(Error::RateLimited { seconds: allowance.retry_after() }),
        Verdict::Free | Verdict::Within(_) => Ok(()),
    }
}

/// `Server-Timing` (W3C): whether the answer came from memory, and how long it took where it did not, in milliseconds.
fn timing(served: Served, took: Option<Duration>) -> HeaderValue {
    match (served, took) {
        (Served::Hit, _) => HeaderValue::from_static("cache;desc=hit"),
        (Served::Stale, _) => HeaderValue::from_static("cache;desc=stale"),
        (Served::Miss, took) => {
            let millis = took.unwrap_or_default().as_secs_f64() * 1e3;
            let text = format!("cache;desc=miss, compute;dur={millis:.3}");
            HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("cache;desc=miss"))
        }
    }
}

/// What is told of a request beside its answer.
struct Told<'a> {
    /// As the client sent it.
    method: &'a Method,
    begun: Instant,
    id: &'a HeaderValue,
    served: Option<Served>,
}

impl Told<'_> {
    /// Counts the answer, and writes its line in the log.
    fn tell(&self, response: &ServiceResponse<BoxBody>, route: &Route, metrics: &Metrics) {
        let status = response.status();
        let bytes = match response.response().body().size() {
            BodySize::Sized(bytes) if *self.method != Method::HEAD && status != StatusCode::NOT_MODIFIED => bytes,
            _ => 0,
        };
        let elapsed = self.begun.elapsed();
        route.observe(self.method, status.as_u16(), elapsed, bytes);
        match self.served {
            Some(Served::Hit) => _ = metrics.cache.hits.inc(),
            Some(Served::Miss) => _ = metrics.cache.misses.inc(),
            Some(Served::Stale) => _ = metrics.cache.stale.inc(),
            None => {}
        }
        access(&Access {
            method: self.method.as_str(),
            path: response.request().path(),
            status: status.as_u16(),
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            elapsed,
            cache: self.served.map_or("-", Served::name),
            request_id: self.id.to_str().unwrap_or_default(),
        });
    }
}

/// Whether the body that a request announces is one that could be taken.
fn small(request: &ServiceRequest) -> Result<(), Error> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let limit = body_limit(request.path());
    if length.unwrap_or(0_u64) > limit as u64 {
        return Err(Error::ContentTooLarge { limit });
    }
    Ok(())
}

/// Whether path and query are percent-encoded UTF-8 without NUL (RFC 3986 section 2.1).
fn readable(request: &ServiceRequest) -> Result<(), Error> {
    for (part, text) in [("path", request.uri().path()), ("query", request.query_string())] {
        let bytes = decode(text)
            .ok_or_else(|| Error::MalformedRequest(format!("the {part} has a % without two hexadecimal digits")))?;
        if bytes.contains(&0) {
            return Err(Error::MalformedRequest(format!("the {part} has a NUL character")));
        }
        if std::str::from_utf8(&bytes).is_err() {
            return Err(Error::MalformedRequest(format!(
                "the {part} is not UTF-8 when its percent-encoding is undone"
            )));
        }
    }
    Ok(())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What scripts of other origins may send to a path.
fn preflight(request: &HttpRequest) -> HttpResponse {
    let methods = request.app_data::<web::Data<Methods>>().and_then(|methods| methods.at(request));
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, methods.unwrap_or("GET, HEAD")))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

/// Whether a request comes from somebody who reads pages: browsers say so, programs do not.
fn asks_for_page(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).filter_map(|accepted| accepted.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|kind| kind.trim().to_ascii_lowercase().starts_with("text/html"))
}

/// The same answer with a problem as its body, or with the page that explains it to a person. What comes without an error of ours (the framework's own refusals) is
/// known by its status.
fn with_problem(
    response: ServiceResponse<BoxBody>,
    path: &str,
    id: &str,
    delivery: &Delivery,
) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let cause = response.response().error();
    let own = cause.and_then(|cause| cause.as_error::<Error>());
    let foreign = || from_status(status, path, cause.map(ToString::to_string).unwrap_or_default());
    let problem = match own {
        Some(error) => Problem::new(error, path, id),
        None => Problem::new(&foreign(), path, id),
    };
    if status.is_server_error() {
        let inside = own.map_or_else(|| foreign().to_string(), ToString::to_string);
        log::error!("{} {path} {}: {inside} ({id})", response.request().method(), status.as_u16());
    }
    let reads_pages = asks_for_page(response.request());
    let page = problem.as_ref().filter(|_| reads_pages).and_then(|problem| (delivery.explain)(path, problem));
    let json = || problem.as_ref().and_then(|problem| serde_json::to_vec(problem).ok()).unwrap_or_default();
    let (kind, policy) = page.as_ref().map_or((MEDIA_TYPE, None), |page| (page.content_type, page.policy));
    let body = page.map_or_else(|| BoxBody::new(json()), |page| BoxBody::new(page.body));
    let mut response = response.map_body(|_, _| body);
    if policy.is_some() {
        safe(policy).for_each(|(name, value)| _ = response.headers_mut().insert(name, value));
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn from_status(status: StatusCode, path: &str, text: String) -> Error {
    match status.as_u16() {
        404 => Error::NotFound("nothing is at this address".into()),
        405 => Error::MethodNotAllowed { allow: "GET, HEAD".into() },
        413 => Error::ContentTooLarge { limit: body_limit(path) },
        415 => Error::UnsupportedMediaType,
        400..=499 => Error::MalformedRequest(text),
        _ => Error::Internal(text),
    }
}
