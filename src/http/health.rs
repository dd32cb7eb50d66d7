//! Is the service alive, and can it answer.

use std::time::Duration;

use actix_web::{HttpResponse, get, http::header, web};
use diesel_async::SimpleAsyncConnection;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use super::{Query, query::NoParameters};
use crate::{
    db::{Db, discard},
    error::Error,
};

/// How long the database may take to say that it is there, a connection to it included.
const PATIENCE: Duration = Duration::from_millis(900);

/// What a probe is told.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`: anything else is not a 200.
    #[schema(example = "ok")]
    pub status: &'static str,
}

fn ok() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(Health { status: "ok" })
}

/// Is the process alive
///
/// 200 as long as the process answers at all; says nothing of the database. For liveness probes.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The process answers.", body = Health)))]
#[get("/health/live")]
pub async fn read_liveness(_: Query<NoParameters>) -> HttpResponse {
    ok()
}

/// Can requests be answered
///
/// 200 when the database answers, 503 when it does not. For readiness probes and load balancers.
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
