//! Which words of a text changed.
//!
//! A word is what Unicode's word boundaries (UAX #29) keep together: one Han character, a run of letters and digits of
//! another script with the points inside it (`3.5`), or one other character, each with the signs that combine with it.
//! The words of both sides are compared with Myers' algorithm; what it finds is then made readable: scattered words that
//! are the same by chance count as changed, and an addition lies along the sentences where it can.
//!
//! Time is bounded by size, not by a clock. A whole difference compares at most [`MAX_WORDS`] words; the texts after that
//! are compared by lines, at most [`MAX_LINES`] of them, and those after that are replaced from their first change to their
//! last. What both sides begin and end with costs nothing. Myers' algorithm gives up the shortest answer where it would
//! take too long (as in Git), so that its time is nearly linear in these limits.

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;
use utoipa::ToSchema;

mod hunk;

use hunk::{Hunk, Texts};

/// How many words of both sides together are compared in a difference.
pub const MAX_WORDS: usize = 200_000;
/// How many lines of both sides together are compared in a difference, of texts that are too long for words.
pub const MAX_LINES: usize = 50_000;
/// How many characters of unchanged text are kept before and behind a change, at most; also, how many have to be left out
/// at least.
pub const CONTEXT: usize = 32;

/// A piece of a text of two revisions. `same` and `removed` pieces, one behind the other, are the older text, `same` and
/// `added` ones the newer. Where a change has both, what was removed comes first. Of unchanged text at most 32 characters
/// are kept before and behind a change, in whole words; the rest is told as `omitted` where it has at least 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Segment {
    /// What both sides have.
    Same {
        /// The text.
        #[schema(example = "干细胞是一类能够")]
        text: String,
    },
    /// What only the newer side has.
    Added {
        /// The text.
        #[schema(example = "自我更新")]
        text: String,
    },
    /// What only the older side has.
    Removed {
        /// The text.
        #[schema(example = "自我复制")]
        text: String,
    },
    /// What both sides have and is left out.
    Omitted {
        /// How many characters it has.
        #[schema(example = 812)]
        characters: u32,
    },
}

/// How much may still be compared.
pub(super) struct Budget {
    pub words: usize,
    pub lines: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { words: MAX_WORDS, lines: MAX_LINES }
    }
}

/// The words of a text that changed, with a little of what stands around them; `None` where nothing changed.
pub(super) fn changed(from: &str, to: &str, budget: &mut Budget) -> Option<Vec<Segment>> {
    (from != to).then(|| shorten(segments(from, to, budget)))
}

/// The whole of both texts.
pub(super) fn segments(from: &str, to: &str, budget: &mut Budget) -> Vec<Segment> {
    let words = Texts { from: from.split_word_bounds().collect(), to: to.split_word_bounds().collect() };
    if let Some(hunks) = words.hunks(&mut budget.words) {
        return write(&words, &hunks);
    }
    let lines = Texts { from: from.split_inclusive('\n').collect(), to: to.split_inclusive('\n').collect() };
    let hunks = lines.hunks(&mut budget.lines).unwrap_or_else(|| vec![lines.middle()]);
    write(&lines, &hunks)
}

fn write(texts: &Texts<'_>, hunks: &[Hunk]) -> Vec<Segment> {
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

/// The segments with no more than [`CONTEXT`] characters of unchanged text before and behind each change.
fn shorten(segments: Vec<Segment>) -> Vec<Segment> {
    let last = segments.len().saturating_sub(1);
    let mut out = Vec::with_capacity(segments.len());
    for (place, segment) in segments.into_iter().enumerate() {
        let Segment::Same { text } = &segment else {
            out.push(segment);
            continue;
        };
        let begin = if place == 0 { "" } else { beginning(text) };
        let end = if place == last { "" } else { ending(text) };
        let omitted = text.chars().count().saturating_sub(begin.chars().count() + end.chars().count());
        if omitted < CONTEXT {
            out.push(segment);
            continue;
        }
        let kept = |text: &str| (!text.is_empty()).then(|| Segment::Same { text: text.to_owned() });
        out.extend(kept(begin));
        out.push(Segment::Omitted { characters: u32::try_from(omitted).unwrap_or(u32::MAX) });
        out.extend(kept(end));
    }
    out
}

/// What of the first characters of a text is whole words.
fn beginning(text: &str) -> &str {
    let Some((end, _)) = text.char_indices().nth(CONTEXT) else { return text };
    let window = text.get(..end).unwrap_or_default();
    // The last word may go on.
    let whole = window.split_word_bound_indices().next_back().map_or(0, |(last, _)| last);
    window.get(..whole).unwrap_or_default()
}

/// What of the last characters of a text is whole words.
fn ending(text: &str) -> &str {
    let Some((start, _)) = text.char_indices().rev().nth(CONTEXT - 1) else { return text };
    let window = text.get(start..).unwrap_or_default();
    // The first word may have begun before.
    let whole = window.split_word_bound_indices().nth(1).map_or(window.len(), |(second, _)| second);
    window.get(whole..).unwrap_or_default()
}
