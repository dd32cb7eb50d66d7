//! From a path to an article: a slug, an earlier slug, or an id.

use uuid::Uuid;

use super::card::Card;
use crate::{
    content::Slug,
    error::Error,
    http::{Address, query::Canonical},
};

/// Where articles are.
pub const MOUNT: &str = "/v1/articles/";

/// What a path calls an article by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A slug that it has or had.
    Slug(Slug),
    /// Its id.
    Id(Uuid),
}

impl Key {
    /// Reads a path's part; what can be neither names nothing.
    pub fn parse(text: &str) -> Result<Key, Error> {
        // Only the hyphenated form: an id has one address.
        if text.len() == 36
            && let Ok(id) = Uuid::try_parse(text)
        {
            return Ok(Key::Id(id));
        }
        text.parse().map(Key::Slug).map_err(|_| unknown(text))
    }

    /// The slug, if that is what it is.
    #[must_use]
    pub fn slug(&self) -> Option<String> {
        match self {
            Key::Slug(slug) => Some(slug.to_string()),
            Key::Id(_) => None,
        }
    }

    /// The id, if that is what it is.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        match self {
            Key::Slug(_) => None,
            Key::Id(id) => Some(*id),
        }
    }

    /// Sends a client that asked by an earlier slug to the present one: `mount`, the slug, `tail`, and the query of the
    /// address that it asked for.
    pub fn check(&self, mount: &str, card: &Card, tail: &str, address: &Address) -> Result<(), Error> {
        match self {
            Key::Slug(slug) if slug.as_str() != card.slug => {
                Err(moved(&format!("{mount}{}{tail}", card.slug), card, &address.query))
            }
            _ => Ok(()),
        }
    }
}

/// 308 to `path` with `query`, until the article changes.
#[must_use]
pub fn moved(path: &str, card: &Card, query: &Canonical) -> Error {
    let location = format!("{path}{query}");
    Error::Moved { location, tags: vec![format!("article:{}", card.id)] }
}

/// 404 for an article.
#[must_use]
pub fn unknown(key: &str) -> Error {
    Error::NotFound(format!("no article is published as `{key}`"))
}
