//! `/manage/v1/recommendations/pins`: the pins of the hot list.

use actix_web::{HttpResponse, get, http::StatusCode, put};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    authorized::{Authorized, Publish, ReadDrafts},
    condition::{Condition, state_response},
    json::fault,
};
use crate::{
    content::site::{self as form, Pin},
    db::PgConnection,
    error::Error,
    http::{problem::PreconditionFailed, query::NoParameters},
    publishing::site,
};

/// The pins of the hot list, in order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"pins": [{"article": "stem-cell-infusion", "reason": "先读这一篇。"}, {"article": "heart-disease", "reason": null}]}))]
pub struct Pins {
    /// The pins: at most 100, each of another published article.
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
/// Returns the pins in order, with the `ETag` for `If-Match`. You can send the response back with `PUT`. Pins of withdrawn
/// articles are not shown until the articles are published again.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    responses((status = 200, description = "The pins.", body = Pins, headers(("ETag")))),
)]
#[get("/manage/v1/recommendations/pins")]
pub async fn read_pins(request: Authorized<ReadDrafts>) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    state_response(StatusCode::OK, &request.read(Pins::read).await?)
}

/// Pin articles
///
/// Replaces the pins, and returns them. Readers see the change at once. An empty list removes all pins. Each article must be
/// published, and pinned once under any of its slugs. `If-Match` is optional; `If-None-Match: *` always fails with 412,
/// because the list always exists.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    request_body = Pins,
    responses(
        (status = 200, description = "The pins, with present slugs.", body = Pins, headers(("ETag"))),
        (status = 412, response = PreconditionFailed),
    ),
)]
#[put("/manage/v1/recommendations/pins")]
pub async fn put_pins(mut request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let condition = Condition::of(&request)?;
    let (pins, faults) = request.parse(form::read_pins).await?;
    if !faults.is_empty() {
        // Reports all errors at once, also those that need the database.
        let mut faults: Vec<_> = faults.into_iter().map(fault).collect();
        faults.extend(request.read(async |connection| site::check_pins(connection, &pins).await).await?);
        return Err(Error::InvalidContent(faults));
    }
    let new: Vec<Pin> = pins.into_iter().map(|(_, pin)| pin).collect();
    let now = request
        .write(async |tx| {
            condition.check(Some(&Pins::read(tx.connection()).await?))?;
            tx.set_pins(&new).await?;
            Pins::read(tx.connection()).await
        })
        .await?;
    state_response(StatusCode::OK, &now)
}
