//! Probes: is the process alive, and does the database answer.

use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use diesel_async::SimpleAsyncConnection;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use super::{
    Query,
    policy::{RoutePolicy, Storage},
    query::NoParameters,
};
use crate::{
    db::{Db, discard},
    error::Error,
};

/// The policy of the probes: a load balancer must not fail because it probes often.
pub static POLICY: RoutePolicy = RoutePolicy {
    paths: &["/health/live", "/health/ready"],
    storage: Storage::NoStore,
    is_rate_limited: false,
    ..RoutePolicy::DEFAULT
};

/// The time within which the database has to answer, the wait for a connection included.
const PATIENCE: Duration = Duration::from_millis(900);

/// The response to a probe.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`; any other state is not a 200.
    #[schema(example = "ok")]
    pub status: &'static str,
}

fn ok() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Probe liveness
///
/// 200 while the process answers, whatever the state of the database. For liveness probes.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The process answers.", body = Health)))]
#[get("/health/live")]
pub async fn read_liveness(_: Query<NoParameters>) -> HttpResponse {
    ok()
}

/// Probe readiness
///
/// 200 if the database answers, else 503. For readiness probes and load balancers.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The database answers.", body = Health)))]
#[get("/health/ready")]
pub async fn read_readiness(db: web::Data<Db>, _: Query<NoParameters>) -> Result<HttpResponse, Error> {
    let deadline = Instant::now() + PATIENCE;
    let silent = || Error::Unavailable("the database does not answer".into());
    let connection = timeout_at(deadline, db.read()).await.map_err(|_| silent())??;
    let asked = async { (&*connection).batch_execute("select 1").await };
    let Ok(answered) = timeout_at(deadline, asked).await else {
        discard(connection);
        return Err(silent());
    };
    answered?;
    Ok(ok())
}
