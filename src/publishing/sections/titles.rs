//! By title under the same parent, where no other section there has it.

use std::collections::HashMap;

use super::{
    Present,
    likeness::{bigrams, dice},
    matching::{Above, Matching, Namesakes, New, When},
};
use crate::content::outline;

/// The least likeness of text at which a section with the title of another, elsewhere under the same parent, is it.
const SOME_LIKENESS: f64 = 0.25;

/// What a section's place under its parent is told by: a rewritten section stays in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its number.
    Number,
    /// The section before it, of those that stay under the parent; whatever was inserted or removed in front.
    Behind,
}

/// For each old and each new section one old section.
type Before = (Vec<Option<usize>>, Vec<Option<usize>>);

impl Matching<'_> {
    /// Joins sections of one title that stand alone with it under their parent, and have their place or a good part of their
    /// text in common.
    pub(super) fn by_titles(&mut self, when: When, place: Place) {
        // A match may make the parent of the next one known, so it goes on level by level.
        for _ in 0..outline::MAX_DEPTH {
            let pairs = self.lone_titles(when);
            if pairs.is_empty() {
                break;
            }
            let before = self.before();
            let mut any = false;
            for (old, new) in pairs {
                let Some(present) = self.known[old].at(when) else { continue };
                let stays = match place {
                    _ if when == When::Other => false,
                    Place::Number => position(&present.number) == position(&self.new[new].number),
                    Place::Behind => before.0[old] == before.1[new],
                };
                if stays || may_be_one(present, &self.new[new]) {
                    self.join(new, old);
                    any = true;
                }
            }
            if !any {
                break;
            }
            self.unchanged(when, true);
        }
    }

    /// The old and the new sections that alone have a title under a parent.
    fn lone_titles(&self, when: When) -> Vec<(usize, usize)> {
        let mut pairs: HashMap<(&str, Above), Namesakes> = HashMap::new();
        for (place, old) in self.old(when) {
            pairs.entry((&old.title, old.into())).or_default().0.push(place);
        }
        for (place, section) in self.unknown() {
            if let Some((_, new)) = pairs.get_mut(&(&*section.title, self.above(section))) {
                new.push(place);
            }
        }
        let lone = pairs.into_values().filter_map(|(old, new)| match (old.as_slice(), new.as_slice()) {
            ([old], [new]) => Some((*old, *new)),
            _ => None,
        });
        lone.collect()
    }

    /// For each old and each new section the old one that stood before it in the latest revision, or stands before it now,
    /// under the same parent, of those that are under that parent in both.
    fn before(&self) -> Before {
        let above: Vec<Above> = self.new.iter().map(|section| self.above(section)).collect();
        let was_above = |old: usize| self.known[old].latest.as_ref().map(Above::from);
        let mut last: HashMap<Above, usize> = HashMap::new();
        let old = (0..self.known.len()).map(|old| {
            let parent = was_above(old)?;
            let stays = self.new_of[old].is_some_and(|new| above[new] == parent);
            if stays { last.insert(parent, old) } else { last.get(&parent).copied() }
        });
        let old = old.collect();
        last.clear();
        let new = (0..self.new.len()).map(|new| {
            let stays = self.old_of[new].filter(|old| was_above(*old) == Some(above[new]));
            match stays {
                Some(old) => last.insert(above[new], old),
                None => last.get(&above[new]).copied(),
            }
        });
        let new = new.collect();
        (old, new)
    }
}

/// The last part of a number: which of the sections under its parent it is.
fn position(number: &str) -> Option<&str> {
    number.rsplit('.').next()
}

/// Whether sections of one title under one parent can be one wherever they stand: a moved one keeps part of its text; what
/// does not is another section with the title of a removed one.
fn may_be_one(old: &Present, new: &New) -> bool {
    old.text.is_empty() && new.text.is_empty()
        || dice(&bigrams("", &old.text), &bigrams("", &new.text)) >= SOME_LIKENESS
}
