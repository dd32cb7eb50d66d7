//! Matching by similarity of title and text.

use std::collections::HashSet;

use super::{
    SectionVersion,
    matching::{Matching, NewSection, Parent, RevisionKind},
};

/// Minimum similarity, from 0 to 1, of two versions of a section.
pub const MIN_SIMILARITY: f64 = 0.5;

/// Maximum number of bigrams for comparing every unmatched section with every other; above it only neighbours in reading
/// order are compared, so that the time stays linear.
const MAX_COMPARISONS: usize = 40_000_000;

/// Maximum distance of neighbours then.
const MAX_DISTANCE: usize = 8;

impl Matching<'_> {
    /// Matches the most similar sections; with `unchanged_waits`, without those that occur unchanged in both revisions.
    pub(super) fn match_by_similarity(&mut self, revision: RevisionKind, unchanged_waits: bool) {
        let mut old: Vec<(usize, &SectionVersion)> = self.unmatched_old(revision).collect();
        let mut new: Vec<(usize, &NewSection)> = self.unmatched_new().collect();
        if unchanged_waits {
            let before: HashSet<(&str, &str)> = old.iter().map(|(_, old)| (&*old.title, &*old.text)).collect();
            let (wait, rest): (Vec<_>, Vec<_>) =
                new.into_iter().partition(|(_, new)| before.contains(&(&*new.title, &*new.text)));
            let wait: HashSet<(&str, &str)> = wait.iter().map(|(_, new)| (&*new.title, &*new.text)).collect();
            old.retain(|(_, old)| !wait.contains(&(&*old.title, &*old.text)));
            new = rest;
        }
        let of_new: Vec<_> = new.iter().map(|(_, new)| bigrams(&new.title, &new.text)).collect();
        let of_old: Vec<_> = old.iter().map(|(_, old)| bigrams(&old.title, &old.text)).collect();
        let total = |all: &[Vec<_>]| all.iter().map(Vec::len).sum::<usize>();
        let steps = total(&of_new).saturating_mul(old.len()).saturating_add(total(&of_old).saturating_mul(new.len()));
        let near = if steps > MAX_COMPARISONS { MAX_DISTANCE } else { usize::MAX };
        let mut pairs = Vec::new();
        for (n, a) in of_new.iter().enumerate() {
            let neighbours = n.saturating_sub(near)..n.saturating_add(near).saturating_add(1).min(of_old.len());
            for o in neighbours {
                let similarity = dice(a, &of_old[o]);
                if similarity >= MIN_SIMILARITY {
                    let moved = self.parent_of(new[n].1) != Parent::from(old[o].1);
                    pairs.push((similarity, moved, new[n].0, old[o].0));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (a.1, a.2, a.3).cmp(&(b.1, b.2, b.3))));
        for (.., new, old) in pairs {
            if self.old_of[new].is_none() && self.new_of[old].is_none() {
                self.pair(new, old);
            }
        }
    }
}

/// Returns the sorted character bigrams of title and text without white space.
pub(super) fn bigrams(title: &str, text: &str) -> Vec<(char, char)> {
    let characters: Vec<char> = title.chars().chain(text.chars()).filter(|c| !c.is_whitespace()).collect();
    let mut pairs: Vec<_> = characters.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect();
    pairs.sort_unstable();
    pairs
}

/// Returns Dice's coefficient of two sorted multisets: 2 × |a ∩ b| / (|a| + |b|).
#[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2^52 bigrams")]
pub(super) fn dice(a: &[(char, char)], b: &[(char, char)]) -> f64 {
    let (mut i, mut j, mut shared) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                i += 1;
                j += 1;
            }
        }
    }
    if a.is_empty() && b.is_empty() { 0.0 } else { 2.0 * shared as f64 / (a.len() + b.len()) as f64 }
}
