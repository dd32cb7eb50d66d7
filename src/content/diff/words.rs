//! The difference of two texts by words.
//!
//! A word is a segment between Unicode word boundaries (UAX #29): one Han character, a run of letters and digits of another
//! script (`3.5` is one word), or another single character, each with its combining marks. The words are compared with Myers'
//! algorithm. The result is then made readable: unchanged words between two replacements count as changed if they are equal
//! by chance, and an addition is aligned with sentences.
//!
//! The work is limited by size: a difference compares at most [`MAX_WORDS`] words. Later texts are compared by lines, up to
//! [`MAX_LINES`], and after that replaced from their first to their last change. Common beginnings and ends are free. Myers'
//! algorithm runs with a heuristic (as in Git) that keeps its time nearly linear.

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;
use utoipa::ToSchema;

mod hunk;

use hunk::{Hunk, Texts};

/// Maximum number of words that a difference compares, both revisions together.
pub const MAX_WORDS: usize = 200_000;
/// Maximum number of lines that a difference compares after that, both revisions together.
pub const MAX_LINES: usize = 50_000;
/// Maximum length of unchanged text before and after a change, in characters; also the minimum length of omitted text.
pub const CONTEXT: usize = 32;

/// A segment of a text difference. All `same` and `removed` segments together are the older text, all `same` and `added`
/// segments the newer one. In a replacement the removed text comes first. At most 32 characters of unchanged text, in
/// complete words, are shown before and after a change; the rest is `omitted` if it has at least 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Segment {
    /// Text of both revisions.
    Same {
        /// The text.
        #[schema(example = "干细胞是一类能够")]
        text: String,
    },
    /// Text of the newer revision only.
    Added {
        /// The text.
        #[schema(example = "自我更新")]
        text: String,
    },
    /// Text of the older revision only.
    Removed {
        /// The text.
        #[schema(example = "自我复制")]
        text: String,
    },
    /// Text of both revisions that is left out.
    Omitted {
        /// Number of characters left out.
        #[schema(example = 812)]
        characters: u32,
    },
}

/// Remaining work of a difference.
pub(super) struct Budget {
    pub words: usize,
    pub lines: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { words: MAX_WORDS, lines: MAX_LINES }
    }
}

/// Returns the word difference of two texts with the context of each change; `None` if they are equal.
pub(super) fn diff_words(from: &str, to: &str, budget: &mut Budget) -> Option<Vec<Segment>> {
    (from != to).then(|| shorten(segments(from, to, budget)))
}

/// Returns the complete difference, without omissions.
pub(super) fn segments(from: &str, to: &str, budget: &mut Budget) -> Vec<Segment> {
    let words = Texts { from: from.split_word_bounds().collect(), to: to.split_word_bounds().collect() };
    if let Some(hunks) = words.hunks(&mut budget.words) {
        return to_segments(&words, &hunks);
    }
    let lines = Texts { from: from.split_inclusive('\n').collect(), to: to.split_inclusive('\n').collect() };
    let hunks = lines.hunks(&mut budget.lines).unwrap_or_else(|| vec![lines.middle()]);
    to_segments(&lines, &hunks)
}

fn to_segments(texts: &Texts<'_>, hunks: &[Hunk]) -> Vec<Segment> {
    let mut out = Vec::new();
    let mut push = |text: Option<&[&str]>, segment: fn(String) -> Segment| {
        let text = text.unwrap_or_default().concat();
        if !text.is_empty() {
            out.push(segment(text));
        }
    };
    let mut at = 0;
    for hunk in hunks {
        push(texts.to.get(at..hunk.to.start), |text| Segment::Same { text });
        push(texts.from.get(hunk.from.clone()), |text| Segment::Removed { text });
        push(texts.to.get(hunk.to.clone()), |text| Segment::Added { text });
        at = hunk.to.end;
    }
    push(texts.to.get(at..), |text| Segment::Same { text });
    out
}

/// Replaces unchanged text farther than [`CONTEXT`] characters from a change by [`Segment::Omitted`].
fn shorten(segments: Vec<Segment>) -> Vec<Segment> {
    let last = segments.len().saturating_sub(1);
    let mut out = Vec::with_capacity(segments.len());
    for (index, segment) in segments.into_iter().enumerate() {
        let Segment::Same { text } = &segment else {
            out.push(segment);
            continue;
        };
        let begin = if index == 0 { "" } else { first_words(text) };
        let end = if index == last { "" } else { last_words(text) };
        let omitted = text.chars().count().saturating_sub(begin.chars().count() + end.chars().count());
        if omitted < CONTEXT {
            out.push(segment);
            continue;
        }
        let same = |text: &str| (!text.is_empty()).then(|| Segment::Same { text: text.to_owned() });
        out.extend(same(begin));
        out.push(Segment::Omitted { characters: u32::try_from(omitted).unwrap_or(u32::MAX) });
        out.extend(same(end));
    }
    out
}

/// Returns the complete words among the first [`CONTEXT`] characters of a text.
fn first_words(text: &str) -> &str {
    let Some((end, _)) = text.char_indices().nth(CONTEXT) else { return text };
    let window = text.get(..end).unwrap_or_default();
    // The last word may be cut.
    let whole = window.split_word_bound_indices().next_back().map_or(0, |(last, _)| last);
    window.get(..whole).unwrap_or_default()
}

/// Returns the complete words among the last [`CONTEXT`] characters of a text.
fn last_words(text: &str) -> &str {
    let Some((start, _)) = text.char_indices().rev().nth(CONTEXT - 1) else { return text };
    let window = text.get(start..).unwrap_or_default();
    // The first word may be cut.
    let whole = window.split_word_bound_indices().nth(1).map_or(window.len(), |(second, _)| second);
    window.get(whole..).unwrap_or_default()
}
