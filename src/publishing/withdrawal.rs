//! Withdrawing an article, which a publication undoes, and deleting it, which also removes it from the list of drafts.
//!
//! Invariants: the transaction removes the article from every list, recommendation and link; every address that it ever
//! had returns 410 with the reason; its slugs stay reserved; its scheduled publication is cancelled.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{
    PublishTx,
    audit::{AuditAction, AuditEntry},
    revisions::RevisionState,
    transaction::{Change, ChangeKind, ChangedArticle, clock_timestamp},
};
use crate::{
    db::schema::{addresses, articles, changes, documents, revisions, withdrawals},
    error::Error,
};

/// The public reason of a deletion.
const DELETED: &str = "本文已删除。";

/// A change that took an article away from readers, or gave another reason for it.
struct Removal {
    slug: String,
    revision: i32,
    sequence: i64,
}

impl PublishTx {
    /// Withdraws an article: its addresses return 410 with `reason`. Returns the sequence of the change; `None` where the
    /// article is withdrawn for the same reason already.
    ///
    /// Errors: the article was never published.
    pub async fn withdraw(&mut self, id: Uuid, reason: &str) -> Result<Option<i64>, Error> {
        // Also where the reason stays the same: a publication that was scheduled since must not bring the article back.
        self.cancel_schedule(id).await?;
        let Some(removal) = self.remove(id, reason, ChangeKind::Withdrawn).await? else { return Ok(None) };
        let (subject, revision) = (Some(removal.slug), Some(removal.revision));
        let entry = AuditEntry::of_document(AuditAction::Withdraw, id);
        self.audit(AuditEntry { subject, revision, detail: Some(reason.to_owned()), ..entry }).await?;
        Ok(Some(removal.sequence))
    }

    /// Deletes an article. One that was never published is removed with its history, and its slug is free. One that was
    /// published returns 410; saving a draft under its slug restores it with its history.
    pub async fn delete_article(&mut self, id: Uuid) -> Result<(), Error> {
        let slug: String = documents::table.find(id).select(documents::slug).first(self.connection()).await?;
        self.cancel_schedule(id).await?;
        let entry = AuditEntry::of_document(AuditAction::Delete, id);
        self.audit(AuditEntry { subject: Some(slug), ..entry }).await?;
        let published = addresses::table.filter(addresses::article_id.eq(id)).select(addresses::slug);
        if published.first::<String>(self.connection()).await.optional()?.is_none() {
            diesel::delete(documents::table.find(id)).execute(self.connection()).await?;
            return Ok(());
        }
        diesel::update(documents::table.find(id))
            .set(documents::deleted_at.eq(clock_timestamp().nullable()))
            .execute(self.connection())
            .await?;
        self.remove(id, DELETED, ChangeKind::Deleted).await?;
        Ok(())
    }

    /// Removes a published article, or replaces the reason of a removed one; `None` where nothing changes.
    async fn remove(&mut self, id: Uuid, reason: &str, kind: ChangeKind) -> Result<Option<Removal>, Error> {
        let live = articles::table.find(id).select((articles::slug, articles::revision, articles::hash));
        match live.first::<(String, i32, String)>(self.connection()).await.optional()? {
            Some(article) => self.remove_published(id, article, reason, kind).await.map(Some),
            None => self.replace_reason(id, reason, kind).await,
        }
    }

    async fn remove_published(
        &mut self,
        id: Uuid,
        article: (String, i32, String),
        reason: &str,
        kind: ChangeKind,
    ) -> Result<Removal, Error> {
        let tags = self.article_tags(id).await?.into_iter().collect();
        let connection = self.connection();
        diesel::delete(articles::table.find(id)).execute(connection).await?;
        let live =
            revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::state.eq(RevisionState::Live));
        diesel::update(live).set(revisions::state.eq(RevisionState::Past)).execute(connection).await?;
        diesel::insert_into(withdrawals::table)
            .values((
                withdrawals::article_id.eq(id),
                withdrawals::reason.eq(reason),
                withdrawals::withdrawn_at.eq(clock_timestamp()),
            ))
            .execute(connection)
            .await?;
        self.record_removal(id, article, kind, tags).await
    }

    async fn replace_reason(&mut self, id: Uuid, reason: &str, kind: ChangeKind) -> Result<Option<Removal>, Error> {
        let connection = self.connection();
        let old = withdrawals::table.find(id).select(withdrawals::reason).first::<String>(connection).await;
        let old = old.optional()?.ok_or_else(|| {
            Error::Conflict("the article was never published, so it cannot be withdrawn; delete it instead".into())
        })?;
        if old == reason {
            return Ok(None);
        }
        diesel::update(withdrawals::table.find(id)).set(withdrawals::reason.eq(reason)).execute(connection).await?;
        // The last public state: later edits are not public.
        let last = changes::table.filter(changes::article_id.eq(id)).order(changes::sequence.desc());
        let columns =
            (changes::slug.assume_not_null(), changes::revision.assume_not_null(), changes::hash.assume_not_null());
        let article = last.select(columns).first::<(String, i32, String)>(connection).await?;
        let tags = vec![format!("article:{id}"), "articles".to_owned()];
        self.record_removal(id, article, kind, tags).await.map(Some)
    }

    async fn record_removal(
        &mut self,
        id: Uuid,
        (slug, revision, hash): (String, i32, String),
        kind: ChangeKind,
        tags: Vec<String>,
    ) -> Result<Removal, Error> {
        let article = Some(ChangedArticle::with_same_sections(id, slug.clone(), revision, hash));
        let sequence = self.record(Change { kind, article, tags }).await?;
        Ok(Removal { slug, revision, sequence })
    }
}
