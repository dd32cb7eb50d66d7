//! Request metrics by route pattern, method and status.
//!
//! Every response is counted, cached ones too, so a route's handles are resolved once and stored with the cache entry;
//! only a rare pair of method and status is looked up.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use actix_web::http::Method;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, family::Family, histogram::Histogram},
    registry::Unit,
};

use super::Counter;

/// The maximum number of patterns with series of their own: far more than the service has.
const MAX_ROUTES: usize = 256;

/// The `route` label of paths that no route matches.
pub const UNKNOWN: &str = "unknown";

/// The upper bounds of the latency buckets, in seconds.
pub(super) const LATENCY_BOUNDS: [f64; 16] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

/// The metrics of a route.
#[derive(Debug)]
pub struct Route {
    pattern: Arc<str>,
    requests: Family<RequestLabels, Counter>,
    /// `GET` with 200 and with 304, nearly all requests.
    frequent: [OnceLock<Counter>; 2],
    latency: Histogram,
    bytes: Counter,
}

impl Route {
    /// Counts a response: the method as the client sent it, the time from the request's head to the response's head,
    /// and the bytes of the body that were sent (0 for `HEAD` and 304).
    pub fn observe(&self, method: &Method, status: u16, elapsed: Duration, bytes: u64) {
        let method = method_label(method);
        let labels = || RequestLabels { route: Arc::clone(&self.pattern), method, status };
        let frequent = match (method, status) {
            ("GET", 200) => Some(&self.frequent[0]),
            ("GET", 304) => Some(&self.frequent[1]),
            _ => None,
        };
        match frequent {
            Some(counter) => counter.get_or_init(|| self.requests.get_or_create_owned(&labels())).inc(),
            None => self.requests.get_or_create(&labels()).inc(),
        };
        self.latency.observe(elapsed.as_secs_f64());
        self.bytes.inc_by(bytes);
    }
}

/// Returns the `method` label; methods that a client invented share one.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// The routes of a service.
#[derive(Debug)]
pub(super) struct Routes {
    by_pattern: RwLock<BTreeMap<Arc<str>, Arc<Route>>>,
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabel, Histogram, fn() -> Histogram>,
    bytes: Family<RouteLabel, Counter>,
}

impl Default for Routes {
    fn default() -> Routes {
        Routes {
            by_pattern: RwLock::default(),
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(LATENCY_BOUNDS)),
            bytes: Family::default(),
        }
    }
}

impl Routes {
    /// Returns the route of a pattern; new patterns beyond [`MAX_ROUTES`] share the unknown route.
    pub(super) fn get(&self, pattern: &str) -> Arc<Route> {
        if let Some(route) = self.by_pattern.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
            return Arc::clone(route);
        }
        let mut routes = self.by_pattern.write().unwrap_or_else(PoisonError::into_inner);
        let is_full = routes.len() >= MAX_ROUTES && !routes.contains_key(pattern);
        let pattern: Arc<str> = if is_full { UNKNOWN } else { pattern }.into();
        let route = routes.entry(Arc::clone(&pattern)).or_insert_with(|| {
            let label = RouteLabel { route: Arc::clone(&pattern) };
            Arc::new(Route {
                pattern,
                requests: self.requests.clone(),
                frequent: Default::default(),
                latency: self.latency.get_or_create_owned(&label),
                bytes: self.bytes.get_or_create_owned(&label),
            })
        });
        Arc::clone(route)
    }
}

/// A collector and not three registrations, because a registry leaves out the description of an empty family.
impl Collector for Routes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests by route pattern, method and status.";
        self.requests.encode(encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?)?;
        let (help, unit) = ("Time from the request's head to the response's head, by route pattern.", Unit::Seconds);
        let kind = MetricType::Histogram;
        self.latency.encode(encoder.encode_descriptor("http_request_duration", help, Some(&unit), kind)?)?;
        let (help, unit) = ("Bytes of response bodies as they were sent, by route pattern.", Unit::Bytes);
        self.bytes.encode(encoder.encode_descriptor("http_response", help, Some(&unit), MetricType::Counter)?)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    #[test]
    fn routes_beyond_the_maximum_share_the_unknown_route() {
        let routes = Routes::default();
        let first = routes.get("/v1/0");
        for n in 0..10_000 {
            routes.get(&format!("/v1/{n}")).observe(&Method::GET, 200, Duration::ZERO, 1);
        }
        assert_eq!(routes.by_pattern.read().unwrap().len(), MAX_ROUTES + 1);
        assert!(Arc::ptr_eq(&first, &routes.get("/v1/0")), "an existing route stays");
        assert!(Arc::ptr_eq(&routes.get("/new"), &routes.get(UNKNOWN)));
        assert_eq!(routes.get(UNKNOWN).bytes.get(), 10_000 - MAX_ROUTES as u64);
    }

    #[test]
    fn methods_are_bounded_and_every_status_is_counted() {
        let routes = Routes::default();
        let route = routes.get("/v1");
        for method in ["GET", "BREW", "PURGE", "TRACE", "CONNECT", "get"] {
            route.observe(&method.parse().unwrap(), 200, Duration::ZERO, 0);
        }
        for status in 100..1000 {
            route.observe(&Method::DELETE, status, Duration::ZERO, 0);
        }
        let count = |method, status| {
            let labels = RequestLabels { route: "/v1".into(), method, status };
            routes.requests.get(&labels).map(|counter| counter.get())
        };
        assert_eq!(count("GET", 200), Some(1));
        assert_eq!(count("other", 200), Some(5));
        let mut registry = Registry::default();
        registry.register("requests", "Requests", routes.requests.clone());
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert_eq!(text.matches("requests_total{").count(), 902);
        assert!((100..1000).all(|status| count("DELETE", status) == Some(1)));
    }
}
