//! The keys that let somebody in, for whoever decides about a request before the database is asked.

use std::time::Duration;

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{Bool, Double, Nullable},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::schema::keys;

/// What is told on the channel when a key was made or revoked.
pub const KEYS: &str = "keys";

/// The most keys that are told of, the newest first: more would be more than anybody hands out, and memory is bounded.
const MOST: i64 = 10_000;

/// A time that no process reaches is as good as none: a hundred years, in seconds.
const FARTHEST: f64 = 100.0 * 366.0 * 86_400.0;

/// A key that lets somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveKey {
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// For how long from now on; `None` where it has no end.
    pub lasts: Option<Duration>,
}

/// Who wants to know which keys let somebody in.
pub trait KeyObserver: Send + Sync + 'static {
    /// Learns all of them, in place of those that it knew.
    fn admit(&self, keys: Vec<LiveKey>);
}

/// Tells which keys let somebody in.
pub(super) async fn look(connection: &mut AsyncPgConnection, door: &impl KeyObserver) -> QueryResult<()> {
    let lasting = sql::<Bool>("(expires_at is null or expires_at > clock_timestamp())");
    let seconds = sql::<Nullable<Double>>("extract(epoch from expires_at - clock_timestamp())::float8");
    let live: Vec<(Vec<u8>, Option<f64>)> = keys::table
        .filter(keys::revoked_at.is_null())
        .filter(lasting)
        .order(keys::id.desc())
        .limit(MOST)
        .select((keys::digest, seconds))
        .load(connection)
        .await?;
    let live = live.into_iter().filter_map(|(digest, seconds)| {
        let seconds = seconds.filter(|seconds| *seconds < FARTHEST);
        let lasts = seconds.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default());
        Some(LiveKey { digest: digest.try_into().ok()?, lasts })
    });
    door.admit(live.collect());
    Ok(())
}
