//! `/manage/v1/recommendations/pins`: the articles that lead the hot list.

use actix_web::{HttpResponse, get, http::StatusCode, put};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    authorized::{Authorized, Publish, ReadDrafts},
    condition::{Condition, answer},
    json::fault,
};
use crate::{
    content::site::{self as form, Pin},
    db::PgConnection,
    error::Error,
    http::{problem::PreconditionFailed, query::NoParameters},
    publishing::site,
};

/// The articles that lead the hot list, in order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"pins": [{"article": "stem-cell-infusion", "reason": "先读这一篇。"}, {"article": "heart-disease", "reason": null}]}))]
pub struct Pins {
    /// At most 100, each of another article that is published.
    #[schema(max_items = 100)]
    pub pins: Vec<Pin>,
}

impl Pins {
    async fn read(connection: &mut PgConnection) -> Result<Pins, Error> {
        Ok(Pins { pins: site::read_pins(connection).await? })
    }
}

/// Read the pins
///
/// The articles that lead the hot list, in order, with the `ETag` of the whole for `If-Match`; it can be put back. Those that
/// were withdrawn are not shown, and lead again when they are published again.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    responses((status = 200, description = "The pins.", body = Pins, headers(("ETag")))),
)]
#[get("/manage/v1/recommendations/pins")]
pub async fn read_pins(request: Authorized<ReadDrafts>) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    answer(StatusCode::OK, &request.read(Pins::read).await?)
}

/// Pin articles
///
/// Replaces the articles that lead the hot list; readers see it at once. An empty list is none, a bare list is refused.
/// Every article must be published and stand once, by whatever slug. `If-Match` is honoured, and not needed; with
/// `If-None-Match: *` it is always 412, for the list is always there.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    request_body = Pins,
    responses(
        (status = 200, description = "The pins as they are now, by the present slugs.", body = Pins, headers(("ETag"))),
        (status = 412, response = PreconditionFailed),
    ),
)]
#[put("/manage/v1/recommendations/pins")]
pub async fn put_pins(mut request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let condition = Condition::of(&request)?;
    let (placed, faults) = request.parse(form::read_pins).await?;
    if !faults.is_empty() {
        // What only the database knows is told with the rest.
        let mut faults: Vec<_> = faults.into_iter().map(fault).collect();
        faults.extend(request.read(async |connection| site::check_pins(connection, &placed).await).await?);
        return Err(Error::InvalidContent(faults));
    }
    let new: Vec<Pin> = placed.into_iter().map(|(_, pin)| pin).collect();
    let now = request
        .write(async |tx| {
            condition.check(Some(&Pins::read(tx.connection()).await?))?;
            tx.set_pins(&new).await?;
            Pins::read(tx.connection()).await
        })
        .await?;
    answer(StatusCode::OK, &now)
}
