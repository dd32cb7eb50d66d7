//! One computation for all simultaneous requests for a key.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{Cache, Entry, Payload, Representation, entry::Computed, memory::Registration, response_store};
use crate::{
    db::{self, Connection, change_log},
    error::Error,
};

/// The time within which the database has to answer, the wait for a connection included.
const DEADLINE: Duration = Duration::from_millis(900);

/// A fill that runs. If it is dropped without a result, those who wait get an error.
pub(super) struct Fill<R> {
    cache: Arc<Cache<R>>,
    pub(super) registration: Registration,
    raw_uri: Box<str>,
    stored: bool,
    sender: watch::Sender<Option<Computed<R>>>,
}

impl<R: Representation> Fill<R> {
    pub(super) fn new(
        cache: Arc<Cache<R>>,
        registration: Registration,
        raw_uri: &str,
        stored: bool,
        sender: watch::Sender<Option<Computed<R>>>,
    ) -> Fill<R> {
        Fill { cache, registration, raw_uri: raw_uri.into(), stored, sender }
    }

    /// Computes the entry and completes the fill.
    pub(super) async fn run(
        self,
        load: impl AsyncFnOnce(&Connection) -> Result<Payload, Error>,
        represent: impl FnOnce(Payload) -> R,
    ) {
        let (result, may_store) = self.load_in_time(load).await;
        self.cache.trust.record_read(!matches!(result, Err(Error::Unavailable(_))));
        self.complete(Entry::new(result, represent), may_store);
    }

    /// Runs `load` within the deadline. Returns also whether the result may be stored.
    async fn load_in_time(
        &self,
        load: impl AsyncFnOnce(&Connection) -> Result<Payload, Error>,
    ) -> (Result<Payload, Error>, bool) {
        let deadline = Instant::now() + DEADLINE;
        let late = || Error::Unavailable("no answer within the deadline".into());
        let connection = match timeout_at(deadline, self.cache.db.read()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return (Err(error), false),
            Err(_) => return (Err(late()), false),
        };
        let work = async {
            // Before the first statement of the loader: later ones can only see more.
            let is_current = self.is_current(&connection).await?;
            Ok::<_, Error>((self.load(&connection, load).await, is_current))
        };
        match timeout_at(deadline, work).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => (Err(error), false),
            Err(_) => {
                db::discard(connection);
                (Err(late()), false)
            }
        }
    }

    /// Whether the connection sees the log position of this fill; a replica may be behind it.
    async fn is_current(&self, connection: &Connection) -> Result<bool, Error> {
        if !self.cache.db.has_replicas() {
            return Ok(true);
        }
        let visible = change_log::newest(connection).await?;
        Ok(self.registration.position.is_some_and(|position| visible.sequence >= position.sequence))
    }

    async fn load(
        &self,
        connection: &Connection,
        load: impl AsyncFnOnce(&Connection) -> Result<Payload, Error>,
    ) -> Result<Payload, Error> {
        // A stored response that a change has just invalidated is not current, and memory is about to have a new one.
        if !self.stored || self.registration.was_invalidated {
            return load(connection).await;
        }
        response_store::get_or_load(connection, &self.registration.key, &self.cache.write_queue, load).await
    }

    /// Gives the result to all who wait, and stores it if `may_store` and no change in between invalidates it.
    pub(super) fn complete(self, result: Result<Entry<R>, Error>, may_store: bool) {
        let mut memory = self.cache.memory();
        // A fill that is not registered any more belongs to another log, or a newer one is on its way.
        let is_registered = memory.remove_fill(&self.registration);
        let computed = result.map(|entry| {
            let trusted = entry.immutable || self.cache.trust.is_following();
            if may_store && is_registered && trusted {
                memory.insert(&self.registration, entry, &self.raw_uri)
            } else {
                Arc::new(entry)
            }
        });
        drop(memory);
        self.sender.send_replace(Some(computed));
    }
}

impl<R> Drop for Fill<R> {
    fn drop(&mut self) {
        self.cache.memory().remove_fill(&self.registration);
    }
}
