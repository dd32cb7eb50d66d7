//! What every request shares; knows no feature.
//!
//! - [`middleware`]: around every request: its id, answers from memory, HEAD as GET, CORS, problem bodies, the log.
//! - [`read`]: from a public GET to its answer: its parameters, the cache, one computation for all, deadlines.
//! - [`payload`]: what a handler gives: bytes and tags.
//! - [`cache`]: finished answers in memory: validators, codings, 304; exact invalidation.
//! - [`encoding`]: content codings.
//! - [`client`]: who the client is: the peer, or whom trusted proxies vouch for.
//! - [`limit`]: how many requests a client may send.
//! - [`headers`]: the headers that answers have whatever they answer.
//! - [`query`]: query parameters, parsed once, all faults at once, and their canonical form.
//! - [`pagination`]: `limit` and `cursor`.
//! - [`fallback`]: 404, and 405 with `Allow`.
//! - [`problem`]: errors as RFC 9457 problems, and the pages that explain them.
//! - [`health`]: is the service alive, and can it answer.
//! - [`metrics`]: what the service counts, for Prometheus.
//! - [`tls`]: the certificate and its key.

pub mod cache;
pub mod client;
pub mod encoding;
pub mod fallback;
pub mod headers;
pub mod health;
pub mod limit;
pub mod metrics;
pub mod middleware;
pub mod pagination;
pub mod payload;
pub mod problem;
pub mod query;
pub mod read;
pub mod tls;

pub use payload::Payload;
pub use query::Query;
pub use read::{CachedGet, CanonicalUri};

/// The most bytes of the body of a request that takes none.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The most bytes of the body of a request to change something.
pub const MANAGED_BODY_LIMIT: usize = 8 * 1024 * 1024;

/// The most bytes of a request body that are read for a path.
#[must_use]
pub fn body_limit(path: &str) -> usize {
    if headers::is_managed(path) { MANAGED_BODY_LIMIT } else { BODY_LIMIT }
}
