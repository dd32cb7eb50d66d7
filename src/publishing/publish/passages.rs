//! A document as search finds it: its passages, what completes to it, and what it is like.

use std::{
    collections::{BTreeSet, HashMap},
    io::Write,
};

use diesel::{
    pg::Pg,
    prelude::*,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{Array, Text},
    upsert::excluded,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    content::{
        Document,
        search::{
            completion, minhash,
            terms::{ArticleIndex, Bucket, Passage, SECTION_BITS},
        },
    },
    db::schema::{completions, passages, sql_types},
    error::Error,
};

diesel::define_sql_function! {
    /// Terms as Postgres keeps them, without places.
    fn array_to_tsvector(terms: Array<Text>) -> sql_types::Tsvector;
}

/// A signature as Postgres keeps it.
#[derive(Debug, Clone, Copy, diesel::expression::AsExpression)]
#[diesel(sql_type = sql_types::Bit)]
pub(super) struct Signature(pub [u8; minhash::BITS / 8]);

impl ToSql<sql_types::Bit, Pg> for Signature {
    /// The binary form of `bit(n)`: the number of bits, and the bits.
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let length = i32::try_from(minhash::BITS)?;
        out.write_all(&length.to_be_bytes())?;
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}

/// The most rows of one insert.
const CHUNK: usize = 500;

/// Brings what search finds of an article up to date.
pub(super) async fn write_passages(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    ordinal: i64,
    indexed: ArticleIndex,
) -> Result<(), Error> {
    let first = ordinal << SECTION_BITS;
    // More sections than places: the last ones are not found, and readable all the same.
    let places = first..first + (1 << SECTION_BITS);
    let blocks = [Bucket::Small.term(ordinal), Bucket::Large.term(ordinal)];
    let made = places.clone().zip(indexed.passages).map(|(place, mut passage)| {
        passage.terms.extend(blocks.iter().cloned());
        (place, digest(&passage), passage)
    });
    let made: Vec<_> = made.collect();
    let end = made.last().map_or(first, |(place, ..)| place + 1);
    let gone = passages::table.filter(passages::article_id.eq(id)).filter(passages::place.ge(end));
    diesel::delete(gone).execute(connection).await?;
    let there = passages::table.filter(passages::article_id.eq(id)).select((passages::place, passages::digest));
    let there: HashMap<i64, Vec<u8>> = there.load::<(i64, Vec<u8>)>(connection).await?.into_iter().collect();
    let changed = made.into_iter().filter(|(place, digest, _)| there.get(place).is_none_or(|old| old != digest));
    let rows: Vec<_> = changed
        .map(|(place, digest, passage)| {
            let (number, anchor, heading) = match passage.section {
                Some((number, anchor, heading)) => (Some(number), Some(anchor), Some(heading)),
                None => (None, None, None),
            };
            (
                passages::place.eq(place),
                passages::article_id.eq(id),
                passages::number.eq(number),
                passages::anchor.eq(anchor),
                passages::heading.eq(heading),
                passages::lead.eq(passage.lead),
                passages::text.eq(passage.text),
                passages::terms.eq(array_to_tsvector(passage.terms)),
                passages::digest.eq(digest),
            )
        })
        .collect();
    for chunk in rows.chunks(CHUNK) {
        diesel::insert_into(passages::table)
            .values(chunk)
            .on_conflict(passages::place)
            .do_update()
            .set((
                passages::number.eq(excluded(passages::number)),
                passages::anchor.eq(excluded(passages::anchor)),
                passages::heading.eq(excluded(passages::heading)),
                passages::lead.eq(excluded(passages::lead)),
                passages::text.eq(excluded(passages::text)),
                passages::terms.eq(excluded(passages::terms)),
                passages::digest.eq(excluded(passages::digest)),
            ))
            .execute(connection)
            .await?;
    }
    Ok(())
}

fn digest(passage: &Passage) -> Vec<u8> {
    let mut hash = Sha256::new();
    let (number, anchor, heading) = passage.section.clone().unwrap_or_default();
    let texts = [&number, &anchor, &heading, &passage.lead, &passage.text].into_iter().chain(&passage.terms);
    for text in texts {
        hash.update(text);
        // Stands in no text.
        hash.update([0xFF]);
    }
    hash.finalize().to_vec()
}

/// Brings what completes to an article's title and questions up to date.
pub(super) async fn write_completions(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    document: &Document,
) -> Result<(), Error> {
    diesel::delete(completions::table.filter(completions::article_id.eq(id))).execute(connection).await?;
    let lines = std::iter::once(&document.title).chain(&document.questions);
    let keys: BTreeSet<_> = (0_i16..)
        .zip(lines)
        .flat_map(|(line, text)| completion::keys(text).into_iter().map(move |(by, key)| (by.rank(), key, line)))
        .collect();
    let rows: Vec<_> = keys
        .into_iter()
        .map(|(rank, key, line)| {
            (
                completions::rank.eq(rank),
                completions::key.eq(key),
                completions::article_id.eq(id),
                completions::line.eq(line),
            )
        })
        .collect();
    for chunk in rows.chunks(CHUNK) {
        diesel::insert_into(completions::table).values(chunk).execute(connection).await?;
    }
    Ok(())
}
