//! From a path to an article: a slug, an earlier slug, or an id.

use uuid::Uuid;

use crate::{
    content::ArticleName,
    error::Error,
    http::{CanonicalUri, query::Canonical},
};

/// Where articles are.
pub const MOUNT: &str = "/v1/articles/";

/// Reads a path's part; what can be neither a slug nor an id names nothing.
pub fn named(text: &str) -> Result<ArticleName, Error> {
    text.parse().map_err(|_| unknown(text))
}

/// Sends a client that asked by an earlier slug of the article `id` to the present one: `mount`, the slug, `tail`, and the query of the address
/// that it asked for.
pub fn check(
    name: &ArticleName,
    mount: &str,
    (id, present): (Uuid, &str),
    tail: &str,
    address: &CanonicalUri,
) -> Result<(), Error> {
    match name {
        ArticleName::Slug(slug) if slug.as_str() != present => {
            Err(moved(&format!("{mount}{present}{tail}"), id, &address.query))
        }
        _ => Ok(()),
    }
}

/// 308 to `path` with `query`, until the article changes.
#[must_use]
pub fn moved(path: &str, id: Uuid, query: &Canonical) -> Error {
    let location = format!("{path}{query}");
    Error::Moved { location, tags: vec![format!("article:{id}")] }
}

/// 404 for an article.
#[must_use]
pub fn unknown(key: &str) -> Error {
    Error::NotFound(format!("no article is published as `{key}`"))
}
