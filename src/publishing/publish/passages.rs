//! Writes the search index of a published document: passages, completions, likeness.

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
use diesel_async::RunQueryDsl;
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
    publishing::PublishTx,
};

diesel::define_sql_function! {
    /// Returns terms as a `tsvector` without positions.
    fn array_to_tsvector(terms: Array<Text>) -> sql_types::Tsvector;
}

/// A likeness signature, stored as `bit(n)`.
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

/// The maximum number of rows of one insert.
const CHUNK: usize = 500;

impl PublishTx {
    /// Writes the passages of an article that changed.
    pub(super) async fn write_passages(&mut self, id: Uuid, ordinal: i64, indexed: ArticleIndex) -> Result<(), Error> {
        let first = ordinal << SECTION_BITS;
        // Sections beyond the last index can be read, but search does not find them.
        let places = first..first + (1 << SECTION_BITS);
        let blocks = [Bucket::Small.term(ordinal), Bucket::Large.term(ordinal)];
        let made = places.clone().zip(indexed.passages).map(|(place, mut passage)| {
            passage.terms.extend(blocks.iter().cloned());
            (place, digest(&passage), passage)
        });
        let made: Vec<_> = made.collect();
        let end = made.last().map_or(first, |(place, ..)| place + 1);
        let gone = passages::table.filter(passages::article_id.eq(id)).filter(passages::place.ge(end));
        diesel::delete(gone).execute(self.connection()).await?;
        let stored = passages::table.filter(passages::article_id.eq(id)).select((passages::place, passages::digest));
        let stored: HashMap<i64, Vec<u8>> =
            stored.load::<(i64, Vec<u8>)>(self.connection()).await?.into_iter().collect();
        let changed = made.into_iter().filter(|(place, digest, _)| stored.get(place).is_none_or(|old| old != digest));
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
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// Replaces the completions of an article's title and questions.
    pub(super) async fn write_completions(&mut self, id: Uuid, document: &Document) -> Result<(), Error> {
        diesel::delete(completions::table.filter(completions::article_id.eq(id))).execute(self.connection()).await?;
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
            diesel::insert_into(completions::table).values(chunk).execute(self.connection()).await?;
        }
        Ok(())
    }
}

/// Returns a digest of all columns of a passage.
fn digest(passage: &Passage) -> Vec<u8> {
    let mut hash = Sha256::new();
    let (number, anchor, heading) = passage.section.clone().unwrap_or_default();
    let texts = [&number, &anchor, &heading, &passage.lead, &passage.text].into_iter().chain(&passage.terms);
    for text in texts {
        hash.update(text);
        // This byte is in no UTF-8 text.
        hash.update([0xFF]);
    }
    hash.finalize().to_vec()
}
