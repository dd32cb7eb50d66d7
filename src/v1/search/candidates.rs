//! Loads candidate passages, the newest articles first, in portions.
//!
//! The work is bounded for a library of any size and for any word. A GIN index returns either all passages of a term or
//! none, so each passage also has the terms of the buckets of articles that contain it. The search reads bucket by
//! bucket from the newest article until a portion is full, with large buckets if many small ones would be needed.

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

/// Greatest number of passages of a portion.
const PORTION_PASSAGES: usize = 200;

/// Cost of a large bucket, in small buckets.
const SMALL_BUCKETS_PER_LARGE: i64 = 8;

/// Greatest size of the text of a portion, in bytes; portions of long passages have fewer passages.
const PORTION_BYTES: usize = 192 << 10;

/// A passage that may match the query.
#[derive(Debug)]
pub struct Candidate {
    /// The order of the passage: later articles have greater values.
    pub place: i64,
    /// The id and the revision of its article.
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

    /// Returns the size of its text in bytes.
    fn length(&self) -> usize {
        self.lead.len() + self.text.len()
    }

    /// Returns the texts to match. The first passage of an article also has the questions.
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

/// The progress of a search: candidates found, and articles read. It determines the size of the next bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    candidates: usize,
    articles: i64,
}

/// A portion of candidates.
#[derive(Debug)]
pub struct Portion {
    /// The candidates, the newest first.
    pub candidates: Vec<Candidate>,
    /// The lowest `passages.place` that was read; 0 at the end.
    pub lowest: i64,
    /// The progress including this portion.
    pub progress: Progress,
}

/// Returns a value above every `passages.place`.
pub async fn load_top(mut connection: &AsyncPgConnection) -> Result<i64, Error> {
    let last: Option<i64> = passages::table.select(dsl::max(passages::place)).first(&mut connection).await?;
    Ok(last.map_or(0, |last| last + 1))
}

/// Loads the candidates for `query`, a `tsquery`, from `lowest` up to `below`: all of them if `lowest` is given, else a
/// portion. `before` is the progress above `below`.
pub async fn load_portion(
    connection: &AsyncPgConnection,
    query: &str,
    below: i64,
    lowest: Option<i64>,
    before: Progress,
) -> Result<Portion, Error> {
    let mut below = below;
    let (bottom, most, text) = match lowest {
        // A portion that was read before, with later additions.
        Some(lowest) => (lowest, 2 * PORTION_PASSAGES, usize::MAX),
        None => (0, PORTION_PASSAGES, PORTION_BYTES),
    };
    let mut bytes = 0;
    let top = (below - 1) >> SECTION_BITS;
    let mut candidates: Vec<Candidate> = Vec::new();
    let progress = |candidates: &[Candidate], lowest: i64| Progress {
        candidates: before.candidates + candidates.len(),
        articles: before.articles + top - ((lowest - 1) >> SECTION_BITS),
    };
    while below > bottom {
        let newest = (below - 1) >> SECTION_BITS;
        let bucket = progress(&candidates, below).next_bucket(most - candidates.len());
        let terms = [query.to_owned(), term_tsquery(&bucket.term(newest))];
        let from = ((newest / bucket.articles() * bucket.articles()) << SECTION_BITS).max(bottom);
        let found = fetch(connection, terms, (below, from), most - candidates.len(), text - bytes).await?;
        bytes += found.iter().map(Candidate::length).sum::<usize>();
        candidates.extend(found);
        if candidates.len() >= most || bytes >= text {
            let lowest = candidates.last().map_or(from, |last| last.place);
            let progress = progress(&candidates, lowest);
            return Ok(Portion { candidates, lowest, progress });
        }
        below = from;
    }
    let progress = progress(&candidates, bottom);
    Ok(Portion { candidates, lowest: bottom, progress })
}

impl Progress {
    /// Returns the bucket to read next for `wanted` more candidates.
    fn next_bucket(self, wanted: usize) -> Bucket {
        let integer = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (small, found) = (Bucket::Small.articles(), integer(self.candidates));
        // A few articles are too small a sample.
        let is_unknown = self.articles < small / 2;
        if is_unknown
            || integer(wanted).saturating_mul(self.articles)
                <= SMALL_BUCKETS_PER_LARGE.saturating_mul(found).saturating_mul(small)
        {
            Bucket::Small
        } else {
            Bucket::Large
        }
    }
}

async fn fetch(
    mut connection: &AsyncPgConnection,
    [query, bucket]: [String; 2],
    (below, lowest): (i64, i64),
    most: usize,
    text: usize,
) -> Result<Vec<Candidate>, Error> {
    let binds = vec![
        ("query", Bind::Text(Some(query))),
        ("bucket", Bind::Text(Some(bucket))),
        ("below", Bind::Integer(Some(below))),
        ("lowest", Bind::Integer(Some(lowest))),
        ("fetch", Bind::Integer(i64::try_from(most).ok())),
        ("text", Bind::Integer(Some(i64::try_from(text).unwrap_or(i64::MAX)))),
    ];
    let rows: Vec<Row> = Statement::<Columns>::new(include_str!("candidates.sql"), binds).load(&mut connection).await?;
    Ok(rows.into_iter().map(Candidate::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_size_follows_the_density_of_candidates() {
        let next = |candidates, articles, wanted| Progress { candidates, articles }.next_bucket(wanted);
        assert_eq!(next(0, 0, 200), Bucket::Small);
        assert_eq!(next(100, 3, 100), Bucket::Small, "three articles are no sample");
        assert_eq!(next(0, 1024, 200), Bucket::Large);
        assert_eq!(next(55, 1024, 145), Bucket::Small, "three more are enough");
        assert_eq!(next(10, 1024, 190), Bucket::Large, "nineteen would be needed");
    }
}
