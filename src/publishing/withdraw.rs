//! An article goes: withdrawn, it can be published again; deleted, it is no longer among the editors' articles either.
//!
//! What must hold: in the transaction in which it goes it is gone from every list, every recommendation and every link;
//! every address that it ever had answers 410 with the reason from then on; its slugs stay its own. What is scheduled for
//! it does not bring it back.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{
    Author, Change, Changed,
    audit::{self, AuditEntry},
    clock_timestamp, hold,
    publish::tags_of,
    record, schedule,
};
use crate::{
    db::schema::{addresses, articles, changes, documents, revisions, withdrawals},
    error::Error,
};

/// What readers of an article that was deleted are told.
const DELETED: &str = "本文已删除。";

/// Takes an article away from readers; its addresses answer 410 with `reason` from then on. `None` where that is what
/// they do. Must run in a transaction.
///
/// Errors: an article that was never published.
pub async fn withdraw(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    reason: &str,
    author: &Author,
) -> Result<Option<i64>, Error> {
    hold(connection).await?;
    // Before anything else: where the reason stays the same, what was scheduled since must not bring it back either.
    schedule::cancel(connection, id, author).await?;
    let gone = match take_away(connection, id, reason, "withdrawn").await? {
        Some(gone) => gone,
        None => match explain_anew(connection, id, reason, "withdrawn").await? {
            Some(gone) => gone,
            None => return Ok(None),
        },
    };
    let act = AuditEntry {
        document: Some(id),
        subject: Some(gone.slug),
        revision: Some(gone.revision),
        detail: Some(reason.to_owned()),
        ..AuditEntry::new("withdraw")
    };
    audit::write(connection, author, act).await?;
    Ok(Some(gone.sequence))
}

/// Deletes an article. What was never published is gone with its history, and its slug is free; what was published answers
/// 410, and a draft that is saved under its slug later goes on with its history. Must run in a transaction.
pub async fn delete(connection: &mut AsyncPgConnection, id: Uuid, author: &Author) -> Result<(), Error> {
    hold(connection).await?;
    let slug: String = documents::table.find(id).select(documents::slug).first(connection).await?;
    schedule::cancel(connection, id, author).await?;
    let act = AuditEntry { document: Some(id), subject: Some(slug), ..AuditEntry::new("delete") };
    audit::write(connection, author, act).await?;
    let published = addresses::table.filter(addresses::article_id.eq(id)).select(addresses::slug);
    if published.first::<String>(connection).await.optional()?.is_none() {
        diesel::delete(documents::table.find(id)).execute(connection).await?;
        return Ok(());
    }
    diesel::update(documents::table.find(id))
        .set(documents::deleted_at.eq(clock_timestamp().nullable()))
        .execute(connection)
        .await?;
    if take_away(connection, id, DELETED, "deleted").await?.is_none() {
        explain_anew(connection, id, DELETED, "deleted").await?;
    }
    Ok(())
}

struct Gone {
    slug: String,
    revision: i32,
    sequence: i64,
}

async fn take_away(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    reason: &str,
    kind: &'static str,
) -> Result<Option<Gone>, Error> {
    let live = articles::table.find(id).select((articles::slug, articles::revision, articles::hash));
    let Some((slug, revision, hash)) = live.first::<(String, i32, String)>(connection).await.optional()? else {
        return Ok(None);
    };
    let tags = tags_of(connection, id).await?.into_iter().collect();
    diesel::delete(articles::table.find(id)).execute(connection).await?;
    diesel::update(revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::state.eq("live")))
        .set(revisions::state.eq("past"))
        .execute(connection)
        .await?;
    diesel::insert_into(withdrawals::table)
        .values((
            withdrawals::article_id.eq(id),
            withdrawals::reason.eq(reason),
            withdrawals::withdrawn_at.eq(clock_timestamp()),
        ))
        .execute(connection)
        .await?;
    let article = Some(Changed::whole(id, slug.clone(), revision, hash));
    let sequence = record(connection, Change { kind, article, tags }).await?;
    Ok(Some(Gone { slug, revision, sequence }))
}

/// Gives another reason for what is gone already; `None` where it is the same.
async fn explain_anew(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    reason: &str,
    kind: &'static str,
) -> Result<Option<Gone>, Error> {
    let old = withdrawals::table.find(id).select(withdrawals::reason).first::<String>(connection).await.optional()?;
    let old = old.ok_or_else(|| Error::Conflict("the article was never published".into()))?;
    if old == reason {
        return Ok(None);
    }
    diesel::update(withdrawals::table.find(id)).set(withdrawals::reason.eq(reason)).execute(connection).await?;
    // What was public last: what editors did with it since is nobody's business yet.
    let told = changes::table.filter(changes::article_id.eq(id)).order(changes::sequence.desc());
    let (slug, revision, hash) = told
        .select((changes::slug.assume_not_null(), changes::revision.assume_not_null(), changes::hash.assume_not_null()))
        .first::<(String, i32, String)>(connection)
        .await?;
    let tags = vec![format!("article:{id}"), "articles".to_owned()];
    let article = Some(Changed::whole(id, slug.clone(), revision, hash));
    let sequence = record(connection, Change { kind, article, tags }).await?;
    Ok(Some(Gone { slug, revision, sequence }))
}
