//! `/v1/articles` and `/v1/articles/{slug}`.
//!
//! - [`list`]: pages of cards
//! - [`read`]: one article with the included parts
//! - [`published`]: a published article and its text, found by its name

pub mod list;
pub mod published;
pub mod read;
