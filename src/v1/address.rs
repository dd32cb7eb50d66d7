//! The address of an article: a slug, an earlier slug, or an id.

use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    content::ArticleName,
    error::Error,
    http::{CanonicalUri, query::Canonical},
};

/// The path of the articles.
pub const ARTICLES_PATH: &str = "/v1/articles/";

/// The path parameter of an operation on one article.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ArticlePath {
    /// The article's slug or id; an earlier slug redirects.
    #[param(example = "stem-cell-infusion")]
    slug: String,
}

impl ArticlePath {
    /// Parses the name; returns 404 for anything that is neither a slug nor an id.
    pub fn name(&self) -> Result<ArticleName, Error> {
        self.slug.parse().map_err(|_| article_not_found(&self.slug))
    }
}

/// Redirects a request by an earlier slug to the current one: `mount`, the slug, `tail`, and the query of `uri`.
pub fn require_current_slug(
    name: &ArticleName,
    mount: &str,
    (id, current): (Uuid, &str),
    tail: &str,
    uri: &CanonicalUri,
) -> Result<(), Error> {
    match name {
        ArticleName::Slug(slug) if slug.as_str() != current => {
            Err(moved(&format!("{mount}{current}{tail}"), id, &uri.query))
        }
        _ => Ok(()),
    }
}

/// Returns the error for a redirect (308) to `path` with `query`, cached until the article changes.
#[must_use]
pub fn moved(path: &str, id: Uuid, query: &Canonical) -> Error {
    let location = format!("{path}{query}");
    Error::Moved { location, tags: vec![format!("article:{id}")] }
}

/// Returns the error for an article that is not published (404).
#[must_use]
pub fn article_not_found(name: &str) -> Error {
    Error::NotFound(format!("no article is published as `{name}`"))
}
