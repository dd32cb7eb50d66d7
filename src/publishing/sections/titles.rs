//! Matching by a title that is unique under its parent.

use std::collections::HashMap;

use super::{
    SectionVersion,
    matching::{Candidates, Matching, NewSection, Parent, RevisionKind},
    similarity::{bigrams, dice},
};
use crate::content::outline;

/// Minimum similarity of the texts if the sections have the same title but another position.
const MIN_TEXT_SIMILARITY: f64 = 0.25;

/// The rule by which a section with new text is in the same position under its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PositionRule {
    /// Equal number.
    Number,
    /// Equal predecessor among the siblings that are in both revisions; insertions and removals before it do not matter.
    Predecessor,
}

/// The predecessor, as the index of an old section, of each old and of each new section.
type Predecessors = (Vec<Option<usize>>, Vec<Option<usize>>);

impl Matching<'_> {
    /// Matches sections by a title that is unique under their parent, if they are in the same position or have similar
    /// texts.
    pub(super) fn match_by_title(&mut self, revision: RevisionKind, rule: PositionRule) {
        // A match may be the parent of the next one, so each pass matches one level.
        for _ in 0..outline::MAX_DEPTH {
            let pairs = self.find_unique_titles(revision);
            if pairs.is_empty() {
                break;
            }
            let before = self.find_predecessors();
            let mut any = false;
            for (old, new) in pairs {
                let Some(version) = self.known[old].version(revision) else { continue };
                let stays = match rule {
                    _ if revision == RevisionKind::Published => false,
                    PositionRule::Number => sibling_number(&version.number) == sibling_number(&self.new[new].number),
                    PositionRule::Predecessor => before.0[old] == before.1[new],
                };
                if stays || is_same_section(version, &self.new[new]) {
                    self.pair(new, old);
                    any = true;
                }
            }
            if !any {
                break;
            }
            self.match_unchanged(revision, true);
        }
    }

    /// Returns the pairs of old and new sections whose title is unique under the parent.
    fn find_unique_titles(&self, revision: RevisionKind) -> Vec<(usize, usize)> {
        let mut pairs: HashMap<(&str, Parent), Candidates> = HashMap::new();
        for (index, old) in self.unmatched_old(revision) {
            pairs.entry((&old.title, old.into())).or_default().0.push(index);
        }
        for (index, section) in self.unmatched_new() {
            if let Some((_, new)) = pairs.get_mut(&(&*section.title, self.parent_of(section))) {
                new.push(index);
            }
        }
        let unique = pairs.into_values().filter_map(|(old, new)| match (old.as_slice(), new.as_slice()) {
            ([old], [new]) => Some((*old, *new)),
            _ => None,
        });
        unique.collect()
    }

    /// Returns the predecessor of each old and each new section, among the siblings that have this parent in both
    /// revisions.
    fn find_predecessors(&self) -> Predecessors {
        let parents: Vec<Parent> = self.new.iter().map(|section| self.parent_of(section)).collect();
        let old_parent = |old: usize| self.known[old].latest.as_ref().map(Parent::from);
        let mut last: HashMap<Parent, usize> = HashMap::new();
        let old = (0..self.known.len()).map(|old| {
            let parent = old_parent(old)?;
            let stays = self.new_of[old].is_some_and(|new| parents[new] == parent);
            if stays { last.insert(parent, old) } else { last.get(&parent).copied() }
        });
        let old = old.collect();
        last.clear();
        let new = (0..self.new.len()).map(|new| {
            let stays = self.old_of[new].filter(|old| old_parent(*old) == Some(parents[new]));
            match stays {
                Some(old) => last.insert(parents[new], old),
                None => last.get(&parents[new]).copied(),
            }
        });
        let new = new.collect();
        (old, new)
    }
}

/// Returns the last part of a number, the position among the siblings.
fn sibling_number(number: &str) -> Option<&str> {
    number.rsplit('.').next()
}

/// Returns true if two sections with the same title and parent are the same section in any position. A moved section has
/// part of its text; without that it is another section with the title of a removed one.
fn is_same_section(old: &SectionVersion, new: &NewSection) -> bool {
    old.text.is_empty() && new.text.is_empty()
        || dice(&bigrams("", &old.text), &bigrams("", &new.text)) >= MIN_TEXT_SIMILARITY
}
