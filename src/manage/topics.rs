//! `/manage/v1/topics/{slug}`: what the articles are about.

use actix_web::{
    HttpResponse, delete, get,
    http::{StatusCode, header},
    put, web,
};

use super::{
    authorized::{Authorized, Publish, ReadDrafts},
    condition::{Condition, answer},
};
use crate::{
    content::{Slug, site::Topic},
    error::Error,
    http::{
        problem::{Conflict, PreconditionFailed},
        query::NoParameters,
    },
    publishing::site,
};

/// Where topics are managed.
const MOUNT: &str = "/manage/v1/topics/";

fn address(text: &str) -> Result<Slug, Error> {
    text.parse().map_err(|why| Error::NotFound(format!("`{text}` cannot be a topic's address: {why}")))
}

fn unknown(slug: &Slug) -> Error {
    Error::NotFound(format!("there is no topic `{slug}`"))
}

/// Read a topic to edit it
///
/// The topic as its editor described it, with its `ETag` for `If-Match`; it can be put back. A topic that an article named
/// before anybody described it has its slug for a name.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    params(("slug" = String, Path, description = "The topic's address.", example = "stem-cells")),
    responses((status = 200, description = "The topic.", body = Topic, headers(("ETag")))),
)]
#[get("/manage/v1/topics/{slug}")]
pub async fn read_managed_topic(
    path: web::Path<String>,
    request: Authorized<ReadDrafts>,
) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    let slug = address(&path)?;
    let topic = request.read(async |connection| site::read_topic(connection, &slug).await).await?;
    answer(StatusCode::OK, &topic.ok_or_else(|| unknown(&slug))?)
}

/// Describe a topic
///
/// Makes the topic, or replaces all that is said of it. Readers see it at once, on the cards of its articles too. `If-Match`
/// and `If-None-Match: *` are honoured, and not needed. What `/v1/topics/{slug}` answers can be sent: `articles` is taken and
/// means nothing, and so is a `slug` that is the one of the address.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "The topic's address.", example = "stem-cells")),
    request_body = Topic,
    responses(
        (status = 201, description = "The topic was made.", body = Topic, headers(("ETag"), ("Location"))),
        (status = 200, description = "The topic as it is now.", body = Topic, headers(("ETag"))),
        (status = 412, response = PreconditionFailed),
    ),
)]
#[put("/manage/v1/topics/{slug}")]
pub async fn put_topic(path: web::Path<String>, mut request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let condition = Condition::of(&request)?;
    let slug = address(&path)?;
    let named = slug.clone();
    let new = request.parse(move |body| Topic::read(body, &named)).await?;
    let old = request
        .write(async |tx| {
            let old = site::read_topic(tx.connection(), &slug).await?;
            condition.check(old.as_ref())?;
            tx.set_topics(std::slice::from_ref(&new)).await?;
            Ok(old)
        })
        .await?;
    if old.is_some() {
        return answer(StatusCode::OK, &new);
    }
    let mut response = answer(StatusCode::CREATED, &new)?;
    if let Ok(location) = format!("{MOUNT}{slug}").parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Delete a topic
///
/// Only where no published article has it, else 409. What is not published may have it: when that is published, the topic is
/// there again, with its slug for a name until somebody describes it. `If-Match` is honoured, and not needed.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "The topic's address.", example = "stem-cells")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed),
    ),
)]
#[delete("/manage/v1/topics/{slug}")]
pub async fn delete_topic(path: web::Path<String>, request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let condition = Condition::of(&request)?;
    let slug = address(&path)?;
    request
        .write(async |tx| {
            let present = site::read_topic(tx.connection(), &slug).await?.ok_or_else(|| unknown(&slug))?;
            condition.check(Some(&present))?;
            tx.delete_topic(&slug).await
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
