//! The only code that changes content; knows no HTTP.
//!
//! What a write is: one transaction that takes the publishing lock first, changes what it changes, and writes its row
//! in the log of changes. The lock is held to the end of the transaction, so sequence order is commit order and
//! whoever follows the log by sequence misses nothing.
//!
//! - [`draft`]: a document becomes a revision.
//! - [`publish`]: a revision becomes what readers see; withdrawing and moving.
//! - [`sections`]: which section of a new revision is which of the old.
//! - [`site`]: the site's own facts, topics, pins.

pub mod draft;
pub mod publish;
pub mod sections;
pub mod site;

use diesel::{
    dsl,
    prelude::*,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::{
    db::{listen::CHANNEL, schema::changes},
    error::Error,
};

/// "publish" in ASCII: the key of the advisory lock that makes sequence order commit order.
const LOCK: i64 = 0x0070_7562_6c69_7368;

diesel::define_sql_function! {
    /// Waits for an advisory lock that is held to the end of the transaction.
    fn pg_advisory_xact_lock(key: BigInt);
}
diesel::define_sql_function! {
    /// Tells whoever listens on a channel, once the transaction commits.
    fn pg_notify(channel: Text, payload: Text);
}
diesel::define_sql_function! {
    /// The time now, even inside a transaction that began earlier.
    fn clock_timestamp() -> diesel::sql_types::Timestamptz;
}

/// A change that readers can see.
#[derive(Debug, Clone, Default)]
struct Change {
    kind: &'static str,
    article: Option<ChangedArticle>,
    tags: Vec<String>,
}

#[derive(Debug, Clone)]
struct ChangedArticle {
    id: Uuid,
    slug: String,
    revision: i32,
    hash: String,
    previous_slugs: Vec<String>,
    sections_changed: Vec<Uuid>,
    sections_removed: Vec<Uuid>,
}

/// Waits until no other transaction writes content, and keeps others out until this one ends. Every write here takes it
/// first, before any row, so that two never wait for each other; who does several in one transaction begins with it.
pub async fn hold(connection: &mut AsyncPgConnection) -> Result<(), Error> {
    diesel::select(pg_advisory_xact_lock(LOCK)).execute(connection).await?;
    Ok(())
}

/// Writes the row of the log, and tells whoever listens once the transaction commits. The lock must be held.
async fn record(connection: &mut AsyncPgConnection, change: Change) -> Result<i64, Error> {
    let last: Option<i64> = changes::table.select(dsl::max(changes::sequence)).first(connection).await?;
    let sequence = last.unwrap_or(0) + 1;
    let article = change.article.as_ref();
    diesel::insert_into(changes::table)
        .values((
            changes::sequence.eq(sequence),
            changes::type_.eq(change.kind),
            changes::article_id.eq(article.map(|a| a.id)),
            changes::slug.eq(article.map(|a| &a.slug)),
            changes::revision.eq(article.map(|a| a.revision)),
            changes::hash.eq(article.map(|a| &a.hash)),
            changes::previous_slugs.eq(article.map_or(&[][..], |a| &a.previous_slugs)),
            changes::sections_changed.eq(article.map_or(&[][..], |a| &a.sections_changed)),
            changes::sections_removed.eq(article.map_or(&[][..], |a| &a.sections_removed)),
            changes::tags.eq(&change.tags),
            changes::at.eq(clock_timestamp()),
        ))
        .execute(connection)
        .await?;
    diesel::select(pg_notify(CHANNEL, sequence.to_string())).execute(connection).await?;
    Ok(sequence)
}
