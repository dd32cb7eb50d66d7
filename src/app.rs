//! The service: state, routes, middleware order, start and graceful stop. The command and the tests both start it here.

use std::{
    net::{IpAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    web,
};
use chrono::Utc;
use rustls::ServerConfig;
use serde_json::Value;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};
use uuid::Uuid;

use crate::{
    cache::{self, Cache},
    db::{
        Db,
        change_log::{self, ChangeSubscriber, Hook, State},
    },
    error::Error,
    http::{
        BODY_LIMIT,
        cache_control::{CacheControl, Lifetimes},
        client::TrustedProxies,
        fallback, health,
        limit::{Limit, Limiter, LiveKey},
        metrics::{self, Metrics, raise},
        middleware::Middleware,
        page::Page,
        policy::RoutePolicies,
        problem_pages,
        state::{AppState, ViewSink},
    },
    manage::{self, preview},
    openapi,
    publishing::{
        keys, scheduler,
        views::{self, counter::ViewCounter},
    },
    v1, web as pages,
};

/// The policies of all routes; no route has two.
const POLICIES: RoutePolicies = RoutePolicies(&[
    &v1::POLICY,
    &pages::POLICY,
    &manage::POLICY,
    &preview::POLICY,
    &openapi::POLICY,
    &problem_pages::POLICY,
    &health::POLICY,
    &metrics::POLICY,
]);

/// The seconds that a stopping service has for the requests it has accepted.
const GRACE_SECONDS: u64 = 20;

/// The same with TLS: actix does not tell HTTP/2 clients to leave, so an idle one would delay the stop for all of this time.
const GRACE_SECONDS_WITH_TLS: u64 = 5;

/// The time within which a client has to send the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);

/// The time for which an idle connection stays open: longer than the timeout of proxies, so that the proxy closes it
/// first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The time within which a stopped service has to write its last views.
const LAST_FLUSH: Duration = Duration::from_secs(10);

/// The settings of a service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The number of worker threads; one a core unless given.
    pub workers: Option<usize>,
    /// True if SIGINT and SIGTERM stop it.
    pub signals: bool,
    /// The maximum number of bytes of cache entries in memory.
    pub cache_bytes: usize,
    /// The times for which other caches may store responses.
    pub lifetimes: Lifetimes,
    /// The rate limit of each client.
    pub rate_limit: Limit,
    /// The proxies whose statement of the client's address is trusted.
    pub trusted_proxies: TrustedProxies,
    /// TLS with HTTP/2 and HTTP/1.1 by ALPN; plain HTTP/1.1 without it.
    pub tls: Option<ServerConfig>,
    /// The intervals in which views are written and the hot list is computed.
    pub views: views::Intervals,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            workers: None,
            signals: false,
            cache_bytes: 64 << 20,
            lifetimes: Lifetimes::default(),
            rate_limit: Limit::default(),
            trusted_proxies: TrustedProxies::default(),
            tls: None,
            views: views::Intervals::default(),
        }
    }
}

/// A running service.
pub struct Running {
    server: Server,
    /// The server of `/metrics`, if it has a listener of its own.
    metrics: Option<Server>,
    cache: Arc<Cache<Page>>,
    /// The change log subscription, the scheduler, and the writer of the response store.
    tasks: [JoinHandle<()>; 3],
    /// The view worker, and its stop signal.
    views: (JoinHandle<()>, oneshot::Sender<()>),
}

impl Running {
    /// Returns the handle that stops it.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Returns its cache.
    #[must_use]
    pub fn cache(&self) -> Arc<Cache<Page>> {
        Arc::clone(&self.cache)
    }

    /// Waits until it follows the change log, and so stores what it computes; at most `patience`.
    pub async fn followed(&self, patience: Duration) {
        let began = Instant::now();
        while self.cache.state() != State::Following && began.elapsed() < patience {
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until it is stopped.
    pub async fn ended(self) -> Result<(), Error> {
        let beside = self.metrics.as_ref().map(Server::handle);
        let metrics = self.metrics.map(tokio::spawn);
        let ended = self.server.await.map_err(|e| Error::internal("the service", e));
        if let (Some(handle), Some(metrics)) = (beside, metrics) {
            handle.stop(true).await;
            let _ = metrics.await;
        }
        self.tasks.iter().for_each(JoinHandle::abort);
        // After the last request, so that no view is missing.
        let (mut views, stop) = self.views;
        let _ = stop.send(());
        if timeout(LAST_FLUSH, &mut views).await.is_err() {
            log::error!("last views not written in time");
            views.abort();
        }
        ended
    }
}

/// Returns the description of every operation.
#[must_use]
pub fn document() -> Value {
    openapi::document(routes)
}

/// Registers every operation of the service.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(main_routes).service(metrics::read_metrics);
}

/// Registers every operation except the metrics, which may have a listener of their own.
fn main_routes(config: &mut ServiceConfig<'_>) {
    config
        .configure(v1::routes)
        .configure(manage::routes)
        .configure(pages::routes)
        .configure(openapi::routes)
        .service(problem_pages::list_problems)
        .service(problem_pages::read_problem)
        .service(health::read_liveness)
        .service(health::read_readiness);
}

/// Starts the service on `listener`, with `/metrics` on `metrics_listener` if there is one.
///
/// Must be called on a tokio runtime that lives as long as the service: its background tasks run there.
pub fn start(
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
    db: &Db,
    settings: &Settings,
) -> Result<Running, Error> {
    let unusable = |e: std::io::Error| Error::internal("the service cannot listen", e);
    let document = document();
    let methods = web::Data::new(fallback::Methods::of(&document));
    let files = web::Data::from(Arc::new(openapi::Files::of(&document)?));
    let metrics = Arc::new(Metrics::new());
    let limits = cache::Settings { bytes: settings.cache_bytes, stale_if_error: settings.lifetimes.stale_if_error };
    let observer = Arc::clone(&metrics);
    let cache = Arc::new(Cache::new(limits, db.clone(), move |delay| observer.observe_publication_delay(delay)));
    register_gauges(&metrics, db, &cache);
    let limiter = Arc::new(Limiter::new(settings.rate_limit, settings.trusted_proxies.clone()));
    let subscription = change_log::follow(db.primary().to_owned(), Arc::clone(&cache), hooks(&cache, &limiter));
    let subscription = tokio::spawn(subscription);
    let publisher = tokio::spawn(scheduler::run_scheduler(db.clone(), cache.publication_timer()));
    let writer = tokio::spawn(Arc::clone(&cache).run_write_worker());
    let counter = Arc::new(ViewCounter::default());
    let (stop, stopped) = oneshot::channel();
    let views = tokio::spawn(views::run_view_worker(db.clone(), Arc::clone(&counter), settings.views, stopped));
    let state = web::Data::new(AppState {
        cache: Arc::clone(&cache),
        metrics: Arc::clone(&metrics),
        limiter,
        cache_control: CacheControl::new(settings.lifetimes),
        views: counter,
        policies: POLICIES,
    });
    let db = web::Data::new(db.clone());
    let metrics = web::Data::from(metrics);
    let beside = metrics_listener
        .map(|listener| metrics_server(listener, metrics.clone(), state.clone()))
        .transpose()
        .map_err(unusable)?;
    let together = beside.is_none();
    let mut server = HttpServer::new(move || {
        let middleware = Middleware(state.clone());
        let app = App::new()
            .into_utoipa_app()
            .app_data(db.clone())
            .app_data(state.clone())
            .app_data(methods.clone())
            .app_data(files.clone())
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .app_data(metrics.clone())
            .configure(main_routes);
        let app = if together { app.service(metrics::read_metrics) } else { app };
        app.map(|app| app.default_service(web::to(fallback::fallback)).wrap(middleware)).into_app()
    })
    .client_request_timeout(HEAD_PATIENCE)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(if settings.tls.is_some() { GRACE_SECONDS_WITH_TLS } else { GRACE_SECONDS });
    if let Some(workers) = settings.workers {
        server = server.workers(workers);
    }
    if !settings.signals {
        server = server.disable_signals();
    }
    let server = match settings.tls.clone() {
        Some(tls) => server.listen_rustls_0_23(listener, tls),
        None => server.listen(listener),
    };
    let server = server.map_err(unusable)?.run();
    Ok(Running { server, metrics: beside, cache, tasks: [subscription, publisher, writer], views: (views, stop) })
}

impl ViewSink for ViewCounter {
    fn record(&self, article: Uuid, client: IpAddr, agent: &[u8]) {
        self.count(client, agent, article, Utc::now());
    }
}

/// Starts the separate server of `/metrics`.
fn metrics_server(
    listener: TcpListener,
    metrics: web::Data<Metrics>,
    state: web::Data<AppState>,
) -> std::io::Result<Server> {
    let methods = web::Data::new(fallback::Methods::default());
    let app = move || {
        App::new()
            .app_data(metrics.clone())
            .app_data(methods.clone())
            .service(metrics::read_metrics)
            .default_service(web::to(fallback::fallback))
            .wrap(Middleware(state.clone()))
    };
    Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
}

/// Returns the queries that run over the change log's connection: the next scheduled publication for the cache, and the
/// live keys for the rate limit.
fn hooks(cache: &Arc<Cache<Page>>, limiter: &Arc<Limiter>) -> Vec<Hook> {
    let (cache, limiter) = (Arc::clone(cache), Arc::clone(limiter));
    let schedule = Hook::every_read(move |connection| {
        let cache = Arc::clone(&cache);
        Box::pin(async move {
            cache.set_next_publication(scheduler::next_due(connection).await?);
            Ok(())
        })
    });
    let keys = Hook::on_topic(keys::CHANGED, move |connection| {
        let limiter = Arc::clone(&limiter);
        Box::pin(async move {
            let live = keys::live(connection).await?.into_iter();
            let live: Vec<_> = live.map(|(digest, expires_in)| LiveKey { digest, expires_in }).collect();
            limiter.replace_keys(&live);
            Ok(())
        })
    });
    vec![keys, schedule]
}

/// Registers the values that others count and `/metrics` reads.
fn register_gauges(metrics: &Metrics, db: &Db, cache: &Arc<Cache<Page>>) {
    let (db, cache) = (db.clone(), Arc::downgrade(cache));
    let (read, write) = (metrics.pool("read"), metrics.pool("write"));
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    metrics.at_scrape(move |metrics| {
        for (pool, seen) in [(&read, db.read_pool()), (&write, db.write_pool())] {
            pool.size.set(number(seen.size));
            pool.in_use.set(number(seen.used));
            pool.waiting.set(number(seen.waiting));
            raise(&pool.timeouts, seen.timeouts);
        }
        raise(&metrics.database.statements, db.statements());
        raise(&metrics.database.slow_statements, db.slow_statements());
        let Some(cache) = cache.upgrade() else { return };
        let counts = cache.counts();
        metrics.cache.entries.set(number(counts.entries));
        metrics.cache.bytes.set(number(counts.bytes));
        raise(&metrics.cache.evictions, counts.evicted);
        raise(&metrics.cache.invalidated, counts.invalidated);
        raise(&metrics.cache.refused, counts.refused_fills);
        raise(&metrics.cache.changes, counts.changes);
        metrics.subscriber.following.set(u64::from(cache.state() == State::Following));
        let sequence = cache.position().map_or(0, |position| position.sequence);
        metrics.subscriber.sequence.set(u64::try_from(sequence).unwrap_or_default());
        raise(&metrics.subscriber.reconnects, counts.reconnects);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::policy::Storage;

    #[test]
    fn every_route_has_exactly_one_policy() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() > 30);
        for path in paths.keys() {
            let policies = POLICIES.0.iter().filter(|policy| policy.covers(path));
            assert_eq!(policies.count(), 1, "{path}");
        }
        for policy in POLICIES.0 {
            for path in policy.paths {
                assert!(paths.keys().any(|route| route.starts_with(path)), "no route is below {path}");
            }
            if let Storage::Stored(patterns) = policy.storage {
                assert!(patterns.iter().all(|pattern| paths.contains_key(*pattern)), "{patterns:?}");
            }
        }
    }
}
