//! A document becomes a revision.
//!
//! What must hold: a revision never changes; identical content makes none; a document has one draft at most; the slug
//! of one article is never taken by another.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{
    Author,
    audit::{self, AuditEntry},
    hold,
    revisions::{self as history, Revision},
    sections::{self, KnownSection},
};
use crate::{
    content::{Anchor, Document, Slug, collation, outline},
    db::schema::{addresses, articles, documents, revisions, section_addresses, sections as section_rows},
    error::{Error, FieldError},
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

impl Saved {
    /// The validator of the document as it is now.
    #[must_use]
    pub fn etag(&self) -> String {
        history::etag(self.revision, &self.hash)
    }
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

/// What a writer believes of the document that is about to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever it is: for whoever is alone, as an import is.
    Whatever,
    /// Nothing was said: right for what is new only.
    Unsaid,
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// It is there, and one of these is its validator.
    OneOf(Vec<String>),
}

impl Precondition {
    /// Whether that is so of a document with this validator, or of none.
    pub fn check(&self, present: Option<&str>) -> Result<(), Error> {
        let failed = || Error::PreconditionFailed { etag: present.map(str::to_owned) };
        match (self, present) {
            (Precondition::Unsaid, Some(etag)) => Err(Error::PreconditionRequired { etag: etag.to_owned() }),
            (Precondition::OneOf(known), Some(etag)) if known.iter().any(|known| known == etag) => Ok(()),
            (Precondition::Present, None) | (Precondition::Absent, Some(_)) | (Precondition::OneOf(_), _) => {
                Err(failed())
            }
            (Precondition::Whatever, _)
            | (Precondition::Unsaid | Precondition::Absent, None)
            | (Precondition::Present, Some(_)) => Ok(()),
        }
    }
}

/// Saves `document` as the draft of its slug, unless the latest revision has that very content. Must run in a
/// transaction.
///
/// Errors: what is not as expected; a slug that leads to another article; an anchor that belongs to another section.
pub async fn save(
    connection: &mut AsyncPgConnection,
    document: Document,
    author: &Author,
    expected: &Precondition,
) -> Result<Saved, Error> {
    let subject = Some(document.slug.to_string());
    let saved = keep(connection, document, author, expected).await?;
    if saved.outcome != Outcome::Unchanged {
        let act =
            AuditEntry { document: Some(saved.id), subject, revision: Some(saved.revision), ..AuditEntry::new("save") };
        audit::write(connection, author, act).await?;
    }
    Ok(saved)
}

/// The same without a word in the audit.
pub(super) async fn keep(
    connection: &mut AsyncPgConnection,
    mut document: Document,
    author: &Author,
    expected: &Precondition,
) -> Result<Saved, Error> {
    hold(connection).await?;
    let Claimed { id, outcome } = claim(connection, document.slug.as_str()).await?;
    let latest = if outcome == Claim::Made { None } else { Some(history::latest(connection, id).await?) };
    let present = latest.as_ref().filter(|_| outcome == Claim::Present).map(|latest| latest.summary.etag());
    expected.check(present.as_deref())?;
    let known = match &latest {
        Some(latest) => known_sections(connection, id, latest).await?,
        None => Vec::new(),
    };
    let section_ids = sections::identify(&mut document, &known).map_err(|faults| {
        Error::InvalidContent(faults.into_iter().map(|detail| FieldError::body("/sections", detail)).collect())
    })?;
    let hash = outline::document_hash(&document);
    if let Some(latest) = &latest
        && latest.summary.hash == hash
        && outcome == Claim::Present
    {
        return Ok(Saved { id, revision: latest.summary.number, hash, outcome: Outcome::Unchanged });
    }
    let number = latest.as_ref().map_or(1, |latest| latest.summary.number + 1);
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
            revisions::created_by.eq(&author.name),
        ))
        .execute(connection)
        .await?;
    let outcome = if outcome == Claim::Present { Outcome::Updated } else { Outcome::Created };
    Ok(Saved { id, revision: number, hash, outcome })
}

/// The document that a slug was claimed for.
struct Claimed {
    id: Uuid,
    outcome: Claim,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// There was none.
    Made,
    /// It had been deleted, and is back.
    Back,
    /// It was there.
    Present,
}

/// The document that has `slug`; made if there is none.
async fn claim(connection: &mut AsyncPgConnection, slug: &str) -> Result<Claimed, Error> {
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
    let found = documents::table.filter(documents::slug.eq(slug)).select((documents::id, documents::deleted_at));
    let found: Option<(Uuid, Option<DateTime<Utc>>)> = found.first(connection).await.optional()?;
    match found {
        Some((id, None)) => Ok(Claimed { id, outcome: Claim::Present }),
        Some((id, Some(_))) => {
            let back = diesel::update(documents::table.find(id));
            back.set(documents::deleted_at.eq(None::<DateTime<Utc>>)).execute(connection).await?;
            Ok(Claimed { id, outcome: Claim::Back })
        }
        None => {
            let id = Uuid::now_v7();
            let new = (documents::id.eq(id), documents::slug.eq(slug));
            diesel::insert_into(documents::table).values(new).execute(connection).await?;
            Ok(Claimed { id, outcome: Claim::Made })
        }
    }
}

/// Every section that the article has or had, with all its anchors.
async fn known_sections(
    connection: &mut AsyncPgConnection,
    article: Uuid,
    latest: &Revision,
) -> Result<Vec<KnownSection>, Error> {
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
    let mut aliases: HashMap<Uuid, Vec<Anchor>> = HashMap::new();
    // A reference that is no anchor is a number, which belongs to a place and not to a section.
    for (anchor, id) in references.iter().filter_map(|(text, id)| Some((text.parse::<Anchor>().ok()?, id))) {
        aliases.entry(*id).or_default().push(anchor);
    }
    let mut known = sections::latest_sections(&latest.document, &latest.section_ids);
    let newest = latest.summary.number;
    let live = articles::table.find(article).filter(articles::revision.ne(newest)).select(articles::revision);
    if let Some(live) = live.first(connection).await.optional()? {
        let live = history::read(connection, article, live).await?;
        sections::add_published(&mut known, &live.document, &live.section_ids);
    }
    for section in &mut known {
        section.aliases.extend(aliases.remove(&section.id).unwrap_or_default());
    }
    let present: HashSet<Uuid> = known.iter().map(|section| section.id).collect();
    for (id, anchor, title, hash) in rows.into_iter().filter(|(id, ..)| !present.contains(id)) {
        let anchor = anchor.parse().map_err(|e| Error::internal("a stored anchor", e))?;
        let aliases = aliases.remove(&id).unwrap_or_default();
        known.push(KnownSection { id, anchor, aliases, title, hash, latest: None, published: None });
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
