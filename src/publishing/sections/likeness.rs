//! By how much two texts have in common.

use std::collections::HashSet;

use super::{
    Present,
    matching::{Above, Matching, New, When},
};

/// The least likeness, from 0 to 1, at which two sections are taken for one.
pub const LIKENESS: f64 = 0.5;

/// The most bigrams that are looked at to compare every unmatched section with every other; beyond it only neighbours in
/// reading order are compared, so that the time stays linear.
const MAX_STEPS: usize = 40_000_000;

/// How far neighbours are apart then.
const NEAR: usize = 8;

impl Matching<'_> {
    /// Joins the sections that are most alike. What stands unchanged among the old ones waits, where it is told to.
    pub(super) fn by_likeness(&mut self, when: When, unchanged_waits: bool) {
        let mut old: Vec<(usize, &Present)> = self.old(when).collect();
        let mut new: Vec<(usize, &New)> = self.unknown().collect();
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
        let near = if steps > MAX_STEPS { NEAR } else { usize::MAX };
        let mut pairs = Vec::new();
        for (n, a) in of_new.iter().enumerate() {
            let neighbours = n.saturating_sub(near)..n.saturating_add(near).saturating_add(1).min(of_old.len());
            for o in neighbours {
                let likeness = dice(a, &of_old[o]);
                if likeness >= LIKENESS {
                    let moved = self.above(new[n].1) != Above::from(old[o].1);
                    pairs.push((likeness, moved, new[n].0, old[o].0));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (a.1, a.2, a.3).cmp(&(b.1, b.2, b.3))));
        for (.., new, old) in pairs {
            if self.old_of[new].is_none() && self.new_of[old].is_none() {
                self.join(new, old);
            }
        }
    }
}

/// The bigrams of title and text without white space, sorted.
pub(super) fn bigrams(title: &str, text: &str) -> Vec<(char, char)> {
    let characters: Vec<char> = title.chars().chain(text.chars()).filter(|c| !c.is_whitespace()).collect();
    let mut pairs: Vec<_> = characters.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect();
    pairs.sort_unstable();
    pairs
}

/// Dice's coefficient of two sorted multisets: twice what they share over what they hold.
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
