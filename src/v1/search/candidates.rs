//! The passages that may answer a query, the newest articles first, in portions.
//!
//! What must hold: what is read is bounded however large the library is and however common a word. The index can tell which
//! passages have a term, all of them or none; so each has also the terms of the blocks of articles that it is in, and the
//! library is walked block by block from the newest article until a portion is full: by large blocks where what was read says
//! that many small ones would be needed.

use diesel::{
    dsl,
    prelude::*,
    sql_types::{Array, BigInt, Integer, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::{
    content::search::{
        PassageFields,
        query::term_tsquery,
        terms::{Bucket, SECTION_BITS},
    },
    db::{
        schema::passages,
        statement::{Bind, Statement},
    },
    error::Error,
};

/// How many passages are compared with a query at once: a portion.
pub const PORTION: usize = 200;

/// Up to how many small blocks are read one by one, where so many seem to be needed; a large block costs about as much as
/// eight.
const FEW: i64 = 8;

/// How much text is compared with a query at once, in bytes: a portion ends before 200 passages where they are long.
const TEXT: usize = 192 << 10;

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

    /// How long its text is, in bytes.
    fn length(&self) -> usize {
        self.lead.len() + self.text.len()
    }

    /// What it is compared by. The first of an article stands for its questions, too.
    #[must_use]
    pub fn fields(&self) -> PassageFields<'_> {
        let is_first = self.place & ((1 << SECTION_BITS) - 1) == 0;
        PassageFields {
            title: &self.title,
            questions: if is_first { &self.questions } else { &[] },
            heading: &self.heading,
            lead: &self.lead,
            text: &self.text,
        }
    }
}

/// What was found so far of what a query finds, and in how many articles: it says how far to look for more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    found: usize,
    walked: i64,
}

/// A portion of the passages that may answer.
#[derive(Debug)]
pub struct Portion {
    /// The passages, the newest first.
    pub candidates: Vec<Candidate>,
    /// The lowest place that they were looked for at; 0 where there are no more below.
    pub lowest: i64,
    /// What was seen up to there.
    pub seen: Seen,
}

/// Above every place that is taken.
pub async fn top(mut connection: &AsyncPgConnection) -> Result<i64, Error> {
    let last: Option<i64> = passages::table.select(dsl::max(passages::place)).first(&mut connection).await?;
    Ok(last.map_or(0, |last| last + 1))
}

/// The passages that `query`, a `tsquery`, finds from `lowest` up to `below`: all of them where `lowest` is given, else a
/// portion. `before` is what was seen above `below`.
pub async fn portion(
    connection: &AsyncPgConnection,
    query: &str,
    below: i64,
    lowest: Option<i64>,
    before: Seen,
) -> Result<Portion, Error> {
    let mut below = below;
    let (bottom, most, text) = match lowest {
        // The portion that was read before; what came to it since, if anything, is of it, too.
        Some(lowest) => (lowest, 2 * PORTION, usize::MAX),
        None => (0, PORTION, TEXT),
    };
    let mut read = 0;
    let top = (below - 1) >> SECTION_BITS;
    let mut candidates: Vec<Candidate> = Vec::new();
    let seen = |candidates: &[Candidate], lowest: i64| Seen {
        found: before.found + candidates.len(),
        walked: before.walked + top - ((lowest - 1) >> SECTION_BITS),
    };
    while below > bottom {
        let newest = (below - 1) >> SECTION_BITS;
        let block = seen(&candidates, below).pace(most - candidates.len());
        let terms = [query.to_owned(), term_tsquery(&block.term(newest))];
        let from = ((newest / block.articles() * block.articles()) << SECTION_BITS).max(bottom);
        let found = fetch(connection, terms, (below, from), most - candidates.len(), text - read).await?;
        read += found.iter().map(Candidate::length).sum::<usize>();
        candidates.extend(found);
        if candidates.len() >= most || read >= text {
            let lowest = candidates.last().map_or(from, |last| last.place);
            let seen = seen(&candidates, lowest);
            return Ok(Portion { candidates, lowest, seen });
        }
        below = from;
    }
    let seen = seen(&candidates, bottom);
    Ok(Portion { candidates, lowest: bottom, seen })
}

impl Seen {
    /// The next block to look in for so many more.
    fn pace(self, wanted: usize) -> Bucket {
        let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (small, found) = (Bucket::Small.articles(), whole(self.found));
        // A few articles say nothing of the rest.
        let unknown = self.walked < small / 2;
        if unknown || whole(wanted).saturating_mul(self.walked) <= FEW.saturating_mul(found).saturating_mul(small) {
            Bucket::Small
        } else {
            Bucket::Large
        }
    }
}

async fn fetch(
    mut connection: &AsyncPgConnection,
    [query, block]: [String; 2],
    (below, lowest): (i64, i64),
    most: usize,
    text: usize,
) -> Result<Vec<Candidate>, Error> {
    let given = vec![
        ("query", Bind::Text(Some(query))),
        ("block", Bind::Text(Some(block))),
        ("below", Bind::Integer(Some(below))),
        ("lowest", Bind::Integer(Some(lowest))),
        ("fetch", Bind::Integer(i64::try_from(most).ok())),
        ("text", Bind::Integer(Some(i64::try_from(text).unwrap_or(i64::MAX)))),
    ];
    let rows: Vec<Row> = Statement::<Columns>::new(include_str!("candidates.sql"), given).load(&mut connection).await?;
    Ok(rows.into_iter().map(Candidate::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_what_was_found() {
        let pace = |found, walked, wanted| Seen { found, walked }.pace(wanted);
        assert_eq!(pace(0, 0, 200), Bucket::Small);
        assert_eq!(pace(100, 3, 100), Bucket::Small, "three articles say nothing");
        assert_eq!(pace(0, 1024, 200), Bucket::Large);
        assert_eq!(pace(55, 1024, 145), Bucket::Small, "three more are enough");
        assert_eq!(pace(10, 1024, 190), Bucket::Large, "nineteen would be needed");
    }
}
