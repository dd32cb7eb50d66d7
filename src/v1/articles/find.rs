//! From a path to a published article and its text: what every answer about one article begins with.

use diesel::{dsl, prelude::*, sql_types::Bool};
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
        address::{MOUNT, unknown},
        card::Card,
    },
};

/// Which columns of the text to fetch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub toc: bool,
    pub html: bool,
    pub content: bool,
}

/// The text as blocks, and nothing else of it.
pub(crate) const CONTENT: Wanted = Wanted { toc: false, html: false, content: true };

/// A published article with the text that was wanted.
pub(crate) struct Found {
    pub card: Card,
    pub(super) toc: Option<String>,
    pub(super) lead_html: Option<String>,
    pub(super) sections_html: Option<String>,
    pub(super) content: Option<String>,
    present_links: Option<Value>,
}

/// The article that `key` names, or why there is none. One statement.
pub(crate) async fn find(
    mut connection: &AsyncPgConnection,
    key: &ArticleName,
    wanted: Wanted,
) -> Result<Found, Error> {
    type Row =
        (Option<Card>, Option<String>, (Option<String>, Option<String>, Option<String>, Option<String>), Option<Value>);
    let when = |wanted: bool| wanted.into_sql::<Bool>();
    let select = addresses::table
        .left_join(articles::table.on(articles::id.eq(addresses::article_id)))
        .left_join(article_bodies::table.on(article_bodies::article_id.eq(addresses::article_id)))
        .left_join(withdrawals::table.on(withdrawals::article_id.eq(addresses::article_id)))
        .select((
            Option::<Card>::as_select(),
            withdrawals::reason.nullable(),
            (
                dsl::case_when(when(wanted.toc), article_bodies::toc.nullable()),
                dsl::case_when(when(wanted.html), article_bodies::lead_html.nullable()),
                dsl::case_when(when(wanted.html), article_bodies::sections_html.nullable()),
                dsl::case_when(when(wanted.content), article_bodies::content.nullable()),
            ),
            dsl::case_when(when(wanted.html || wanted.content), PRESENT_LINKS),
        ))
        .limit(1);
    let row: Option<Row> = match key {
        ArticleName::Slug(slug) => select.filter(addresses::slug.eq(slug.as_str())).first(&mut connection).await,
        ArticleName::Id(id) => select.filter(addresses::article_id.eq(id)).first(&mut connection).await,
    }
    .optional()?;
    match row {
        Some((Some(card), _, (toc, lead_html, sections_html, content), present_links)) => {
            Ok(Found { card, toc, lead_html, sections_html, content, present_links })
        }
        Some((None, Some(reason), ..)) => Err(Error::Withdrawn(reason)),
        Some((None, None, ..)) | None => Err(unknown(&key.to_string())),
    }
}

/// The present address of everything that the text links to by an earlier one: slugs, and the anchors behind them.
const PRESENT_LINKS: Scalar<diesel::sql_types::Nullable<diesel::sql_types::Jsonb>> =
    Scalar::new(include_str!("present_links.sql"));

impl Found {
    /// The text, its links as they are stored.
    pub(crate) fn body(&self) -> Result<Body, Error> {
        let content = self.content.as_deref().unwrap_or_default();
        serde_json::from_str(content).map_err(|e| Error::internal("a stored body cannot be read", e))
    }

    /// `stored` with today's addresses in its links.
    pub(crate) fn resolve(&self, stored: &str) -> String {
        self.resolve_to(MOUNT, stored)
    }

    /// `stored` with today's addresses below `mount` in its links.
    pub(crate) fn resolve_to(&self, mount: &str, stored: &str) -> String {
        let present = |link: &str| self.present_links.as_ref().and_then(|links| links.get(link)?.as_str());
        body::resolve_links(mount, stored, present)
    }
}

pub(super) fn raw(json: String) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(json).map_err(|e| Error::internal("a stored body cannot be read", e))
}

pub(crate) fn written<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::internal("an answer cannot be written as JSON", e))
}
