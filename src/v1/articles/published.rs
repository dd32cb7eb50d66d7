//! A published article with its text, found by its name: the first step of every response about one article.

use diesel::{
    dsl,
    prelude::*,
    sql_types::{Bool, Jsonb, Nullable},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    content::{
        ArticleName,
        body::{self, Body},
    },
    db::{
        schema::{addresses, article_bodies, articles, withdrawals},
        statement::Scalar,
    },
    error::Error,
    v1::{
        address::{ARTICLES_PATH, article_not_found},
        card::Card,
    },
};

/// Greatest number of attempts to read one revision while others are being published.
pub(crate) const MAX_ATTEMPTS: usize = 10;

/// Returns the error (503) after [`MAX_ATTEMPTS`] without one consistent revision.
pub(crate) fn attempts_exhausted() -> Error {
    Error::Unavailable("the article was published again during every attempt to read it".into())
}

/// The columns of the text to load.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BodyColumns {
    pub toc: bool,
    pub html: bool,
    pub content: bool,
}

impl BodyColumns {
    /// No columns: the card only.
    pub(crate) const NONE: BodyColumns = BodyColumns { toc: false, html: false, content: false };

    /// The text as blocks.
    pub(crate) const CONTENT: BodyColumns = BodyColumns { toc: false, html: false, content: true };
}

/// A published article with the columns that were loaded.
pub(crate) struct PublishedArticle {
    pub card: Card,
    pub(super) toc: Option<String>,
    pub(super) lead_html: Option<String>,
    pub(super) sections_html: Option<String>,
    pub(super) content: Option<String>,
    current_links: Option<Value>,
}

/// A map from each outdated link target in the text, slug and anchor, to the current one.
const CURRENT_LINKS: Scalar<Nullable<Jsonb>> = Scalar::new(include_str!("current_links.sql"));

impl PublishedArticle {
    /// Loads the article in one statement. Errors: 410 if it is withdrawn, 404 if it is not published.
    pub(crate) async fn load(
        mut connection: &AsyncPgConnection,
        name: &ArticleName,
        columns: BodyColumns,
    ) -> Result<PublishedArticle, Error> {
        type Texts = (Option<String>, Option<String>, Option<String>, Option<String>);
        type Row = (Option<Card>, Option<String>, Texts, Option<Value>);
        let when = |wanted: bool| wanted.into_sql::<Bool>();
        let select = addresses::table
            .left_join(articles::table.on(articles::id.eq(addresses::article_id)))
            .left_join(article_bodies::table.on(article_bodies::article_id.eq(addresses::article_id)))
            .left_join(withdrawals::table.on(withdrawals::article_id.eq(addresses::article_id)))
            .select((
                Option::<Card>::as_select(),
                withdrawals::reason.nullable(),
                (
                    dsl::case_when(when(columns.toc), article_bodies::toc.nullable()),
                    dsl::case_when(when(columns.html), article_bodies::lead_html.nullable()),
                    dsl::case_when(when(columns.html), article_bodies::sections_html.nullable()),
                    dsl::case_when(when(columns.content), article_bodies::content.nullable()),
                ),
                dsl::case_when(when(columns.html || columns.content), CURRENT_LINKS),
            ))
            .limit(1);
        let row: Option<Row> = match name {
            ArticleName::Slug(slug) => select.filter(addresses::slug.eq(slug.as_str())).first(&mut connection).await,
            ArticleName::Id(id) => select.filter(addresses::article_id.eq(id)).first(&mut connection).await,
        }
        .optional()?;
        match row {
            Some((Some(card), _, (toc, lead_html, sections_html, content), current_links)) => {
                Ok(PublishedArticle { card, toc, lead_html, sections_html, content, current_links })
            }
            Some((None, Some(reason), ..)) => Err(Error::Withdrawn(reason)),
            Some((None, None, ..)) | None => Err(article_not_found(&name.to_string())),
        }
    }

    /// Parses the text; its links are as they were stored.
    pub(crate) fn body(&self) -> Result<Body, Error> {
        let content = self.content.as_deref().unwrap_or_default();
        serde_json::from_str(content).map_err(|e| Error::internal("a stored body cannot be read", e))
    }

    /// Replaces outdated link targets in `stored` by the current ones.
    pub(crate) fn update_links(&self, stored: &str) -> String {
        self.update_links_under(ARTICLES_PATH, stored)
    }

    /// Replaces outdated link targets in `stored`, and links to articles below `mount`.
    pub(crate) fn update_links_under(&self, mount: &str, stored: &str) -> String {
        let current = |link: &str| self.current_links.as_ref().and_then(|links| links.get(link)?.as_str());
        body::resolve_links(mount, stored, current)
    }
}

/// Returns stored JSON for a response, without parsing it.
pub(super) fn to_raw(json: String) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(json).map_err(|e| Error::internal("a stored body cannot be read", e))
}

/// Serialises a value of a response as JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::internal("a response cannot be serialised as JSON", e))
}
