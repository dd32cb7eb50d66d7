//! `/v1/search`: finds sections by their text.
//!
//! Hits are ordered by class ([`Class`](crate::content::search::Class)), then by score
//! ([`score`](crate::content::search::score)), then the newest article first. In a class with many passages, the newest
//! 200 are scored first, then the next 200, and so on: the work for a page is bounded for a library of any size. The
//! `score` of a hit combines class and score as one number from 0 to 1.
//!
//! A query in Latin letters that matches the pinyin of titles also finds the Han characters of those titles.
//!
//! - `candidates`: passages that may match · `hits`: those that match · [`suggest`]: completions of a query

mod candidates;
mod hits;
pub mod suggest;

use actix_web::{HttpResponse, get};
use diesel_async::AsyncPgConnection;
use serde::Serialize;
use utoipa::ToSchema;

pub use self::hits::{Hit, HitSection};
use self::hits::{Position, find_hits};
use super::filters;
use crate::{
    content::{
        Locale, Slug,
        search::{
            Query,
            query::{MAX_QUERY_CHARS, term_tsquery},
        },
    },
    db::Connection,
    error::Error,
    http::{
        self, CachedGet, CanonicalUri, Payload,
        pagination::{self, DEFAULT_LIMIT, Page, Pagination, next_address},
        query::{FromQuery, Parameters, string},
    },
};

/// The parameters of search.
pub struct SearchQuery {
    query: Query,
    topic: Option<Slug>,
    locale: Option<Locale>,
    paging: Pagination,
}

impl FromQuery for SearchQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let description = "Words of any script, with or without spaces between them; \"…\" or “…” around a phrase. \
                           Traditional and simplified characters, full and half width, upper and lower case are equal. \
                           The pinyin of a title, or its initials, find it too.";
        let query = Query::new(&read_required_text(p, description, "干细胞 费用"));
        if !query.is_empty() {
            p.set_canonical("q", query.canonical());
        }
        let (topic, locale) = (filters::topic(p), filters::locale(p));
        SearchQuery { query, topic, locale, paging: Pagination::read(p, DEFAULT_LIMIT) }
    }
}

/// Reads `q`, which may be empty.
pub(crate) fn read_text(p: &mut Parameters, description: &'static str) -> String {
    let schema = string().max_length(Some(MAX_QUERY_CHARS)).pattern(Some("^[^\\u0000]*$"));
    let text = p.declare("q", description).example("干细胞").text(schema).unwrap_or_default();
    if is_within_length(p, &text) { text } else { String::new() }
}

/// Reads `q`, which must have a character other than white space and control characters.
fn read_required_text(p: &mut Parameters, description: &'static str, example: &'static str) -> String {
    let visible = "^[^\\u0000]*[^\\s\\u0000-\\u001F\\u007F-\\u009F][^\\u0000]*$";
    let schema = string().min_length(Some(1)).max_length(Some(MAX_QUERY_CHARS)).pattern(Some(visible));
    let text = p.declare("q", description).example(example).required().text(schema).unwrap_or_default();
    if !is_within_length(p, &text) {
        return String::new();
    }
    if text.chars().all(|c| c.is_whitespace() || c.is_control()) {
        p.fault("q", "the text to search for is missing: send `q` with one character at least");
    }
    text
}

fn is_within_length(p: &mut Parameters, text: &str) -> bool {
    let is_within = text.chars().nth(MAX_QUERY_CHARS).is_none();
    if !is_within {
        p.fault("q", format!("the text is too long: expected {MAX_QUERY_CHARS} characters at most"));
    }
    is_within
}

/// A page of hits.
#[derive(Debug, Serialize, ToSchema)]
pub struct HitList {
    /// The hits.
    pub data: Vec<Hit>,
    /// The position of this page in the list.
    pub page: Page,
}

/// Search the articles
///
/// Returns sections that match every term in their text or in their article's title: title matches first, then
/// headings and questions, then the text, each by score. A query of several words without spaces also finds, last, the
/// sections that match most of them. Hits are the same for everyone. A page may have fewer hits than `limit`, even
/// none, and still a `next_cursor`: if a phrase is rare among the sections that have its words.
#[utoipa::path(
    tag = "Search", params(http::Query<SearchQuery>),
    responses((status = 200, description = "A page of hits; none for a query without letters or digits.", body = HitList)),
)]
#[get("/v1/search")]
pub async fn search(read: CachedGet<SearchQuery>) -> Result<HttpResponse, Error> {
    read.respond(search_payload).await
}

/// Loads a page of hits.
pub(crate) async fn load_page(connection: &AsyncPgConnection, query: &SearchQuery) -> Result<HitList, Error> {
    let scope = query.cursor_scope();
    let after = query.paging.after::<Position>(&scope)?;
    let limit = query.paging.limit as usize;
    let (data, next) = find_hits(connection, &query.query, &query.filter(), after, limit).await?;
    let next_cursor = next.map(|position| pagination::cursor(&scope, &position)).transpose()?;
    let page = Page { limit: query.paging.limit, next_cursor };
    Ok(HitList { data, page })
}

async fn search_payload(connection: &Connection, query: SearchQuery, address: CanonicalUri) -> Result<Payload, Error> {
    let list = load_page(connection, &query).await?;
    let next = next_address(&address, &list.page);
    // Any publication may add or remove a hit; cards contain topic names.
    Ok(Payload::json(&list)?.tagged(["articles", "topics"]).next_page(next.as_deref()))
}

impl SearchQuery {
    /// Returns the search for a text, in all topics or in one.
    pub(crate) fn new(text: &str, topic: Option<Slug>, paging: Pagination) -> SearchQuery {
        SearchQuery { query: Query::new(text), topic, locale: None, paging }
    }

    /// Identifies the list in cursors.
    fn cursor_scope(&self) -> String {
        format!("/v1/search {} {:?} {:?}", self.query.canonical(), self.topic, self.locale)
    }

    /// Returns the filters as the end of a `tsquery`.
    fn filter(&self) -> String {
        let topic = self.topic.iter().map(|slug| format!(" & {}", term_tsquery(&format!("#t:{slug}"))));
        let locale = self.locale.iter().map(|locale| format!(" & {}", term_tsquery(&format!("#l:{locale}"))));
        topic.chain(locale).collect()
    }
}
