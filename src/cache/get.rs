//! The read path: an entry from memory, from a fill that runs already, or from a new one.

use std::sync::Arc;

use tokio::{sync::watch, task::spawn_local};

use super::{Cache, CacheStatus, Entry, Payload, Representation, entry::Computed, fill::Fill};
use crate::{db::Connection, error::Error};

/// The identity of a response.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The canonical URI.
    pub uri: &'a str,
    /// The URI as the client sent it, which is then indexed for the same entry.
    pub raw_uri: &'a str,
    /// True if the response is also stored in Postgres.
    pub stored: bool,
}

/// The result of a look-up in memory.
pub(super) enum Lookup<R> {
    /// The entry.
    Hit(Arc<Entry<R>>, CacheStatus),
    /// A fill of another request, to wait for.
    Pending(watch::Receiver<Option<Computed<R>>>),
    /// A new fill, which the caller has to run, and its result.
    New(Fill<R>, watch::Receiver<Option<Computed<R>>>),
}

impl<R: Representation> Cache<R> {
    /// Returns the entry for `key`, or computes it with `load`, over a connection on which Postgres refuses writes. Requests
    /// for one key at the same time share one computation, which goes on if they are cancelled.
    ///
    /// Must be called on a `LocalSet`, as the workers of actix are. Errors: what `load` returns, and
    /// [`Error::Unavailable`] if the database cannot be reached and nothing stale may be served.
    pub async fn get_or_compute(
        self: &Arc<Self>,
        key: Key<'_>,
        load: impl AsyncFnOnce(&Connection) -> Result<Payload, Error> + 'static,
        represent: impl FnOnce(Payload) -> R + 'static,
    ) -> Result<(Arc<Entry<R>>, CacheStatus), Error> {
        match self.look_up(key) {
            Lookup::Hit(entry, status) => Ok((entry, status)),
            Lookup::Pending(receiver) => self.wait(key, receiver).await,
            Lookup::New(fill, receiver) => {
                spawn_local(fill.run(load, represent));
                self.wait(key, receiver).await
            }
        }
    }

    /// Returns the entry for `key`, or builds it without the database.
    pub async fn get_or_build(
        self: &Arc<Self>,
        key: Key<'_>,
        build: impl FnOnce() -> Result<Payload, Error>,
        represent: impl FnOnce(Payload) -> R,
    ) -> Result<(Arc<Entry<R>>, CacheStatus), Error> {
        match self.look_up(key) {
            Lookup::Hit(entry, status) => Ok((entry, status)),
            Lookup::Pending(receiver) => self.wait(key, receiver).await,
            Lookup::New(fill, receiver) => {
                let result = build().map(Payload::immutable);
                let may_store = result.is_ok();
                fill.complete(Entry::new(result, represent), may_store);
                self.wait(key, receiver).await
            }
        }
    }

    /// Looks up a key, and registers a fill if there is neither an entry nor a fill that includes all changes known
    /// now.
    pub(super) fn look_up(self: &Arc<Self>, key: Key<'_>) -> Lookup<R> {
        let mut memory = self.memory();
        if let Some(entry) = memory.find(key.uri)
            && let Some(status) = self.trust.status(entry.immutable)
        {
            entry.touch();
            memory.add_raw_uri(&entry, key.raw_uri);
            return Lookup::Hit(entry, status);
        }
        if let Some(receiver) = memory.pending_fill(key.uri) {
            return Lookup::Pending(receiver);
        }
        let (sender, receiver) = watch::channel(None);
        let registration = memory.register_fill(key.uri.into(), receiver.clone());
        Lookup::New(Fill::new(Arc::clone(self), registration, key.raw_uri, key.stored, sender), receiver)
    }

    /// Waits for a fill. If the database cannot be reached, the last entry is better than an error (RFC 5861 section 4).
    async fn wait(
        &self,
        key: Key<'_>,
        mut receiver: watch::Receiver<Option<Computed<R>>>,
    ) -> Result<(Arc<Entry<R>>, CacheStatus), Error> {
        let computed = receiver.wait_for(Option::is_some).await.ok().and_then(|computed| computed.clone());
        let computed = computed.unwrap_or_else(|| Err(Error::Internal("a cache fill ended without a result".into())));
        match computed {
            Ok(entry) => Ok((entry, CacheStatus::Miss)),
            Err(error @ Error::Unavailable(_)) => {
                self.find_stale(key.uri).map(|entry| (entry, CacheStatus::Stale)).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the stale entry for a key, if it may still be served, however many changes were missed.
    pub(super) fn find_stale(&self, uri: &str) -> Option<Arc<Entry<R>>> {
        let entry = self.memory().find(uri)?;
        (entry.immutable || self.trust.may_be_stale()).then_some(entry)
    }
}
