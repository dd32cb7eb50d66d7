//! What is around every request: its id, the way to answers in memory, readable addresses, HEAD as GET, CORS, problem bodies,
//! the headers that every answer has, and the line in the log.
//!
//! An answer that is in memory goes out from here: nothing is routed, parsed or computed for it. So does the answer to what is
//! only noted.
//!
//! - `request_checks`: what is refused before anything is routed · `cors`: what other origins may send · `error_response`: failures as
//!   problems or pages · `request_log`: what is counted and logged

mod cors;
mod error_response;
mod request_checks;
mod request_log;

use std::{
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use actix_web::{
    HttpResponse,
    body::{BoxBody, MessageBody},
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

use self::{
    cors::{is_preflight, preflight},
    error_response::with_problem,
    request_checks::{allowed, readable, small},
    request_log::{RequestLog, timing},
};
use super::{
    cache::{CacheStatus, Entry, Outcome},
    encoding::ContentEncoding,
    headers::{REQUEST_ID, SERVER_TIMING, always, is_private, is_public, request_id, safe},
    limit::Decision,
    read::{AppState, Timing, name},
};
/// The middleware; the outermost of all.
#[derive(Clone)]
pub struct Middleware(pub web::Data<AppState>);

/// The service with the envelope around it.
pub struct MiddlewareService<S> {
    inner: Rc<S>,
    delivery: web::Data<AppState>,
}

impl<S, B> Transform<S, ServiceRequest> for Middleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Transform = MiddlewareService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(MiddlewareService { inner: Rc::new(service), delivery: self.0.clone() }))
    }
}

type Answered = Result<ServiceResponse<BoxBody>, actix_web::Error>;

impl<S, B> Service<ServiceRequest> for MiddlewareService<S>
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
        if !matches!(verdict, Decision::Refused(_))
            && let Some((response, entry, served)) = self.known(&request).or_else(|| self.noted(&request))
        {
            let method = request.method().clone();
            let mut response = ServiceResponse::new(request.into_parts().0, response);
            let id = request_id(response.request().headers());
            let told = RequestLog { method: &method, begun, id: &id, served };
            told.tell(&response, &entry.route, &self.delivery.metrics);
            let headers = response.headers_mut();
            self.delivery.shorten(headers);
            if let Some(served) = served {
                headers.insert(SERVER_TIMING, timing(served, None));
            }
            headers.insert(REQUEST_ID, id);
            if let Decision::Within(allowance) = verdict {
                allowance.write_to(headers);
            }
            return Either::Left(ready(Ok(response)));
        }
        Either::Right(answer(Rc::clone(&self.inner), self.delivery.clone(), request, begun, verdict).boxed_local())
    }
}

impl<S> MiddlewareService<S> {
    /// Whether the client may ask for this now. Probes are not counted: a load balancer's must not fail for its haste.
    fn judge(&self, request: &ServiceRequest) -> Decision {
        let path = request.path();
        if ["/health/live", "/health/ready", "/metrics"].contains(&path) {
            return Decision::Free;
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
        let response = page.answer(head, ContentEncoding::wanted(&head.headers))?;
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
type Quick = (HttpResponse, Arc<Entry>, Option<CacheStatus>);

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
    delivery: web::Data<AppState>,
    mut request: ServiceRequest,
    begun: Instant,
    verdict: Decision,
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
    let told = RequestLog { method: &method, begun, id: &id, served: timed.map(|timed| timed.served) };
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
    if let Decision::Within(allowance) | Decision::Refused(allowance) = verdict {
        allowance.write_to(headers);
    }
    headers.insert(REQUEST_ID, id);
    Ok(response)
}
