//! Metrics, log line and `Server-Timing` of a request.

use std::time::Duration;

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    dev::ServiceResponse,
    http::{Method, StatusCode, header::HeaderValue},
};

use crate::{
    cache::CacheStatus,
    http::{
        metrics::{Metrics, Route},
        request_context::RequestContext,
    },
    logging::{Access, access},
};

/// Returns the value of `Server-Timing` (W3C): the cache status, and the time of a computation in milliseconds.
pub(super) fn server_timing((status, elapsed): (CacheStatus, Duration)) -> HeaderValue {
    match status {
        CacheStatus::Hit => HeaderValue::from_static("cache;desc=hit"),
        CacheStatus::Stale => HeaderValue::from_static("cache;desc=stale"),
        CacheStatus::Miss => {
            let text = format!("cache;desc=miss, compute;dur={:.3}", elapsed.as_secs_f64() * 1e3);
            HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("cache;desc=miss"))
        }
    }
}

/// Counts a response, and writes its access line.
pub(super) fn record(context: &RequestContext, response: &ServiceResponse<BoxBody>, route: &Route, metrics: &Metrics) {
    let status = response.status();
    let bytes = match response.response().body().size() {
        BodySize::Sized(bytes) if context.method != Method::HEAD && status != StatusCode::NOT_MODIFIED => bytes,
        _ => 0,
    };
    let elapsed = context.started.elapsed();
    route.observe(&context.method, status.as_u16(), elapsed, bytes);
    match context.cache_status() {
        Some(CacheStatus::Hit) => _ = metrics.cache.hits.inc(),
        Some(CacheStatus::Miss) => _ = metrics.cache.misses.inc(),
        Some(CacheStatus::Stale) => _ = metrics.cache.stale.inc(),
        None => {}
    }
    access(&Access {
        method: context.method.as_str(),
        path: response.request().path(),
        status: status.as_u16(),
        bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        elapsed,
        cache: context.cache_status().map_or("-", CacheStatus::name),
        request_id: context.id.to_str().unwrap_or_default(),
    });
}
