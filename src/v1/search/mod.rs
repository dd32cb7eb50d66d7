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
use utoipa::{IntoParams, ToSchema};

use self::hits::{Position, hits};
use super::card::Card;
use crate::{
    content::{
        Locale, Slug,
        search::{
            Query,
            query::{LONGEST, of_term},
            snippet::Piece,
        },
    },
    db::Connection,
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload,
        pagination::{self, DEFAULT_LIMIT, Page, Pagination, next_address},
        query::{FromQuery, Parameters},
    },
};

/// What search can be asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that `SearchQuery` reads")]
pub struct SearchParameters {
    /// What to look for: words of any script, separated by spaces or not; "…" or “…” around what has to stand there as it
    /// is written. Traditional and simplified characters, full and half width, upper and lower case are the same. Letters
    /// that a title sounds like, or the initials of its syllables, find it.
    #[param(
        example = "干细胞 费用",
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007F-\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000][^\\u0000]*$",
        required = true
    )]
    q: String,
    /// Only articles of this topic.
    #[param(example = "stem-cells", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 96)]
    topic: Option<String>,
    /// Only articles in this language and script (RFC 5646).
    #[param(example = "zh-Hans", pattern = "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$")]
    locale: Option<String>,
    /// The most items of the page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// The parameters of search.
pub struct SearchQuery {
    query: Query,
    topic: Option<Slug>,
    locale: Option<Locale>,
    paging: Pagination,
}

impl FromQuery for SearchQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let query = Query::new(&needed(p));
        if !query.is_empty() {
            p.set_canonical("q", query.canonical());
        }
        SearchQuery {
            query,
            topic: p.name("topic"),
            locale: p.name("locale"),
            paging: Pagination::take(p, DEFAULT_LIMIT),
        }
    }
}

/// The parameter `q`, as it was typed; `None` where it is refused for its length.
pub(crate) fn looked_for(p: &mut Parameters) -> Option<String> {
    let text = p.text("q").unwrap_or_default();
    if text.chars().nth(LONGEST).is_some() {
        p.fault("q", format!("at most {LONGEST} characters can be looked for"));
        return None;
    }
    Some(text)
}

/// The same where there is nothing to answer without it.
fn needed(p: &mut Parameters) -> String {
    let text = looked_for(p);
    // As the pattern of the parameter says it.
    let says_nothing = |c: char| c.is_whitespace() || c.is_control();
    if text.as_ref().is_some_and(|text| text.chars().all(says_nothing)) {
        p.fault("q", "what to look for is needed");
    }
    text.unwrap_or_default()
}

/// A section in which something was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hit {
    /// Its article.
    pub article: Card,
    /// The section; `null` where the article has none. The first one stands for the title, the questions, the summary and the
    /// text before the first heading, too.
    pub section: Option<Place>,
    /// Sentences of the original text with what was found: of the section where it stands there, else of what stands before
    /// the first heading, of the heading, of a question or of the title. The pieces joined are a part of that text.
    pub snippet: Vec<Piece>,
    /// What the hits are ordered by, from 0 to 1: the better the place and the match.
    #[schema(example = 0.61, minimum = 0, maximum = 1)]
    pub score: f64,
}

/// Where a section is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Place {
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
#[utoipa::path(tag = "Search", params(SearchParameters), responses((status = 200, description = "A page of hits; none where there is nothing to look for, such as punctuation alone.", body = HitList)))]
#[get("/v1/search")]
pub async fn search(read: CachedGet<SearchQuery>) -> Result<HttpResponse, Error> {
    read.answer(page_of_hits).await
}

/// A page of the hits.
pub(crate) async fn page_of(connection: &AsyncPgConnection, asked: &SearchQuery) -> Result<HitList, Error> {
    let name = asked.name();
    let after = asked.paging.after::<Position>(&name)?;
    let limit = asked.paging.limit as usize;
    let (data, next) = hits(connection, asked, after, limit).await?;
    let next_cursor = next.map(|position| pagination::cursor(&name, &position)).transpose()?;
    let page = Page { limit: asked.paging.limit, next_cursor };
    Ok(HitList { data, page })
}

async fn page_of_hits(connection: &Connection, asked: SearchQuery, address: CanonicalUri) -> Result<Payload, Error> {
    let list = page_of(connection, &asked).await?;
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
        let topic = self.topic.iter().map(|slug| format!(" & {}", of_term(&format!("#t:{slug}"))));
        let locale = self.locale.iter().map(|locale| format!(" & {}", of_term(&format!("#l:{locale}"))));
        topic.chain(locale).collect()
    }
}
