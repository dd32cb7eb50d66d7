//! What is told of a request beside its answer: in the metrics, in the log, and in `Server-Timing`.

use std::time::{Duration, Instant};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    dev::ServiceResponse,
    http::{Method, StatusCode, header::HeaderValue},
};

use crate::{
    http::{
        cache::CacheStatus,
        metrics::{Metrics, Route},
    },
    logging::{Access, access},
};

/// `Server-Timing` (W3C): whether the answer came from memory, and how long it took where it did not, in milliseconds.
pub(super) fn timing(served: CacheStatus, took: Option<Duration>) -> HeaderValue {
    match (served, took) {
        (CacheStatus::Hit, _) => HeaderValue::from_static("cache;desc=hit"),
        (CacheStatus::Stale, _) => HeaderValue::from_static("cache;desc=stale"),
        (CacheStatus::Miss, took) => {
            let millis = took.unwrap_or_default().as_secs_f64() * 1e3;
            let text = format!("cache;desc=miss, compute;dur={millis:.3}");
            HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("cache;desc=miss"))
        }
    }
}

/// What is told of a request beside its answer.
pub(super) struct RequestLog<'a> {
    /// As the client sent it.
    pub method: &'a Method,
    pub begun: Instant,
    pub id: &'a HeaderValue,
    pub served: Option<CacheStatus>,
}

impl RequestLog<'_> {
    /// Counts the answer, and writes its line in the log.
    pub(super) fn tell(&self, response: &ServiceResponse<BoxBody>, route: &Route, metrics: &Metrics) {
        let status = response.status();
        let bytes = match response.response().body().size() {
            BodySize::Sized(bytes) if *self.method != Method::HEAD && status != StatusCode::NOT_MODIFIED => bytes,
            _ => 0,
        };
        let elapsed = self.begun.elapsed();
        route.observe(self.method, status.as_u16(), elapsed, bytes);
        match self.served {
            Some(CacheStatus::Hit) => _ = metrics.cache.hits.inc(),
            Some(CacheStatus::Miss) => _ = metrics.cache.misses.inc(),
            Some(CacheStatus::Stale) => _ = metrics.cache.stale.inc(),
            None => {}
        }
        access(&Access {
            method: self.method.as_str(),
            path: response.request().path(),
            status: status.as_u16(),
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            elapsed,
            cache: self.served.map_or("-", CacheStatus::name),
            request_id: self.id.to_str().unwrap_or_default(),
        });
    }
}
