//! `/manage/v1/topics/{slug}`: topics.

use actix_web::{
    HttpResponse, delete, get,
    http::{StatusCode, header},
    put, web,
};

use super::{
    authorized::{Authorized, Publish, ReadDrafts},
    condition::{Condition, state_response},
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

/// The path of the managed topics.
const MOUNT: &str = "/manage/v1/topics/";

fn parse_slug(text: &str) -> Result<Slug, Error> {
    text.parse().map_err(|why| Error::NotFound(format!("`{text}` is not the slug of a topic: {why}")))
}

fn unknown(slug: &Slug) -> Error {
    Error::NotFound(format!("there is no topic `{slug}`"))
}

/// Read a topic for editing
///
/// Returns the topic, with the `ETag` for `If-Match`. You can send it back with `PUT`. A topic that only articles name has its
/// slug as its name.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    params(("slug" = String, Path, description = "Slug of the topic.", example = "stem-cells")),
    responses((status = 200, description = "The topic.", body = Topic, headers(("ETag")))),
)]
#[get("/manage/v1/topics/{slug}")]
pub async fn read_managed_topic(
    path: web::Path<String>,
    request: Authorized<ReadDrafts>,
) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    let slug = parse_slug(&path)?;
    let topic = request.read(async |connection| site::read_topic(connection, &slug).await).await?;
    state_response(StatusCode::OK, &topic.ok_or_else(|| unknown(&slug))?)
}

/// Describe a topic
///
/// Creates or replaces the topic, and returns it. Readers see the change at once, also on the cards of its articles.
/// `If-Match` and `If-None-Match: *` are optional. You can send the response of `/v1/topics/{slug}`; its `articles` is ignored,
/// and its `slug` must be that of the URL.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "Slug of the topic.", example = "stem-cells")),
    request_body = Topic,
    responses(
        (status = 201, description = "The topic was created.", body = Topic, headers(("ETag"), ("Location"))),
        (status = 200, description = "The topic after the change.", body = Topic, headers(("ETag"))),
        (status = 412, response = PreconditionFailed),
    ),
)]
#[put("/manage/v1/topics/{slug}")]
pub async fn put_topic(path: web::Path<String>, mut request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let condition = Condition::of(&request)?;
    let slug = parse_slug(&path)?;
    let expected = slug.clone();
    let new = request.parse(move |body| Topic::read(body, &expected)).await?;
    let old = request
        .write(async |tx| {
            let old = site::read_topic(tx.connection(), &slug).await?;
            condition.check(old.as_ref())?;
            tx.set_topics(std::slice::from_ref(&new)).await?;
            Ok(old)
        })
        .await?;
    if old.is_some() {
        return state_response(StatusCode::OK, &new);
    }
    let mut response = state_response(StatusCode::CREATED, &new)?;
    if let Ok(location) = format!("{MOUNT}{slug}").parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Delete a topic
///
/// Deletes a topic that no published article has, else 409. The publication of a draft that has the topic creates it again,
/// with its slug as its name. `If-Match` is optional.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "Slug of the topic.", example = "stem-cells")),
    responses(
        (status = 204, description = "The topic was deleted."),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed),
    ),
)]
#[delete("/manage/v1/topics/{slug}")]
pub async fn delete_topic(path: web::Path<String>, request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let condition = Condition::of(&request)?;
    let slug = parse_slug(&path)?;
    request
        .write(async |tx| {
            let present = site::read_topic(tx.connection(), &slug).await?.ok_or_else(|| unknown(&slug))?;
            condition.check(Some(&present))?;
            tx.delete_topic(&slug).await
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
