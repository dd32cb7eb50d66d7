//! The only code that changes content. It does not know HTTP.
//!
//! Every change runs in a [`PublishTx`], which holds the publishing lock and appends the rows of the change log and the
//! audit. Functions that only read take a connection.
//!
//! - [`transaction`]: the transaction.
//! - [`article`]: finding an article; its publication status.
//! - [`revisions`]: the history of an article.
//! - [`drafts`]: saving a document as a revision.
//! - [`publish`]: publishing a revision.
//! - [`schedule`]: planned publications; [`scheduler`]: the worker that carries them out.
//! - [`withdrawal`]: withdrawing and deleting an article.
//! - [`moves`]: changing the slug of an article.
//! - [`preview`]: signed links to a draft.
//! - [`sections`]: matching the sections of a new revision with those of earlier ones.
//! - [`site`]: the description of the site, topics, pins.
//! - [`keys`]: API keys.
//! - [`views`]: writing view counts; computing the hot list.
//! - [`audit`]: the record of all writes.

pub mod article;
pub mod audit;
pub mod drafts;
pub mod keys;
pub mod moves;
pub mod preview;
pub mod publish;
pub mod revisions;
pub mod schedule;
pub mod scheduler;
pub mod sections;
pub mod site;
mod text_enum;
pub mod transaction;
pub mod views;
pub mod withdrawal;

use chrono::{DateTime, Utc};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};
use uuid::Uuid;

pub use self::transaction::PublishTx;
use crate::{db::Db, error::Error};

/// 9999-12-31T23:59:59Z in seconds since 1970: the last time that RFC 3339 can express.
const LAST_SECOND: i64 = 253_402_300_799;

/// Returns `at`, unless it is after the year 9999 (UTC), which RFC 3339 cannot express.
pub fn check_rfc3339(at: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let last = DateTime::from_timestamp(LAST_SECOND, 0);
    if last.is_some_and(|last| at <= last) {
        Ok(at)
    } else {
        Err("The time is after the year 9999 (UTC). RFC 3339 cannot express it; send an earlier time.".to_owned())
    }
}

/// The author of a change, for the history and the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The id of the API key; `None` for the command line and the service itself.
    pub key: Option<Uuid>,
    /// The name of the key, or of the part of the service.
    pub name: String,
}

impl Author {
    /// Returns an author without a key: the command line or the service itself.
    #[must_use]
    pub fn local(name: &str) -> Author {
        Author { key: None, name: name.to_owned() }
    }
}

/// Runs reads over one snapshot of the primary, drafts included.
pub async fn read_snapshot<T>(
    db: &Db,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut lease = db.lease().await?;
    AnsiTransactionManager::begin_transaction(&mut *lease).await?;
    lease.batch_execute("set transaction isolation level repeatable read, read only").await?;
    let result = work(&mut lease).await;
    if AnsiTransactionManager::rollback_transaction(&mut *lease).await.is_ok() {
        lease.release();
    }
    result
}
