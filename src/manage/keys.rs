//! `/manage/v1/keys`: API keys.

use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::authorized::{Admin, Authorized, page_response};
use crate::{
    error::{Error, FieldError},
    http::{
        pagination::{Page, Pagination},
        query::{NoParameters, Query},
    },
    publishing::keys::{self, Key, Scope},
};

/// The name of the list in its cursors.
const LIST: &str = "/manage/v1/keys";

/// The maximum number of errors in one response.
const MAX_FAULTS: usize = 20;

/// An API key without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    /// The id, which revokes the key.
    pub id: Uuid,
    /// The name, which says what the key is for.
    #[schema(example = "newsroom")]
    pub name: String,
    /// The first characters of the key.
    #[schema(example = "lk_k7m2p9xa")]
    pub prefix: String,
    /// The permissions of the key.
    #[schema(example = json!(["read_drafts", "write"]))]
    pub scopes: Vec<Scope>,
    /// The author: the name of another key, or of the command.
    #[schema(example = "command line")]
    pub created_by: String,
    /// The time of creation.
    pub created_at: DateTime<Utc>,
    /// The time of expiry; `null` for none.
    pub expires_at: Option<DateTime<Utc>>,
    /// The time of the last use, accurate to a minute; `null` before the first.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The time of revocation; `null` for a key that is not revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl From<Key> for ApiKey {
    fn from(key: Key) -> ApiKey {
        ApiKey {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes,
            created_by: key.created_by,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyList {
    /// The keys.
    pub data: Vec<ApiKey>,
    /// The position of the page.
    pub page: Page,
}

/// A new API key.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewApiKey {
    /// The key. It is shown once: only its digest is stored.
    #[schema(example = "lk_k7m2p9xaqh4v8n3c6t5r2w9yb7d4f8g3j6s5u2eah2m7ka")]
    pub key: String,
    /// The key without its secret.
    #[serde(flatten)]
    pub listed: ApiKey,
}

/// The properties of a new API key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRequest {
    /// The name, 1 to 100 characters. The history and the audit show it.
    #[serde(default)]
    #[schema(required = true, example = "newsroom", min_length = 1, max_length = 100)]
    pub name: String,
    /// The permissions: one or more of `read_drafts`, `write`, `publish` and `admin`. No scope includes another.
    #[serde(default)]
    #[schema(required = true, example = json!(["read_drafts", "write"]), min_items = 1)]
    pub scopes: Vec<String>,
    /// The time of expiry; `null` or absent for none.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>, example = "2030-01-31T08:00:00Z")]
    pub expires_at: Option<String>,
}

/// The name, the scopes and the expiry of a key.
type Parts = (String, Vec<Scope>, Option<DateTime<Utc>>);

impl ApiKeyRequest {
    /// Parses the parts. Errors: all errors at once.
    fn parse(&self) -> Result<Parts, Error> {
        let mut faults = Vec::new();
        let mut add = |pointer: String, why| faults.push(FieldError::body(pointer, why));
        let name = keys::parse_name(&self.name).map_err(|why| add("/name".to_owned(), why));
        let mut scopes = Vec::new();
        for (index, scope) in self.scopes.iter().enumerate() {
            match scope.parse() {
                Ok(scope) => scopes.push(scope),
                Err(why) => add(format!("/scopes/{index}"), why),
            }
        }
        if self.scopes.is_empty() {
            let known = Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
            add("/scopes".to_owned(), format!("The key has no scope. Name one or more of {known}."));
        }
        let expires_at = self.expires_at.as_deref().map(keys::parse_expiry).transpose();
        let expires_at = expires_at.map_err(|why| add("/expires_at".to_owned(), why));
        match (name, expires_at) {
            (Ok(name), Ok(expires_at)) if faults.is_empty() => Ok((name, scopes, expires_at)),
            _ => {
                faults.truncate(MAX_FAULTS);
                Err(Error::InvalidContent(faults))
            }
        }
    }
}

/// List API keys
///
/// Returns every key, the newest first, also revoked and expired ones. The secrets are not stored.
#[utoipa::path(
    tag = "Management", security(("key" = ["admin"])), params(Query<Pagination>),
    responses((status = 200, description = "A page of keys.", body = ApiKeyList)),
)]
#[get("/manage/v1/keys")]
pub async fn list_keys(request: Authorized<Admin>) -> Result<HttpResponse, Error> {
    let (paging, address): (Pagination, _) = request.list()?;
    let before = paging.after::<Uuid>(LIST)?;
    let mut rows = request.read(async |connection| keys::list(connection, before, paging.fetch()).await).await?;
    let page = paging.cut(LIST, &mut rows, |key| key.id)?;
    let list = ApiKeyList { data: rows.into_iter().map(ApiKey::from).collect(), page };
    Ok(page_response(&list, &list.page, &address))
}

/// Create an API key
///
/// Returns the key, which is shown only once. Every instance accepts it at once. A key with the scope `admin` can create keys
/// with scopes that it does not have itself.
#[utoipa::path(
    tag = "Management", security(("key" = ["admin"])), request_body = ApiKeyRequest,
    responses((status = 201, description = "The key, shown only once.", body = NewApiKey)),
)]
#[post("/manage/v1/keys")]
pub async fn create_key(mut request: Authorized<Admin>) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    let wanted: ApiKeyRequest = request.json().await?;
    let (name, scopes, expires_at) = wanted.parse()?;
    let (key, listed) = request.write(async |tx| tx.create_key(&name, &scopes, expires_at).await).await?;
    Ok(HttpResponse::Created().json(NewApiKey { key, listed: listed.into() }))
}

/// Revoke an API key
///
/// Revokes the key on every instance; it stays in the list. Revoking it again changes nothing. You can revoke the key that you
/// use, and the last one with the scope `admin`: `lectern keys create` makes another.
#[utoipa::path(
    tag = "Management", security(("key" = ["admin"])),
    params(("id" = Uuid, Path, description = "Id of the key.", example = "0198c0de-0000-7000-8000-000000000000")),
    responses((status = 204, description = "The key is revoked.")),
)]
#[delete("/manage/v1/keys/{id}")]
pub async fn revoke_key(path: web::Path<String>, request: Authorized<Admin>) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    let id: Uuid = path.parse().map_err(|_| {
        Error::NotFound(format!("`{path}` is not the id of a key; `GET /manage/v1/keys` lists the ids"))
    })?;
    request.write(async |tx| tx.revoke_key(id).await).await?;
    Ok(HttpResponse::NoContent().finish())
}
