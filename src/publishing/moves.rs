//! An article gets another slug; every slug that it had leads to it from then on.
//!
//! What must hold: a slug that an article has or had never goes to another, so no two lead into each other and there are
//! no loops; an article may go back to a slug of its own.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{
    Author, Change, Changed,
    audit::{self, AuditEntry},
    clock_timestamp, hold,
    publish::{claim_address, tags_of},
    record,
};
use crate::{
    content::Slug,
    db::schema::{addresses, articles, documents},
    error::Error,
};

/// Gives an article another slug. `None` where readers see no change: it has the slug already, or is not published. Must
/// run in a transaction.
///
/// Errors: a slug that another article has or had.
pub async fn move_to(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    slug: &Slug,
    author: &Author,
) -> Result<Option<i64>, Error> {
    hold(connection).await?;
    let slug = slug.as_str();
    let present: String = documents::table.find(id).select(documents::slug).first(connection).await?;
    if present == slug {
        return Ok(None);
    }
    let holder = documents::table.filter(documents::slug.eq(slug)).select(documents::id).first::<Uuid>(connection);
    let holder = holder.await.optional()?;
    let owner = addresses::table.find(slug).select(addresses::article_id).first::<Uuid>(connection).await.optional()?;
    if holder.is_some() || owner.is_some_and(|owner| owner != id) {
        return Err(Error::Conflict(format!("the slug `{slug}` belongs to another article")));
    }
    diesel::update(documents::table.find(id)).set(documents::slug.eq(slug)).execute(connection).await?;
    let act = AuditEntry {
        document: Some(id),
        subject: Some(slug.to_owned()),
        detail: Some(present),
        ..AuditEntry::new("move")
    };
    audit::write(connection, author, act).await?;
    let live = diesel::update(articles::table.find(id))
        .set((articles::slug.eq(slug), articles::updated_at.eq(clock_timestamp())))
        .returning((articles::revision, articles::hash))
        .get_result::<(i32, String)>(connection)
        .await
        .optional()?;
    // Of an article that readers do not see, the address is claimed when it is published: nothing changes for them now.
    let Some((revision, hash)) = live else { return Ok(None) };
    claim_address(connection, id, slug).await?;
    let tags = tags_of(connection, id).await?.into_iter().collect();
    let article = Changed::whole(id, slug.to_owned(), revision, hash);
    Ok(Some(record(connection, Change { kind: "moved", article: Some(article), tags }).await?))
}
