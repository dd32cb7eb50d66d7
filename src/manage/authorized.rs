//! An authorized request: its key, query, conditions and body, and its transactions.
//!
//! Invariants: the key and its scope are checked before the rest of the request; a slow client occupies no database
//! connection; all errors in a body are reported at once.

use std::{future::Future, marker::PhantomData, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse,
    dev::Payload,
    http::{
        Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    web::{self, Bytes, BytesMut},
};
use futures_util::StreamExt;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::json::{from_json, refused};
use crate::{
    content::{ArticleName, json::InvalidBody},
    db::{Db, PgConnection},
    error::Error,
    http::{
        CanonicalUri, MANAGED_BODY_LIMIT,
        cached_get::parse_uri,
        headers::bearer,
        pagination::{Page, next_address},
        query::FromQuery,
        state::AppState,
    },
    publishing::{
        self, Author, PublishTx,
        article::{self, Article, Found},
        drafts::Precondition,
        keys::{self, Key, Scope},
        revisions,
    },
};

/// The path of the managed articles.
pub const MOUNT: &str = "/manage/v1/articles/";

/// The longest wait for the database, including that for other writers.
const DEADLINE: Duration = Duration::from_secs(30);

/// The longest wait for the change log to bring a write back to this instance.
const READ_YOUR_WRITES: Duration = Duration::from_secs(1);

/// A scope as a type, for [`Authorized`].
pub trait RequiredScope: 'static {
    /// The value of the scope.
    const SCOPE: Scope;
}

macro_rules! scopes {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("The scope `", stringify!($name), "`.")]
            pub struct $name;

            impl RequiredScope for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )*
    };
}
scopes!(ReadDrafts, Write, Publish, Admin);

/// A request whose key has the scope `S`.
pub struct Authorized<S> {
    /// The key of the request.
    pub key: Key,
    db: web::Data<Db>,
    request: HttpRequest,
    payload: Payload,
    scope: PhantomData<S>,
}

impl<S: RequiredScope> FromRequest for Authorized<S> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let token = bearer(request.headers());
            let token = token.ok_or_else(|| {
                Error::Unauthenticated("the request has no API key; send `Authorization: Bearer lk_…`".into())
            })?;
            let db = request.app_data::<web::Data<Db>>().cloned();
            let db = db.ok_or_else(|| Error::Internal("the service has no database".into()))?;
            let key = with_deadline(keys::authenticate(&db, token)).await?;
            if !key.has_scope(S::SCOPE) {
                return Err(Error::Forbidden(format!("the key lacks the scope `{}`; use a key that has it", S::SCOPE)));
            }
            Ok(Authorized { key, db, request, payload, scope: PhantomData })
        })
    }
}

/// Runs `work` within [`DEADLINE`].
pub(super) async fn with_deadline<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::Unavailable(format!("no answer within {DEADLINE:?}"));
    timeout(DEADLINE, work).await.map_err(late)?
}

impl<S> Authorized<S> {
    /// Returns the author of the changes.
    #[must_use]
    pub fn author(&self) -> Author {
        self.key.author()
    }

    /// Parses the query parameters.
    pub fn query<Q: FromQuery>(&self) -> Result<Q, Error> {
        self.list().map(|(query, _)| query)
    }

    /// Parses the query parameters of a list; also returns its canonical address, for the link to the next page.
    pub fn list<Q: FromQuery>(&self) -> Result<(Q, CanonicalUri), Error> {
        parse_uri(&self.request)
    }

    /// Runs `work` in a transaction, and waits until this instance serves what was written, so that a client reads its own
    /// writes. While the change log is disconnected, it does not wait.
    pub async fn write<T>(&self, work: impl AsyncFnOnce(&mut PublishTx) -> Result<T, Error>) -> Result<T, Error> {
        let author = self.author();
        let (value, sequence) = with_deadline(PublishTx::run(&self.db, &author, work)).await?;
        if let Some(state) = self.request.app_data::<web::Data<AppState>>() {
            state.cache.wait_for(sequence, READ_YOUR_WRITES).await;
        }
        Ok(value)
    }

    /// Runs `work` over one snapshot of the database.
    pub async fn read<T>(&self, work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error>) -> Result<T, Error> {
        with_deadline(publishing::read_snapshot(&self.db, work)).await
    }

    /// Parses `If-Match` and `If-None-Match` (RFC 9110 section 13.1). Both are compared strongly.
    pub fn precondition(&self) -> Result<Precondition, Error> {
        precondition(self.request.headers())
    }

    /// Returns the media type of the body, without parameters.
    #[must_use]
    pub fn media_type(&self) -> String {
        self.request.content_type().to_ascii_lowercase()
    }

    /// Reads the body. Errors: more than `limit` bytes; a content encoding.
    pub async fn body(&mut self, limit: usize) -> Result<Bytes, Error> {
        let coding = self.request.headers().get(header::CONTENT_ENCODING);
        if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Error::UnsupportedMediaType);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.payload.next().await {
            let chunk = chunk.map_err(|e| Error::MalformedRequest(format!("the body cannot be read: {e}")))?;
            if body.len() + chunk.len() > limit {
                return Err(Error::ContentTooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Parses the body as JSON; a missing body is an empty object.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        from_json(&self.json_bytes().await?)
    }

    /// Parses the body with a parser that reports all errors at once.
    pub async fn parse<T: Send + 'static>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> Result<T, InvalidBody> + Send + 'static,
    ) -> Result<T, Error> {
        let body = self.json_bytes().await?;
        // The largest hostile body takes a while to parse.
        let parsed = web::block(move || parse(&body)).await;
        parsed.map_err(|e| Error::internal("the body was not parsed", e))?.map_err(refused)
    }

    async fn json_bytes(&mut self) -> Result<Bytes, Error> {
        let body = self.body(MANAGED_BODY_LIMIT).await?;
        if body.is_empty() {
            return Ok(Bytes::from_static(b"{}"));
        }
        if self.media_type() == "application/json" { Ok(body) } else { Err(Error::UnsupportedMediaType) }
    }

    /// Finds the article of a path segment, and checks the condition of a write. An earlier slug redirects to the present
    /// one; `tail` is the rest of the path.
    pub async fn article(&self, connection: &mut PgConnection, name: &str, tail: &str) -> Result<Article, Error> {
        match article::find(connection, &parse_article_name(name)?).await? {
            Found::Present(article) => {
                let is_read = *self.request.method() == Method::GET;
                let expected = if is_read { Precondition::Unspecified } else { self.precondition()? };
                if expected != Precondition::Unspecified {
                    let present = revisions::latest_summary(connection, article.id).await?.etag();
                    expected.check(Some(&present))?;
                }
                Ok(article)
            }
            Found::Moved(Article { slug, .. }) => {
                let query = self.request.query_string();
                let query = if query.is_empty() { String::new() } else { format!("?{query}") };
                Err(Error::Moved { location: format!("{MOUNT}{slug}{tail}{query}"), tags: Vec::new() })
            }
        }
    }
}

/// Returns a page of the list at `address`, with the `Link` to the next page.
pub(super) fn page_response<T: Serialize>(list: &T, page: &Page, address: &CanonicalUri) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(next) = next_address(address, page) {
        response.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
    }
    response.json(list)
}

/// Parses a path segment as the slug or id of an article.
pub fn parse_article_name(text: &str) -> Result<ArticleName, Error> {
    text.parse().map_err(|why| Error::NotFound(format!("`{text}` is neither a slug nor an id of an article: {why}")))
}

fn precondition(headers: &HeaderMap) -> Result<Precondition, Error> {
    let list = |name| headers.get_all(name).map(HeaderValue::to_str).collect::<Result<Vec<_>, _>>();
    let unreadable = |_| {
        Error::MalformedRequest("`If-Match` and `If-None-Match` must be lists of quoted entity tags, or `*`".into())
    };
    let given = |name: &HeaderName| headers.contains_key(name);
    let some = list(header::IF_MATCH).map_err(unreadable)?.join(",");
    let none = list(header::IF_NONE_MATCH).map_err(unreadable)?.join(",");
    // Our entity tags have no comma, so splitting a foreign one never makes one of ours.
    let tags = |list: &str| -> Vec<String> { list.split(',').map(|tag| tag.trim().to_owned()).collect() };
    Ok(match (some.trim(), none.trim()) {
        ("", _) if given(&header::IF_MATCH) => {
            return Err(Error::MalformedRequest("`If-Match` is empty; send the `ETag` that you read".into()));
        }
        ("", "*") => Precondition::NotExists,
        ("", _) => Precondition::Unspecified,
        // No state exists and does not exist.
        (_, "*") => Precondition::OneOf(Vec::new()),
        ("*", "") => Precondition::Exists,
        ("*", _) => {
            let why = "`If-Match: *` cannot be combined with `If-None-Match`; send the `ETag` that you read";
            return Err(Error::MalformedRequest(why.into()));
        }
        (some, none) => {
            let none = tags(none);
            Precondition::OneOf(tags(some).into_iter().filter(|tag| !none.contains(tag)).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn conditional_headers_are_lists_of_validators() {
        let read = |lines: &[(HeaderName, &'static str)]| precondition(&headers(lines)).unwrap();
        assert_eq!(read(&[]), Precondition::Unspecified);
        assert_eq!(read(&[(header::IF_MATCH, "*")]), Precondition::Exists);
        assert_eq!(read(&[(header::IF_NONE_MATCH, "*")]), Precondition::NotExists);
        assert_eq!(
            read(&[(header::IF_MATCH, "\"a\" , W/\"b\""), (header::IF_MATCH, "\"c\"")]),
            Precondition::OneOf(vec!["\"a\"".into(), "W/\"b\"".into(), "\"c\"".into()])
        );
    }

    #[test]
    fn weak_validator_never_matches() {
        assert!(Precondition::OneOf(vec!["W/\"1-a\"".into()]).check(Some("\"1-a\"")).is_err());
        assert!(Precondition::OneOf(vec!["\"1-a\"".into()]).check(Some("\"1-a\"")).is_ok());
    }
}
