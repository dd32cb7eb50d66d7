//! The service: middleware order, mounts, start and graceful stop. The command and the tests both start it here.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    web,
};
use rustls::ServerConfig;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{
    db::{
        Db,
        change_log::{self, ChangeSubscriber, State},
    },
    error::Error,
    finished::Shelf,
    http::{
        BODY_LIMIT,
        cache::{self, Cache, entry::Lifetimes},
        client::TrustedProxies,
        fallback, health,
        limit::{Limit, Limiter},
        metrics::{self, Metrics, raise},
        middleware::Middleware,
        problem,
        read::AppState,
    },
    manage, openapi,
    publishing::{finished, schedule, views},
    v1,
    views::ViewCounter,
    web as pages,
};

/// For how many seconds a stopping service finishes what it began.
const GRACE_SECONDS: u64 = 20;

/// The same with TLS: actix tells no client of HTTP/2 to leave, so one that rests would hold the end up for all of it, while
/// nobody new is let in.
const GRACE_SECONDS_WITH_TLS: u64 = 5;

/// How long a client may take to send the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection may rest between two requests: longer than the proxies in front of it let theirs rest, so that it is
/// they who close one.
const REST: Duration = Duration::from_secs(75);

/// How long a service that has stopped may take to write its last views.
const LAST_FLUSH: Duration = Duration::from_secs(10);

/// How a service is started.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many threads answer requests; one a core unless given.
    pub workers: Option<usize>,
    /// Whether SIGINT and SIGTERM stop it.
    pub signals: bool,
    /// The most bytes of answers that are kept in memory.
    pub cache_bytes: usize,
    /// For how long other caches may keep an answer.
    pub lifetimes: Lifetimes,
    /// How much a client may ask for.
    pub rate_limit: Limit,
    /// Who may say who the client is.
    pub trusted_proxies: TrustedProxies,
    /// With it the service speaks TLS: HTTP/2 and HTTP/1.1 by ALPN; without it plain HTTP/1.1.
    pub tls: Option<ServerConfig>,
    /// How often views are written, and the hot list computed from them.
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

/// A service that runs.
pub struct Running {
    server: Server,
    /// The one that answers `/metrics`, where that has a listener of its own.
    metrics: Option<Server>,
    cache: Arc<Cache>,
    /// What follows the log, what publishes as scheduled, and what keeps finished articles.
    tasks: [JoinHandle<()>; 3],
    /// What writes the views, and what tells it to end.
    views: (JoinHandle<()>, oneshot::Sender<()>),
}

impl Running {
    /// What stops it.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Its answers in memory.
    #[must_use]
    pub fn cache(&self) -> Arc<Cache> {
        Arc::clone(&self.cache)
    }

    /// Waits until it follows the log of changes, and so keeps what it computes; not longer than `patience`.
    pub async fn followed(&self, patience: Duration) {
        let began = Instant::now();
        while self.cache.state() != State::Following && began.elapsed() < patience {
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until it was stopped.
    pub async fn ended(self) -> Result<(), Error> {
        let beside = self.metrics.as_ref().map(Server::handle);
        let metrics = self.metrics.map(tokio::spawn);
        let ended = self.server.await.map_err(|e| Error::internal("the service", e));
        if let (Some(handle), Some(metrics)) = (beside, metrics) {
            handle.stop(true).await;
            let _ = metrics.await;
        }
        self.tasks.iter().for_each(JoinHandle::abort);
        // Only now is everything counted.
        let (mut views, stop) = self.views;
        let _ = stop.send(());
        if timeout(LAST_FLUSH, &mut views).await.is_err() {
            log::error!("the last views were not written in time");
            views.abort();
        }
        ended
    }
}

/// Every operation of the service.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(main_routes).service(metrics::read_metrics);
}

/// Every operation but the metrics, which may have a listener of their own.
fn main_routes(config: &mut ServiceConfig<'_>) {
    config
        .configure(v1::routes)
        .configure(manage::routes)
        .configure(pages::routes)
        .configure(openapi::routes)
        .service(problem::list_problems)
        .service(problem::read_problem)
        .service(health::read_liveness)
        .service(health::read_readiness);
}

/// Starts the service on `listener`; `/metrics` is answered on `metrics_listener` instead, where there is one.
///
/// Must be called on a tokio runtime that lives as long as the service: the log of changes is followed there.
pub fn start(
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
    db: &Db,
    settings: &Settings,
) -> Result<Running, Error> {
    let unusable = |e: std::io::Error| Error::internal("the service cannot listen", e);
    let document = openapi::document();
    let methods = web::Data::new(fallback::Methods::of(&document));
    let files = web::Data::from(Arc::new(openapi::Files::of(&document)?));
    let metrics = Arc::new(Metrics::new());
    let cache = cache::Settings { bytes: settings.cache_bytes, stale_if_error: settings.lifetimes.stale_if_error };
    let cache = Arc::new(Cache::new(cache, Arc::clone(&metrics)));
    gather(&metrics, db, &cache);
    let limiter = Arc::new(Limiter::new(settings.rate_limit, settings.trusted_proxies.clone()));
    let follower = change_log::follow(db.primary().to_owned(), Arc::clone(&cache), Arc::clone(&limiter));
    let follower = tokio::spawn(follower);
    let publisher = tokio::spawn(schedule::run_scheduler(db.clone(), cache.upcoming()));
    let shelf = Arc::new(Shelf::default());
    let keeper = tokio::spawn(finished::run_write_worker(db.clone(), Arc::clone(&shelf)));
    let counter = Arc::new(ViewCounter::default());
    let (stop, stopped) = oneshot::channel();
    let views = tokio::spawn(views::run_view_worker(db.clone(), Arc::clone(&counter), settings.views, stopped));
    let delivery = web::Data::new(AppState {
        db: db.clone(),
        cache: Arc::clone(&cache),
        metrics: Arc::clone(&metrics),
        limiter,
        lifetimes: settings.lifetimes,
        cache_control: settings.lifetimes.cache_control(),
        noted: counter,
        explain: pages::render_error_page,
    });
    let db = web::Data::new(db.clone());
    let shelf = web::Data::from(shelf);
    let metrics = web::Data::from(metrics);
    let beside = metrics_listener
        .map(|listener| metrics_server(listener, metrics.clone(), delivery.clone()))
        .transpose()
        .map_err(unusable)?;
    let together = beside.is_none();
    let mut server = HttpServer::new(move || {
        let envelope = Middleware(delivery.clone());
        let app = App::new()
            .into_utoipa_app()
            .app_data(db.clone())
            .app_data(delivery.clone())
            .app_data(methods.clone())
            .app_data(files.clone())
            .app_data(shelf.clone())
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .app_data(metrics.clone())
            .configure(main_routes);
        let app = if together { app.service(metrics::read_metrics) } else { app };
        app.map(|app| app.default_service(web::to(fallback::fallback)).wrap(envelope)).into_app()
    })
    .client_request_timeout(HEAD_PATIENCE)
    .keep_alive(REST)
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
    Ok(Running { server, metrics: beside, cache, tasks: [follower, publisher, keeper], views: (views, stop) })
}

/// The server of `/metrics` alone.
fn metrics_server(
    listener: TcpListener,
    metrics: web::Data<Metrics>,
    delivery: web::Data<AppState>,
) -> std::io::Result<Server> {
    let methods = web::Data::new(fallback::Methods::default());
    let app = move || {
        App::new()
            .app_data(metrics.clone())
            .app_data(methods.clone())
            .service(metrics::read_metrics)
            .default_service(web::to(fallback::fallback))
            .wrap(Middleware(delivery.clone()))
    };
    Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
}

/// Lets the metrics ask the others for what they know.
fn gather(metrics: &Metrics, db: &Db, cache: &Arc<Cache>) {
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
        raise(&metrics.cache.refused, counts.refused);
        raise(&metrics.cache.changes, counts.changes);
        metrics.follower.following.set(u64::from(cache.state() == State::Following));
        let sequence = cache.position().map_or(0, |position| position.sequence);
        metrics.follower.sequence.set(u64::try_from(sequence).unwrap_or_default());
        raise(&metrics.follower.reconnects, counts.followed_again);
    });
}
