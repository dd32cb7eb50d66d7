//! `/manage/v1/site`: the description of the site.

use actix_web::{HttpResponse, get, http::StatusCode, put};

use super::{
    authorized::{Authorized, Publish, ReadDrafts},
    condition::{Condition, state_response},
};
use crate::{
    content::site::Site,
    error::Error,
    http::{
        problem::{NotFound, PreconditionFailed},
        query::NoParameters,
    },
    publishing::site,
};

/// Read the site for editing
///
/// Returns the description of the site, with the `ETag` for `If-Match`. You can send it back with `PUT`.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    responses((status = 200, description = "The site.", body = Site, headers(("ETag"))), (status = 404, response = NotFound)),
)]
#[get("/manage/v1/site")]
pub async fn read_managed_site(request: Authorized<ReadDrafts>) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    let site = request.read(site::read_site).await?;
    state_response(
        StatusCode::OK,
        &site.ok_or_else(|| Error::NotFound("the site has no description yet; create it with PUT".into()))?,
    )
}

/// Describe the site
///
/// Replaces the description of the site, and returns it. Missing fields become `null`. Readers see the change at once.
/// `If-Match` and `If-None-Match: *` are optional. You can send the response of `/v1/site`; its `updated_at` is ignored.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    request_body = Site,
    responses(
        (status = 200, description = "The site after the change.", body = Site, headers(("ETag"))),
        (status = 412, response = PreconditionFailed),
    ),
)]
#[put("/manage/v1/site")]
pub async fn put_site(mut request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let condition = Condition::of(&request)?;
    let new = request.parse(Site::read).await?;
    request
        .write(async |tx| {
            condition.check(site::read_site(tx.connection()).await?.as_ref())?;
            tx.set_site(&new).await
        })
        .await?;
    state_response(StatusCode::OK, &new)
}
