//! What every request shares; knows no feature.
//!
//! - [`answer`]: what a handler gives: bytes, tags and times; validators, caching headers and 304 follow from them.
//! - [`envelope`]: around every request: its id, HEAD as GET, readable addresses, CORS, problem bodies, the log.
//! - [`fallback`]: 404, and 405 with `Allow`.
//! - [`problem`]: errors as RFC 9457 problems, and the pages that explain them.
//! - [`query`]: query parameters, parsed once, all faults at once.
//! - [`page`]: `limit` and `cursor`.
//! - [`health`]: is the service alive, and can it answer.
//! - [`metrics`]: what the service counts, for Prometheus.

pub mod answer;
pub mod envelope;
pub mod fallback;
pub mod health;
pub mod metrics;
pub mod page;
pub mod problem;
pub mod query;

pub use answer::Answer;
pub use query::Query;

/// The most bytes of a request body that are read: none of today's operations takes one.
pub const BODY_LIMIT: usize = 64 * 1024;
