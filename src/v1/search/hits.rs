//! From a query to its hits: class by class, portion by portion.

use std::{collections::HashMap, sync::Arc};

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{
    Hit, HitSection, SearchQuery,
    candidates::{Candidate, Seen, portion, top},
};
use crate::{
    content::search::{
        Class, Matcher, PassageFields, Query,
        fold::Folded,
        pinyin,
        query::{self, class_tsquery},
        score, snippet,
    },
    db::schema::{articles, passages},
    error::Error,
    v1::{
        articles::published::{MAX_ATTEMPTS, attempts_exhausted},
        card::Card,
    },
};

/// A position in the list: the place of the class, the portion (from the lowest place that it was looked for at, where that is
/// known, to below a place), and in it the score and the place of the last hit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Position(usize, i64, Option<i64>, f64, i64);

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
pub(super) async fn hits(
    connection: &AsyncPgConnection,
    asked: &SearchQuery,
    after: Option<Position>,
    limit: usize,
) -> Result<(Vec<Hit>, Option<Position>), Error> {
    if asked.query.is_empty() {
        return Ok((Vec::new(), None));
    }
    for _ in 0..MAX_ATTEMPTS {
        let top = top(connection).await?;
        let queries = with_sound(connection, &asked.query, top).await?;
        let matchers: Arc<[Matcher]> = queries.iter().map(Matcher::new).collect();
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
    Err(attempts_exhausted())
}

/// At least `wanted` candidates that answer, after a position, in order; where there are not so many, the position from
/// which on nothing was read, if anything is left.
async fn find(
    connection: &AsyncPgConnection,
    (queries, matchers): (&[Query], &Arc<[Matcher]>),
    (within, top): (&str, i64),
    after: Position,
    wanted: usize,
) -> Result<(Vec<Found>, Option<Position>), Error> {
    let Position(mut place_of_class, below, mut lowest, mut score, mut place) = after;
    // A forged position leads nowhere far.
    let mut below = below.min(top);
    let mut found = Vec::new();
    let (mut read, mut seen) = (0, Seen::default());
    while let Some(class) = Class::ALL.get(place_of_class) {
        let condition = class_tsquery(queries, *class).filter(|_| below > 0);
        if let Some(condition) = condition {
            if read == PORTIONS {
                return Ok((found, Some(Position(place_of_class, below, lowest, score, place))));
            }
            read += 1;
            let portion = portion(connection, &format!("{condition}{within}"), below, lowest, seen).await?;
            seen = portion.seen;
            let (lowest_read, portion_matchers) = (portion.lowest, Arc::clone(matchers));
            let mut answering = aside(move || {
                let candidates = portion.candidates.into_iter();
                let scored = candidates.filter_map(|candidate| {
                    let (by, own) = best(&portion_matchers, &candidate.fields())?;
                    Some((candidate, by, joined(place_of_class, own)))
                });
                scored.collect::<Vec<_>>()
            })
            .await?;
            answering.retain(|(candidate, _, own)| (*own, candidate.place) < (score, place));
            answering.sort_by(|a, b| b.2.total_cmp(&a.2).then(b.0.place.cmp(&a.0.place)));
            found.extend(answering.into_iter().map(|(candidate, by, score)| {
                let position = Position(place_of_class, below, Some(lowest_read), score, candidate.place);
                Found { position, candidate, score, by }
            }));
            if found.len() >= wanted {
                return Ok((found, None));
            }
            if lowest_read > 0 {
                (below, lowest, score, place) = (lowest_read, None, BEST, lowest_read);
                continue;
            }
        }
        place_of_class += 1;
        (below, lowest, score, place) = (top, None, BEST, top);
        seen = Seen::default();
    }
    Ok((found, None))
}

/// Which of the queries a passage answers best, and how well.
fn best(matchers: &[Matcher], fields: &PassageFields<'_>) -> Option<(usize, f64)> {
    let scores = matchers.iter().map(|matcher| score::score(matcher, fields)).enumerate();
    let scores = scores.filter_map(|(by, score)| Some((by, score?)));
    scores.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
}

/// Compares texts on a thread of its own: it may take some milliseconds, and others wait for this one.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(|e| Error::internal("a search ended without a result", e))
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
    if let Some(letters) = asked.pinyin() {
        let heard = portion(connection, &query::pinyin_tsquery(letters), top, None, Seen::default()).await?;
        for candidate in heard.candidates.iter().take(HEARD) {
            let Some(part) = pinyin::find_match(&Folded::new(candidate.fields().title), letters) else { continue };
            let query = Query::new(&part);
            if !queries.contains(&query) && queries.len() <= READINGS {
                queries.push(query);
            }
        }
    }
    Ok(queries)
}

type Shown = (Card, i64, Option<String>, Option<String>);

/// What is found as it is shown, each hit of one revision of its article; `None` where one changed since it was found.
async fn show(
    mut connection: &AsyncPgConnection,
    found: Vec<Found>,
    matchers: &Arc<[Matcher]>,
) -> Result<Option<Vec<Hit>>, Error> {
    if found.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let places = found.iter().map(|found| found.candidate.place);
    let rows: Vec<Shown> = passages::table
        .inner_join(articles::table)
        .filter(passages::place.eq_any(places))
        .select((Card::as_select(), passages::place, passages::number, passages::anchor))
        .load(&mut connection)
        .await?;
    let matchers = Arc::clone(matchers);
    aside(move || {
        let mut rows: HashMap<i64, Shown> = rows.into_iter().map(|row| (row.1, row)).collect();
        let shown = found.into_iter().map(|Found { candidate, score, by, .. }| {
            let (article, _, number, anchor) = rows.remove(&candidate.place)?;
            if (article.id, article.revision) != candidate.article {
                return None;
            }
            let fields = candidate.fields();
            let snippet = snippet::snippet(&matchers[by], &fields);
            let section = number.zip(anchor).map(|(number, anchor)| HitSection {
                number,
                anchor,
                title: fields.heading.to_owned(),
            });
            Some(Hit { article, section, snippet, score })
        });
        shown.collect()
    })
    .await
}
