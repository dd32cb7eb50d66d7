//! Search, as far as it is a matter of text: what a passage is found by, what a query asks, and how well one answers the
//! other. Nothing here knows a database: the index is asked in the words of [`query`], and answers with passages that were
//! stored with the words of [`terms`].
//!
//! What must hold:
//! - what is written differently and means the same (case, width, traditional and simplified, accents) finds the same;
//! - a word of any length is found wherever it stands, without a dictionary;
//! - what is shown as found stands just there in the original;
//! - order and score depend on the query and the passage alone, by the formula of [`score`](score::score).
//!
//! - [`fold`]: text as it is compared · [`terms`]: passages and their terms · [`query`]: what is looked for
//! - [`matching`]: where it stands · [`score`]: how well · [`snippet`]: what is shown
//! - [`completion`]: what a reader may be about to type · [`pinyin`]: titles by their sound · [`likeness`]: how alike two articles are

mod atoms;
pub mod completion;
pub mod fold;
pub mod likeness;
pub mod matching;
pub mod pinyin;
pub mod query;
pub mod score;
pub mod snippet;
pub mod terms;

pub use matching::Matcher;
pub use query::{Class, Query};
pub use score::Fields;
