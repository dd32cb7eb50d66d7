//! Publishing a revision.
//!
//! Invariants: a publication is one transaction with one row in the change log; a reader sees the revision before or the
//! one after, never parts of both; every address that was ever public answers as the contract says.
//!
//! - `rows`: the article, its text, links and sections.
//! - `passages`: the rows that search reads.

mod passages;
mod rows;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use self::{passages::Signature, rows::SectionChanges};
use super::{
    Author, PublishTx,
    audit::{AuditAction, AuditEntry},
    revisions::{self as history, Revision, RevisionState},
    sections,
    transaction::{Change, ChangeKind, ChangedArticle},
};
use crate::{
    content::{
        Document,
        body::{Body, RENDERER},
        search::terms,
    },
    db::{
        Db,
        schema::{addresses, article_topics, articles, links, revisions, withdrawals},
    },
    error::Error,
};

impl PublishTx {
    /// Publishes revision `number`, and returns the sequence of the change; `None` if it is published already. A schedule of
    /// this revision or an earlier one is removed.
    ///
    /// Errors: no such revision; a slug or an anchor that belongs to another article or section.
    pub async fn publish(&mut self, id: Uuid, number: i32) -> Result<Option<i64>, Error> {
        self.discard_schedule(id, number).await?;
        let (sequence, slug) = self.write_published(id, number).await?;
        if sequence.is_some() {
            let (subject, revision) = (Some(slug), Some(number));
            let entry = AuditEntry::of_document(AuditAction::Publish, id);
            self.audit(AuditEntry { subject, revision, ..entry }).await?;
        }
        Ok(sequence)
    }

    /// Writes the published rows of a revision; returns the sequence of the change, if there is one, and the slug.
    pub(super) async fn write_published(&mut self, id: Uuid, number: i32) -> Result<(Option<i64>, String), Error> {
        let Revision { summary, document, section_ids } = history::read(self.connection(), id, number).await?;
        let hash = summary.hash;
        let slug = document.slug.to_string();
        let before = articles::table
            .find(id)
            .select((articles::revision, articles::renderer, articles::hash, articles::updated_at))
            .first::<(i32, i32, String, DateTime<Utc>)>(self.connection())
            .await
            .optional()?;
        if before.as_ref().is_some_and(|(revision, renderer, ..)| (*revision, *renderer) == (number, RENDERER)) {
            return Ok((None, slug));
        }
        self.check_latest_stays_publishable(id, number, (&document, &section_ids)).await?;
        let body = Body::new(&document, &section_ids);
        let mut tags = self.article_tags(id).await?;

        self.set_live(id, number).await?;
        if self.create_missing_topics(&document.topics).await? {
            tags.insert("topics".to_owned());
        }
        let indexed = terms::index(&document);
        let likeness = Signature(indexed.signature);
        let ordinal = self.write_article(id, (number, &document, &hash), &body, likeness).await?;
        self.write_passages(id, ordinal, indexed).await?;
        self.write_completions(id, &document).await?;
        // Rendering the same content again is no update.
        if let Some((.., at)) = before.as_ref().filter(|(_, _, old, _)| *old == hash) {
            let row = diesel::update(articles::table.find(id)).set(articles::updated_at.eq(at));
            row.execute(self.connection()).await?;
        }
        self.write_links(id, &document).await?;
        let SectionChanges { changed, removed } = self.write_sections(id, &body).await?;
        self.claim_address(id, &slug).await?;
        diesel::delete(withdrawals::table.find(id)).execute(self.connection()).await?;

        tags.extend(self.article_tags(id).await?);
        let kind = if before.is_some() { ChangeKind::Updated } else { ChangeKind::Published };
        let article = ChangedArticle::with_same_sections(id, slug.clone(), number, hash);
        let article = Some(ChangedArticle { changed_sections: changed, removed_sections: removed, ..article });
        let sequence = self.record(Change { kind, article, tags: tags.into_iter().collect() }).await?;
        Ok((Some(sequence), slug))
    }

    /// Refuses an older revision that would permanently reserve an anchor that the latest revision gives to another
    /// section. Otherwise the latest revision could never be published.
    async fn check_latest_stays_publishable(
        &mut self,
        id: Uuid,
        number: i32,
        this: (&Document, &[Uuid]),
    ) -> Result<(), Error> {
        let newer = revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::number.gt(number));
        let latest: Option<i32> = newer.select(dsl::max(revisions::number)).first(self.connection()).await?;
        let Some(latest) = latest else { return Ok(()) };
        let Revision { document, section_ids, .. } = history::read(self.connection(), id, latest).await?;
        match sections::find_contested_anchor(this, (&document, &section_ids)) {
            Some(anchor) => Err(Error::Conflict(format!(
                "the latest revision, {latest}, gives the anchor `{anchor}` to another section than revision {number}; \
                 publish the latest revision, or change the anchor in it"
            ))),
            None => Ok(()),
        }
    }

    async fn set_live(&mut self, id: Uuid, number: i32) -> Result<(), Error> {
        let connection = self.connection();
        let of = revisions::table.filter(revisions::document_id.eq(id));
        let live = of.filter(revisions::state.eq(RevisionState::Live));
        diesel::update(live).set(revisions::state.eq(RevisionState::Past)).execute(connection).await?;
        let this = revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::number.eq(number));
        diesel::update(this).set(revisions::state.eq(RevisionState::Live)).execute(connection).await?;
        Ok(())
    }

    /// Reserves a slug for an article permanently. Errors: it belongs to another article.
    pub(super) async fn claim_address(&mut self, id: Uuid, slug: &str) -> Result<(), Error> {
        diesel::insert_into(addresses::table)
            .values((addresses::slug.eq(slug), addresses::article_id.eq(id)))
            .on_conflict_do_nothing()
            .execute(self.connection())
            .await?;
        let owner = addresses::table.find(slug).select(addresses::article_id).first::<Uuid>(self.connection()).await?;
        if owner == id {
            return Ok(());
        }
        Err(Error::Conflict(format!("the slug `{slug}` belongs to another article; move this article first")))
    }

    /// Returns the tags of all responses that show an article as it is now: its own, those of the lists and its topics, and
    /// those of the articles that it links to or that link to it.
    pub(super) async fn article_tags(&mut self, id: Uuid) -> Result<BTreeSet<String>, Error> {
        let connection = self.connection();
        let mut tags = BTreeSet::from(["articles".to_owned(), format!("article:{id}")]);
        let of = article_topics::table.filter(article_topics::article_id.eq(id)).select(article_topics::topic_slug);
        tags.extend(of.load::<String>(connection).await?.into_iter().map(|slug| format!("topic:{slug}")));
        let own = addresses::table.filter(addresses::article_id.eq(id)).select(addresses::slug);
        let linking = links::table.filter(links::target_slug.eq_any(own.load::<String>(connection).await?));
        let linking: Vec<Uuid> = linking.select(links::article_id).distinct().load(connection).await?;
        let linked: Vec<Uuid> = links::table
            .inner_join(addresses::table.on(links::target_slug.eq(addresses::slug.nullable())))
            .filter(links::article_id.eq(id))
            .select(addresses::article_id)
            .distinct()
            .load(connection)
            .await?;
        tags.extend(linking.iter().chain(&linked).map(|id| format!("article:{id}")));
        Ok(tags)
    }

    /// Renders the live revision of an article again if an older renderer made its rows; returns whether it did.
    async fn rebuild_article(&mut self, id: Uuid) -> Result<bool, Error> {
        let stale = articles::table.find(id).filter(articles::renderer.ne(RENDERER)).select(articles::revision);
        let Some(revision) = stale.first(self.connection()).await.optional()? else { return Ok(false) };
        let (sequence, _) = self.write_published(id, revision).await?;
        Ok(sequence.is_some())
    }
}

/// Renders articles again if an older renderer wrote their rows, each in its own transaction, and returns their number.
pub async fn rebuild(db: &Db) -> Result<usize, Error> {
    let stale = articles::table.filter(articles::renderer.ne(RENDERER)).select(articles::id);
    let stale: Vec<Uuid> = stale.load(&mut db.write().await?).await?;
    let author = Author::local("rebuild");
    let mut count = 0;
    for id in stale {
        let (rebuilt, _) = PublishTx::run(db, &author, async |tx| tx.rebuild_article(id).await).await?;
        count += usize::from(rebuilt);
    }
    Ok(count)
}

/// Returns the id and the live revision of every published article, by slug.
pub async fn published(connection: &mut AsyncPgConnection) -> Result<Vec<(Uuid, i32)>, Error> {
    Ok(articles::table.order(articles::slug).select((articles::id, articles::revision)).load(connection).await?)
}
