//! `/v1/articles` and `/v1/articles/{slug}`.
//!
//! - [`list`]: cards, in pages
//! - [`read`]: one article, with the parts that are asked for
//! - [`mod@find`]: from a path to a published article and its text; what every answer about one article begins with

pub mod find;
pub mod list;
pub mod read;
