//! Links to drafts: `/manage/v1/articles/{slug}/preview` makes one, and what it leads to needs no key.
//!
//! The token stands in the query, which is never logged.

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

/// For how many seconds a link works unless it is said.
const LIFETIME: u32 = 86_400;

/// For how many seconds a link works at most: 30 days.
const LONGEST: u32 = 30 * 86_400;

/// What a link is to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The number of a revision; the draft, whichever that is when the link is opened, where it is `null` or absent.
    #[serde(default)]
    #[schema(example = 3, minimum = 1)]
    pub revision: Option<i32>,
    /// For how many seconds it works; a day unless given, and at most 30.
    #[serde(default)]
    #[schema(example = 3600, minimum = 1, maximum = 2_592_000, default = 86_400)]
    pub expires_in: Option<u32>,
}

/// A link to a draft. Whoever has it needs no key.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewLink {
    /// The article as readers would get it from the API; takes `include`, `format` and `fields` as that does.
    #[schema(example = "/preview/0198c0de-0000-7000-8000-000000000000?token=AZjA3g…")]
    pub url: String,
    /// The same as a page for people.
    #[schema(example = "/preview/0198c0de-0000-7000-8000-000000000000/page?token=AZjA3g…")]
    pub page_url: String,
    /// When they stop working.
    pub expires_at: DateTime<Utc>,
}

/// Make a link to a draft
///
/// A signed link that opens this article's draft, and nothing else, until it expires. It needs no key, is kept by no cache,
/// and shows what readers would see if the draft were published at that moment: related reading and links included.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    params(("slug" = String, Path, description = "The article's slug or id.", example = "cord-blood")),
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
    if !(1..=LONGEST).contains(&seconds) {
        let detail = format!("A link works for 1 to {LONGEST} seconds.");
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

/// The token of a link, and what the article can be asked for.
pub struct PreviewQuery {
    token: Token,
    article: ArticleQuery,
}

impl FromQuery for PreviewQuery {
    fn from_query(parameters: &mut Parameters) -> Self {
        PreviewQuery { token: Token::from_query(parameters), article: ArticleQuery::from_query(parameters) }
    }
}

/// Read a draft by its link
///
/// What `/v1/articles/{slug}` would answer if the draft were published now. A token that was changed, has expired or is of
/// another article is refused, whatever is published.
#[utoipa::path(
    tag = "Management",
    params(
        ("id" = String, Path, description = "The article's id.", example = "0198c0de-0000-7000-8000-000000000000"),
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
    staged(&db, &path, token, read).await
}

/// Read a draft by its link, as a page
///
/// The page for people that would be at `/read/{slug}` if the draft were published now.
#[utoipa::path(
    tag = "Management",
    params(
        ("id" = String, Path, description = "The article's id.", example = "0198c0de-0000-7000-8000-000000000000"),
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
    staged(&db, &path, query.0, async |connection, key, address| {
        pages::article(connection, key, address, pages::Audience::Editors).await
    })
    .await
}

/// The previews that are made at once by a service: each takes a turn from those who write, and whoever has a link can open it
/// as often as they like.
static TURN: Semaphore = Semaphore::const_new(1);

/// How long a preview waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `read` answers while the draft that a link opens is published, which it is for nobody else, and not for long.
async fn staged(
    db: &Db,
    id: &str,
    token: Token,
    read: impl AsyncFnOnce(&PgConnection, &ArticleName, &CanonicalUri) -> Result<Payload, Error>,
) -> Result<HttpResponse, Error> {
    let late = |_| Error::Unavailable("too many previews are opened at once".into());
    let turn = timeout(PATIENCE, TURN.acquire()).await.map_err(late)?;
    let answer = async {
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
    let answer = with_deadline(answer).await?;
    drop(turn);
    let mut response = respond_no_store(answer);
    response
        .headers_mut()
        .insert(header::HeaderName::from_static("x-robots-tag"), header::HeaderValue::from_static("noindex"));
    Ok(response)
}
