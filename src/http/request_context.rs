//! The facts of one request, for the middleware, the read path and the log.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpMessage, HttpRequest,
    dev::ServiceRequest,
    http::{Method, header::HeaderValue},
};

use super::{headers::request_id, limit::Decision, policy::RoutePolicy};
use crate::{cache::CacheStatus, error::Error};

/// The facts of one request.
#[derive(Debug)]
pub struct RequestContext {
    /// The value of `X-Request-Id`.
    pub id: HeaderValue,
    /// The method that the client sent.
    pub method: Method,
    /// The time at which the request's head was read.
    pub started: Instant,
    /// The policy of its route.
    pub policy: &'static RoutePolicy,
    /// The decision of the rate limit.
    pub decision: Decision,
    /// The origin of the response, and the time it took to compute; `None` if no cache was asked.
    pub cache: Cell<Option<(CacheStatus, Duration)>>,
}

impl RequestContext {
    /// Starts the context of a request.
    #[must_use]
    pub fn new(request: &ServiceRequest, policy: &'static RoutePolicy, decision: Decision) -> RequestContext {
        RequestContext {
            id: request_id(request.headers()),
            method: request.method().clone(),
            started: Instant::now(),
            policy,
            decision,
            cache: Cell::new(None),
        }
    }

    /// Returns the context that the middleware has attached to a request.
    pub fn of(request: &HttpRequest) -> Result<Rc<RequestContext>, Error> {
        let context = request.extensions().get::<Rc<RequestContext>>().cloned();
        context.ok_or_else(|| Error::Internal("the request has no context: the middleware is missing".into()))
    }

    /// Returns the status of the cache, if it was asked.
    #[must_use]
    pub fn cache_status(&self) -> Option<CacheStatus> {
        self.cache.get().map(|(status, _)| status)
    }
}
