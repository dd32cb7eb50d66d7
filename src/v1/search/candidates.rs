//! The passages that may answer a query, the newest articles first, in portions.
//!
//! What must hold: what is read is bounded however large the library is and however common a word. The index can tell which
//! passages have a term, all of them or none; so each has also the terms of the blocks of articles that it is in, and the
//! library is walked block by block from the newest article until a portion is full: by large blocks where what was read says
//! that a large block has little.

use diesel::{
    dsl,
    prelude::*,
    sql_types::{Array, BigInt, Integer, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::{
    content::search::{
        Fields,
        query::of_term,
        terms::{Block, SECTION_BITS},
    },
    db::{
        schema::passages,
        statement::{Bind, Statement},
    },
    error::Error,
};

/// How many passages are compared with a query at once: a portion.
pub const PORTION: usize = 200;

/// What counts as little: so many passages are read in a few milliseconds.
const LITTLE: f64 = 20_000.0;

/// A passage that may answer.
#[derive(Debug)]
pub struct Candidate {
    /// Its place.
    pub place: i64,
    /// Its article, and which revision of it this is.
    pub article: (Uuid, i32),
    /// The slug of its article.
    pub slug: String,
    title: String,
    questions: Vec<String>,
    heading: String,
    lead: String,
    text: String,
}

type Columns = (BigInt, SqlUuid, Integer, Text, Text, Array<Text>, Text, Text, Text);
type Row = (i64, Uuid, i32, String, String, Vec<String>, String, String, String);

impl Candidate {
    fn new((place, id, revision, slug, title, questions, heading, lead, text): Row) -> Candidate {
        Candidate { place, article: (id, revision), slug, title, questions, heading, lead, text }
    }

    /// Whether it is the first of its article.
    #[must_use]
    pub fn is_first(&self) -> bool {
        is_first(self.place)
    }

    /// What it is compared by.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            title: &self.title,
            questions: if self.is_first() { &self.questions } else { &[] },
            heading: &self.heading,
            lead: &self.lead,
            text: &self.text,
        }
    }
}

/// Whether a passage at this place is the first of its article.
#[must_use]
pub fn is_first(place: i64) -> bool {
    place & ((1 << SECTION_BITS) - 1) == 0
}

/// A portion of the passages that may answer.
#[derive(Debug)]
pub struct Portion {
    /// The passages, the newest first.
    pub candidates: Vec<Candidate>,
    /// The lowest place that they were looked for at; 0 where there are no more below.
    pub lowest: i64,
}

/// Above every place that is taken.
pub async fn top(mut connection: &AsyncPgConnection) -> Result<i64, Error> {
    let last: Option<i64> = passages::table.select(dsl::max(passages::place)).first(&mut connection).await?;
    Ok(last.map_or(0, |last| last + 1))
}

/// The passages that `query`, a `tsquery`, finds from `lowest` up to `below`: all of them where `lowest` is given, else a
/// portion.
pub async fn portion(
    connection: &AsyncPgConnection,
    query: &str,
    below: i64,
    lowest: Option<i64>,
) -> Result<Portion, Error> {
    let mut below = below;
    let (bottom, most) = match lowest {
        // The portion that was read before; what came to it since, if anything, is of it, too.
        Some(lowest) => (lowest, 2 * PORTION),
        None => (0, PORTION),
    };
    let top = (below - 1) >> SECTION_BITS;
    let mut candidates: Vec<Candidate> = Vec::new();
    while below > bottom {
        let newest = (below - 1) >> SECTION_BITS;
        let block = pace(candidates.len(), top - newest);
        let asked = format!("({query}) & {}", of_term(&block.term(newest)));
        let from = ((newest / block.articles() * block.articles()) << SECTION_BITS).max(bottom);
        let found = fetch(connection, asked, below, from, most - candidates.len()).await?;
        candidates.extend(found);
        if candidates.len() >= most {
            let lowest = candidates.last().map_or(from, |last| last.place);
            return Ok(Portion { candidates, lowest });
        }
        below = from;
    }
    Ok(Portion { candidates, lowest: bottom })
}

/// The next block, after `found` passages in `walked` articles.
fn pace(found: usize, walked: i64) -> Block {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let in_large = found as f64 / walked.max(1) as f64 * Block::Large.articles() as f64;
    // A few articles say nothing of the rest.
    if walked < Block::Small.articles() / 2 || in_large > LITTLE { Block::Small } else { Block::Large }
}

async fn fetch(
    mut connection: &AsyncPgConnection,
    query: String,
    below: i64,
    lowest: i64,
    most: usize,
) -> Result<Vec<Candidate>, Error> {
    let given = vec![
        ("query", Bind::Text(Some(query))),
        ("below", Bind::Integer(Some(below))),
        ("lowest", Bind::Integer(Some(lowest))),
        ("fetch", Bind::Integer(i64::try_from(most).ok())),
    ];
    let rows: Vec<Row> = Statement::<Columns>::new(include_str!("candidates.sql"), given).load(&mut connection).await?;
    Ok(rows.into_iter().map(Candidate::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_what_was_found() {
        assert_eq!(pace(0, 0), Block::Small);
        assert_eq!(pace(100, 3), Block::Small, "three articles say nothing");
        assert_eq!(pace(0, 1024), Block::Large);
        assert_eq!(pace(199, 1024), Block::Large, "3,000 are to be expected");
        assert_eq!(pace(9_000, 1024), Block::Small, "144,000 are to be expected");
    }
}
