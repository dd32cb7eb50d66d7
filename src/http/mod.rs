//! Everything that requests share; knows no feature and no path.
//!
//! - [`middleware`] around every request: its id, cache hits, HEAD as GET, CORS, problem bodies, the log
//! - [`request_context`] the facts of one request · [`policy`] what a group of routes declares · [`state`] shared by workers
//! - [`cached_get`] from a GET to its response · [`page`] the cached representation · [`encoding`] content encodings
//! - [`cache_control`] for how long other caches may store · [`headers`] of every response · `validators` 304
//! - [`client`] the client: the peer, or whom trusted proxies vouch for · [`limit`] its rate limit
//! - [`query`] query parameters and their canonical form · [`pagination`] `limit` and `cursor`
//! - [`fallback`] 404, and 405 with `Allow` · [`problem`] errors as RFC 9457 problems · [`problem_pages`] their explanations
//! - [`health`] probes · [`metrics`] for Prometheus · [`tls`] the certificate chain and its key

pub mod cache_control;
pub mod cached_get;
pub mod client;
pub mod encoding;
pub mod fallback;
pub mod headers;
pub mod health;
pub mod limit;
pub mod metrics;
pub mod middleware;
pub mod page;
pub mod pagination;
pub mod policy;
pub mod problem;
pub mod problem_pages;
pub mod query;
pub mod request_context;
pub mod state;
pub mod tls;
mod validators;

pub use cached_get::{CachedGet, CanonicalUri};
pub use page::respond_no_store;
pub use policy::{BODY_LIMIT, MANAGED_BODY_LIMIT};
pub use query::Query;

pub use crate::cache::Payload;
