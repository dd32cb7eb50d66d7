//! Finds the hits of a query, class by class and portion by portion.

use std::{collections::HashMap, sync::Arc};

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::candidates::{Candidate, Progress, load_portion, load_top};
use crate::{
    content::search::{
        Class, Matcher, PassageFields, Query,
        fold::Folded,
        pinyin,
        query::{self, class_tsquery},
        score,
        snippet::{self, SnippetPart},
    },
    db::schema::{articles, passages},
    error::Error,
    v1::{
        articles::published::{MAX_ATTEMPTS, attempts_exhausted},
        card::Card,
    },
};

/// A section that matches a search.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hit {
    /// The article of the section.
    pub article: Card,
    /// The section; `null` if the article has none. The first section also represents the title, the questions, the
    /// summary and the text before the first heading.
    pub section: Option<HitSection>,
    /// Sentences of the original text with the matches: of the section if it matches, else of the text before the first
    /// heading, of the heading, of a question or of the title. The parts joined are a part of that text.
    pub snippet: Vec<SnippetPart>,
    /// The score that orders the hits, from 0 to 1.
    #[schema(example = 0.61, minimum = 0, maximum = 1)]
    pub score: f64,
}

/// The address of a section.
#[derive(Debug, Serialize, ToSchema)]
pub struct HitSection {
    /// Its current number.
    #[schema(example = "2.1")]
    pub number: String,
    /// Its anchor within the article.
    #[schema(example = "principles")]
    pub anchor: String,
    /// Its title.
    #[schema(example = "干细胞回输的原理")]
    pub title: String,
}

/// A position in the list: index of the class, upper and lower `passages.place` of the portion (`None` before it is
/// read), and score and `passages.place` of the last hit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Position(usize, i64, Option<i64>, f64, i64);

/// A value above every score.
const ABOVE_ALL_SCORES: f64 = 2.0;

/// Greatest number of portions read for one page. A page needs several if a phrase is rare among the sections that have
/// its words.
const MAX_PORTIONS: usize = 10;

/// Greatest number of titles whose pinyin is compared with a query.
const MAX_PINYIN_CANDIDATES: usize = 50;

/// Greatest number of queries in Han characters for one query in pinyin.
const MAX_PINYIN_READINGS: usize = 4;

/// A candidate that matches.
struct Match {
    position: Position,
    candidate: Candidate,
    score: f64,
    /// Index of the query with the best score.
    query: usize,
}

/// Finds at most `limit` hits after a position that also match `filter`, the end of a `tsquery`. Returns them with the
/// position of the last one if there may be more.
pub(super) async fn find_hits(
    connection: &AsyncPgConnection,
    query: &Query,
    filter: &str,
    after: Option<Position>,
    limit: usize,
) -> Result<(Vec<Hit>, Option<Position>), Error> {
    if query.is_empty() {
        return Ok((Vec::new(), None));
    }
    for _ in 0..MAX_ATTEMPTS {
        let top = load_top(connection).await?;
        let queries = pinyin_readings(connection, query, top).await?;
        let matchers: Arc<[Matcher]> = queries.iter().map(Matcher::new).collect();
        let begin = Position(0, top, None, ABOVE_ALL_SCORES, top);
        let after = after.clone().unwrap_or(begin);
        let (mut matches, unread) =
            find_matches(connection, (&queries, &matchers), (filter, top), after, limit + 1).await?;
        let more = matches.len() > limit;
        matches.truncate(limit);
        let next = if more { matches.last().map(|last| last.position.clone()) } else { unread };
        if let Some(hits) = load_hits(connection, matches, &matchers).await? {
            return Ok((hits, next));
        }
    }
    Err(attempts_exhausted())
}

/// Finds `wanted` or more matches after a position, in order. If there are fewer, also returns the position of the first
/// unread portion, if there is one.
async fn find_matches(
    connection: &AsyncPgConnection,
    (queries, matchers): (&[Query], &Arc<[Matcher]>),
    (filter, top): (&str, i64),
    after: Position,
    wanted: usize,
) -> Result<(Vec<Match>, Option<Position>), Error> {
    let Position(mut class_index, below, mut lowest, mut score, mut place) = after;
    // Bounds a forged position.
    let mut below = below.min(top);
    let mut matches = Vec::new();
    let (mut portions, mut progress) = (0, Progress::default());
    while let Some(class) = Class::ALL.get(class_index) {
        let condition = class_tsquery(queries, *class).filter(|_| below > 0);
        if let Some(condition) = condition {
            if portions == MAX_PORTIONS {
                return Ok((matches, Some(Position(class_index, below, lowest, score, place))));
            }
            portions += 1;
            let portion = load_portion(connection, &format!("{condition}{filter}"), below, lowest, progress).await?;
            progress = portion.progress;
            let (lowest_read, portion_matchers) = (portion.lowest, Arc::clone(matchers));
            let mut scored = on_blocking_thread(move || {
                let candidates = portion.candidates.into_iter();
                let scored = candidates.filter_map(|candidate| {
                    let (query, score) = best_match(&portion_matchers, &candidate.fields())?;
                    Some((candidate, query, total_score(class_index, score)))
                });
                scored.collect::<Vec<_>>()
            })
            .await?;
            scored.retain(|(candidate, _, total)| (*total, candidate.place) < (score, place));
            scored.sort_by(|a, b| b.2.total_cmp(&a.2).then(b.0.place.cmp(&a.0.place)));
            matches.extend(scored.into_iter().map(|(candidate, query, score)| {
                let position = Position(class_index, below, Some(lowest_read), score, candidate.place);
                Match { position, candidate, score, query }
            }));
            if matches.len() >= wanted {
                return Ok((matches, None));
            }
            if lowest_read > 0 {
                (below, lowest, score, place) = (lowest_read, None, ABOVE_ALL_SCORES, lowest_read);
                continue;
            }
        }
        class_index += 1;
        (below, lowest, score, place) = (top, None, ABOVE_ALL_SCORES, top);
        progress = Progress::default();
    }
    Ok((matches, None))
}

/// Returns the index of the query with the best score, and the score.
fn best_match(matchers: &[Matcher], fields: &PassageFields<'_>) -> Option<(usize, f64)> {
    let scores = matchers.iter().map(|matcher| score::score(matcher, fields)).enumerate();
    let scores = scores.filter_map(|(query, score)| Some((query, score?)));
    scores.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
}

/// Runs `work`, which takes some milliseconds, off the async worker threads.
async fn on_blocking_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(|e| Error::internal("a search ended without a result", e))
}

/// Combines class and score into one number from 0 to 1.
fn total_score(class_index: usize, score: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "there are five classes")]
    let (worse, classes) = ((Class::ALL.len() - 1 - class_index) as f64, Class::ALL.len() as f64);
    // Rounded before sorting, so that the order agrees with the response.
    ((worse + score) / classes * 1e6).round() / 1e6
}

/// Returns the query and, if it is pinyin, the queries in Han characters that titles suggest.
async fn pinyin_readings(connection: &AsyncPgConnection, query: &Query, top: i64) -> Result<Vec<Query>, Error> {
    let mut queries = vec![query.clone()];
    if let Some(letters) = query.pinyin() {
        let portion = load_portion(connection, &query::pinyin_tsquery(letters), top, None, Progress::default()).await?;
        for candidate in portion.candidates.iter().take(MAX_PINYIN_CANDIDATES) {
            let Some(part) = pinyin::find_match(&Folded::new(candidate.fields().title), letters) else { continue };
            let reading = Query::new(&part);
            if !queries.contains(&reading) && queries.len() <= MAX_PINYIN_READINGS {
                queries.push(reading);
            }
        }
    }
    Ok(queries)
}

type HitRow = (Card, i64, Option<String>, Option<String>);

/// Loads the cards and sections of matches; `None` if an article was published again since it was matched.
async fn load_hits(
    mut connection: &AsyncPgConnection,
    matches: Vec<Match>,
    matchers: &Arc<[Matcher]>,
) -> Result<Option<Vec<Hit>>, Error> {
    if matches.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let places = matches.iter().map(|found| found.candidate.place);
    let rows: Vec<HitRow> = passages::table
        .inner_join(articles::table)
        .filter(passages::place.eq_any(places))
        .select((Card::as_select(), passages::place, passages::number, passages::anchor))
        .load(&mut connection)
        .await?;
    let matchers = Arc::clone(matchers);
    on_blocking_thread(move || {
        let mut rows: HashMap<i64, HitRow> = rows.into_iter().map(|row| (row.1, row)).collect();
        let hits = matches.into_iter().map(|Match { candidate, score, query, .. }| {
            let (article, _, number, anchor) = rows.remove(&candidate.place)?;
            if (article.id, article.revision) != candidate.article {
                return None;
            }
            let fields = candidate.fields();
            let snippet = snippet::snippet(&matchers[query], &fields);
            let title = fields.heading.to_owned();
            let section = number.zip(anchor).map(|(number, anchor)| HitSection { number, anchor, title });
            Some(Hit { article, section, snippet, score })
        });
        hits.collect()
    })
    .await
}
