//! `/manage/v1/keys`: who may write.

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

/// The list, for its cursors.
const LIST: &str = "/manage/v1/keys";

/// The most faults that a request is told.
const MAX_FAULTS: usize = 20;

/// A key, without what lets its holder in.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    /// Its id, by which it is revoked.
    pub id: Uuid,
    /// What it is for.
    #[schema(example = "newsroom")]
    pub name: String,
    /// The beginning of the key, by which its holder knows it.
    #[schema(example = "lk_k7m2p9xa")]
    pub prefix: String,
    /// What it may do: some of `read_drafts`, `write`, `publish` and `admin`.
    #[schema(example = json!(["read_drafts", "write"]))]
    pub scopes: Vec<Scope>,
    /// Who made it: the name of the key that it was made with, or what made it on the command line.
    #[schema(example = "command line")]
    pub created_by: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it lets nobody in; `null` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used last, within a minute; `null` where it was not used yet.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked, from when on it lets nobody in; `null` where it was not.
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
    /// Where this page is.
    pub page: Page,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewApiKey {
    /// The key. It is told here and never again: what is stored of it is a digest.
    #[schema(example = "lk_k7m2p9xaqh4v8n3c6t5r2w9yb7d4f8g3j6s5u2eah2m7ka")]
    pub key: String,
    /// What is listed of it.
    #[serde(flatten)]
    pub listed: ApiKey,
}

/// What a key is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRequest {
    /// What it is for: 1 to 100 characters. The history and the audit tell who did what by it.
    #[serde(default)]
    #[schema(required = true, example = "newsroom", min_length = 1, max_length = 100)]
    pub name: String,
    /// What it may do: one or more of `read_drafts`, `write`, `publish` and `admin`; none holds another.
    #[serde(default)]
    #[schema(required = true, example = json!(["read_drafts", "write"]), min_items = 1)]
    pub scopes: Vec<String>,
    /// From when on it lets nobody in; never where it is `null` or absent.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>, example = "2030-01-31T08:00:00Z")]
    pub expires_at: Option<String>,
}

/// The name, the scopes and the end of a key.
type Parts = (String, Vec<Scope>, Option<DateTime<Utc>>);

impl ApiKeyRequest {
    /// Its parts, or all that is wrong with them.
    fn read(&self) -> Result<Parts, Error> {
        let mut faults = Vec::new();
        let mut note = |place: String, why| faults.push(FieldError::body(place, why));
        let name = keys::parse_name(&self.name).map_err(|why| note("/name".to_owned(), why));
        let mut scopes = Vec::new();
        for (place, scope) in self.scopes.iter().enumerate() {
            match scope.parse() {
                Ok(scope) => scopes.push(scope),
                Err(why) => note(format!("/scopes/{place}"), why),
            }
        }
        if self.scopes.is_empty() {
            let known = Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
            note("/scopes".to_owned(), format!("The key could do nothing: expected one or more of {known}."));
        }
        let expires_at = self.expires_at.as_deref().map(keys::parse_expiry).transpose();
        let expires_at = expires_at.map_err(|why| note("/expires_at".to_owned(), why));
        match (name, expires_at) {
            (Ok(name), Ok(expires_at)) if faults.is_empty() => Ok((name, scopes, expires_at)),
            _ => {
                faults.truncate(MAX_FAULTS);
                Err(Error::InvalidContent(faults))
            }
        }
    }
}

/// List the keys
///
/// Every key that was ever made, the newest first, revoked and expired ones too. The keys themselves are stored nowhere.
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

/// Make a key
///
/// Makes a key and shows it, for the only time. It works from then on, on every instance. A key may be made with scopes
/// that the key it is made with does not have: whoever may make keys may do everything.
#[utoipa::path(
    tag = "Management", security(("key" = ["admin"])), request_body = ApiKeyRequest,
    responses((status = 201, description = "The key, for the only time.", body = NewApiKey)),
)]
#[post("/manage/v1/keys")]
pub async fn create_key(mut request: Authorized<Admin>) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    let wanted: ApiKeyRequest = request.json().await?;
    let (name, scopes, expires_at) = wanted.read()?;
    let (key, listed) = request.write(async |tx| tx.create_key(&name, &scopes, expires_at).await).await?;
    Ok(HttpResponse::Created().json(NewApiKey { key, listed: listed.into() }))
}

/// Revoke a key
///
/// The key lets nobody in from then on, on no instance, and stays in the list. Nothing happens to one that was revoked
/// before. A key may revoke itself, and the last one that may make keys can be revoked too: `lectern keys create` makes
/// another at any time.
#[utoipa::path(
    tag = "Management", security(("key" = ["admin"])),
    params(("id" = Uuid, Path, description = "The key's id.", example = "0198c0de-0000-7000-8000-000000000000")),
    responses((status = 204, description = "It lets nobody in.")),
)]
#[delete("/manage/v1/keys/{id}")]
pub async fn revoke_key(path: web::Path<String>, request: Authorized<Admin>) -> Result<HttpResponse, Error> {
    request.query::<NoParameters>()?;
    let id: Uuid = path.parse().map_err(|_| Error::NotFound(format!("`{path}` cannot be the id of a key")))?;
    request.write(async |tx| tx.revoke_key(id).await).await?;
    Ok(HttpResponse::NoContent().finish())
}
