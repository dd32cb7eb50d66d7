//! Changing the slug of an article.
//!
//! Invariants: a slug that an article has or had never goes to another article, so redirects have no loops; an article may
//! return to an earlier slug of its own.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{
    PublishTx,
    audit::{AuditAction, AuditEntry},
    transaction::{Change, ChangeKind, ChangedArticle, clock_timestamp},
};
use crate::{
    content::Slug,
    db::schema::{addresses, articles, documents},
    error::Error,
};

impl PublishTx {
    /// Gives an article another slug; every earlier slug redirects to it. Returns the sequence of the change; `None` where
    /// readers see none, because the article has the slug already or is not published.
    ///
    /// Errors: the slug belongs or belonged to another article.
    pub async fn move_article(&mut self, id: Uuid, slug: &Slug) -> Result<Option<i64>, Error> {
        let connection = self.connection();
        let slug = slug.as_str();
        let present: String = documents::table.find(id).select(documents::slug).first(connection).await?;
        if present == slug {
            return Ok(None);
        }
        let user = documents::table.filter(documents::slug.eq(slug)).select(documents::id).first::<Uuid>(connection);
        let user = user.await.optional()?;
        let owner = addresses::table.find(slug).select(addresses::article_id).first::<Uuid>(connection).await;
        if user.is_some() || owner.optional()?.is_some_and(|owner| owner != id) {
            let detail = format!("the slug `{slug}` belongs to another article; choose another slug");
            return Err(Error::Conflict(detail));
        }
        diesel::update(documents::table.find(id)).set(documents::slug.eq(slug)).execute(connection).await?;
        let (subject, detail) = (Some(slug.to_owned()), Some(present));
        let entry = AuditEntry::of_document(AuditAction::Move, id);
        self.audit(AuditEntry { subject, detail, ..entry }).await?;
        let live = diesel::update(articles::table.find(id))
            .set((articles::slug.eq(slug), articles::updated_at.eq(clock_timestamp())))
            .returning((articles::revision, articles::hash))
            .get_result::<(i32, String)>(self.connection())
            .await
            .optional()?;
        // The address of an unpublished article is claimed by its publication.
        let Some((revision, hash)) = live else { return Ok(None) };
        self.claim_address(id, slug).await?;
        let tags = self.article_tags(id).await?.into_iter().collect();
        let article = ChangedArticle::with_same_sections(id, slug.to_owned(), revision, hash);
        Ok(Some(self.record(Change { kind: ChangeKind::Moved, article: Some(article), tags }).await?))
    }
}
