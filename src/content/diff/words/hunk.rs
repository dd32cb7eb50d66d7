//! Hunks of a difference: the changes between two texts that are divided into words or lines.

use std::ops::Range;

use similar::{
    Algorithm, DiffOp,
    algorithms::{self, Capture, IdentifyDistinct},
};

/// Maximum length of unchanged text between two hunks that is taken for chance, in characters.
const MAX_CHANCE_CHARS: usize = 8;

/// Both texts, divided into words or lines.
pub(super) struct Texts<'a> {
    pub from: Vec<&'a str>,
    pub to: Vec<&'a str>,
}

/// A changed range of both texts. At most one of the ranges is empty, and unchanged text separates any two hunks.
#[derive(Debug, Clone)]
pub(super) struct Hunk {
    pub from: Range<usize>,
    pub to: Range<usize>,
}

impl Hunk {
    /// Returns the hunk of the reversed difference.
    fn reversed(self) -> Hunk {
        Hunk { from: self.to, to: self.from }
    }
}

impl Texts<'_> {
    /// Returns the range without the common beginning and end.
    pub fn middle(&self) -> Hunk {
        let begin = self.from.iter().zip(&self.to).take_while(|(a, b)| a == b).count();
        let rest = self.from.len().min(self.to.len()) - begin;
        let backwards = self.from.iter().rev().zip(self.to.iter().rev()).take(rest);
        let end = backwards.take_while(|(a, b)| a == b).count();
        Hunk { from: begin..self.from.len() - end, to: begin..self.to.len() - end }
    }

    /// Returns the hunks in order, and subtracts the compared units from `left`; `None` if there are more units than that.
    pub fn hunks(&self, left: &mut usize) -> Option<Vec<Hunk>> {
        let middle = self.middle();
        let mut hunks = if middle.from.is_empty() && middle.to.is_empty() {
            Vec::new()
        } else if middle.from.is_empty() || middle.to.is_empty() {
            vec![middle]
        } else {
            *left = left.checked_sub(middle.from.len() + middle.to.len())?;
            // Ordered, so that the reversed difference makes the same choice among equally short results.
            if self.from > self.to {
                compare(&self.to, &self.from, &middle.reversed()).into_iter().map(Hunk::reversed).collect()
            } else {
                compare(&self.from, &self.to, &middle)
            }
        };
        hunks = self.merge_chance(hunks);
        self.align(&mut hunks);
        Some(hunks)
    }

    /// Merges replacements that are separated only by equality by chance: a few characters of one line, no longer than
    /// either replacement. Text between two additions is not chance; it may be a word that was marked as strong.
    fn merge_chance(&self, hunks: Vec<Hunk>) -> Vec<Hunk> {
        let weight = |hunk: &Hunk| char_count(&self.from, &hunk.from).max(char_count(&self.to, &hunk.to));
        let by_chance = |before: &Hunk, after: &Hunk| {
            let between = before.to.end..after.to.start;
            let length = char_count(&self.to, &between);
            let added_only = before.from.is_empty() && after.from.is_empty();
            let removed_only = before.to.is_empty() && after.to.is_empty();
            !(added_only || removed_only)
                && length <= MAX_CHANCE_CHARS
                && length <= weight(before).min(weight(after))
                && !self.to.get(between).unwrap_or_default().iter().any(|text| text.contains('\n'))
        };
        let mut out: Vec<Hunk> = Vec::with_capacity(hunks.len());
        for mut hunk in hunks {
            // The merged hunk may also absorb the one before.
            while let Some(before) = out.pop_if(|before| by_chance(before, &hunk)) {
                hunk = Hunk { from: before.from.start..hunk.from.end, to: before.to.start..hunk.to.end };
            }
            out.push(hunk);
        }
        out
    }

    /// Shifts additions and removals to sentence and line boundaries where the text is the same: `a[b a]c` is also
    /// `[a b]a c`.
    fn align(&self, hunks: &mut [Hunk]) {
        for index in 0..hunks.len() {
            let before = index.checked_sub(1).and_then(|at| hunks.get(at)).cloned();
            let after = hunks.get(index + 1).cloned();
            let Some(hunk) = hunks.get_mut(index) else { continue };
            // At least one unit stays unchanged between two hunks.
            let (texts, range, room) = if hunk.from.is_empty() {
                let first = before.map_or(0, |before| before.to.end + 1);
                (&self.to, hunk.to.clone(), first..after.map_or(self.to.len(), |after| after.to.start - 1))
            } else if hunk.to.is_empty() {
                let first = before.map_or(0, |before| before.from.end + 1);
                (&self.from, hunk.from.clone(), first..after.map_or(self.from.len(), |after| after.from.start - 1))
            } else {
                continue;
            };
            let start = best_start(texts, &range, &room);
            let shifted = |at: usize| (at + start).saturating_sub(range.start);
            hunk.from = shifted(hunk.from.start)..shifted(hunk.from.end);
            hunk.to = shifted(hunk.to.start)..shifted(hunk.to.end);
        }
    }
}

/// Returns the hunks within `middle`, by Myers' algorithm.
fn compare(from: &[&str], to: &[&str], middle: &Hunk) -> Vec<Hunk> {
    let ids = IdentifyDistinct::<u32>::new(from, middle.from.clone(), to, middle.to.clone());
    let mut capture = Capture::new();
    let Ok(()) = algorithms::diff(
        Algorithm::Myers,
        &mut capture,
        ids.old_lookup(),
        ids.old_range(),
        ids.new_lookup(),
        ids.new_range(),
    );
    let same = capture.ops().iter().filter_map(|op| match *op {
        DiffOp::Equal { old_index, new_index, len } => Some((old_index, new_index, len)),
        _ => None,
    });
    // Hunks are the gaps between equal ranges.
    let mut hunks = Vec::new();
    let (mut from, mut to) = (middle.from.start, middle.to.start);
    for (from_next, to_next, length) in same.chain([(middle.from.end, middle.to.end, 0)]) {
        if from < from_next || to < to_next {
            hunks.push(Hunk { from: from..from_next, to: to..to_next });
        }
        (from, to) = (from_next + length, to_next + length);
    }
    hunks
}

/// Returns the length of a range in characters, up to the limit that matters.
fn char_count(texts: &[&str], range: &Range<usize>) -> usize {
    let texts = texts.get(range.clone()).unwrap_or_default();
    texts.iter().flat_map(|text| text.chars()).take(MAX_CHANCE_CHARS + 1).count()
}

/// Returns the start in `room` with the strongest boundaries among those where removing the range leaves the same text.
fn best_start(texts: &[&str], removed: &Range<usize>, room: &Range<usize>) -> usize {
    let same = |a: usize, b: usize| texts.get(a).is_some_and(|text| texts.get(b) == Some(text));
    let Range { start, end } = *removed;
    let back = (1..=start.saturating_sub(room.start)).take_while(|by| same(start - by, end - by)).count();
    let forward = (0..room.end.saturating_sub(end)).take_while(|by| same(start + by, end + by)).count();
    let strength_before =
        |at: usize| at.checked_sub(1).and_then(|last| texts.get(last)).map_or(3, |text| boundary_strength(text));
    let starts = start - back..=start + forward;
    starts.max_by_key(|at| strength_before(*at) + strength_before(at + removed.len())).unwrap_or(start)
}

/// Returns the strength of the boundary after a text: line, sentence, clause or none.
fn boundary_strength(text: &str) -> u8 {
    match text.chars().next_back() {
        Some('\n') => 3,
        Some('。' | '！' | '？' | '；' | '…' | '.' | '!' | '?' | ';') => 2,
        Some('，' | '、' | '：' | ',' | ':' | ' ') => 1,
        _ => 0,
    }
}
