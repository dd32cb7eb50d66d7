//! Documents as rows, as if each had been published once: in everything that search, suggestions, related reading and an
//! article's own answer are read from. The editors' half holds no more than what these refer to, and sections and their
//! addresses, which answers above do not read, are left out.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use lectern::content::{
    Document, Related,
    body::{Body, Format, RENDERER},
    collation, outline,
    search::{
        completion,
        terms::{self, Bucket, SECTION_BITS},
    },
    text,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    copy::Rows,
    generator::{Generator, SECTIONS},
};
use crate::Failure;

/// Each table with its columns, in the order in which rows are written.
pub const TABLES: [(&str, &str); 9] = [
    ("documents", "id, slug, created_at"),
    ("revisions", "document_id, number, state, content, section_ids, hash, created_by, created_at"),
    (
        "articles",
        "id, slug, locale, revision, title, title_key, questions, summary, topics, characters, reading_minutes,
        published_at, updated_at, hash, renderer, ordinal, likeness",
    ),
    ("article_bodies", "article_id, toc, lead_html, sections_html, content"),
    ("article_topics", "article_id, topic_slug, position, published_at"),
    ("addresses", "slug, article_id"),
    ("links", "article_id, kind, position, target_slug"),
    ("passages", "place, article_id, number, anchor, heading, lead, text, terms, digest"),
    ("completions", "rank, key, article_id, line"),
];

/// The rows of a number of articles, for each of [`TABLES`].
pub type Batch = [Rows; TABLES.len()];

/// How far articles are apart.
const APART: Duration = Duration::minutes(7);

/// What each article's rows depend on besides its document.
pub struct Writer<'a> {
    pub generator: &'a Generator,
    pub articles: u64,
    /// The ordinal of the first.
    pub first: i64,
    pub now: DateTime<Utc>,
}

impl Writer<'_> {
    /// The articles from `from` on up to `to`.
    pub fn batch(&self, from: u64, to: u64) -> Result<Batch, Failure> {
        let mut batch: Batch = std::array::from_fn(|_| Rows::new());
        for n in from..to {
            self.write(&mut batch, n, &self.generator.article(n)?)?;
        }
        Ok(batch)
    }

    fn write(&self, batch: &mut Batch, n: u64, document: &Document) -> Result<(), Failure> {
        let [documents, revisions, articles, bodies, article_topics, addresses, links, passages, completions] = batch;
        let id = id(n, 0);
        let slug = document.slug.as_str();
        let ordinal = self.first + i64::try_from(n)?;
        let at = self.now - APART * i32::try_from(self.articles - n)?;
        let hash = outline::document_hash(document);
        let section_ids: Vec<Uuid> = (1..=SECTIONS).map(|place| self::id(n, place)).collect();
        let body = Body::new(document, &section_ids);
        let indexed = terms::index(document);

        documents.row(3).uuid(id).text(slug).time(at);
        // An array without elements: no dimensions, no flags, of uuids.
        let none: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0B, 0x86];
        revisions.row(8).uuid(id).integer(1).text("live").jsonb("{}").raw(&none).text(&hash).text("bench").time(at);
        let topics: Vec<_> = document.topics.iter().map(|slug| json!({"slug": slug, "name": slug})).collect();
        articles.row(17).uuid(id).text(slug).text(document.locale.as_str()).integer(1).text(&document.title);
        articles.text(&collation::key(&document.title)).texts(&document.questions);
        articles.text(document.summary.as_deref().unwrap_or_default()).jsonb(&serde_json::to_string(&topics)?);
        articles.integer(i32::try_from(text::document_characters(document))?);
        articles.integer(i32::try_from(text::reading_minutes(document))?);
        articles.time(at).time(at).text(&hash).integer(RENDERER).bigint(ordinal).bits(&indexed.signature);
        bodies.row(5).uuid(id).text(&serde_json::to_string(&body.toc())?);
        bodies.text(&serde_json::to_string(&body.lead(Format::Html))?);
        bodies.text(&serde_json::to_string(&body.sections(Format::Html))?).text(&serde_json::to_string(&body)?);
        for (position, topic) in (1..).zip(&document.topics) {
            article_topics.row(4).uuid(id).text(topic.as_str()).integer(position).time(at);
        }
        addresses.row(2).text(slug).uuid(id);
        for (position, related) in (1..).zip(&document.related) {
            if let Related::Article { article, .. } = related {
                links.row(4).uuid(id).text("editorial").integer(position).text(article.as_str());
            }
        }
        for (place, mut passage) in (ordinal << SECTION_BITS..).zip(indexed.passages) {
            passage.terms.extend([Bucket::Small.term(ordinal), Bucket::Large.term(ordinal)]);
            let (number, anchor, heading) = passage.section.ok_or("an article without sections was generated")?;
            passages.row(9).bigint(place).uuid(id).text(&number).text(&anchor).text(&heading);
            // Nothing is published anew here, so nothing asks whether the digest is the right one.
            passages.text(&passage.lead).text(&passage.text).terms(&passage.terms).raw(&id.as_bytes().repeat(2));
        }
        let lines = (0_i16..).zip(std::iter::once(&document.title).chain(&document.questions));
        let keys: BTreeSet<_> = lines
            .flat_map(|(line, text)| completion::keys(text).into_iter().map(move |(by, key)| (by.rank(), key, line)))
            .collect();
        for (rank, key, line) in keys {
            completions.row(4).smallint(rank).text(&key).uuid(id).smallint(line);
        }
        Ok(())
    }
}

/// The identity of an article (`part` 0) or of one of its sections: ascending, as those that are made in turn are.
fn id(n: u64, part: u64) -> Uuid {
    let version = 0x0190_0000_0000_7000_8000_u128 << 48;
    Uuid::from_u128(version | u128::from(n) << 8 | u128::from(part))
}
