//! The transaction that every change of content runs in.
//!
//! It holds the publishing lock from its begin to its end. The sequence of a change is taken under the lock, so sequence
//! order is commit order, and a subscriber that reads the change log by sequence misses nothing.

use diesel::{
    dsl,
    prelude::*,
    sql_types::{BigInt, Text},
};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager};
use uuid::Uuid;

use super::{Author, text_enum::text_enum};
use crate::{
    db::{
        Db, Lease,
        change_log::CHANNEL,
        schema::{addresses, changes},
        statement::Scalar,
    },
    error::Error,
};

/// "publish" in ASCII: the key of the publishing lock, an advisory lock of Postgres.
const LOCK: i64 = 0x0070_7562_6c69_7368;

/// The sequence of the next change. It is unique, because only one transaction at a time holds the lock.
const NEXT_SEQUENCE: Scalar<BigInt> = Scalar::new("(select coalesce(max(changes.sequence), 0) + 1 from changes)");

diesel::define_sql_function! {
    /// Waits for an advisory lock that is held until the transaction ends.
    fn pg_advisory_xact_lock(key: BigInt);
}
diesel::define_sql_function! {
    /// Notifies the listeners of a channel when the transaction commits.
    fn pg_notify(channel: Text, payload: Text);
}
diesel::define_sql_function! {
    /// Returns the present time, also in a transaction that began earlier.
    fn clock_timestamp() -> diesel::sql_types::Timestamptz;
}

text_enum! {
    /// The type of a change that readers can see.
    ChangeKind {
        /// An article that was not published before.
        Published = "published",
        /// Another revision, or the same one from another renderer.
        Updated = "updated",
        /// Another slug.
        Moved = "moved",
        /// A withdrawal, or another reason for it.
        Withdrawn = "withdrawn",
        /// A deletion.
        Deleted = "deleted",
        /// The description of the site.
        Site = "site",
        /// Topics.
        Topics = "topics",
        /// The pins of the hot list.
        Pins = "pins",
        /// The hot list.
        Hot = "hot",
    }
}

/// A change that readers can see: a row of the change log.
pub(super) struct Change {
    pub kind: ChangeKind,
    /// The article after the change; `None` where the change is not about one article.
    pub article: Option<ChangedArticle>,
    /// The tags of all responses that the change makes stale.
    pub tags: Vec<String>,
}

impl Change {
    /// Returns a change that is not about one article.
    pub(super) fn of_site(kind: ChangeKind, tags: impl IntoIterator<Item = String>) -> Change {
        Change { kind, article: None, tags: tags.into_iter().collect() }
    }
}

/// An article in a change.
pub(super) struct ChangedArticle {
    pub id: Uuid,
    pub slug: String,
    pub revision: i32,
    pub hash: String,
    /// The ids of new and edited sections.
    pub changed_sections: Vec<Uuid>,
    /// The ids of removed sections.
    pub removed_sections: Vec<Uuid>,
}

impl ChangedArticle {
    /// Returns an article whose sections did not change.
    pub(super) fn with_same_sections(id: Uuid, slug: String, revision: i32, hash: String) -> ChangedArticle {
        ChangedArticle { id, slug, revision, hash, changed_sections: Vec::new(), removed_sections: Vec::new() }
    }
}

/// A transaction that changes content. It holds the publishing lock; only its methods write published tables.
///
/// If it is dropped without [`commit`](PublishTx::commit) or [`rollback`](PublishTx::rollback), its connection is closed,
/// and Postgres rolls it back.
pub struct PublishTx {
    lease: Lease,
    pub(super) author: Author,
    /// The sequence of the last change in this transaction.
    last: Option<i64>,
}

impl PublishTx {
    /// Begins a transaction, and waits for the publishing lock.
    pub async fn begin(db: &Db, author: &Author) -> Result<PublishTx, Error> {
        let mut lease = db.lease().await?;
        AnsiTransactionManager::begin_transaction(&mut *lease).await?;
        PublishTx::lock(lease, author).await
    }

    /// Waits for the publishing lock in a transaction that has begun on `lease`.
    pub(super) async fn lock(mut lease: Lease, author: &Author) -> Result<PublishTx, Error> {
        diesel::select(pg_advisory_xact_lock(LOCK)).execute(&mut *lease).await?;
        Ok(PublishTx { lease, author: author.clone(), last: None })
    }

    /// Runs `work` in a transaction, and returns its result with the sequence that [`commit`](PublishTx::commit) returns.
    /// An error rolls the transaction back.
    pub async fn run<T>(
        db: &Db,
        author: &Author,
        work: impl AsyncFnOnce(&mut PublishTx) -> Result<T, Error>,
    ) -> Result<(T, i64), Error> {
        let mut tx = PublishTx::begin(db, author).await?;
        match work(&mut tx).await {
            Ok(value) => Ok((value, tx.commit().await?)),
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    /// Runs `work` in a transaction that is rolled back, and returns its result.
    pub async fn dry_run<T>(
        db: &Db,
        author: &Author,
        work: impl AsyncFnOnce(&mut PublishTx) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut tx = PublishTx::begin(db, author).await?;
        let result = work(&mut tx).await;
        tx.rollback().await;
        result
    }

    /// Commits, and returns the sequence of the newest change in the log; 0 for an empty log.
    pub async fn commit(mut self) -> Result<i64, Error> {
        let last = if let Some(last) = self.last {
            self.notify(&last.to_string()).await?;
            last
        } else {
            let last: Option<i64> = changes::table.select(dsl::max(changes::sequence)).first(self.connection()).await?;
            last.unwrap_or(0)
        };
        AnsiTransactionManager::commit_transaction(&mut *self.lease).await?;
        self.lease.release();
        Ok(last)
    }

    /// Rolls back; a connection that cannot be rolled back is closed.
    pub async fn rollback(mut self) {
        if AnsiTransactionManager::rollback_transaction(&mut *self.lease).await.is_ok() {
            self.lease.release();
        }
    }

    /// Runs `work`; an error undoes its changes, and leaves the earlier ones of this transaction.
    pub async fn savepoint<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PublishTx) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let last = self.last;
        AnsiTransactionManager::begin_transaction(&mut *self.lease).await?;
        match work(self).await {
            Ok(value) => {
                AnsiTransactionManager::commit_transaction(&mut *self.lease).await?;
                Ok(value)
            }
            Err(error) => {
                AnsiTransactionManager::rollback_transaction(&mut *self.lease).await?;
                self.last = last;
                Err(error)
            }
        }
    }

    /// Returns the connection, for reads in this transaction.
    pub fn connection(&mut self) -> &mut AsyncPgConnection {
        &mut self.lease
    }

    /// Appends a row to the change log, and returns its sequence. Listeners are notified by the commit.
    pub(super) async fn record(&mut self, change: Change) -> Result<i64, Error> {
        let article = change.article.as_ref();
        let previous_slugs = match article {
            Some(article) => self.previous_slugs(article.id, &article.slug).await?,
            None => Vec::new(),
        };
        let sequence = diesel::insert_into(changes::table)
            .values((
                changes::sequence.eq(NEXT_SEQUENCE),
                changes::type_.eq(change.kind),
                changes::article_id.eq(article.map(|article| article.id)),
                changes::slug.eq(article.map(|article| &article.slug)),
                changes::revision.eq(article.map(|article| article.revision)),
                changes::hash.eq(article.map(|article| &article.hash)),
                changes::previous_slugs.eq(previous_slugs),
                changes::sections_changed.eq(article.map_or(&[][..], |article| &article.changed_sections)),
                changes::sections_removed.eq(article.map_or(&[][..], |article| &article.removed_sections)),
                changes::tags.eq(&change.tags),
                changes::at.eq(clock_timestamp()),
            ))
            .returning(changes::sequence)
            .get_result(self.connection())
            .await?;
        self.last = Some(sequence);
        Ok(sequence)
    }

    async fn previous_slugs(&mut self, id: Uuid, present: &str) -> Result<Vec<String>, Error> {
        let earlier = addresses::table.filter(addresses::article_id.eq(id)).filter(addresses::slug.ne(present));
        Ok(earlier.select(addresses::slug).order(addresses::slug).load(self.connection()).await?)
    }

    /// Notifies every instance when the transaction commits.
    pub(super) async fn notify(&mut self, payload: &str) -> Result<(), Error> {
        diesel::select(pg_notify(CHANNEL, payload)).execute(self.connection()).await?;
        Ok(())
    }
}
