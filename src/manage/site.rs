//! `/manage/v1/site`: what the service says of itself.

use actix_web::{HttpResponse, get, http::StatusCode, put};

use super::{
    authorized::{Authorized, Publish, ReadDrafts},
    condition::{Condition, answer},
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

/// Read the site to edit it
///
/// What the service says of itself, with its `ETag` for `If-Match`; it can be put back.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    responses((status = 200, description = "The site.", body = Site, headers(("ETag"))), (status = 404, response = NotFound)),
)]
#[get("/manage/v1/site")]
pub async fn read_managed_site(request: Authorized<ReadDrafts>) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    let site = request.read(site::read_site).await?;
    answer(StatusCode::OK, &site.ok_or_else(|| Error::NotFound("the site has not been described yet".into()))?)
}

/// Describe the site
///
/// Replaces everything that the service says of itself; what is not given is `null` from then on. Readers see it at once.
/// `If-Match` and `If-None-Match: *` are honoured, and not needed. What `/v1/site` answers can be sent: `updated_at` is
/// taken and means nothing.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    request_body = Site,
    responses(
        (status = 200, description = "The site as it is now.", body = Site, headers(("ETag"))),
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
    answer(StatusCode::OK, &new)
}
