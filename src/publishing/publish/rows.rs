//! The rows of a published document: topics, the article and its text, its links, its sections and their addresses.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::BigInt, upsert::excluded};
use diesel_async::RunQueryDsl;
use serde_json::json;
use uuid::Uuid;

use crate::{
    content::{
        Document, Related, Slug,
        body::{self, Body, Format, Part, RENDERER},
        collation, text,
    },
    db::{
        schema::{
            article_bodies, article_topics, articles, links, section_addresses, sections as section_rows, topics,
        },
        statement::Scalar,
    },
    error::Error,
    publishing::{PublishTx, publish::passages::Signature, transaction::clock_timestamp},
};

/// The greatest length, in characters, of a summary that is taken from the lead.
const EXCERPT: usize = 120;

/// The ordinal of a new article. It is unique, because only one transaction at a time holds the publishing lock.
const NEXT_ORDINAL: Scalar<BigInt> = Scalar::new("(select coalesce(max(articles.ordinal), 0) + 1 from articles)");

/// The maximum number of rows of one insert: Postgres takes 65,535 parameters.
const CHUNK: usize = 5_000;

/// The sections that a publication changed.
pub(super) struct SectionChanges {
    /// The ids of new and edited ones.
    pub changed: Vec<Uuid>,
    /// The ids of removed ones.
    pub removed: Vec<Uuid>,
}

#[derive(Clone, Insertable)]
#[diesel(table_name = links)]
struct NewLink {
    article_id: Uuid,
    kind: &'static str,
    position: i32,
    target_slug: Option<String>,
    target_fragment: Option<String>,
    url: Option<String>,
    title: Option<String>,
    reason: Option<String>,
}

impl PublishTx {
    /// Creates the topics that do not exist, named by their slugs; returns whether there were any.
    pub(super) async fn create_missing_topics(&mut self, slugs: &[Slug]) -> Result<bool, Error> {
        let row = |slug: &Slug| {
            let slug = slug.as_str().to_owned();
            (topics::slug.eq(slug.clone()), topics::name.eq(slug), topics::updated_at.eq(clock_timestamp()))
        };
        let rows: Vec<_> = slugs.iter().map(row).collect();
        let insert = diesel::insert_into(topics::table).values(rows).on_conflict_do_nothing();
        Ok(insert.execute(self.connection()).await? > 0)
    }

    /// Writes the article, its text and its topics; returns its ordinal.
    pub(super) async fn write_article(
        &mut self,
        id: Uuid,
        (number, document, hash): (i32, &Document, &str),
        body: &Body,
        likeness: Signature,
    ) -> Result<i64, Error> {
        let names: HashMap<String, String> = topics::table
            .filter(topics::slug.eq_any(document.topics.iter().map(Slug::as_str)))
            .select((topics::slug, topics::name))
            .load::<(String, String)>(self.connection())
            .await?
            .into_iter()
            .collect();
        let topic = |slug: &Slug| json!({"slug": slug.as_str(), "name": names.get(slug.as_str())});
        let characters = text::document_characters(document);
        let row = (
            articles::slug.eq(document.slug.as_str()),
            articles::locale.eq(document.locale.as_str()),
            articles::revision.eq(number),
            articles::title.eq(&document.title),
            articles::title_key.eq(collation::key(&document.title)),
            articles::questions.eq(&document.questions),
            articles::summary.eq(document.summary.clone().or_else(|| text::excerpt(&document.lead, EXCERPT))),
            articles::topics.eq(document.topics.iter().map(topic).collect::<serde_json::Value>()),
            articles::characters.eq(i32::try_from(characters).unwrap_or(i32::MAX)),
            articles::reading_minutes.eq(i32::try_from(text::reading_minutes(document)).unwrap_or(i32::MAX)),
            articles::updated_at.eq(clock_timestamp()),
            articles::hash.eq(hash),
            articles::source.eq(document.source.as_ref().map(|source| json!(source))),
            articles::renderer.eq(RENDERER),
            articles::likeness.eq(likeness),
        );
        let first =
            (articles::id.eq(id), articles::ordinal.eq(NEXT_ORDINAL), articles::published_at.eq(clock_timestamp()));
        let (published_at, ordinal): (DateTime<Utc>, i64) = diesel::insert_into(articles::table)
            .values((first, row.clone()))
            .on_conflict(articles::id)
            .do_update()
            .set(row)
            .returning((articles::published_at, articles::ordinal))
            .get_result(self.connection())
            .await?;
        self.write_body(id, body).await?;
        self.write_topics(id, published_at, &document.topics).await?;
        Ok(ordinal)
    }

    async fn write_body(&mut self, id: Uuid, body: &Body) -> Result<(), Error> {
        let unwritable = |e| Error::internal("a body cannot be written as JSON", e);
        let body_row = (
            article_bodies::toc.eq(serde_json::to_string(&body.toc()).map_err(unwritable)?),
            article_bodies::lead_html.eq(serde_json::to_string(&body.lead(Format::Html)).map_err(unwritable)?),
            article_bodies::sections_html.eq(serde_json::to_string(&body.sections(Format::Html)).map_err(unwritable)?),
            article_bodies::content.eq(serde_json::to_string(body).map_err(unwritable)?),
        );
        diesel::insert_into(article_bodies::table)
            .values((article_bodies::article_id.eq(id), body_row.clone()))
            .on_conflict(article_bodies::article_id)
            .do_update()
            .set(body_row)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    async fn write_topics(&mut self, id: Uuid, published_at: DateTime<Utc>, topics: &[Slug]) -> Result<(), Error> {
        diesel::delete(article_topics::table.filter(article_topics::article_id.eq(id)))
            .execute(self.connection())
            .await?;
        let rows: Vec<_> = (1..)
            .zip(topics)
            .map(|(position, slug)| {
                (
                    article_topics::article_id.eq(id),
                    article_topics::topic_slug.eq(slug.as_str()),
                    article_topics::position.eq(position),
                    article_topics::published_at.eq(published_at),
                )
            })
            .collect();
        diesel::insert_into(article_topics::table).values(rows).execute(self.connection()).await?;
        Ok(())
    }

    /// Replaces the links of an article.
    pub(super) async fn write_links(&mut self, id: Uuid, document: &Document) -> Result<(), Error> {
        diesel::delete(links::table.filter(links::article_id.eq(id))).execute(self.connection()).await?;
        let none = NewLink {
            article_id: id,
            kind: "editorial",
            position: 0,
            target_slug: None,
            target_fragment: None,
            url: None,
            title: None,
            reason: None,
        };
        let editorial = document.related.iter().cloned().map(|related| match related {
            Related::Article { article, reason } => {
                NewLink { target_slug: Some(article.into()), reason, ..none.clone() }
            }
            Related::External { url, title, reason } => {
                NewLink { url: Some(url), title: Some(title), reason, ..none.clone() }
            }
        });
        let linked = body::linked_articles(document).into_iter().map(|(slug, target_fragment)| NewLink {
            kind: "linked",
            target_slug: Some(slug.into()),
            target_fragment,
            ..none.clone()
        });
        let rows: Vec<_> =
            (1..).zip(editorial.chain(linked)).map(|(position, link)| NewLink { position, ..link }).collect();
        for chunk in rows.chunks(CHUNK) {
            diesel::insert_into(links::table).values(chunk).execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Writes the sections of an article and their addresses.
    ///
    /// Errors: an anchor that belongs to another section.
    pub(super) async fn write_sections(&mut self, id: Uuid, body: &Body) -> Result<SectionChanges, Error> {
        let before: HashMap<Uuid, String> = section_rows::table
            .filter(section_rows::article_id.eq(id))
            .filter(section_rows::removed_at.is_null())
            .select((section_rows::id, section_rows::hash))
            .load::<(Uuid, String)>(self.connection())
            .await?
            .into_iter()
            .collect();
        let mut parts = Vec::new();
        collect(&body.sections, &mut parts);
        // An anchor stays with the section that had it first.
        let mut owners: HashMap<String, Uuid> = section_addresses::table
            .filter(section_addresses::article_id.eq(id))
            .select((section_addresses::reference, section_addresses::section_id))
            .load::<(String, Uuid)>(self.connection())
            .await?
            .into_iter()
            .collect();
        let mut owner = |part: &&&Part| *owners.entry(part.heading.anchor.to_string()).or_insert(part.heading.id);
        if let Some(part) = parts.iter().find(|part| owner(part) != part.heading.id) {
            return Err(Error::Conflict(format!("the anchor `{}` belongs to another section", part.heading.anchor)));
        }
        let mut removed: Vec<Uuid> = before.keys().copied().collect();
        removed.retain(|id| !parts.iter().any(|part| part.heading.id == *id));
        removed.sort_unstable();
        let changed = parts.iter().filter(|part| before.get(&part.heading.id) != Some(&part.hash));
        let changed = changed.map(|part| part.heading.id).collect();
        self.write_section_rows(id, &parts, &removed).await?;
        self.write_section_addresses(id, &parts).await?;
        Ok(SectionChanges { changed, removed })
    }

    async fn write_section_rows(&mut self, id: Uuid, parts: &[&Part], removed: &[Uuid]) -> Result<(), Error> {
        diesel::update(section_rows::table.filter(section_rows::id.eq_any(removed)))
            .set(section_rows::removed_at.eq(clock_timestamp().nullable()))
            .execute(self.connection())
            .await?;
        let rows: Vec<_> = parts
            .iter()
            .map(|part| {
                (
                    section_rows::id.eq(part.heading.id),
                    section_rows::article_id.eq(id),
                    section_rows::anchor.eq(part.heading.anchor.as_str()),
                    section_rows::title.eq(&part.heading.title),
                    section_rows::hash.eq(&part.hash),
                    section_rows::removed_at.eq(None::<DateTime<Utc>>),
                )
            })
            .collect();
        for chunk in rows.chunks(CHUNK) {
            diesel::insert_into(section_rows::table)
                .values(chunk)
                .on_conflict(section_rows::id)
                .do_update()
                .set((
                    section_rows::anchor.eq(excluded(section_rows::anchor)),
                    section_rows::title.eq(excluded(section_rows::title)),
                    section_rows::hash.eq(excluded(section_rows::hash)),
                    section_rows::removed_at.eq(excluded(section_rows::removed_at)),
                ))
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    async fn write_section_addresses(&mut self, id: Uuid, parts: &[&Part]) -> Result<(), Error> {
        let address = |section: &Uuid, reference: &str| {
            (
                section_addresses::article_id.eq(id),
                section_addresses::reference.eq(reference.to_owned()),
                section_addresses::section_id.eq(*section),
            )
        };
        // A number always refers to the section that has it now.
        let numbers: Vec<_> = parts.iter().map(|part| address(&part.heading.id, &part.heading.number)).collect();
        for chunk in numbers.chunks(CHUNK) {
            diesel::insert_into(section_addresses::table)
                .values(chunk)
                .on_conflict((section_addresses::article_id, section_addresses::reference))
                .do_update()
                .set(section_addresses::section_id.eq(excluded(section_addresses::section_id)))
                .execute(self.connection())
                .await?;
        }
        let anchors: Vec<_> =
            parts.iter().map(|part| address(&part.heading.id, part.heading.anchor.as_str())).collect();
        for chunk in anchors.chunks(CHUNK) {
            diesel::insert_into(section_addresses::table)
                .values(chunk)
                .on_conflict_do_nothing()
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }
}

/// Lists sections in reading order.
fn collect<'a>(parts: &'a [Part], into: &mut Vec<&'a Part>) {
    for part in parts {
        into.push(part);
        collect(&part.children, into);
    }
}
