//! `/manage/v1/articles/{slug}/…`: what readers see of an article, and where. Each is one transaction.

use actix_web::{HttpResponse, delete, http::StatusCode, post, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    article_status::{ArticleStatus, answer},
    authorized::{Authorized, Publish},
};
use crate::{
    content::{Slug, text},
    error::{Error, FieldError},
    http::{
        problem::{Conflict, PreconditionFailed},
        query::NoParameters,
    },
    publishing::{PublishTx, article::Article, check_rfc3339, revisions},
};

/// The greatest length of a reason, in characters.
const MAX_REASON: usize = 1000;

/// What to publish, and when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// The number of the revision; the latest where it is `null` or absent.
    #[serde(default)]
    #[schema(example = 3, minimum = 1)]
    pub revision: Option<i32>,
    /// When; at once where it is `null`, absent or past.
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
}

/// Why an article is withdrawn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// What readers are told: 1 to 1000 characters.
    #[schema(example = "本文的一处结论已被新的指南取代，修订后重新发布。", min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// Where an article goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Its new slug.
    #[schema(value_type = String, example = "umbilical-cord-blood", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 96)]
    pub slug: Slug,
}

/// Does something to the article that `name` calls, and answers how it stands then.
async fn change(
    request: &Authorized<Publish>,
    name: &str,
    tail: &str,
    work: impl AsyncFnOnce(&mut PublishTx, &mut Article) -> Result<StatusCode, Error>,
) -> Result<HttpResponse, Error> {
    let NoParameters = request.query()?;
    let (status, standing, etag) = request
        .write(async |tx| {
            let mut article = request.article(tx.connection(), name, tail).await?;
            let status = work(tx, &mut article).await?;
            let (standing, etag) = ArticleStatus::of(tx.connection(), &article).await?;
            Ok((status, standing, etag))
        })
        .await?;
    Ok(answer(status, &etag, &standing))
}

/// Publish an article
///
/// Makes a revision what readers see, at once or at a time; at that time exactly one instance does it. Scheduling again
/// replaces what was scheduled; a publication cancels what is scheduled of the same or an earlier revision.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "The article's slug or id.", example = "cord-blood")),
    request_body = Publication,
    responses(
        (status = 200, description = "Readers see it.", body = ArticleStatus, headers(("ETag"))),
        (status = 202, description = "It is scheduled.", body = ArticleStatus, headers(("ETag"))),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed),
    ),
)]
#[post("/manage/v1/articles/{slug}/publish")]
pub async fn publish_article(path: web::Path<String>, mut request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let Publication { revision, at } = request.json().await?;
    let at = at.map(check_rfc3339).transpose();
    let at = at.map_err(|fault| Error::InvalidContent(vec![FieldError::body("/at", fault)]))?;
    change(&request, &path, "/publish", async |tx, article| {
        let number = match revision {
            Some(number) => number,
            None => revisions::latest_summary(tx.connection(), article.id).await?.number,
        };
        if let Some(at) = at.filter(|at| *at > Utc::now()) {
            tx.schedule(article.id, number, at).await?;
            return Ok(StatusCode::ACCEPTED);
        }
        tx.publish(article.id, number).await?;
        Ok(StatusCode::OK)
    })
    .await
}

/// Cancel what is scheduled
///
/// Readers go on to see what they see. Nothing happens where nothing is scheduled.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "The article's slug or id.", example = "cord-blood")),
    responses(
        (status = 200, description = "Nothing is scheduled.", body = ArticleStatus, headers(("ETag"))),
        (status = 412, response = PreconditionFailed),
    ),
)]
#[delete("/manage/v1/articles/{slug}/schedule")]
pub async fn cancel_schedule(path: web::Path<String>, request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    change(&request, &path, "/schedule", async |tx, article| {
        tx.cancel_schedule(article.id).await?;
        Ok(StatusCode::OK)
    })
    .await
}

/// Withdraw an article
///
/// Its addresses answer 410 with the reason from then on, and it is in no list, recommendation or search any more. What is
/// scheduled for it is cancelled. Publishing brings it back. Of an article that is withdrawn already, the reason is
/// replaced.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "The article's slug or id.", example = "cord-blood")),
    request_body = Withdrawal,
    responses(
        (status = 200, description = "Readers do not see it any more.", body = ArticleStatus, headers(("ETag"))),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed),
    ),
)]
#[post("/manage/v1/articles/{slug}/withdraw")]
pub async fn withdraw_article(
    path: web::Path<String>,
    mut request: Authorized<Publish>,
) -> Result<HttpResponse, Error> {
    let Withdrawal { reason } = request.json().await?;
    let reason = public_reason(&reason)?;
    change(&request, &path, "/withdraw", async |tx, article| {
        tx.withdraw(article.id, reason).await?;
        Ok(StatusCode::OK)
    })
    .await
}

/// A reason that readers can be told.
fn public_reason(reason: &str) -> Result<&str, Error> {
    let reason = reason.trim();
    let fault = if reason.is_empty() {
        "The reason is empty; readers are told it."
    } else if reason.chars().nth(MAX_REASON).is_some() {
        "The reason is longer than 1000 characters."
    } else if reason.chars().any(text::is_forbidden) {
        "The reason holds characters that may not stand in a text."
    } else {
        return Ok(reason);
    };
    Err(Error::InvalidContent(vec![FieldError::body("/reason", fault)]))
}

/// Move an article
///
/// Gives it another slug. Every slug that it had while it was published answers 308 to the present one from then on, and
/// goes to no other article.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "The article's slug or id.", example = "cord-blood")),
    request_body = Destination,
    responses(
        (status = 200, description = "It has the new slug.", body = ArticleStatus, headers(("ETag"))),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed),
    ),
)]
#[post("/manage/v1/articles/{slug}/move")]
pub async fn move_article(path: web::Path<String>, mut request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let Destination { slug } = request.json().await?;
    change(&request, &path, "/move", async |tx, article| {
        tx.move_article(article.id, &slug).await?;
        article.slug = slug;
        Ok(StatusCode::OK)
    })
    .await
}
