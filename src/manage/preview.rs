//! Preview links: `/manage/v1/articles/{slug}/preview` makes one, `/preview/{id}` opens it without a key.
//!
//! The token is in the query, which is never logged.

use std::time::Duration;

use actix_web::{HttpResponse, get, http::header, post, web};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, time::timeout};
use utoipa::ToSchema;
use uuid::Uuid;

use super::authorized::{Authorized, ReadDrafts, with_deadline};
use crate::{
    content::ArticleName,
    db::{Db, PgConnection},
    error::{Error, FieldError},
    http::{
        CanonicalUri, Payload,
        policy::{Access, RoutePolicy, Storage},
        query::{Canonical, FromQuery, NoParameters, Parameters, Query, string},
        respond_no_store,
    },
    publishing::{Author, PublishTx, preview},
    v1::articles::read::{self as article, Article, ArticleQuery},
    web as pages,
};

/// The policy of the links to previews.
pub static POLICY: RoutePolicy = RoutePolicy {
    paths: &["/preview"],
    access: Access::AnyOrigin,
    storage: Storage::NoStore,
    error_page: Some(pages::render_preview_error_page),
    ..RoutePolicy::DEFAULT
};

/// The default lifetime of a link, in seconds.
const LIFETIME: u32 = 86_400;

/// The longest lifetime of a link, in seconds.
const MAX_LIFETIME: u32 = 30 * 86_400;

/// The properties of a new preview link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The number of a revision; `null` or absent for the draft at the time of opening.
    #[serde(default)]
    #[schema(example = 3, minimum = 1)]
    pub revision: Option<i32>,
    /// The lifetime in seconds: a day by default, 30 days at most.
    #[serde(default)]
    #[schema(example = 3600, minimum = 1, maximum = 2_592_000, default = 86_400)]
    pub expires_in: Option<u32>,
}

/// A preview link. It works without a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewLink {
    /// The article as the public API would return it; accepts `include`, `format` and `fields`.
    #[schema(example = "/preview/0198c0de-0000-7000-8000-000000000000?token=AZjA3g…")]
    pub url: String,
    /// The article as an HTML page.
    #[schema(example = "/preview/0198c0de-0000-7000-8000-000000000000/page?token=AZjA3g…")]
    pub page_url: String,
    /// The time of expiry.
    pub expires_at: DateTime<Utc>,
}

/// Create a preview link
///
/// Returns a signed link to the draft of this article. It works without a key until it expires, and shows what readers would
/// see if the draft were published at that moment. No cache stores the preview.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    params(("slug" = String, Path, description = "Slug or id of the article.", example = "cord-blood")),
    request_body = PreviewRequest,
    responses((status = 200, description = "The link.", body = PreviewLink)),
)]
#[post("/manage/v1/articles/{slug}/preview")]
pub async fn create_preview(
    path: web::Path<String>,
    mut request: Authorized<ReadDrafts>,
) -> Result<HttpResponse, Error> {
    let NoParameters = request.query()?;
    let PreviewRequest { revision, expires_in } = request.json().await?;
    let seconds = expires_in.unwrap_or(LIFETIME);
    if !(1..=MAX_LIFETIME).contains(&seconds) {
        let detail = format!("`expires_in` is {seconds}. Send 1 to {MAX_LIFETIME} seconds.");
        return Err(Error::InvalidContent(vec![FieldError::body("/expires_in", detail)]));
    }
    let expires_at = Utc::now().trunc_subsecs(0) + TimeDelta::seconds(seconds.into());
    let (id, token) = request
        .write(async |tx| {
            let article = request.article(tx.connection(), &path, "/preview").await?;
            Ok((article.id, tx.create_preview_link(&article, revision, expires_at).await?))
        })
        .await?;
    let link = PreviewLink {
        url: format!("/preview/{id}?token={token}"),
        page_url: format!("/preview/{id}/page?token={token}"),
        expires_at,
    };
    Ok(HttpResponse::Ok().json(link))
}

/// The token of a link.
pub struct Token(Option<String>);

impl FromQuery for Token {
    fn from_query(parameters: &mut Parameters) -> Self {
        let declared = parameters.declare("token", "Token of the link.");
        Token(declared.example("AZjA3gAAcACAAAAAAAAAAAAAAAAAAAAAadEDgA").text(string()))
    }
}

/// The token of a link, and the parameters of an article.
pub struct PreviewQuery {
    token: Token,
    article: ArticleQuery,
}

impl FromQuery for PreviewQuery {
    fn from_query(parameters: &mut Parameters) -> Self {
        PreviewQuery { token: Token::from_query(parameters), article: ArticleQuery::from_query(parameters) }
    }
}

/// Open a preview
///
/// Returns the response of `/v1/articles/{slug}` as if the draft were published now. A changed or expired token, or one for
/// another article, is refused with 403.
#[utoipa::path(
    tag = "Management",
    params(
        ("id" = String, Path, description = "Id of the article.", example = "0198c0de-0000-7000-8000-000000000000"),
        Query<PreviewQuery>
    ),
    responses((status = 200, description = "The article.", body = Article)),
)]
#[get("/preview/{id}")]
pub async fn read_preview(
    path: web::Path<String>,
    query: Query<PreviewQuery>,
    db: web::Data<Db>,
) -> Result<HttpResponse, Error> {
    let Query(PreviewQuery { token, article }) = query;
    let read = async |connection: &PgConnection, key: &ArticleName, address: &CanonicalUri| {
        article::article_payload(connection, key, &article, address).await
    };
    render_preview(&db, &path, token, read).await
}

/// Open a preview as a page
///
/// Returns the HTML page of `/read/{slug}` as if the draft were published now.
#[utoipa::path(
    tag = "Management",
    params(
        ("id" = String, Path, description = "Id of the article.", example = "0198c0de-0000-7000-8000-000000000000"),
        Query<Token>
    ),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
#[get("/preview/{id}/page")]
pub async fn read_preview_page(
    path: web::Path<String>,
    query: Query<Token>,
    db: web::Data<Db>,
) -> Result<HttpResponse, Error> {
    render_preview(&db, &path, query.0, async |connection, key, address| {
        pages::article(connection, key, address, pages::Audience::Editors).await
    })
    .await
}

/// The permit for a preview. A preview takes the publishing lock, and anybody with a link can open it as often as they like, so
/// an instance computes one at a time.
static PERMIT: Semaphore = Semaphore::const_new(1);

/// The longest wait for the permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns what `read` returns while the draft is published in a transaction that is rolled back.
async fn render_preview(
    db: &Db,
    id: &str,
    token: Token,
    read: impl AsyncFnOnce(&PgConnection, &ArticleName, &CanonicalUri) -> Result<Payload, Error>,
) -> Result<HttpResponse, Error> {
    let late = |_| Error::Unavailable("no permit for a preview in time: too many previews at once".into());
    let permit = timeout(PERMIT_TIMEOUT, PERMIT.acquire()).await.map_err(late)?;
    let payload = async {
        let link = preview::open(&mut *db.write().await?, &token.0.unwrap_or_default()).await?;
        if id.parse::<Uuid>().ok() != Some(link.article) {
            return Err(Error::Forbidden("the preview link is for another article".into()));
        }
        let key = ArticleName::Id(link.article);
        let address = CanonicalUri { path: format!("/preview/{id}"), query: Canonical::default() };
        PublishTx::dry_run(db, &Author::local("preview"), async |tx| {
            tx.stage_preview(&link).await?;
            read(tx.connection(), &key, &address).await
        })
        .await
    };
    let payload = with_deadline(payload).await?;
    drop(permit);
    let mut response = respond_no_store(payload);
    response
        .headers_mut()
        .insert(header::HeaderName::from_static("x-robots-tag"), header::HeaderValue::from_static("noindex"));
    Ok(response)
}
