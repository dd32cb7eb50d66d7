//! `/manage/v1/articles/{slug}/…`: publish, schedule, withdraw, move.

use actix_web::{HttpResponse, delete, http::StatusCode, post, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    article_status::{ArticleStatus, response_with_etag},
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

/// The revision to publish, and the time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// The number of the revision; `null` or absent for the latest.
    #[serde(default)]
    #[schema(example = 3, minimum = 1)]
    pub revision: Option<i32>,
    /// The time; `null`, absent or past for an immediate publication.
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
}

/// The reason of a withdrawal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The public reason, 1 to 1000 characters.
    #[schema(example = "本文的一处结论已被新的指南取代，修订后重新发布。", min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// The target of a move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// The new slug.
    #[schema(value_type = String, example = "umbilical-cord-blood", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 96)]
    pub slug: Slug,
}

/// Runs `work` on an article in a transaction, and returns its status after it.
async fn change_article(
    request: &Authorized<Publish>,
    name: &str,
    tail: &str,
    work: impl AsyncFnOnce(&mut PublishTx, &mut Article) -> Result<StatusCode, Error>,
) -> Result<HttpResponse, Error> {
    let NoParameters = request.query()?;
    let (code, status, etag) = request
        .write(async |tx| {
            let mut article = request.article(tx.connection(), name, tail).await?;
            let code = work(tx, &mut article).await?;
            let (status, etag) = ArticleStatus::of(tx.connection(), &article).await?;
            Ok((code, status, etag))
        })
        .await?;
    Ok(response_with_etag(code, &etag, &status))
}

/// Publish an article
///
/// Publishes a revision at once, or schedules its publication, and returns the status of the article. One instance carries out a
/// scheduled publication. A new schedule replaces the old one. A publication cancels a schedule of the same or an earlier
/// revision.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "Slug or id of the article.", example = "cord-blood")),
    request_body = Publication,
    responses(
        (status = 200, description = "The revision is published.", body = ArticleStatus, headers(("ETag"))),
        (status = 202, description = "The publication is scheduled.", body = ArticleStatus, headers(("ETag"))),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed),
    ),
)]
#[post("/manage/v1/articles/{slug}/publish")]
pub async fn publish_article(path: web::Path<String>, mut request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let Publication { revision, at } = request.json().await?;
    let at = at.map(check_rfc3339).transpose();
    let at = at.map_err(|fault| Error::InvalidContent(vec![FieldError::body("/at", fault)]))?;
    change_article(&request, &path, "/publish", async |tx, article| {
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

/// Cancel a scheduled publication
///
/// Returns the status of the article. Without a schedule nothing changes.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "Slug or id of the article.", example = "cord-blood")),
    responses(
        (status = 200, description = "No publication is scheduled.", body = ArticleStatus, headers(("ETag"))),
        (status = 412, response = PreconditionFailed),
    ),
)]
#[delete("/manage/v1/articles/{slug}/schedule")]
pub async fn cancel_schedule(path: web::Path<String>, request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    change_article(&request, &path, "/schedule", async |tx, article| {
        tx.cancel_schedule(article.id).await?;
        Ok(StatusCode::OK)
    })
    .await
}

/// Withdraw an article
///
/// Removes the article from lists, recommendations and search; its addresses return 410 with the reason. A scheduled publication
/// is cancelled. A later publication restores the article. Withdrawing it again replaces the reason.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "Slug or id of the article.", example = "cord-blood")),
    request_body = Withdrawal,
    responses(
        (status = 200, description = "The article is withdrawn.", body = ArticleStatus, headers(("ETag"))),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed),
    ),
)]
#[post("/manage/v1/articles/{slug}/withdraw")]
pub async fn withdraw_article(
    path: web::Path<String>,
    mut request: Authorized<Publish>,
) -> Result<HttpResponse, Error> {
    let Withdrawal { reason } = request.json().await?;
    let reason = check_reason(&reason)?;
    change_article(&request, &path, "/withdraw", async |tx, article| {
        tx.withdraw(article.id, reason).await?;
        Ok(StatusCode::OK)
    })
    .await
}

/// Checks a public reason, and removes the blanks around it.
fn check_reason(reason: &str) -> Result<&str, Error> {
    let reason = reason.trim();
    let fault = if reason.is_empty() {
        "The reason is empty. Readers see it; write one."
    } else if reason.chars().nth(MAX_REASON).is_some() {
        "The reason has more than 1000 characters. Shorten it."
    } else if reason.chars().any(text::is_forbidden) {
        "The reason has control characters. Remove them."
    } else {
        return Ok(reason);
    };
    Err(Error::InvalidContent(vec![FieldError::body("/reason", fault)]))
}

/// Move an article
///
/// Gives the article another slug. Every slug under which it was published redirects (308) to the present one, and stays
/// reserved.
#[utoipa::path(
    tag = "Management", security(("key" = ["publish"])),
    params(("slug" = String, Path, description = "Slug or id of the article.", example = "cord-blood")),
    request_body = Destination,
    responses(
        (status = 200, description = "The article has the new slug.", body = ArticleStatus, headers(("ETag"))),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed),
    ),
)]
#[post("/manage/v1/articles/{slug}/move")]
pub async fn move_article(path: web::Path<String>, mut request: Authorized<Publish>) -> Result<HttpResponse, Error> {
    let Destination { slug } = request.json().await?;
    change_article(&request, &path, "/move", async |tx, article| {
        tx.move_article(article.id, &slug).await?;
        article.slug = slug;
        Ok(StatusCode::OK)
    })
    .await
}
