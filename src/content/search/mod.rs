//! Search as text processing: index terms of passages, conditions of queries, and scores. It knows no database: a query
//! becomes a `tsquery` over the terms that were stored with each passage.
//!
//! Invariants:
//! - spellings that differ only in case, width, accents or traditional and simplified characters find the same passages;
//! - a word of any length is found anywhere in the text, without a dictionary;
//! - highlighted text is exactly the matching text of the original;
//! - order and score depend only on the query and the passage, by the formula of [`score`].
//!
//! The way of a document into the index: [`fold`] (normalised text) → `tokens` → [`terms`] (passages with their terms),
//! [`completion`] and [`pinyin`] (keys of titles and questions), [`minhash`] (signature for the similarity of articles).
//! The way of a query: [`query`] (phrases and `tsquery`) → [`matching`] (matches in a text) → [`score`] → [`snippet`].

pub mod completion;
pub mod fold;
pub mod matching;
pub mod minhash;
pub mod pinyin;
pub mod query;
pub mod score;
pub mod snippet;
pub mod terms;
mod tokens;

pub use matching::Matcher;
pub use query::{Class, Query};
pub use score::PassageFields;
