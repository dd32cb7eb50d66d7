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
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{
    db::{
        Db,
        listen::{self, State},
    },
    error::Error,
    http::{
        BODY_LIMIT,
        cache::{self, Cache, entry::Lifetimes},
        envelope::Envelope,
        fallback, health, problem,
        read::Delivery,
    },
    openapi, reader, v1,
};

/// For how many seconds a stopping service finishes what it began.
const GRACE_SECONDS: u64 = 20;

/// How long a client may take to send the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection may rest between two requests: longer than the proxies in front of it let theirs rest, so that it is
/// they who close one.
const REST: Duration = Duration::from_secs(75);

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
}

/// A service that runs.
pub struct Running {
    server: Server,
    cache: Arc<Cache>,
    follower: tokio::task::JoinHandle<()>,
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
        while self.cache.stands() != State::Following && began.elapsed() < patience {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until it was stopped.
    pub async fn ended(self) -> Result<(), Error> {
        let ended = self.server.await.map_err(|e| Error::internal("the service", e));
        self.follower.abort();
        ended
    }
}

/// Every operation of the service.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .configure(v1::routes)
        .configure(reader::routes)
        .configure(openapi::routes)
        .service(problem::list_problems)
        .service(problem::read_problem)
        .service(health::read_liveness)
        .service(health::read_readiness);
}

/// Starts the service on `listener`.
///
/// Must be called on a tokio runtime that lives as long as the service: the log of changes is followed there.
pub fn start(listener: TcpListener, db: &Db, settings: &Settings) -> Result<Running, Error> {
    let unusable = |e: std::io::Error| Error::internal("the service cannot listen", e);
    let document = openapi::document();
    let methods = web::Data::new(fallback::Methods::of(&document));
    let files = web::Data::from(Arc::new(openapi::Files::of(&document)?));
    let cache = Arc::new(Cache::new(cache::Settings {
        bytes: settings.cache_bytes,
        stale_if_error: settings.lifetimes.stale_if_error,
    }));
    let follower = tokio::spawn(listen::follow(db.primary().to_owned(), Arc::clone(&cache)));
    let delivery = web::Data::new(Delivery {
        db: db.clone(),
        cache: Arc::clone(&cache),
        cache_control: settings.lifetimes.cache_control(),
    });
    let db = web::Data::new(db.clone());
    let mut server = HttpServer::new(move || {
        let envelope = Envelope(delivery.clone());
        App::new()
            .into_utoipa_app()
            .app_data(db.clone())
            .app_data(delivery.clone())
            .app_data(methods.clone())
            .app_data(files.clone())
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .configure(routes)
            .map(|app| app.default_service(web::to(fallback::fallback)).wrap(envelope))
            .into_app()
    })
    .client_request_timeout(HEAD_PATIENCE)
    .keep_alive(REST)
    .shutdown_timeout(GRACE_SECONDS);
    if let Some(workers) = settings.workers {
        server = server.workers(workers);
    }
    if !settings.signals {
        server = server.disable_signals();
    }
    let server = server.listen(listener).map_err(unusable)?.run();
    Ok(Running { server, cache, follower })
}
