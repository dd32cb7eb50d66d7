//! The only code that changes content; knows no HTTP.
//!
//! What a write is: one transaction that takes the publishing lock first, changes what it changes, writes its row in the
//! log of changes where readers can see the difference, and its row in the audit. The lock is held to the end of the
//! transaction, so sequence order is commit order and whoever follows the log by sequence misses nothing.
//!
//! - [`article`]: an article as its editors find it.
//! - [`draft`]: a document becomes a revision.
//! - [`revisions`]: the history of a document.
//! - [`publish`]: a revision becomes what readers see.
//! - [`schedule`]: a revision becomes it later.
//! - [`withdraw`]: an article goes, for a while or for good.
//! - [`moves`]: an article gets another slug.
//! - [`preview`]: signed links to a draft.
//! - [`sections`]: which section of a new revision is which of the old.
//! - [`site`]: the site's own facts, topics, pins.
//! - [`keys`]: who may write.
//! - [`views`]: what was read, and the hot list that is computed from it.
//! - [`audit`]: who did what.

pub mod article;
pub mod audit;
pub mod draft;
pub mod keys;
pub mod moves;
pub mod preview;
pub mod publish;
pub mod revisions;
pub mod schedule;
pub mod sections;
pub mod site;
pub mod views;
pub mod withdraw;

use chrono::{DateTime, Utc};
use diesel::{
    dsl,
    prelude::*,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::{
    db::{
        change_log::CHANNEL,
        schema::{addresses, changes},
    },
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

/// The last second that a time in RFC 3339 can name, in seconds since 1970.
const LAST_SECOND: i64 = 253_402_300_799;

/// A time that can be written as it is answered. Errors: it is after the year 9999, in UTC; so is a leap second at its end.
pub fn writable(at: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let last = DateTime::from_timestamp(LAST_SECOND, 0);
    if last.is_some_and(|last| at <= last) {
        Ok(at)
    } else {
        Err("The time is after the year 9999 in UTC, and RFC 3339 cannot write it.".to_owned())
    }
}

/// Who writes: what the history and the audit say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The key that it was done with; `None` for the command line and the service itself.
    pub key: Option<Uuid>,
    /// The key's name, or what did it.
    pub name: String,
}

impl Author {
    /// The command line or the service itself.
    #[must_use]
    pub fn local(name: &str) -> Author {
        Author { key: None, name: name.to_owned() }
    }
}

/// A change that readers can see.
struct Change {
    kind: &'static str,
    article: Option<Changed>,
    tags: Vec<String>,
}

/// The article that changed, as it is now.
struct Changed {
    id: Uuid,
    slug: String,
    revision: i32,
    hash: String,
    /// The sections that are new or other than they were.
    altered: Vec<Uuid>,
    /// The sections that went.
    removed: Vec<Uuid>,
}

impl Changed {
    /// An article whose sections are what they were.
    fn whole(id: Uuid, slug: String, revision: i32, hash: String) -> Changed {
        Changed { id, slug, revision, hash, altered: Vec::new(), removed: Vec::new() }
    }
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
    let previous_slugs = match article {
        Some(article) => previous_slugs(connection, article.id, &article.slug).await?,
        None => Vec::new(),
    };
    diesel::insert_into(changes::table)
        .values((
            changes::sequence.eq(sequence),
            changes::type_.eq(change.kind),
            changes::article_id.eq(article.map(|a| a.id)),
            changes::slug.eq(article.map(|a| &a.slug)),
            changes::revision.eq(article.map(|a| a.revision)),
            changes::hash.eq(article.map(|a| &a.hash)),
            changes::previous_slugs.eq(previous_slugs),
            changes::sections_changed.eq(article.map_or(&[][..], |a| &a.altered)),
            changes::sections_removed.eq(article.map_or(&[][..], |a| &a.removed)),
            changes::tags.eq(&change.tags),
            changes::at.eq(clock_timestamp()),
        ))
        .execute(connection)
        .await?;
    notify(connection, &sequence.to_string()).await?;
    Ok(sequence)
}

/// Lets every instance look, once the transaction commits.
async fn notify(connection: &mut AsyncPgConnection, payload: &str) -> Result<(), Error> {
    diesel::select(pg_notify(CHANNEL, payload)).execute(connection).await?;
    Ok(())
}

async fn previous_slugs(connection: &mut AsyncPgConnection, id: Uuid, present: &str) -> Result<Vec<String>, Error> {
    let earlier = addresses::table.filter(addresses::article_id.eq(id)).filter(addresses::slug.ne(present));
    Ok(earlier.select(addresses::slug).order(addresses::slug).load(connection).await?)
}

/// Runs `work` in a transaction; where `trial`, it is rolled back whatever it came to.
pub async fn all_or_none<T: Send>(
    connection: &mut AsyncPgConnection,
    trial: bool,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    use diesel_async::{AnsiTransactionManager, TransactionManager};
    AnsiTransactionManager::begin_transaction(connection).await?;
    let result = work(connection).await;
    if result.is_err() {
        // The cause is what matters, not that a broken connection cannot be rolled back.
        let _ = AnsiTransactionManager::rollback_transaction(connection).await;
    } else if trial {
        AnsiTransactionManager::rollback_transaction(connection).await?;
    } else {
        AnsiTransactionManager::commit_transaction(connection).await?;
    }
    result
}
