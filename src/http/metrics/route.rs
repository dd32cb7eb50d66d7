//! Requests by route: what is counted for every answer.
//!
//! Counting is part of every cached answer, so it takes no lock, allocates nothing and looks nothing up: a handle of
//! the route is kept where the answer is, and the threads of a service count beside each other, each in a shard of its
//! own, which are added up when somebody asks.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use actix_web::http::Method;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

use super::histogram::{Histogram, Totals};

/// The most routes that are told apart: far more than the service has, and a bound whatever a caller does.
const MOST: usize = 256;

/// What paths that no route matches are counted as.
pub const UNKNOWN: &str = "unknown";

/// The methods that are told apart; the last stands for all others, which clients can invent.
const METHODS: [&str; 8] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "other"];

/// The statuses that have a counter of their own from the start; the service's own statuses, with room.
const STATUSES: [u16; 27] = [
    101, 200, 201, 202, 204, 206, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422,
    428, 429, 500, 503,
];

/// Where a status is in `STATUSES`.
static SLOTS: [u8; 512] = {
    let mut slots = [u8::MAX; 512];
    let mut slot: u8 = 0;
    while (slot as usize) < STATUSES.len() {
        slots[STATUSES[slot as usize] as usize] = slot;
        slot += 1;
    }
    slots
};

/// The upper bounds of the latency buckets in nanoseconds: 50 µs to 5 s.
pub(super) const BOUNDS: [u64; 16] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
];

/// The counters of a route.
#[derive(Debug)]
pub struct Route {
    shards: Box<[Shard]>,
    /// Requests by method and status, where the status has no counter of its own.
    rare: Mutex<BTreeMap<(usize, u16), u64>>,
}

/// The counters of the threads that share it; no two shards are in one line of a processor's cache.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    latency: Histogram<{ BOUNDS.len() }>,
    bytes: AtomicU64,
    requests: [[AtomicU64; STATUSES.len()]; METHODS.len()],
}

impl Shard {
    fn new() -> Shard {
        let requests = [const { [const { AtomicU64::new(0) }; STATUSES.len()] }; METHODS.len()];
        Shard { latency: Histogram::new(), bytes: AtomicU64::new(0), requests }
    }
}

/// A number of the thread that calls; threads get them in turn.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Relaxed));
    NUMBER.try_with(|number| *number).unwrap_or_default()
}

impl Route {
    /// `shards` is a power of two.
    fn new(shards: usize) -> Route {
        Route { shards: (0..shards).map(|_| Shard::new()).collect(), rare: Mutex::default() }
    }

    /// Counts an answer: its method as the client sent it, its status, how long it took from the request's head to the
    /// answer's head, and the bytes of the body that were sent (0 for HEAD and 304).
    pub fn observe(&self, method: &Method, status: u16, elapsed: Duration, bytes: u64) {
        let shard = &self.shards[thread_number() & (self.shards.len() - 1)];
        let method = match *method {
            Method::GET => 0,
            Method::HEAD => 1,
            Method::OPTIONS => 2,
            Method::POST => 3,
            Method::PUT => 4,
            Method::PATCH => 5,
            Method::DELETE => 6,
            _ => 7,
        };
        let slot = SLOTS.get(usize::from(status)).map_or(usize::MAX, |slot| usize::from(*slot));
        if let Some(count) = shard.requests[method].get(slot) {
            count.fetch_add(1, Relaxed);
        } else {
            *self.rare.lock().unwrap_or_else(PoisonError::into_inner).entry((method, status)).or_default() += 1;
        }
        shard.latency.observe(&BOUNDS, elapsed);
        shard.bytes.fetch_add(bytes, Relaxed);
    }

    fn requests(&self) -> BTreeMap<(usize, u16), u64> {
        let mut requests = self.rare.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (method, slot) in (0..METHODS.len()).flat_map(|method| (0..STATUSES.len()).map(move |slot| (method, slot)))
        {
            let count = self.shards.iter().map(|shard| shard.requests[method][slot].load(Relaxed)).sum::<u64>();
            if count > 0 {
                requests.insert((method, STATUSES[slot]), count);
            }
        }
        requests
    }

    fn latency(&self) -> Totals<{ BOUNDS.len() }> {
        let mut totals = Totals::default();
        self.shards.iter().for_each(|shard| totals.add(&shard.latency));
        totals
    }

    fn bytes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.bytes.load(Relaxed)).sum()
    }
}

/// The routes of a service.
#[derive(Debug)]
pub(super) struct Routes {
    known: RwLock<BTreeMap<String, Arc<Route>>>,
    unknown: Arc<Route>,
    shards: usize,
}

impl Routes {
    /// Routes that about `threads` threads count beside each other.
    pub(super) fn new(threads: usize) -> Routes {
        let shards = threads.clamp(1, 16).next_power_of_two();
        Routes { known: RwLock::default(), unknown: Arc::new(Route::new(shards)), shards }
    }

    /// The route of a pattern, made where it is new; the one of unknown paths where there are too many already.
    pub(super) fn get(&self, pattern: &str) -> Arc<Route> {
        if let Some(route) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
            return Arc::clone(route);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if pattern == UNKNOWN || (known.len() >= MOST && !known.contains_key(pattern)) {
            return Arc::clone(&self.unknown);
        }
        Arc::clone(known.entry(pattern.to_owned()).or_insert_with(|| Arc::new(Route::new(self.shards))))
    }

    pub(super) fn unknown(&self) -> Arc<Route> {
        Arc::clone(&self.unknown)
    }

    fn all(&self) -> Vec<(String, Arc<Route>)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let known = known.iter().map(|(pattern, route)| (pattern.clone(), Arc::clone(route)));
        known.chain([(UNKNOWN.to_owned(), self.unknown())]).collect()
    }
}

impl Collector for Routes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let routes = self.all();
        let help = "Requests that were answered, by route pattern, method and status.";
        let mut family = encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for (pattern, route) in &routes {
            for ((method, status), count) in route.requests() {
                let status = status.to_string();
                let labels = [("route", pattern.as_str()), ("method", METHODS[method]), ("status", &status)];
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
            }
        }
        let help = "From a request's head to its answer's head, by route pattern.";
        let unit = Unit::Seconds;
        let mut family =
            encoder.encode_descriptor("http_request_duration", help, Some(&unit), MetricType::Histogram)?;
        for (pattern, route) in &routes {
            let latency = route.latency();
            if latency.count() > 0 {
                latency.encode(&BOUNDS, family.encode_family(&[("route", pattern.as_str())])?)?;
            }
        }
        let help = "Bytes of the bodies of answers as they are sent, by route pattern.";
        let unit = Unit::Bytes;
        let mut family = encoder.encode_descriptor("http_response", help, Some(&unit), MetricType::Counter)?;
        for (pattern, route) in &routes {
            let bytes = route.bytes();
            if bytes > 0 {
                let labels = [("route", pattern.as_str())];
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&bytes, None)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_number_of_routes_is_bounded() {
        let routes = Routes::new(1);
        let first = routes.get("/v1/0");
        for n in 0..10_000 {
            routes.get(&format!("/v1/{n}")).observe(&Method::GET, 200, Duration::ZERO, 1);
        }
        assert_eq!(routes.all().len(), MOST + 1);
        assert!(Arc::ptr_eq(&first, &routes.get("/v1/0")), "a known one stays");
        assert!(Arc::ptr_eq(&routes.get("/new"), &routes.unknown()));
        assert!(Arc::ptr_eq(&routes.get(UNKNOWN), &routes.unknown()));
        assert_eq!(routes.unknown().bytes(), 10_000 - MOST as u64);
    }

    #[test]
    fn methods_are_bounded_and_every_status_is_counted() {
        let route = Route::new(1);
        for method in ["GET", "BREW", "PURGE", "TRACE", "CONNECT", "get"] {
            route.observe(&method.parse().unwrap(), 200, Duration::ZERO, 0);
        }
        for status in 100..1000 {
            route.observe(&Method::DELETE, status, Duration::ZERO, 0);
        }
        let requests = route.requests();
        assert_eq!(requests[&(0, 200)], 1);
        assert_eq!(requests[&(7, 200)], 5);
        assert_eq!(requests.len(), 902);
        assert!((100..1000).all(|status| requests[&(6, status)] == 1));
    }

    #[test]
    fn threads_count_beside_each_other_and_nothing_is_lost() {
        let route = Route::new(4);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        route.observe(&Method::GET, 200, Duration::from_micros(10), 3);
                        route.observe(&Method::GET, 503, Duration::from_secs(9), 0);
                    }
                });
            }
        });
        assert_eq!(route.requests(), [((0, 200), 80_000), ((0, 503), 80_000)].into());
        assert_eq!(route.bytes(), 240_000);
        assert_eq!(route.latency().count(), 160_000);
    }

    #[test]
    fn shards_share_no_line_of_the_cache() {
        assert_eq!(align_of::<Shard>(), 128);
        assert_eq!([0, 3, 6, 100].map(|threads| Routes::new(threads).shards), [1, 4, 8, 16]);
    }
}
