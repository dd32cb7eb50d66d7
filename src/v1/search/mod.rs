//! `/v1/search`: sections by what stands in them.
//!
//! The rule: hits come by class ([`Class`](crate::content::search::Class)), and within a class by score ([`score`](crate::content::search::score)), then the
//! newest article first. Of a class with many passages the newest 200 are compared with each other first, then the next
//! 200, and so on: so the work for a page is bounded however large the library is. `score` is what it is ordered by: the
//! class and the score as one number from 0 to 1.
//!
//! A query of Latin letters that some titles sound like is answered as if the Han characters had been typed, besides what
//! it says itself.
//!
//! - `candidates`: the passages that may answer · `hits`: those that do · [`suggest`]: what a query may be about to be

mod candidates;
mod hits;
pub mod suggest;

use actix_web::{HttpResponse, get};
use diesel_async::AsyncPgConnection;
use serde::Serialize;
use utoipa::ToSchema;

use self::hits::{Position, hits};
use super::{card::Card, filters};
use crate::{
    content::{
        Locale, Slug,
        search::{
            Query,
            query::{MAX_QUERY_CHARS, term_tsquery},
            snippet::SnippetPart,
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

/// A section in which something was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hit {
    /// Its article.
    pub article: Card,
    /// The section; `null` where the article has none. The first one stands for the title, the questions, the summary and the
    /// text before the first heading, too.
    pub section: Option<HitSection>,
    /// Sentences of the original text with what was found: of the section where it stands there, else of what stands before
    /// the first heading, of the heading, of a question or of the title. The pieces joined are a part of that text.
    pub snippet: Vec<SnippetPart>,
    /// What the hits are ordered by, from 0 to 1: the better the place and the match.
    #[schema(example = 0.61, minimum = 0, maximum = 1)]
    pub score: f64,
}

/// Where a section is.
#[derive(Debug, Serialize, ToSchema)]
pub struct HitSection {
    /// Its number, by its position today.
    #[schema(example = "2.1")]
    pub number: String,
    /// Its address within the article.
    #[schema(example = "principles")]
    pub anchor: String,
    /// Its title.
    #[schema(example = "干细胞回输的原理")]
    pub title: String,
}

/// A page of hits.
#[derive(Debug, Serialize, ToSchema)]
pub struct HitList {
    /// The hits.
    pub data: Vec<Hit>,
    /// Where this page is.
    pub page: Page,
}

/// Search the articles
///
/// Sections in which all that is looked for stands, in the section and the title of its article together: first those where it
/// is in the title, then in headings and questions, then in the text; within each, by score. A query of several words as
/// one also finds, last, what has most of them. Hits are the same for everybody. A page may be shorter than `limit`, empty even,
/// and not the last: where a phrase stands in few of the many sections that have its words. Its `next_cursor` goes on.
#[utoipa::path(tag = "Search", params(http::Query<SearchQuery>), responses((status = 200, description = "A page of hits; none where there is nothing to look for, such as punctuation alone.", body = HitList)))]
#[get("/v1/search")]
pub async fn search(read: CachedGet<SearchQuery>) -> Result<HttpResponse, Error> {
    read.respond(page_of_hits).await
}

/// Loads a page of hits.
pub(crate) async fn load_page(connection: &AsyncPgConnection, asked: &SearchQuery) -> Result<HitList, Error> {
    let name = asked.name();
    let after = asked.paging.after::<Position>(&name)?;
    let limit = asked.paging.limit as usize;
    let (data, next) = hits(connection, asked, after, limit).await?;
    let next_cursor = next.map(|position| pagination::cursor(&name, &position)).transpose()?;
    let page = Page { limit: asked.paging.limit, next_cursor };
    Ok(HitList { data, page })
}

async fn page_of_hits(connection: &Connection, asked: SearchQuery, address: CanonicalUri) -> Result<Payload, Error> {
    let list = load_page(connection, &asked).await?;
    let next = next_address(&address, &list.page);
    // Any publication may be a hit, or the end of one; cards show the names of topics.
    Ok(Payload::json(&list)?.tagged(["articles", "topics"]).next_page(next.as_deref()))
}

impl SearchQuery {
    /// A search for a text, within a topic where one is given.
    pub(crate) fn new(text: &str, topic: Option<Slug>, paging: Pagination) -> SearchQuery {
        SearchQuery { query: Query::new(text), topic, locale: None, paging }
    }

    /// Names the list for its cursors.
    fn name(&self) -> String {
        format!("/v1/search {} {:?} {:?}", self.query.canonical(), self.topic, self.locale)
    }

    /// What every hit must have besides.
    fn within(&self) -> String {
        let topic = self.topic.iter().map(|slug| format!(" & {}", term_tsquery(&format!("#t:{slug}"))));
        let locale = self.locale.iter().map(|locale| format!(" & {}", term_tsquery(&format!("#l:{locale}"))));
        topic.chain(locale).collect()
    }
}
