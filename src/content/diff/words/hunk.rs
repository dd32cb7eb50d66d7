//! The changes between two texts that are cut into words or lines, as a reader would mark them.

use std::ops::Range;

use similar::{
    Algorithm, DiffOp,
    algorithms::{self, Capture, IdentifyDistinct},
};

/// The most characters that two changes have between them by chance.
const CHANCE: usize = 8;

/// Both sides, cut into words or lines.
pub(super) struct Texts<'a> {
    pub from: Vec<&'a str>,
    pub to: Vec<&'a str>,
}

/// A change: words of both sides that stand for each other. One of the ranges may be empty, not both; between two changes
/// there is always something that is the same.
#[derive(Debug, Clone)]
pub(super) struct Hunk {
    pub from: Range<usize>,
    pub to: Range<usize>,
}

impl Hunk {
    /// The change the other way.
    fn turned(self) -> Hunk {
        Hunk { from: self.to, to: self.from }
    }
}

impl Texts<'_> {
    /// All but what both sides begin and end with.
    pub fn middle(&self) -> Hunk {
        let begin = self.from.iter().zip(&self.to).take_while(|(a, b)| a == b).count();
        let rest = self.from.len().min(self.to.len()) - begin;
        let backwards = self.from.iter().rev().zip(self.to.iter().rev()).take(rest);
        let end = backwards.take_while(|(a, b)| a == b).count();
        Hunk { from: begin..self.from.len() - end, to: begin..self.to.len() - end }
    }

    /// The changes in their order; `None` where there is more to compare than `left`, from which it is taken.
    pub fn hunks(&self, left: &mut usize) -> Option<Vec<Hunk>> {
        let middle = self.middle();
        let mut hunks = if middle.from.is_empty() && middle.to.is_empty() {
            Vec::new()
        } else if middle.from.is_empty() || middle.to.is_empty() {
            vec![middle]
        } else {
            *left = left.checked_sub(middle.from.len() + middle.to.len())?;
            // Of several shortest answers the same one has to be found from either side.
            if self.from > self.to {
                compare(&self.to, &self.from, &middle.turned()).into_iter().map(Hunk::turned).collect()
            } else {
                compare(&self.from, &self.to, &middle)
            }
        };
        hunks = self.joined(hunks);
        self.align(&mut hunks);
        Some(hunks)
    }

    /// The changes without what is the same between two of them by chance, where text was replaced: no more than either has
    /// itself, and only a few characters of one line. What stands between two additions, such as the marks around a word
    /// that is now strong, is no chance.
    fn joined(&self, hunks: Vec<Hunk>) -> Vec<Hunk> {
        let weight = |hunk: &Hunk| characters(&self.from, &hunk.from).max(characters(&self.to, &hunk.to));
        let by_chance = |before: &Hunk, after: &Hunk| {
            let between = before.to.end..after.to.start;
            let length = characters(&self.to, &between);
            let added_only = before.from.is_empty() && after.from.is_empty();
            let removed_only = before.to.is_empty() && after.to.is_empty();
            !(added_only || removed_only)
                && length <= CHANCE
                && length <= weight(before).min(weight(after))
                && !self.to.get(between).unwrap_or_default().iter().any(|text| text.contains('\n'))
        };
        let mut out: Vec<Hunk> = Vec::with_capacity(hunks.len());
        for mut hunk in hunks {
            // What became heavier may take what it could not before.
            while let Some(before) = out.pop_if(|before| by_chance(before, &hunk)) {
                hunk = Hunk { from: before.from.start..hunk.from.end, to: before.to.start..hunk.to.end };
            }
            out.push(hunk);
        }
        out
    }

    /// Moves what was only added or only removed to where sentences and lines begin, as far as that makes no difference:
    /// in `a[b a]c`, which could be `[a b]a c` as well.
    fn align(&self, hunks: &mut [Hunk]) {
        for place in 0..hunks.len() {
            let before = place.checked_sub(1).and_then(|at| hunks.get(at)).cloned();
            let after = hunks.get(place + 1).cloned();
            let Some(hunk) = hunks.get_mut(place) else { continue };
            // Something stays the same before and behind.
            let (texts, stretch, room) = if hunk.from.is_empty() {
                let first = before.map_or(0, |before| before.to.end + 1);
                (&self.to, hunk.to.clone(), first..after.map_or(self.to.len(), |after| after.to.start - 1))
            } else if hunk.to.is_empty() {
                let first = before.map_or(0, |before| before.from.end + 1);
                (&self.from, hunk.from.clone(), first..after.map_or(self.from.len(), |after| after.from.start - 1))
            } else {
                continue;
            };
            let start = best_start(texts, &stretch, &room);
            let shifted = |at: usize| (at + start).saturating_sub(stretch.start);
            hunk.from = shifted(hunk.from.start)..shifted(hunk.from.end);
            hunk.to = shifted(hunk.to.start)..shifted(hunk.to.end);
        }
    }
}

/// The changes of `middle`, with as little change as can be found in the time.
fn compare(from: &[&str], to: &[&str], middle: &Hunk) -> Vec<Hunk> {
    let known = IdentifyDistinct::<u32>::new(from, middle.from.clone(), to, middle.to.clone());
    let mut found = Capture::new();
    let Ok(()) = algorithms::diff(
        Algorithm::Myers,
        &mut found,
        known.old_lookup(),
        known.old_range(),
        known.new_lookup(),
        known.new_range(),
    );
    let same = found.ops().iter().filter_map(|op| match *op {
        DiffOp::Equal { old_index, new_index, len } => Some((old_index, new_index, len)),
        _ => None,
    });
    // The changes are what lies between the equal stretches.
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

/// The characters of a stretch, as far as they matter.
fn characters(texts: &[&str], range: &Range<usize>) -> usize {
    let texts = texts.get(range.clone()).unwrap_or_default();
    texts.iter().flat_map(|text| text.chars()).take(CHANCE + 1).count()
}

/// Where a stretch of `texts` begins best, of the places within `room` where taking it out leaves the same.
fn best_start(texts: &[&str], stretch: &Range<usize>, room: &Range<usize>) -> usize {
    let same = |a: usize, b: usize| texts.get(a).is_some_and(|text| texts.get(b) == Some(text));
    let Range { start, end } = *stretch;
    let back = (1..=start.saturating_sub(room.start)).take_while(|by| same(start - by, end - by)).count();
    let forth = (0..room.end.saturating_sub(end)).take_while(|by| same(start + by, end + by)).count();
    let strength_before =
        |at: usize| at.checked_sub(1).and_then(|last| texts.get(last)).map_or(3, |text| strength(text));
    let starts = start - back..=start + forth;
    starts.max_by_key(|at| strength_before(*at) + strength_before(at + stretch.len())).unwrap_or(start)
}

/// How much of a break a reader sees behind a text.
fn strength(text: &str) -> u8 {
    match text.chars().next_back() {
        Some('\n') => 3,
        Some('。' | '！' | '？' | '；' | '…' | '.' | '!' | '?' | ';') => 2,
        Some('，' | '、' | '：' | ',' | ':' | ' ') => 1,
        _ => 0,
    }
}
