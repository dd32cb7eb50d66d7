//! The metrics of a service, and `GET /metrics` for Prometheus.
//!
//! [`Metrics`] belongs to one service: nothing here is global. Values that other modules count themselves (the cache's
//! size, the pools) are read at each scrape ([`Metrics::at_scrape`]). No label has a value that a client can choose, so
//! the number of time series is bounded.

mod route;

use std::{
    fmt, fs,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use actix_web::{HttpRequest, HttpResponse, get, http::header, web};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter, family::Family, gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

pub use route::{Route, UNKNOWN};

use super::{
    Query,
    policy::{RoutePolicy, Storage},
    query::NoParameters,
};
use route::Routes;

/// A count that only rises, from 0 at the start; clones share it.
pub type Counter = counter::Counter<u64, AtomicU64>;

/// A value that rises and falls; clones share it.
pub type Gauge = gauge::Gauge<u64, AtomicU64>;

/// The policy of `/metrics`.
pub static POLICY: RoutePolicy =
    RoutePolicy { paths: &["/metrics"], storage: Storage::NoStore, is_rate_limited: false, ..RoutePolicy::DEFAULT };

/// The media type of `GET /metrics`: `OpenMetrics` 1.0, which Prometheus reads since 2.5.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper bounds of the buckets of the publication delay, in seconds.
const DELAY_BOUNDS: [f64; 14] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// A function that updates metrics before they are rendered.
type ScrapeHook = Box<dyn Fn(&Metrics) + Send + Sync>;

/// The metrics of one service.
pub struct Metrics {
    /// The response cache.
    pub cache: Cache,
    /// The subscriber of the change log.
    pub subscriber: Subscriber,
    /// The database.
    pub database: Database,
    /// Requests refused with 429.
    pub rate_limited: Counter,
    routes: Arc<Routes>,
    delay: Histogram,
    pools: Pools,
    resident: Gauge,
    registry: Registry,
    scrape_hooks: RwLock<Vec<ScrapeHook>>,
}

/// Metrics of the response cache.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    /// Requests answered from memory.
    pub hits: Counter,
    /// Requests whose response was computed, or that waited while another request computed it.
    pub misses: Counter,
    /// Requests that got a stale response because no new one could be computed.
    pub stale: Counter,
    /// Responses that were sent and not cached, because a newer change to their tags had arrived.
    pub refused: Counter,
    /// Entries evicted to make room.
    pub evictions: Counter,
    /// Entries invalidated by a change to their tags.
    pub invalidated: Counter,
    /// Changes applied to the cache.
    pub changes: Counter,
    /// The number of entries.
    pub entries: Gauge,
    /// The size of the entries in bytes.
    pub bytes: Gauge,
}

/// Metrics of the subscriber of the change log.
#[derive(Debug, Clone, Default)]
pub struct Subscriber {
    /// 1 while subscribed, 0 while the connection is lost.
    pub following: Gauge,
    /// The sequence of the last change applied.
    pub sequence: Gauge,
    /// Reconnections.
    pub reconnects: Counter,
}

/// Metrics of the database.
#[derive(Debug, Clone, Default)]
pub struct Database {
    /// Statements sent.
    pub statements: Counter,
    /// Statements slower than the limit of the slow-statement log.
    pub slow_statements: Counter,
}

/// Metrics of a connection pool.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// Open connections.
    pub size: Gauge,
    /// Connections in use.
    pub in_use: Gauge,
    /// Requests waiting for a connection.
    pub waiting: Gauge,
    /// Requests that got no connection in time.
    pub timeouts: Counter,
}

/// Cache lookups by outcome.
type Lookups = Family<[(&'static str, &'static str); 1], Counter>;

type PoolLabel = [(&'static str, String); 1];

#[derive(Debug, Default)]
struct Pools {
    size: Family<PoolLabel, Gauge>,
    in_use: Family<PoolLabel, Gauge>,
    waiting: Family<PoolLabel, Gauge>,
    timeouts: Family<PoolLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Returns the metrics of a service that starts now, all at 0.
    #[must_use]
    pub fn new() -> Metrics {
        let lookups = Lookups::default();
        let outcome = |outcome| lookups.get_or_create_owned(&[("outcome", outcome)]);
        let (hits, misses, stale) = (outcome("hit"), outcome("miss"), outcome("stale"));
        let mut metrics = Metrics {
            cache: Cache { hits, misses, stale, ..Cache::default() },
            subscriber: Subscriber::default(),
            database: Database::default(),
            rate_limited: Counter::default(),
            routes: Arc::default(),
            delay: Histogram::new(DELAY_BOUNDS),
            pools: Pools::default(),
            resident: Gauge::default(),
            registry: Registry::default(),
            scrape_hooks: RwLock::default(),
        };
        metrics.register(lookups);
        metrics
    }

    /// Registers every metric. The encoder adds `_total`, the unit, and the full stop of each help text.
    fn register(&mut self, lookups: Lookups) {
        let Metrics { cache, subscriber, database, pools, registry: process, .. } = self;
        let help = "Resident memory of the process";
        process.register_with_unit("process_resident_memory", help, Unit::Bytes, self.resident.clone());
        let started: gauge::Gauge<f64, AtomicU64> = gauge::Gauge::default();
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        started.set(since.as_secs_f64());
        let help = "Start time of the process since the Unix epoch";
        process.register_with_unit("process_start_time", help, Unit::Seconds, started);

        let own = process.sub_registry_with_prefix("lectern");
        own.register("build", "Version of the service", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        own.register_collector(Box::new(Arc::clone(&self.routes)));
        own.register("http_rate_limited_requests", "Requests refused with 429", self.rate_limited.clone());

        own.register("cache_requests", "Requests that the cache was asked for, by outcome", lookups);
        let help = "Responses not cached because a newer change to their tags had arrived";
        own.register("cache_refused_fills", help, cache.refused.clone());
        own.register("cache_evictions", "Cache entries evicted to make room", cache.evictions.clone());
        own.register("cache_invalidated_entries", "Cache entries invalidated by a change", cache.invalidated.clone());
        own.register("cache_changes_applied", "Changes applied to the cache", cache.changes.clone());
        own.register("cache_entries", "Entries in the cache", cache.entries.clone());
        own.register_with_unit("cache_size", "Size of the cache entries in memory", Unit::Bytes, cache.bytes.clone());

        let help = "1 while subscribed to the change log, 0 while the connection is lost";
        own.register("follower_following", help, subscriber.following.clone());
        let help = "Sequence of the last change applied by this instance";
        own.register("follower_sequence", help, subscriber.sequence.clone());
        own.register("follower_reconnects", "Reconnections to the change log", subscriber.reconnects.clone());
        let help = "Time from the commit of a change until this instance applied it to its cache";
        own.register_with_unit("publication_delay", help, Unit::Seconds, self.delay.clone());

        own.register("database_statements", "Statements sent to Postgres", database.statements.clone());
        let help = "Statements slower than the limit of the slow-statement log";
        own.register("database_slow_statements", help, database.slow_statements.clone());
        own.register("pool_connections", "Open connections, by pool", pools.size.clone());
        own.register("pool_connections_in_use", "Connections in use, by pool", pools.in_use.clone());
        own.register("pool_waiting_requests", "Requests waiting for a connection, by pool", pools.waiting.clone());
        own.register("pool_timeouts", "Requests that got no connection in time, by pool", pools.timeouts.clone());
    }

    /// Returns the metrics of a route, to be stored beside its cached responses. `pattern` is the route's pattern, such
    /// as `/v1/articles/{slug}`, never a path that a client sent.
    #[must_use]
    pub fn route(&self, pattern: &str) -> Arc<Route> {
        self.routes.get(pattern)
    }

    /// Returns the metrics of the route that matched a request.
    #[must_use]
    pub fn of(&self, request: &HttpRequest) -> Arc<Route> {
        request.match_pattern().map_or_else(|| self.unknown_route(), |pattern| self.route(&pattern))
    }

    /// Returns the metrics of all paths that no route matches.
    #[must_use]
    pub fn unknown_route(&self) -> Arc<Route> {
        self.route(UNKNOWN)
    }

    /// Returns the metrics of the pool with this name, such as `read` or `write`.
    #[must_use]
    pub fn pool(&self, name: &str) -> Pool {
        let name = [("pool", name.to_owned())];
        Pool {
            size: self.pools.size.get_or_create_owned(&name),
            in_use: self.pools.in_use.get_or_create_owned(&name),
            waiting: self.pools.waiting.get_or_create_owned(&name),
            timeouts: self.pools.timeouts.get_or_create_owned(&name),
        }
    }

    /// Observes the time between the commit of a change and its application by this instance.
    pub fn observe_publication_delay(&self, delay: Duration) {
        self.delay.observe(delay.as_secs_f64());
    }

    /// Runs `hook` before each rendering, to set values that other modules count: gauges by [`Gauge::set`], totals by
    /// [`raise`]. It must be quick, and must not own the metrics.
    pub fn at_scrape(&self, hook: impl Fn(&Metrics) + Send + Sync + 'static) {
        self.scrape_hooks.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// Returns all metrics as [`MEDIA_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        for hook in self.scrape_hooks.read().unwrap_or_else(PoisonError::into_inner).iter() {
            hook(self);
        }
        self.resident.set(resident_bytes().unwrap_or_default());
        let mut text = String::with_capacity(16 * 1024);
        if let Err(error) = encode(&mut text, &self.registry) {
            log::error!("metrics cannot be rendered: error={error}");
        }
        text
    }
}

/// Raises a counter to a total that another module counts. It never falls.
pub fn raise(counter: &Counter, total: u64) {
    counter.inner().fetch_max(total, Relaxed);
}

/// Returns the resident memory of the process; `None` where the system does not report it. Not from `statm`, which
/// counts pages without their size.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Read the metrics
///
/// Returns the metrics for Prometheus in the `OpenMetrics` text format: requests and latency by route pattern, the
/// cache, the change log and the database. Never cached.
#[utoipa::path(
    tag = "Around",
    responses((
        status = 200, description = "The metrics.", body = String, content_type = "application/openmetrics-text",
        example = "# TYPE lectern_http_requests counter\nlectern_http_requests_total{route=\"/v1/articles/{slug}\",method=\"GET\",status=\"200\"} 1027\n# EOF\n",
    )),
)]
#[get("/metrics")]
pub async fn read_metrics(metrics: web::Data<Metrics>, _: Query<NoParameters>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_TYPE, MEDIA_TYPE))
        .body(metrics.render())
}

#[cfg(test)]
mod tests;
