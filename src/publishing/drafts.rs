//! Saving a document as a revision.
//!
//! Invariants: a revision never changes; identical content makes no revision; a document has at most one draft; a slug
//! never passes from one article to another.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{
    PublishTx,
    audit::{AuditAction, AuditEntry},
    revisions::{self as history, Revision, RevisionState},
    sections::{self, KnownSection},
};
use crate::{
    content::{Anchor, Document, Slug, collation, outline},
    db::schema::{addresses, articles, documents, revisions, section_addresses, sections as section_rows},
    error::{Error, FieldError},
};

/// The result of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The id of the document, which is that of its article.
    pub id: Uuid,
    /// The number of the revision with the content.
    pub revision: i32,
    /// The hash of the content.
    pub hash: String,
    /// The effect.
    pub outcome: Outcome,
}

/// The effect of a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new document.
    Created,
    /// A new revision.
    Updated,
    /// None: the latest revision has the same content.
    Unchanged,
}

/// The condition of a write on the present state of its target (RFC 9110 section 13.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Any state.
    Any,
    /// No condition given: enough to create, not enough to update.
    Unspecified,
    /// It exists.
    Exists,
    /// It does not exist.
    NotExists,
    /// It exists with one of these validators.
    OneOf(Vec<String>),
}

impl Precondition {
    /// Checks the condition; `present` is the validator of the target, `None` if it does not exist.
    pub fn check(&self, present: Option<&str>) -> Result<(), Error> {
        let failed = || Error::PreconditionFailed { etag: present.map(str::to_owned) };
        match (self, present) {
            (Precondition::Unspecified, Some(etag)) => Err(Error::PreconditionRequired { etag: etag.to_owned() }),
            (Precondition::OneOf(expected), Some(etag)) if expected.iter().any(|expected| expected == etag) => Ok(()),
            (Precondition::Exists, None) | (Precondition::NotExists, Some(_)) | (Precondition::OneOf(_), _) => {
                Err(failed())
            }
            (Precondition::Any, _)
            | (Precondition::Unspecified | Precondition::NotExists, None)
            | (Precondition::Exists, Some(_)) => Ok(()),
        }
    }
}

/// A document that a slug was claimed for.
struct Claimed {
    id: Uuid,
    state: ClaimState,
}

/// The state of a document before the claim of its slug.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClaimState {
    Missing,
    Deleted,
    Present,
}

impl PublishTx {
    /// Saves `document` as the draft of its slug, unless the latest revision has the same content.
    ///
    /// Errors: a condition that is not met; a slug that leads to another article; an anchor that belongs to another
    /// section.
    pub async fn save_draft(&mut self, document: Document, expected: &Precondition) -> Result<Saved, Error> {
        let subject = Some(document.slug.to_string());
        let saved = self.save_revision(document, expected).await?;
        if saved.outcome != Outcome::Unchanged {
            let revision = Some(saved.revision);
            let entry = AuditEntry::of_document(AuditAction::Save, saved.id);
            self.audit(AuditEntry { subject, revision, ..entry }).await?;
        }
        Ok(saved)
    }

    /// Saves the content of revision `number` as the draft, unless the latest revision has the same content.
    pub async fn restore_revision(&mut self, id: Uuid, number: i32) -> Result<Saved, Error> {
        let old = history::read(self.connection(), id, number).await?;
        let subject = Some(old.document.slug.to_string());
        let saved = self.save_revision(old.document, &Precondition::Exists).await?;
        if saved.outcome != Outcome::Unchanged {
            let (revision, detail) = (Some(saved.revision), Some(format!("revision {number}")));
            let entry = AuditEntry::of_document(AuditAction::Restore, id);
            self.audit(AuditEntry { subject, revision, detail, ..entry }).await?;
        }
        Ok(saved)
    }

    async fn save_revision(&mut self, mut document: Document, expected: &Precondition) -> Result<Saved, Error> {
        let Claimed { id, state } = self.claim_slug(document.slug.as_str()).await?;
        let latest =
            if state == ClaimState::Missing { None } else { Some(history::latest(self.connection(), id).await?) };
        let present = latest.as_ref().filter(|_| state == ClaimState::Present).map(|latest| latest.summary.etag());
        expected.check(present.as_deref())?;
        let known = match &latest {
            Some(latest) => known_sections(self.connection(), id, latest).await?,
            None => Vec::new(),
        };
        let section_ids = sections::identify(&mut document, &known).map_err(|faults| {
            Error::InvalidContent(faults.into_iter().map(|detail| FieldError::body("/sections", detail)).collect())
        })?;
        let hash = outline::document_hash(&document);
        if let Some(latest) = &latest
            && latest.summary.hash == hash
            && state == ClaimState::Present
        {
            return Ok(Saved { id, revision: latest.summary.number, hash, outcome: Outcome::Unchanged });
        }
        let number = latest.as_ref().map_or(1, |latest| latest.summary.number + 1);
        self.insert_draft(id, number, &document, section_ids, &hash).await?;
        let outcome = if state == ClaimState::Present { Outcome::Updated } else { Outcome::Created };
        Ok(Saved { id, revision: number, hash, outcome })
    }

    async fn insert_draft(
        &mut self,
        id: Uuid,
        number: i32,
        document: &Document,
        section_ids: Vec<Uuid>,
        hash: &str,
    ) -> Result<(), Error> {
        let draft =
            revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::state.eq(RevisionState::Draft));
        diesel::update(draft).set(revisions::state.eq(RevisionState::Past)).execute(self.connection()).await?;
        let content = serde_json::to_value(document).map_err(|e| Error::internal("a document cannot be stored", e))?;
        let created_by = self.author.name.clone();
        diesel::insert_into(revisions::table)
            .values((
                revisions::document_id.eq(id),
                revisions::number.eq(number),
                revisions::state.eq(RevisionState::Draft),
                revisions::content.eq(content),
                revisions::section_ids.eq(section_ids),
                revisions::hash.eq(hash),
                revisions::created_by.eq(created_by),
            ))
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Returns the document that has `slug`; a missing one is made, a deleted one is restored.
    async fn claim_slug(&mut self, slug: &str) -> Result<Claimed, Error> {
        let connection = self.connection();
        let owner: Option<(Uuid, String)> = addresses::table
            .inner_join(documents::table.on(documents::id.eq(addresses::article_id)))
            .filter(addresses::slug.eq(slug))
            .select((documents::id, documents::slug))
            .first(connection)
            .await
            .optional()?;
        if let Some((_, present)) = owner.filter(|(_, present)| present != slug) {
            let detail = format!("the slug `{slug}` redirects to the article `{present}`; choose another slug");
            return Err(Error::Conflict(detail));
        }
        let found = documents::table.filter(documents::slug.eq(slug)).select((documents::id, documents::deleted_at));
        let found: Option<(Uuid, Option<DateTime<Utc>>)> = found.first(connection).await.optional()?;
        match found {
            Some((id, None)) => Ok(Claimed { id, state: ClaimState::Present }),
            Some((id, Some(_))) => {
                let restored = documents::deleted_at.eq(None::<DateTime<Utc>>);
                diesel::update(documents::table.find(id)).set(restored).execute(connection).await?;
                Ok(Claimed { id, state: ClaimState::Deleted })
            }
            None => {
                let id = Uuid::now_v7();
                let new = (documents::id.eq(id), documents::slug.eq(slug));
                diesel::insert_into(documents::table).values(new).execute(connection).await?;
                Ok(Claimed { id, state: ClaimState::Missing })
            }
        }
    }

    /// Returns whether the database has no document. The answer stays true for this transaction.
    pub async fn is_library_empty(&mut self) -> Result<bool, Error> {
        let any = diesel::select(dsl::exists(documents::table.select(documents::id)));
        Ok(!any.get_result::<bool>(self.connection()).await?)
    }
}

/// Returns every section that the article has or had, with all its anchors.
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
    // The other references are numbers, which name a position and not a section.
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
        let anchor = anchor.parse().map_err(|e| Error::internal("a stored anchor is not valid", e))?;
        let aliases = aliases.remove(&id).unwrap_or_default();
        known.push(KnownSection { id, anchor, aliases, title, hash, latest: None, published: None });
    }
    Ok(known)
}

/// Returns the slug of the published article with exactly this title, the oldest of several.
pub async fn find_by_title(connection: &mut AsyncPgConnection, title: &str) -> Result<Option<Slug>, Error> {
    let found = articles::table.filter(articles::title_key.eq(collation::key(title))).filter(articles::title.eq(title));
    let slug: Option<String> = found.order(articles::id).select(articles::slug).first(connection).await.optional()?;
    slug.map(|slug| slug.parse().map_err(|e| Error::internal("a stored slug is not valid", e))).transpose()
}

/// Returns the number of documents that are not published.
pub async fn count_unpublished(connection: &mut AsyncPgConnection) -> Result<usize, Error> {
    let count: i64 = documents::table
        .filter(dsl::not(dsl::exists(articles::table.filter(articles::id.eq(documents::id)).select(articles::id))))
        .count()
        .get_result(connection)
        .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}
