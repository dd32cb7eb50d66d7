//! What is around every request: its id, the way to answers in memory, readable addresses, HEAD as GET, CORS, problem bodies,
//! the headers that every answer has, and the line in the log.
//!
//! An answer that is in memory goes out from here: nothing is routed, parsed or computed for it.

use std::{
    cell::RefCell,
    future::{Ready, ready},
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use actix_web::{
    HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{RequestHead, Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    web,
};
use futures_util::{
    FutureExt,
    future::{Either, LocalBoxFuture},
};
use uuid::Uuid;

use super::{
    BODY_LIMIT,
    cache::{Outcome, Served},
    coding::Coding,
    problem::{MEDIA_TYPE, Problem},
    read::{Delivery, Timing},
};
use crate::error::Error;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The header that names what makes an answer stale.
pub const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// The headers that scripts of other origins may read.
const EXPOSED: &str = "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/// What an answer that is no page may load: nothing (CSP Level 3).
pub const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

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
        if let Some((response, served)) = self.known(&request) {
            let mut response = ServiceResponse::new(request.into_parts().0, response);
            let id = request_id(response.request().headers());
            tell(&response, served.name(), begun, &id);
            let headers = response.headers_mut();
            headers.insert(SERVER_TIMING, timing(served, None));
            headers.insert(REQUEST_ID, id);
            return Either::Left(ready(Ok(response)));
        }
        Either::Right(answer(Rc::clone(&self.inner), self.delivery.clone(), request, begun).boxed_local())
    }
}

impl<S> Enveloped<S> {
    /// The answer that is in memory in the coding that the client wants.
    fn known(&self, request: &ServiceRequest) -> Option<(HttpResponse, Served)> {
        let head = request.head();
        if head.method != Method::GET && head.method != Method::HEAD {
            return None;
        }
        let (entry, served) = self.delivery.cache.find(spelled(head))?;
        // A refusal names the request in its body; it is found once more on the way that all others go.
        let Outcome::Page(page) = &entry.outcome else { return None };
        Some((page.answer(head, Coding::wanted(&head.headers))?, served))
    }
}

/// The address as the client spelled it.
#[must_use]
pub fn spelled(head: &RequestHead) -> &str {
    head.uri.path_and_query().map_or("/", |address| address.as_str())
}

/// The headers that every answer under a path has.
pub fn fixed(path: &str) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let fixed = |name, value| (name, HeaderValue::from_static(value));
    let safe = [
        fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        fixed(header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    ];
    // Not only where an Origin was sent: a shared cache keeps one answer for all.
    let open = is_public(path).then(|| {
        [fixed(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), fixed(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED)]
    });
    safe.into_iter().chain(open.into_iter().flatten())
}

fn is_public(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

/// Answers what is not in memory.
async fn answer<S, B>(
    inner: Rc<S>,
    delivery: web::Data<Delivery>,
    mut request: ServiceRequest,
    begun: Instant,
) -> Answered
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    let id = request_id(request.headers());
    let path = request.path().to_owned();
    let mut response = if let Err(error) = readable(&request).and_then(|()| small(&request)) {
        // Not `into_response`, which would lose the error that the problem is made from.
        ServiceResponse::new(request.into_parts().0, HttpResponse::from_error(error))
    } else if is_public(&path) && is_preflight(&request) {
        request.into_response(preflight())
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
        response = with_problem(response, &path, id.to_str().unwrap_or_default());
    }
    tell(&response, timed.map_or("-", |timed| timed.served.name()), begun, &id);
    let headers = response.headers_mut();
    for (name, value) in fixed(&path) {
        headers.insert(name, value);
    }
    if status == StatusCode::PERMANENT_REDIRECT {
        // A redirect that may be kept for ever would outlive the next move.
        headers.insert(header::CACHE_CONTROL, delivery.cache_control.clone());
    }
    if let Some(timed) = timed {
        headers.insert(SERVER_TIMING, timing(timed.served, Some(timed.took)));
    }
    headers.insert(REQUEST_ID, id);
    Ok(response)
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

/// The line in the log.
fn tell(response: &ServiceResponse<BoxBody>, cache: &str, begun: Instant, id: &HeaderValue) {
    let request = response.request();
    let micros = begun.elapsed().as_micros();
    let (method, path, status) = (request.method(), request.path(), response.status().as_u16());
    let id = id.to_str().unwrap_or_default();
    log::info!(target: "lectern::access", "{method} {path} {status} {cache} {micros}us {id}");
}

/// Whether the body that a request announces is one that could be taken.
fn small(request: &ServiceRequest) -> Result<(), Error> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.unwrap_or(0_u64) > BODY_LIMIT as u64 {
        return Err(Error::ContentTooLarge { limit: BODY_LIMIT });
    }
    Ok(())
}

thread_local! {
    static RANDOM: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::new());
}

/// The client's own id where it can stand in a header and a log line, else a new one: a UUID of version 7. Its random part
/// tells requests apart and is no secret, so it need not come from the system.
fn request_id(headers: &HeaderMap) -> HeaderValue {
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

fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

/// The same answer with a problem as its body. What comes without an error of ours (the framework's own refusals) is
/// known by its status.
fn with_problem(response: ServiceResponse<BoxBody>, path: &str, id: &str) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let cause = response.response().error();
    let own = cause.and_then(|cause| cause.as_error::<Error>());
    let foreign = || from_status(status, cause.map(ToString::to_string).unwrap_or_default());
    let problem = match own {
        Some(error) => Problem::new(error, path, id),
        None => Problem::new(&foreign(), path, id),
    };
    if status.is_server_error() {
        let inside = own.map_or_else(|| foreign().to_string(), ToString::to_string);
        log::error!("{} {path} {}: {inside} ({id})", response.request().method(), status.as_u16());
    }
    let body = problem.and_then(|problem| serde_json::to_vec(&problem).ok()).unwrap_or_default();
    let mut response = response.map_body(|_, _| BoxBody::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn from_status(status: StatusCode, text: String) -> Error {
    match status.as_u16() {
        404 => Error::NotFound("nothing is at this address".into()),
        405 => Error::MethodNotAllowed { allow: "GET, HEAD".into() },
        413 => Error::ContentTooLarge { limit: BODY_LIMIT },
        415 => Error::UnsupportedMediaType,
        400..=499 => Error::MalformedRequest(text),
        _ => Error::Internal(text),
    }
}
