//! The steps of matching, except those by title and by similarity.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use super::{KnownSection, SectionVersion, titles::PositionRule};
use crate::content::{Anchor, Section, outline, text};

/// Maximum length of a text that is too short to identify a section, in characters.
const MAX_INDISTINCT_CHARS: usize = 8;

/// The revision that an old section is compared in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RevisionKind {
    /// The latest revision.
    Latest,
    /// The published revision, if it is another one.
    Published,
}

impl KnownSection {
    pub(super) fn version(&self, revision: RevisionKind) -> Option<&SectionVersion> {
        match revision {
            RevisionKind::Latest => self.latest.as_ref(),
            RevisionKind::Published => self.published.as_ref(),
        }
    }

    /// Returns the section in each revision, the latest first.
    fn versions(&self) -> impl Iterator<Item = &SectionVersion> {
        self.latest.iter().chain(&self.published)
    }
}

/// A section of the new revision.
pub(super) struct NewSection {
    pub(super) number: String,
    anchor: Option<Anchor>,
    pub(super) title: String,
    pub(super) text: String,
    parent: Option<usize>,
}

impl From<&outline::Entry<'_>> for NewSection {
    fn from(entry: &outline::Entry<'_>) -> NewSection {
        NewSection {
            number: entry.number.clone(),
            anchor: entry.section.anchor.clone(),
            title: entry.section.title.clone(),
            text: text::blocks(&entry.section.blocks),
            parent: entry.parent,
        }
    }
}

/// The parent of a section.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Parent {
    /// None: a section of the top level.
    Article,
    /// A section with an id.
    Section(Uuid),
    /// A section without an id yet; no old section has this parent.
    Unmatched,
}

impl From<&SectionVersion> for Parent {
    fn from(version: &SectionVersion) -> Parent {
        version.parent.map_or(Parent::Article, Parent::Section)
    }
}

/// Indexes of the old and the new sections that are equal in some respect.
pub(super) type Candidates = (Vec<usize>, Vec<usize>);

/// Returns true if a text is long enough to identify a section.
fn is_distinctive(text: &str) -> bool {
    text.chars().nth(MAX_INDISTINCT_CHARS).is_some()
}

/// The state of a matching: the new and the old sections, and the pairs so far.
pub(super) struct Matching<'a> {
    pub(super) new: &'a [NewSection],
    pub(super) known: &'a [KnownSection],
    /// Index in `known` for each matched new section.
    pub(super) old_of: Vec<Option<usize>>,
    /// Index in `new` for each matched old section.
    pub(super) new_of: Vec<Option<usize>>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(new: &'a [NewSection], known: &'a [KnownSection]) -> Matching<'a> {
        Matching { new, known, old_of: vec![None; new.len()], new_of: vec![None; known.len()] }
    }

    /// Returns the index of the old section for each new one.
    pub(super) fn into_old(self) -> Vec<Option<usize>> {
        self.old_of
    }

    pub(super) fn pair(&mut self, new: usize, old: usize) {
        self.old_of[new] = Some(old);
        self.new_of[old] = Some(new);
    }

    /// Returns the unmatched old sections in a revision.
    pub(super) fn unmatched_old(
        &self,
        revision: RevisionKind,
    ) -> impl Iterator<Item = (usize, &'a SectionVersion)> + use<'a, '_> {
        let (known, new_of) = (self.known, &self.new_of);
        let free = known.iter().enumerate().filter(|(index, _)| new_of[*index].is_none());
        free.filter_map(move |(index, old)| Some((index, old.version(revision)?)))
    }

    /// Returns the unmatched new sections.
    pub(super) fn unmatched_new(&self) -> impl Iterator<Item = (usize, &'a NewSection)> + use<'a, '_> {
        let (new, old_of) = (self.new, &self.old_of);
        new.iter().enumerate().filter(|(index, _)| old_of[*index].is_none())
    }

    /// Returns the parent of a section, as far as it is matched.
    pub(super) fn parent_of(&self, section: &NewSection) -> Parent {
        match section.parent.map(|parent| self.old_of[parent]) {
            None => Parent::Article,
            Some(None) => Parent::Unmatched,
            Some(Some(old)) => Parent::Section(self.known[old].id),
        }
    }

    /// Matches by explicit anchors, and returns an error for each anchor that belongs to another section.
    pub(super) fn match_by_anchor(&mut self) -> Vec<String> {
        let mut owner = HashMap::new();
        for (index, old) in self.known.iter().enumerate() {
            for anchor in old.aliases.iter().chain([&old.anchor]) {
                owner.insert(anchor, index);
            }
        }
        let unchanged = self.find_unchanged();
        let mut errors = Vec::new();
        for (index, new) in self.new.iter().enumerate() {
            let Some((anchor, old)) = new.anchor.as_ref().and_then(|anchor| Some((anchor, *owner.get(anchor)?))) else {
                continue;
            };
            let (owner, how) = match (self.new_of[old], unchanged[old]) {
                (Some(owner), _) => (owner, "under another of its anchors"),
                (None, Some(owner)) if owner != index && !self.is_version(index, old) => (owner, "unchanged"),
                (None, _) => {
                    self.pair(index, old);
                    continue;
                }
            };
            errors.push(format!(
                "the anchor `{anchor}` cannot be given to the section “{}”: it belongs to the section “{}”, which is in this text \
                 {how}; choose another anchor",
                new.title, self.new[owner].title
            ));
        }
        errors
    }

    /// Returns, for each old section, the new one with the same title and text, if both are unique.
    fn find_unchanged(&self) -> Vec<Option<usize>> {
        let mut same: HashMap<(&str, &str), Candidates> = HashMap::new();
        for (index, old) in self.known.iter().enumerate() {
            for version in old.versions().filter(|version| is_distinctive(&version.text)) {
                let old = &mut same.entry((&version.title, &version.text)).or_default().0;
                if old.last() != Some(&index) {
                    old.push(index);
                }
            }
        }
        for (index, section) in self.new.iter().enumerate() {
            if let Some((_, new)) = same.get_mut(&(&*section.title, &*section.text)) {
                new.push(index);
            }
        }
        let mut unchanged = vec![None; self.known.len()];
        for (old, new) in same.values() {
            if let ([old], [new]) = (old.as_slice(), new.as_slice()) {
                // The latest and the published content may both be in the text; the first one counts.
                unchanged[*old] = Some(unchanged[*old].map_or(*new, |other: usize| other.min(*new)));
            }
        }
        unchanged
    }

    fn is_version(&self, new: usize, old: usize) -> bool {
        let new = &self.new[new];
        self.known[old].versions().any(|version| version.title == new.title && version.text == new.text)
    }

    /// Matches by content, compared with one revision (steps 2 to 7).
    pub(super) fn match_by_content(&mut self, revision: RevisionKind) {
        self.match_unchanged(revision, true);
        self.match_unique(revision, |title, text| (title, text));
        self.match_by_title(revision, PositionRule::Number);
        self.match_unique(revision, |_, text| ("", text));
        self.match_by_similarity(revision, true);
        // Sections that exchanged their titles are matched by now.
        self.match_by_title(revision, PositionRule::Predecessor);
        self.match_unchanged(revision, true);
        self.match_unchanged(revision, false);
        self.match_by_similarity(revision, false);
    }

    /// Matches sections with equal title and text, in order, under the same parent or anywhere.
    pub(super) fn match_unchanged(&mut self, revision: RevisionKind, under_same_parent: bool) {
        let mut waiting: HashMap<(&str, &str, Parent), VecDeque<usize>> = HashMap::new();
        for (index, old) in self.unmatched_old(revision) {
            let parent = if under_same_parent { old.into() } else { Parent::Article };
            waiting.entry((&old.title, &old.text, parent)).or_default().push_back(index);
        }
        for (index, section) in self.new.iter().enumerate() {
            if self.old_of[index].is_some() {
                continue;
            }
            let parent = if under_same_parent { self.parent_of(section) } else { Parent::Article };
            if let Some(old) = waiting.get_mut(&(&*section.title, &*section.text, parent)).and_then(VecDeque::pop_front)
            {
                self.pair(index, old);
            }
        }
    }

    /// Matches sections anywhere whose key, made of title and text, is unique.
    fn match_unique(&mut self, revision: RevisionKind, key: for<'s> fn(&'s str, &'s str) -> (&'s str, &'s str)) {
        let mut pairs: HashMap<(&str, &str), Candidates> = HashMap::new();
        for (index, old) in self.unmatched_old(revision).filter(|(_, old)| is_distinctive(&old.text)) {
            pairs.entry(key(&old.title, &old.text)).or_default().0.push(index);
        }
        for (index, section) in self.unmatched_new() {
            if let Some((_, new)) = pairs.get_mut(&key(&section.title, &section.text)) {
                new.push(index);
            }
        }
        for (old, new) in pairs.into_values() {
            if let ([old], [new]) = (old.as_slice(), new.as_slice()) {
                self.pair(*new, *old);
            }
        }
    }

    /// Matches sections that were removed earlier and return unchanged.
    pub(super) fn match_by_hash(&mut self, entries: &[outline::Entry<'_>]) {
        let known = self.known;
        let mut removed: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, old) in known.iter().enumerate().filter(|(_, old)| old.latest.is_none()) {
            removed.entry(&old.title).or_default().push(index);
        }
        for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.section.anchor.is_none()) {
            if self.old_of[index].is_some() {
                continue;
            }
            // Only the last few removed sections of a title are compared, so that the time stays linear.
            let candidates = removed.get(entry.section.title.as_str()).into_iter().flatten().rev().take(8);
            let back = candidates.copied().find(|old| {
                let again = Section { anchor: Some(known[*old].anchor.clone()), ..Section::clone(entry.section) };
                self.new_of[*old].is_none() && outline::section_hash(&again) == known[*old].hash
            });
            if let Some(old) = back {
                self.pair(index, old);
            }
        }
    }
}
