//! Around every request: its context, cache hits, checks, HEAD as GET, CORS, problem bodies, common headers, the log.
//!
//! A hit is sent from here: nothing is routed, parsed or computed for it. So is the response to a view of a known article.
//!
//! - `request_checks` checks before routing · `cors` preflights · `error_response` errors as problems or pages
//! - `request_log` metrics, log line and `Server-Timing` of a request

mod cors;
mod error_response;
mod request_checks;
mod request_log;

use std::{
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_web::{
    HttpMessage, HttpResponse,
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
    request_checks::{check_body_length, check_encoding, check_quota},
    request_log::{record, server_timing},
};
use super::{
    cached_get::{id_key, parse_id, raw_uri},
    encoding::ContentEncoding,
    headers::{REQUEST_ID, SERVER_TIMING, always, safe},
    limit::Decision,
    metrics::Route,
    policy::Storage,
    request_context::RequestContext,
    state::AppState,
};

/// The middleware, outermost of all.
#[derive(Clone)]
pub struct Middleware(pub web::Data<AppState>);

/// The service inside the middleware.
pub struct MiddlewareService<S> {
    inner: Rc<S>,
    state: web::Data<AppState>,
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
        ready(Ok(MiddlewareService { inner: Rc::new(service), state: self.0.clone() }))
    }
}

type ServiceResult = Result<ServiceResponse<BoxBody>, actix_web::Error>;

impl<S, B> Service<ServiceRequest> for MiddlewareService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Future = Either<Ready<ServiceResult>, LocalBoxFuture<'static, ServiceResult>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let context = self.state.context(&request);
        let hit = match context.decision {
            Decision::Refused(_) => None,
            _ => {
                self.state.find_hit(request.head(), &context).or_else(|| self.state.find_view(request.head(), &context))
            }
        };
        let Some((response, route)) = hit else {
            return Either::Right(respond(Rc::clone(&self.inner), self.state.clone(), request, context).boxed_local());
        };
        let mut response = ServiceResponse::new(request.into_parts().0, response);
        record(&context, &response, &route, &self.state.metrics);
        self.state.finish(&mut response, &context);
        Either::Left(ready(Ok(response)))
    }
}

impl AppState {
    /// Starts the context of a request, and counts it against the quota of its client.
    fn context(&self, request: &ServiceRequest) -> RequestContext {
        // The path as the router sees it, so that an encoded letter does not evade the policy.
        let policy = self.policies.resolve(request.match_info().as_str());
        let decision = if policy.is_rate_limited {
            self.limiter.check(request.peer_addr(), request.headers())
        } else {
            Decision::Free
        };
        RequestContext::new(request, policy, decision)
    }

    /// Returns the response from memory, if it is there in the content encoding that the client wants.
    fn find_hit(&self, head: &RequestHead, context: &RequestContext) -> Option<(HttpResponse, Arc<Route>)> {
        // A too large body gets 413 even if the response is in memory.
        let is_read = head.method == Method::GET || head.method == Method::HEAD;
        if !is_read || head.headers.contains_key(header::CONTENT_LENGTH) || is_chunked(head) {
            return None;
        }
        let (entry, status) = self.cache.find(raw_uri(head))?;
        // A cached error names the request in its body, so it takes the path of all others.
        let page = entry.outcome.as_ref().ok()?;
        let response = page.respond(head, ContentEncoding::negotiate(&head.headers), context.policy)?;
        context.cache.set(Some((status, Duration::ZERO)));
        Some((response, Arc::clone(&page.route)))
    }

    /// Returns the response to a POST that only records a view, if memory has the id that its path names.
    fn find_view(&self, head: &RequestHead, context: &RequestContext) -> Option<(HttpResponse, Arc<Route>)> {
        let is_empty = head.headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0") && !is_chunked(head);
        // Parameters and bodies are for the handler to check.
        if head.method != Method::POST || !is_empty || head.uri.query().is_some() {
            return None;
        }
        let (entry, _) = self.cache.find(id_key(head))?;
        let page = entry.outcome.as_ref().ok()?;
        let mut response = self.record_view(parse_id(page)?, head);
        for (name, value) in always(context.policy.is_cors_open()).chain(safe(None)) {
            response.headers_mut().insert(name, value);
        }
        Some((response, Arc::clone(&page.route)))
    }

    /// Adds the headers that depend on the request and not on the response.
    fn finish(&self, response: &mut ServiceResponse<BoxBody>, context: &RequestContext) {
        let headers = response.headers_mut();
        self.cache_control.cap(headers, self.cache.seconds_to_publication());
        if context.policy.storage == Storage::NoStore {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(timing) = context.cache.get() {
            headers.insert(SERVER_TIMING, server_timing(timing));
        }
        if let Decision::Within(quota) | Decision::Refused(quota) = context.decision {
            quota.write_to(headers);
        }
        headers.insert(REQUEST_ID, context.id.clone());
    }
}

fn is_chunked(head: &RequestHead) -> bool {
    head.headers.contains_key(header::TRANSFER_ENCODING)
}

/// Responds to a request that is no hit.
async fn respond<S, B>(
    inner: Rc<S>,
    state: web::Data<AppState>,
    mut request: ServiceRequest,
    context: RequestContext,
) -> ServiceResult
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    let context = Rc::new(context);
    let checked = check_quota(context.decision).and(check_encoding(&request));
    let mut response = if let Err(error) = checked.and_then(|()| check_body_length(&request, context.policy)) {
        // Not `into_response`, which would lose the error that the problem is made from.
        ServiceResponse::new(request.into_parts().0, HttpResponse::from_error(error))
    } else if context.policy.is_cors_open() && is_preflight(&request) {
        let request = request.into_parts().0;
        let response = preflight(&request);
        ServiceResponse::new(request, response)
    } else {
        if request.method() == Method::HEAD {
            // actix sends the length of the body and drops the body: the connection knows that it was HEAD.
            request.head_mut().method = Method::GET;
        }
        request.extensions_mut().insert(Rc::clone(&context));
        inner.call(request).await?.map_into_boxed_body()
    };
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        response = with_problem(response, &context);
    }
    record(&context, &response, &state.metrics.of(response.request()), &state.metrics);
    if status == StatusCode::TOO_MANY_REQUESTS {
        state.metrics.rate_limited.inc();
    }
    let headers = response.headers_mut();
    for (name, value) in always(context.policy.is_cors_open()) {
        headers.insert(name, value);
    }
    if status != StatusCode::NOT_MODIFIED && !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        for (name, value) in safe(None) {
            headers.insert(name, value);
        }
    }
    if status == StatusCode::PERMANENT_REDIRECT {
        // Stored without a limit, a redirect would outlive the next move.
        headers.insert(header::CACHE_CONTROL, state.cache_control.header.clone());
    }
    state.finish(&mut response, &context);
    Ok(response)
}
