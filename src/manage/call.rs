//! A request to change or read what is not public: who sends it, what it says, and the way to the database.
//!
//! What must hold: nothing of the request is looked at before its key and the key's scope are; no answer is kept by
//! anybody; a slow client holds no connection to the database; all faults of a body are told at once, each with its place.

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
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::StreamExt;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::json::{from_json, refused};
use crate::{
    content::{ArticleName, json::InvalidBody},
    db::{Db, change_log},
    error::Error,
    http::{
        CanonicalUri, MANAGED_BODY_LIMIT,
        headers::bearer,
        pagination::{Page, next_address},
        query::FromQuery,
        read::{AppState, asked},
    },
    publishing::{
        self, Author,
        article::{self, Article, Found},
        draft::Precondition,
        keys::{self, Key, Scope},
        revisions,
    },
};

/// Where articles are managed.
pub const MOUNT: &str = "/manage/v1/articles/";

/// How long a request may wait for the database, the turn of other writers included.
const DEADLINE: Duration = Duration::from_secs(30);

/// How long an answer waits for this instance to know what was written.
const PATIENCE: Duration = Duration::from_secs(1);

/// A scope that an operation needs.
pub trait Needs: 'static {
    /// The scope.
    const SCOPE: Scope;
}

macro_rules! scopes {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("The scope `", stringify!($name), "`.")]
            pub struct $name;

            impl Needs for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )*
    };
}
scopes!(ReadDrafts, Write, Publish, Admin);

/// A request whose key has the scope `S`.
pub struct Call<S> {
    /// The key that it came with.
    pub key: Key,
    db: web::Data<Db>,
    request: HttpRequest,
    payload: Payload,
    scope: PhantomData<S>,
}

impl<S: Needs> FromRequest for Call<S> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let token = bearer(request.headers());
            let token = token.ok_or_else(|| Error::Unauthenticated("send `Authorization: Bearer lk_…`".into()))?;
            let db = request.app_data::<web::Data<Db>>().cloned();
            let db = db.ok_or_else(|| Error::Internal("the service has no database".into()))?;
            let key = in_time(keys::authenticate(&db, token)).await?;
            if !key.may(S::SCOPE) {
                return Err(Error::Forbidden(format!("this needs a key with the scope `{}`", S::SCOPE)));
            }
            Ok(Call { key, db, request, payload, scope: PhantomData })
        })
    }
}

/// What `work` gives, or that the database does not answer.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::Unavailable("no answer within the time allowed".into());
    timeout(DEADLINE, work).await.map_err(late)?
}

impl<S> Call<S> {
    /// Who writes.
    #[must_use]
    pub fn author(&self) -> Author {
        self.key.author()
    }

    /// The query parameters.
    pub fn query<Q: FromQuery>(&self) -> Result<Q, Error> {
        self.list().map(|(query, _)| query)
    }

    /// The query parameters of a list, and its address, which its next page has too.
    pub fn list<Q: FromQuery>(&self) -> Result<(Q, CanonicalUri), Error> {
        asked(&self.request)
    }

    /// Runs `work` in a transaction. It returns when this instance answers by what was written, so that who writes here reads it
    /// here; where the log of changes cannot be followed, without.
    pub async fn transaction<T: Send>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let written = self.db.writing(async |connection| {
            let done = publishing::all_or_none(connection, false, work).await?;
            // What is written is written, whatever becomes of this question.
            Ok((done, change_log::newest(connection).await.ok().map(|newest| newest.sequence)))
        });
        let (done, sequence) = in_time(written).await?;
        if let (Some(sequence), Some(delivery)) = (sequence, self.request.app_data::<web::Data<AppState>>()) {
            delivery.cache.reached(sequence, PATIENCE).await;
        }
        Ok(done)
    }

    /// Runs `work` over one view of the database, which it cannot change.
    pub async fn read<T: Send>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        in_time(self.db.writing(async |connection| {
            publishing::all_or_none(connection, true, async |connection| {
                connection.batch_execute("set transaction isolation level repeatable read, read only").await?;
                work(connection).await
            })
            .await
        }))
        .await
    }

    /// What `If-Match` and `If-None-Match` say (RFC 9110 section 13.1). Only strong validators match here.
    pub fn expected(&self) -> Result<Precondition, Error> {
        expected(self.request.headers())
    }

    /// The media type of the body, without its parameters.
    #[must_use]
    pub fn media_type(&self) -> String {
        self.request.content_type().to_ascii_lowercase()
    }

    /// The body as it comes. Errors: more than `limit` bytes; a content coding.
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

    /// The body as JSON; a missing one is an empty object.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        from_json(&self.json_bytes().await?)
    }

    /// The same by a reader of its own, which tells all faults at once.
    pub async fn form<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&[u8]) -> Result<T, InvalidBody> + Send + 'static,
    ) -> Result<T, Error> {
        let body = self.json_bytes().await?;
        // A hostile body of the greatest size takes a while to read.
        let read = web::block(move || read(&body)).await;
        read.map_err(|e| Error::internal("a body was not read", e))?.map_err(refused)
    }

    async fn json_bytes(&mut self) -> Result<Bytes, Error> {
        let body = self.body(MANAGED_BODY_LIMIT).await?;
        if body.is_empty() {
            return Ok(Bytes::from_static(b"{}"));
        }
        if self.media_type() == "application/json" { Ok(body) } else { Err(Error::UnsupportedMediaType) }
    }

    /// The article that a part of the path names, if it is as `If-Match` says where that is given. A slug that it had leads
    /// on to the one that it has, `tail` and the query included.
    pub async fn article(&self, connection: &mut AsyncPgConnection, name: &str, tail: &str) -> Result<Article, Error> {
        match article::find(connection, &named(name)?).await? {
            Found::Here(article) => {
                // Conditions are for changes: what is read here is not kept.
                let reads = *self.request.method() == Method::GET;
                let expected = if reads { Precondition::Unsaid } else { self.expected()? };
                if expected != Precondition::Unsaid {
                    let present = revisions::latest(connection, article.id).await?.summary.etag();
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

/// A page of the list at `address`, with the `Link` to the next one.
pub(super) fn answer_page<T: Serialize>(list: &T, page: &Page, address: &CanonicalUri) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(next) = next_address(address, page) {
        response.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
    }
    response.json(list)
}

/// What a part of a path calls an article.
pub fn named(text: &str) -> Result<ArticleName, Error> {
    text.parse().map_err(|why| Error::NotFound(format!("`{text}` cannot be an article's address: {why}")))
}

fn expected(headers: &HeaderMap) -> Result<Precondition, Error> {
    let list = |name| headers.get_all(name).map(HeaderValue::to_str).collect::<Result<Vec<_>, _>>();
    let unreadable =
        |_| Error::MalformedRequest("`If-Match` and `If-None-Match` are lists of quoted validators".into());
    let given = |name: &HeaderName| headers.contains_key(name);
    let some = list(header::IF_MATCH).map_err(unreadable)?.join(",");
    let none = list(header::IF_NONE_MATCH).map_err(unreadable)?.join(",");
    // Ours hold no comma, so a piece of a foreign one never equals one of ours.
    let tags = |list: &str| -> Vec<String> { list.split(',').map(|tag| tag.trim().to_owned()).collect() };
    Ok(match (some.trim(), none.trim()) {
        ("", _) if given(&header::IF_MATCH) => return Err(Error::MalformedRequest("`If-Match` is empty".into())),
        ("", "*") => Precondition::Absent,
        ("", _) => Precondition::Unsaid,
        // It cannot be what it is and not be there.
        (_, "*") => Precondition::OneOf(Vec::new()),
        ("*", "") => Precondition::Present,
        ("*", _) => {
            let why = "`If-Match: *` goes with no `If-None-Match`: name the state that is changed";
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
    fn conditions_are_lists_of_validators() {
        let read = |lines: &[(HeaderName, &'static str)]| expected(&headers(lines)).unwrap();
        assert_eq!(read(&[]), Precondition::Unsaid);
        assert_eq!(read(&[(header::IF_MATCH, "*")]), Precondition::Present);
        assert_eq!(read(&[(header::IF_NONE_MATCH, "*")]), Precondition::Absent);
        assert_eq!(
            read(&[(header::IF_MATCH, "\"a\" , W/\"b\""), (header::IF_MATCH, "\"c\"")]),
            Precondition::OneOf(vec!["\"a\"".into(), "W/\"b\"".into(), "\"c\"".into()])
        );
    }

    #[test]
    fn a_weak_validator_never_matches() {
        assert!(Precondition::OneOf(vec!["W/\"1-a\"".into()]).check(Some("\"1-a\"")).is_err());
        assert!(Precondition::OneOf(vec!["\"1-a\"".into()]).check(Some("\"1-a\"")).is_ok());
    }
}
