//! A document becomes a revision.
//!
//! What must hold: a revision never changes; identical content makes none; a document has one draft at most; the slug
//! of one article is never taken by another.

use std::collections::{HashMap, HashSet};

use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{
    hold, publish,
    sections::{self, Known},
};
use crate::{
    content::{Anchor, Document, Slug, collation, outline},
    db::schema::{addresses, articles, documents, revisions, section_addresses, sections as section_rows},
    error::{Error, Fault},
};

/// What saving a document came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The document's (and article's) id.
    pub id: Uuid,
    /// The revision that holds the content.
    pub revision: i32,
    /// The content's hash.
    pub hash: String,
    /// What was done.
    pub outcome: Outcome,
}

/// What was done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there before.
    Created,
    /// It has a new revision.
    Updated,
    /// Its latest revision has this very content.
    Unchanged,
}

/// The latest revision of a document.
#[derive(Queryable)]
struct Latest {
    number: i32,
    content: serde_json::Value,
    section_ids: Vec<Uuid>,
    hash: String,
}

/// Saves `document` as the draft of its slug, unless the latest revision has that very content. Must run in a
/// transaction.
pub async fn save(connection: &mut AsyncPgConnection, mut document: Document, author: &str) -> Result<Saved, Error> {
    hold(connection).await?;
    let (id, created) = claim(connection, document.slug.as_str()).await?;
    let latest: Option<Latest> = if created {
        None
    } else {
        revisions::table
            .filter(revisions::document_id.eq(id))
            .order(revisions::number.desc())
            .select((revisions::number, revisions::content, revisions::section_ids, revisions::hash))
            .first(connection)
            .await
            .optional()?
    };
    let known = known_sections(connection, id, latest.as_ref()).await?;
    let section_ids = sections::identify(&mut document, &known).map_err(|faults| {
        Error::InvalidContent(
            faults
                .into_iter()
                .map(|detail| Fault { parameter: None, pointer: Some("/sections".into()), detail })
                .collect(),
        )
    })?;
    let hash = outline::document_hash(&document);
    if let Some(latest) = &latest
        && latest.hash == hash
    {
        return Ok(Saved { id, revision: latest.number, hash, outcome: Outcome::Unchanged });
    }
    let number = latest.as_ref().map_or(1, |latest| latest.number + 1);
    diesel::update(revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::state.eq("draft")))
        .set(revisions::state.eq("past"))
        .execute(connection)
        .await?;
    let content = serde_json::to_value(&document).map_err(|e| Error::internal("a document cannot be stored", e))?;
    diesel::insert_into(revisions::table)
        .values((
            revisions::document_id.eq(id),
            revisions::number.eq(number),
            revisions::state.eq("draft"),
            revisions::content.eq(content),
            revisions::section_ids.eq(section_ids),
            revisions::hash.eq(&hash),
            revisions::created_by.eq(author),
        ))
        .execute(connection)
        .await?;
    let outcome = if latest.is_none() { Outcome::Created } else { Outcome::Updated };
    Ok(Saved { id, revision: number, hash, outcome })
}

/// The document that has `slug`; made if there is none.
async fn claim(connection: &mut AsyncPgConnection, slug: &str) -> Result<(Uuid, bool), Error> {
    let owner: Option<(Uuid, String)> = addresses::table
        .inner_join(documents::table.on(documents::id.eq(addresses::article_id)))
        .filter(addresses::slug.eq(slug))
        .select((documents::id, documents::slug))
        .first(connection)
        .await
        .optional()?;
    if let Some((_, present)) = owner.filter(|(_, present)| present != slug) {
        return Err(Error::Conflict(format!("`{slug}` is an earlier slug of the article `{present}` and leads to it")));
    }
    let new = Uuid::now_v7();
    let made = diesel::insert_into(documents::table)
        .values((documents::id.eq(new), documents::slug.eq(slug)))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    let id = documents::table.filter(documents::slug.eq(slug)).select(documents::id).first(connection).await?;
    Ok((id, made == 1))
}

/// Every section that the article has or had, with all its anchors.
async fn known_sections(
    connection: &mut AsyncPgConnection,
    article: Uuid,
    latest: Option<&Latest>,
) -> Result<Vec<Known>, Error> {
    let Some(latest) = latest else { return Ok(Vec::new()) };
    let rows: Vec<(Uuid, String, String, String)> = section_rows::table
        .filter(section_rows::article_id.eq(article))
        .order(section_rows::id)
        .select((section_rows::id, section_rows::anchor, section_rows::title, section_rows::hash))
        .load(connection)
        .await?;
    let references: Vec<(String, Uuid)> = section_addresses::table
        .filter(section_addresses::article_id.eq(article))
        .select((section_addresses::reference, section_addresses::section_id))
        .load(connection)
        .await?;
    let document: Document = serde_json::from_value(latest.content.clone())
        .map_err(|e| Error::internal("a stored revision cannot be read", e))?;

    let mut aliases: HashMap<Uuid, Vec<Anchor>> = HashMap::new();
    // A reference that is no anchor is a number, which belongs to a place and not to a section.
    for (anchor, id) in references.iter().filter_map(|(text, id)| Some((text.parse::<Anchor>().ok()?, id))) {
        aliases.entry(*id).or_default().push(anchor);
    }
    let mut known = sections::present(&document, &latest.section_ids);
    let live = articles::table.find(article).filter(articles::revision.ne(latest.number)).select(articles::revision);
    if let Some(live) = live.first(connection).await.optional()? {
        let (document, ids, _) = publish::revision(connection, article, live).await?;
        sections::add_other(&mut known, &document, &ids);
    }
    for section in &mut known {
        section.aliases.extend(aliases.remove(&section.id).unwrap_or_default());
    }
    let present: HashSet<Uuid> = known.iter().map(|section| section.id).collect();
    for (id, anchor, title, hash) in rows.into_iter().filter(|(id, ..)| !present.contains(id)) {
        let anchor = anchor.parse().map_err(|e| Error::internal("a stored anchor", e))?;
        let aliases = aliases.remove(&id).unwrap_or_default();
        known.push(Known { id, anchor, aliases, title, hash, latest: None, other: None });
    }
    Ok(known)
}

/// Whether there is no document at all. Keeps every other transaction from publishing until this one ends, so that the
/// answer stays true for what this one publishes.
pub async fn claim_empty(connection: &mut AsyncPgConnection) -> Result<bool, Error> {
    hold(connection).await?;
    let any: bool = diesel::select(dsl::exists(documents::table.select(documents::id))).get_result(connection).await?;
    Ok(!any)
}

/// The article that is published under exactly this title, if there is one; the oldest of several.
pub async fn titled(connection: &mut AsyncPgConnection, title: &str) -> Result<Option<Slug>, Error> {
    let found = articles::table.filter(articles::title_key.eq(collation::key(title))).filter(articles::title.eq(title));
    let slug: Option<String> = found.order(articles::id).select(articles::slug).first(connection).await.optional()?;
    slug.map(|slug| slug.parse().map_err(|e| Error::internal("a stored slug", e))).transpose()
}

/// How many documents are not published.
pub async fn count_unpublished(connection: &mut AsyncPgConnection) -> Result<usize, Error> {
    let count: i64 = documents::table
        .filter(dsl::not(dsl::exists(articles::table.filter(articles::id.eq(documents::id)).select(articles::id))))
        .count()
        .get_result(connection)
        .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}
