//! `/v1/search`: sections by what stands in them.
//!
//! The rule: hits come by class ([`Class`]), and within a class by score ([`score`](crate::content::search::score)), then the
//! newest article first. Of a class with many passages the newest 200 are compared with each other first, then the next
//! 200, and so on: so the work for a page is bounded however large the library is. `score` is what it is ordered by: the
//! class and the score as one number from 0 to 1.
//!
//! A query of Latin letters that some titles sound like is answered as if the Han characters had been typed, besides what
//! it says itself.
//!
//! - `candidates`: the passages that may answer · [`suggest`]: what a query may be about to be

pub(crate) mod candidates;
pub mod suggest;

use actix_web::{HttpResponse, get};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::candidates::{Candidate, is_first, portion, top};
use super::{articles::read::ATTEMPTS, card::Card};
use crate::{
    content::{
        Locale, Slug,
        search::{
            Class, Fields, Matcher, Query,
            fold::Folded,
            pinyin,
            query::{self, LONGEST, of_class, of_term},
            score,
            snippet::{self, Piece},
        },
    },
    db::{
        Connection,
        schema::{articles, passages},
    },
    error::Error,
    http::{
        Address, Answer, Read,
        page::{self, DEFAULT_LIMIT, Page, Paging, next_address},
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
    #[param(example = "干细胞 费用", min_length = 1, max_length = 200, required = true)]
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
    paging: Paging,
}

impl FromQuery for SearchQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let query = Query::new(&looked_for(p));
        if !query.is_empty() {
            p.means("q", query.canonical());
        }
        SearchQuery { query, topic: p.name("topic"), locale: p.name("locale"), paging: Paging::take(p, DEFAULT_LIMIT) }
    }
}

/// The parameter `q`, which must be there.
fn looked_for(p: &mut Parameters) -> String {
    let text = p.text("q").unwrap_or_default();
    if text.trim().is_empty() {
        p.fault("q", "what to look for is needed");
    } else if text.chars().nth(LONGEST).is_some() {
        p.fault("q", format!("at most {LONGEST} characters can be looked for"));
        return String::new();
    }
    text
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
/// one also finds, last, what has most of them. Hits are the same for everybody.
#[utoipa::path(tag = "Search", params(SearchParameters), responses((status = 200, description = "A page of hits; none where there is nothing to look for, such as punctuation alone.", body = HitList)))]
#[get("/v1/search")]
pub async fn search(read: Read<SearchQuery>) -> Result<HttpResponse, Error> {
    read.answer(page_of_hits).await
}

async fn page_of_hits(connection: &Connection, asked: SearchQuery, address: Address) -> Result<Answer, Error> {
    let name = asked.name();
    let after = asked.paging.after::<Position>(&name)?;
    let limit = asked.paging.limit as usize;
    let (data, next) = hits(connection, &asked, after, limit).await?;
    let next_cursor = next.map(|position| page::cursor(&name, &position)).transpose()?;
    let page = Page { limit: asked.paging.limit, next_cursor };
    let next = next_address(&address, &page);
    // Any publication may be a hit, or the end of one; cards show the names of topics.
    Ok(Answer::json(&HitList { data, page })?.tagged(["articles", "topics"]).next_page(next.as_deref()))
}

impl SearchQuery {
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

/// A position in the list: the place of the class, the portion (from the lowest place that it was looked for at, where that is
/// known, to below a place), and in it the score and the place of the last hit.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position(usize, i64, Option<i64>, f64, i64);

/// Above every score.
const BEST: f64 = 2.0;

/// How many portions are read for one page: more only where what is in quotation marks stands in few of those that have its
/// words.
const PORTIONS: usize = 10;

/// A candidate that answers.
struct Found {
    position: Position,
    candidate: Candidate,
    score: f64,
    /// Which of the queries it answers best.
    by: usize,
}

/// The hits after a position, and the position of the last one where there may be more.
async fn hits(
    connection: &AsyncPgConnection,
    asked: &SearchQuery,
    after: Option<Position>,
    limit: usize,
) -> Result<(Vec<Hit>, Option<Position>), Error> {
    if asked.query.is_empty() {
        return Ok((Vec::new(), None));
    }
    for _ in 0..ATTEMPTS {
        let top = top(connection).await?;
        let queries = with_sound(connection, &asked.query, top).await?;
        let matchers: Vec<Matcher> = queries.iter().map(Matcher::new).collect();
        let begin = Position(0, top, None, BEST, top);
        let (mut found, unread) =
            find(connection, (&queries, &matchers), (&asked.within(), top), after.clone().unwrap_or(begin), limit + 1)
                .await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = if more { found.last().map(|last| last.position.clone()) } else { unread };
        if let Some(shown) = show(connection, found, &matchers).await? {
            return Ok((shown, next));
        }
    }
    Err(Error::Unavailable("an article was published anew during every attempt to read it".into()))
}

/// At least `wanted` candidates that answer, after a position, in order; where there are not so many, the position from
/// which on nothing was read, if anything is left.
async fn find(
    connection: &AsyncPgConnection,
    (queries, matchers): (&[Query], &[Matcher]),
    (within, top): (&str, i64),
    after: Position,
    wanted: usize,
) -> Result<(Vec<Found>, Option<Position>), Error> {
    let Position(mut place_of_class, below, mut lowest, mut score, mut place) = after;
    // A forged position leads nowhere far.
    let mut below = below.min(top);
    let mut found = Vec::new();
    let mut read = 0;
    while let Some(class) = Class::ALL.get(place_of_class) {
        let condition = of_class(queries, *class).filter(|_| below > 0);
        if let Some(condition) = condition {
            if read == PORTIONS {
                return Ok((found, Some(Position(place_of_class, below, lowest, score, place))));
            }
            read += 1;
            let portion = portion(connection, &format!("{condition}{within}"), below, lowest).await?;
            let mut answering: Vec<Found> = Vec::new();
            for candidate in portion.candidates {
                let fields = candidate.fields();
                let scores = matchers.iter().map(|matcher| score::score(matcher, &fields)).enumerate();
                let best = scores
                    .filter_map(|(by, score)| Some((by, score?)))
                    .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
                let Some((by, own)) = best else { continue };
                let score = joined(place_of_class, own);
                let position = Position(place_of_class, below, Some(portion.lowest), score, candidate.place);
                answering.push(Found { position, candidate, score, by });
            }
            answering.retain(|found| (found.score, found.candidate.place) < (score, place));
            answering.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.candidate.place.cmp(&a.candidate.place)));
            found.extend(answering);
            if found.len() >= wanted {
                return Ok((found, None));
            }
            if portion.lowest > 0 {
                (below, lowest, score, place) = (portion.lowest, None, BEST, portion.lowest);
                continue;
            }
        }
        place_of_class += 1;
        (below, lowest, score, place) = (top, None, BEST, top);
    }
    Ok((found, None))
}

/// Class and score as one number from 0 to 1.
fn joined(place_of_class: usize, score: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "there are five classes")]
    let (worse, classes) = ((Class::ALL.len() - 1 - place_of_class) as f64, Class::ALL.len() as f64);
    // Six digits: what is shown is what it is ordered by.
    ((worse + score) / classes * 1e6).round() / 1e6
}

/// How many titles are asked what they are called, and how many readings of a query are followed.
const HEARD: usize = 50;
const READINGS: usize = 4;

/// The query, and what it sounds like.
async fn with_sound(connection: &AsyncPgConnection, asked: &Query, top: i64) -> Result<Vec<Query>, Error> {
    let mut queries = vec![asked.clone()];
    if let Some(letters) = asked.sound() {
        let heard = portion(connection, &query::of_sound(letters), top, None).await?;
        for candidate in heard.candidates.iter().take(HEARD) {
            let Some(part) = pinyin::sounding_like(&Folded::new(candidate.fields().title), letters) else { continue };
            let query = Query::new(&part);
            if !queries.contains(&query) && queries.len() <= READINGS {
                queries.push(query);
            }
        }
    }
    Ok(queries)
}

type Shown = (Card, i64, Option<String>, Option<String>, Option<String>, String, String);

/// What is found as it is shown, each hit from one state of its article; `None` where one changed since it was found.
async fn show(
    mut connection: &AsyncPgConnection,
    found: Vec<Found>,
    matchers: &[Matcher],
) -> Result<Option<Vec<Hit>>, Error> {
    let places: Vec<i64> = found.iter().map(|found| found.candidate.place).collect();
    let rows: Vec<Shown> = if places.is_empty() {
        Vec::new()
    } else {
        passages::table
            .inner_join(articles::table)
            .filter(passages::place.eq_any(&places))
            .select((
                Card::as_select(),
                passages::place,
                passages::number,
                passages::anchor,
                passages::heading,
                passages::lead,
                passages::text,
            ))
            .load(&mut connection)
            .await?
    };
    let mut hits = Vec::with_capacity(found.len());
    let mut rows: std::collections::HashMap<i64, Shown> = rows.into_iter().map(|row| (row.1, row)).collect();
    for Found { candidate, score, by, .. } in found {
        let Some((article, place, number, anchor, title, lead, text)) = rows.remove(&candidate.place) else {
            return Ok(None);
        };
        if (article.id, article.revision) != candidate.article {
            return Ok(None);
        }
        let fields = Fields {
            title: &article.title,
            questions: if is_first(place) { &article.questions } else { &[] },
            heading: title.as_deref().unwrap_or_default(),
            lead: &lead,
            text: &text,
        };
        let snippet = snippet::snippet(&matchers[by], &fields);
        let section = match (number, anchor, title) {
            (Some(number), Some(anchor), Some(title)) => Some(Place { number, anchor, title }),
            _ => None,
        };
        hits.push(Hit { article, section, snippet, score });
    }
    Ok(Some(hits))
}
