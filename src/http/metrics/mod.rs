//! What the service counts, and `GET /metrics`, which tells it to Prometheus.
//!
//! [`Metrics`] belongs to one service: nothing here is global. Counting costs a few nanoseconds and takes no lock
//! ([`Route::observe`], [`Counter::inc`]); what others know already (the cache's size, the pools) is fetched when
//! somebody asks ([`Metrics::at_scrape`]). No label has a value that a client can choose, so the number of time series
//! is bounded.

mod histogram;
mod route;

use std::{
    fmt, fs,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, SystemTime},
};

use actix_web::{HttpRequest, HttpResponse, get, http::header, web};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text::encode},
    metrics::{MetricType, counter, family::Family, gauge, info::Info},
    registry::{Registry, Unit},
};

pub use route::{Route, UNKNOWN};

use super::{
    Query,
    policy::{RoutePolicy, Storage},
    query::NoParameters,
};
use histogram::{Histogram, Totals};
use route::Routes;

/// What only rises, from 0 at the start; cloning shares it.
pub type Counter = counter::Counter<u64, AtomicU64>;

/// What rises and falls; cloning shares it.
pub type Gauge = gauge::Gauge<u64, AtomicU64>;

/// The policy of `/metrics`.
pub static POLICY: RoutePolicy =
    RoutePolicy { paths: &["/metrics"], storage: Storage::NoStore, is_rate_limited: false, ..RoutePolicy::DEFAULT };

/// The form of `GET /metrics`: `OpenMetrics` 1.0, which Prometheus reads since 2.5.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper bounds of the publication delay in nanoseconds: 1 ms to 60 s.
const DELAYS: [u64; 14] = [
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
    10_000_000_000,
    60_000_000_000,
];

/// What is done before the metrics are told.
type Fill = Box<dyn Fn(&Metrics) + Send + Sync>;

/// What one service counts.
pub struct Metrics {
    /// The cache of finished answers.
    pub cache: Cache,
    /// What follows the change log.
    pub follower: Follower,
    /// The database.
    pub database: Database,
    /// Requests that were refused with 429.
    pub rate_limited: Counter,
    routes: Arc<Routes>,
    delay: Arc<Delay>,
    pools: Pools,
    resident: Gauge,
    registry: Registry,
    fills: RwLock<Vec<Fill>>,
}

/// What the cache of finished answers counts.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    /// Requests that were answered from memory.
    pub hits: Counter,
    /// Requests whose answer had to be made, or was waited for while another request made it.
    pub misses: Counter,
    /// Requests that got an answer past its time, since a new one could not be made.
    pub stale: Counter,
    /// Answers that were sent and not kept: a change that they do not have was known already.
    pub refused: Counter,
    /// Answers that had to go for others, for want of room.
    pub evictions: Counter,
    /// Answers that were dropped because a change carries their tags.
    pub invalidated: Counter,
    /// Changes of the log that were applied to the cache.
    pub changes: Counter,
    /// How many answers are kept.
    pub entries: Gauge,
    /// How many bytes they take.
    pub bytes: Gauge,
}

/// What is known of following the change log.
#[derive(Debug, Clone, Default)]
pub struct Follower {
    /// 1 while changes arrive as they are made, 0 while the connection is lost.
    pub following: Gauge,
    /// The sequence of the last change that was applied here.
    pub sequence: Gauge,
    /// How often the connection had to be made again.
    pub reconnects: Counter,
}

/// What is known of the database.
#[derive(Debug, Clone, Default)]
pub struct Database {
    /// Statements that were sent to it.
    pub statements: Counter,
    /// Statements that took longer than the limit from which on they are named in the log.
    pub slow_statements: Counter,
}

/// What is known of a pool of connections.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// Connections that are open.
    pub size: Gauge,
    /// Connections that are on loan.
    pub in_use: Gauge,
    /// Requests that wait for one.
    pub waiting: Gauge,
    /// Requests that waited in vain.
    pub timeouts: Counter,
}

/// Requests that the cache was asked for, by outcome.
type Lookups = Family<[(&'static str, &'static str); 1], Counter>;

type Named = [(&'static str, String); 1];

/// The pools by name.
#[derive(Debug, Default)]
struct Pools {
    size: Family<Named, Gauge>,
    in_use: Family<Named, Gauge>,
    waiting: Family<Named, Gauge>,
    timeouts: Family<Named, Counter>,
}

/// How long publications took to arrive here.
#[derive(Debug)]
struct Delay(Histogram<{ DELAYS.len() }>);

impl Collector for Delay {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "From the commit of a change to its application to the cache of this instance.";
        let unit = Unit::Seconds;
        let family = encoder.encode_descriptor("publication_delay", help, Some(&unit), MetricType::Histogram)?;
        let mut totals = Totals::default();
        totals.add(&self.0);
        totals.encode(&DELAYS, family)
    }
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
    /// The metrics of a service that starts now; all at 0.
    #[must_use]
    pub fn new() -> Metrics {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let lookups = Lookups::default();
        let outcome = |outcome| lookups.get_or_create_owned(&[("outcome", outcome)]);
        let (hits, misses, stale) = (outcome("hit"), outcome("miss"), outcome("stale"));
        let mut metrics = Metrics {
            cache: Cache { hits, misses, stale, ..Cache::default() },
            follower: Follower::default(),
            database: Database::default(),
            rate_limited: Counter::default(),
            routes: Arc::new(Routes::new(threads)),
            delay: Arc::new(Delay(Histogram::new())),
            pools: Pools::default(),
            resident: Gauge::default(),
            registry: Registry::default(),
            fills: RwLock::default(),
        };
        metrics.register(lookups);
        metrics
    }

    /// Says how everything is called. The encoder adds `_total`, units, and the full stop of each help.
    fn register(&mut self, lookups: Lookups) {
        let Metrics { cache, follower, database, pools, registry: process, .. } = self;
        process.register_with_unit(
            "process_resident_memory",
            "Memory that the process has",
            Unit::Bytes,
            self.resident.clone(),
        );
        let started: gauge::Gauge<f64, AtomicU64> = gauge::Gauge::default();
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        started.set(since.as_secs_f64());
        process.register_with_unit(
            "process_start_time",
            "When the service started, since 1970",
            Unit::Seconds,
            started,
        );

        let own = process.sub_registry_with_prefix("lectern");
        own.register("build", "What runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        own.register_collector(Box::new(Arc::clone(&self.routes)));
        own.register("http_rate_limited_requests", "Requests that were refused with 429", self.rate_limited.clone());

        own.register("cache_requests", "Requests that the cache was asked for, by what it had", lookups);
        own.register("cache_refused_fills", "Answers that a newer change kept out of the cache", cache.refused.clone());
        own.register("cache_evictions", "Answers that made room for others", cache.evictions.clone());
        own.register("cache_invalidated_entries", "Answers that a change dropped", cache.invalidated.clone());
        own.register("cache_changes_applied", "Changes that were applied to the cache", cache.changes.clone());
        own.register("cache_entries", "Answers in the cache", cache.entries.clone());
        own.register_with_unit("cache_size", "Memory of the answers in the cache", Unit::Bytes, cache.bytes.clone());

        let following = "1 while changes arrive as they are made, 0 while the connection is lost";
        own.register("follower_following", following, follower.following.clone());
        own.register("follower_sequence", "The last change that was applied here", follower.sequence.clone());
        own.register("follower_reconnects", "Connections that were made again", follower.reconnects.clone());
        own.register_collector(Box::new(Arc::clone(&self.delay)));

        own.register("database_statements", "Statements that were sent to Postgres", database.statements.clone());
        own.register("database_slow_statements", "Statements that took too long", database.slow_statements.clone());
        own.register("pool_connections", "Connections that are open, by pool", pools.size.clone());
        own.register("pool_connections_in_use", "Connections that are on loan, by pool", pools.in_use.clone());
        own.register("pool_waiting_requests", "Requests that wait for a connection, by pool", pools.waiting.clone());
        own.register("pool_timeouts", "Requests that waited in vain, by pool", pools.timeouts.clone());
    }

    /// The counters of a route, to be kept where its answers are made. `pattern` is the route's pattern, such as
    /// `/v1/articles/{slug}`, never a path that a client sent. From the 257th on all patterns are one.
    #[must_use]
    pub fn route(&self, pattern: &str) -> Arc<Route> {
        self.routes.get(pattern)
    }

    /// The counters of the route that a request was led to.
    #[must_use]
    pub fn of(&self, request: &HttpRequest) -> Arc<Route> {
        request.match_pattern().map_or_else(|| self.unknown_route(), |pattern| self.route(&pattern))
    }

    /// The counters of all paths that no route matches.
    #[must_use]
    pub fn unknown_route(&self) -> Arc<Route> {
        self.routes.unknown()
    }

    /// What is known of a pool, such as `read` or `write`.
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

    /// Notes how long a change took from its commit to its application here.
    pub fn observe_publication_delay(&self, delay: Duration) {
        self.delay.0.observe(&DELAYS, delay);
    }

    /// Lets `fill` bring up to date, before every answer of `/metrics`, what others know: sizes by [`Gauge::set`],
    /// totals that are kept elsewhere by [`raise`]. It must be quick, and must not own this.
    pub fn at_scrape(&self, fill: impl Fn(&Metrics) + Send + Sync + 'static) {
        self.fills.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(fill));
    }

    /// Everything, as [`MEDIA_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        for fill in self.fills.read().unwrap_or_else(PoisonError::into_inner).iter() {
            fill(self);
        }
        self.resident.set(resident_bytes().unwrap_or_default());
        let mut text = String::with_capacity(16 * 1024);
        if encode(&mut text, &self.registry).is_err() {
            // Writing into a String does not fail, and nothing of ours does either.
            log::error!("the metrics could not be written");
        }
        text
    }
}

/// Lets a counter stand at a total that is kept elsewhere. It never falls.
pub fn raise(counter: &Counter, total: u64) {
    counter.inner().fetch_max(total, Relaxed);
}

/// The memory that the process has; `None` where the system does not say. Not from `statm`, which counts pages of a
/// size that it does not tell.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Read the metrics
///
/// What the service counts, for Prometheus, in the `OpenMetrics` text format: requests by route pattern, their latency,
/// the cache, the change log, the database. Never cached.
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
