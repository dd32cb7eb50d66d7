//! The service: middleware order, mounts, start and graceful stop. The command and the tests both start it here.

use std::{net::TcpListener, sync::Arc};

use actix_web::{App, HttpServer, dev::Server, middleware::from_fn, web};
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{
    db::Db,
    error::Error,
    http::{BODY_LIMIT, envelope::envelope, fallback, health, problem},
    openapi, reader, v1,
};

/// For how many seconds a stopping service finishes what it began.
const GRACE_SECONDS: u64 = 20;

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

/// Starts the service on `listener`; the future ends when it was stopped by its handle or, where `signals`, by SIGINT
/// or SIGTERM.
pub fn start(listener: TcpListener, db: &Db, workers: Option<usize>, signals: bool) -> Result<Server, Error> {
    let unusable = |e: std::io::Error| Error::internal("the service cannot listen", e);
    let document = openapi::document();
    let methods = web::Data::new(fallback::Methods::of(&document));
    let files = web::Data::from(Arc::new(openapi::Files::of(&document)?));
    let db = web::Data::new(db.clone());
    let mut server = HttpServer::new(move || {
        App::new()
            .into_utoipa_app()
            .app_data(db.clone())
            .app_data(methods.clone())
            .app_data(files.clone())
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .configure(routes)
            .map(|app| app.default_service(web::to(fallback::fallback)).wrap(from_fn(envelope)))
            .into_app()
    })
    .shutdown_timeout(GRACE_SECONDS);
    if let Some(workers) = workers {
        server = server.workers(workers);
    }
    if !signals {
        server = server.disable_signals();
    }
    Ok(server.listen(listener).map_err(unusable)?.run())
}
