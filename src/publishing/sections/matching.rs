//! The matching itself: one pass for each way of knowing a section again.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use super::{Known, Present, titles::Place};
use crate::content::{Anchor, Section, outline, text};

/// The most characters of a text that says too little to know a section by.
const PHRASE: usize = 8;

/// What an old section is looked at as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// As the latest revision has it.
    Latest,
    /// As another revision has it that readers see.
    Other,
}

impl Known {
    pub(super) fn at(&self, when: When) -> Option<&Present> {
        match when {
            When::Latest => self.latest.as_ref(),
            When::Other => self.other.as_ref(),
        }
    }

    /// What is known of its content, the latest first.
    fn versions(&self) -> impl Iterator<Item = &Present> {
        self.latest.iter().chain(&self.other)
    }
}

/// A section of the new revision.
pub(super) struct New {
    pub(super) number: String,
    anchor: Option<Anchor>,
    pub(super) title: String,
    pub(super) text: String,
    parent: Option<usize>,
}

impl From<&outline::Entry<'_>> for New {
    fn from(entry: &outline::Entry<'_>) -> New {
        New {
            number: entry.number.clone(),
            anchor: entry.section.anchor.clone(),
            title: entry.section.title.clone(),
            text: text::blocks(&entry.section.blocks),
            parent: entry.parent,
        }
    }
}

/// What stands above a section.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Above {
    /// Nothing: it is at the top.
    Article,
    /// A section that has its identity.
    Section(Uuid),
    /// A section that has none yet, under which no old section stood.
    NewSection,
}

impl From<&Present> for Above {
    fn from(present: &Present) -> Above {
        present.parent.map_or(Above::Article, Above::Section)
    }
}

/// The old and the new sections that have something in common, by their places.
pub(super) type Namesakes = (Vec<usize>, Vec<usize>);

/// Whether a text is long enough to know a section by.
fn tells(text: &str) -> bool {
    text.chars().nth(PHRASE).is_some()
}

/// New sections on their way to their identities.
pub(super) struct Matching<'a> {
    pub(super) new: &'a [New],
    pub(super) known: &'a [Known],
    /// For each new section the place of its match in `known`.
    pub(super) old_of: Vec<Option<usize>>,
    /// The same the other way round.
    pub(super) new_of: Vec<Option<usize>>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(new: &'a [New], known: &'a [Known]) -> Matching<'a> {
        Matching { new, known, old_of: vec![None; new.len()], new_of: vec![None; known.len()] }
    }

    /// For each new section the place of the old one that it is.
    pub(super) fn into_old(self) -> Vec<Option<usize>> {
        self.old_of
    }

    pub(super) fn join(&mut self, new: usize, old: usize) {
        self.old_of[new] = Some(old);
        self.new_of[old] = Some(new);
    }

    /// The old sections that are still to be found, as they were then.
    pub(super) fn old(&self, when: When) -> impl Iterator<Item = (usize, &'a Present)> + use<'a, '_> {
        let (known, new_of) = (self.known, &self.new_of);
        let free = known.iter().enumerate().filter(|(place, _)| new_of[*place].is_none());
        free.filter_map(move |(place, old)| Some((place, old.at(when)?)))
    }

    /// The new sections that are still without identity.
    pub(super) fn unknown(&self) -> impl Iterator<Item = (usize, &'a New)> + use<'a, '_> {
        let (new, old_of) = (self.new, &self.old_of);
        new.iter().enumerate().filter(|(place, _)| old_of[*place].is_none())
    }

    /// What stands above a section, as far as that is known by now.
    pub(super) fn above(&self, section: &New) -> Above {
        match section.parent.map(|above| self.old_of[above]) {
            None => Above::Article,
            Some(None) => Above::NewSection,
            Some(Some(old)) => Above::Section(self.known[old].id),
        }
    }

    /// Joins sections by the anchors that the author wrote; the faults of those that would go to another section.
    pub(super) fn by_anchor(&mut self) -> Vec<String> {
        let mut owner = HashMap::new();
        for (place, old) in self.known.iter().enumerate() {
            for anchor in old.aliases.iter().chain([&old.anchor]) {
                owner.insert(anchor, place);
            }
        }
        let standing = self.standing_unchanged();
        let mut faults = Vec::new();
        for (place, new) in self.new.iter().enumerate() {
            let Some((anchor, old)) = new.anchor.as_ref().and_then(|anchor| Some((anchor, *owner.get(anchor)?))) else {
                continue;
            };
            let (owner, how) = match (self.new_of[old], standing[old]) {
                (Some(owner), _) => (owner, "under another of its anchors"),
                (None, Some(owner)) if owner != place && !self.is_version(place, old) => (owner, "unchanged"),
                (None, _) => {
                    self.join(place, old);
                    continue;
                }
            };
            faults.push(format!(
                "the anchor `{anchor}` cannot be given to the section “{}”: it belongs to the section “{}”, which stands in \
                 this text {how}, and an anchor never goes to another section",
                new.title, self.new[owner].title
            ));
        }
        faults
    }

    /// For each old section the new one that has its title and its text, where both tell it from all others.
    fn standing_unchanged(&self) -> Vec<Option<usize>> {
        let mut same: HashMap<(&str, &str), Namesakes> = HashMap::new();
        for (place, old) in self.known.iter().enumerate() {
            for version in old.versions().filter(|version| tells(&version.text)) {
                let old = &mut same.entry((&version.title, &version.text)).or_default().0;
                if old.last() != Some(&place) {
                    old.push(place);
                }
            }
        }
        for (place, section) in self.new.iter().enumerate() {
            if let Some((_, new)) = same.get_mut(&(&*section.title, &*section.text)) {
                new.push(place);
            }
        }
        let mut standing = vec![None; self.known.len()];
        for (old, new) in same.values() {
            if let ([old], [new]) = (old.as_slice(), new.as_slice()) {
                // The latest and the other version may both stand there: the first in the text is one of them.
                standing[*old] = Some(standing[*old].map_or(*new, |other: usize| other.min(*new)));
            }
        }
        standing
    }

    fn is_version(&self, new: usize, old: usize) -> bool {
        let new = &self.new[new];
        self.known[old].versions().any(|version| version.title == new.title && version.text == new.text)
    }

    /// Joins sections by what they say, compared with what the old ones said then.
    pub(super) fn by_content(&mut self, when: When) {
        self.unchanged(when, true);
        self.once(when, |title, text| (title, text));
        self.by_titles(when, Place::Number);
        self.once(when, |_, text| ("", text));
        self.by_likeness(when, true);
        // Two that exchange their titles are known by now.
        self.by_titles(when, Place::Behind);
        self.unchanged(when, true);
        self.unchanged(when, false);
        self.by_likeness(when, false);
    }

    /// Joins sections whose title and text are unchanged, in order, under the same parent or anywhere.
    pub(super) fn unchanged(&mut self, when: When, under_same_parent: bool) {
        let mut waiting: HashMap<(&str, &str, Above), VecDeque<usize>> = HashMap::new();
        for (place, old) in self.old(when) {
            let parent = if under_same_parent { old.into() } else { Above::Article };
            waiting.entry((&old.title, &old.text, parent)).or_default().push_back(place);
        }
        for (place, section) in self.new.iter().enumerate() {
            if self.old_of[place].is_some() {
                continue;
            }
            let parent = if under_same_parent { self.above(section) } else { Above::Article };
            if let Some(old) = waiting.get_mut(&(&*section.title, &*section.text, parent)).and_then(VecDeque::pop_front)
            {
                self.join(place, old);
            }
        }
    }

    /// Joins sections, wherever they stand, that have this of title and text in common with no other.
    fn once(&mut self, when: When, what: for<'s> fn(&'s str, &'s str) -> (&'s str, &'s str)) {
        let mut pairs: HashMap<(&str, &str), Namesakes> = HashMap::new();
        for (place, old) in self.old(when).filter(|(_, old)| tells(&old.text)) {
            pairs.entry(what(&old.title, &old.text)).or_default().0.push(place);
        }
        for (place, section) in self.unknown() {
            if let Some((_, new)) = pairs.get_mut(&what(&section.title, &section.text)) {
                new.push(place);
            }
        }
        for (old, new) in pairs.into_values() {
            if let ([old], [new]) = (old.as_slice(), new.as_slice()) {
                self.join(*new, *old);
            }
        }
    }

    /// Joins sections that were removed earlier and come back as they were.
    pub(super) fn by_hash(&mut self, entries: &[outline::Entry<'_>]) {
        let known = self.known;
        let mut removed: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, old) in known.iter().enumerate().filter(|(_, old)| old.latest.is_none()) {
            removed.entry(&old.title).or_default().push(place);
        }
        for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.section.anchor.is_none()) {
            if self.old_of[place].is_some() {
                continue;
            }
            // Of many removed sections of one title only the last few are looked at: the time stays linear.
            let candidates = removed.get(entry.section.title.as_str()).into_iter().flatten().rev().take(8);
            let back = candidates.copied().find(|old| {
                let again = Section { anchor: Some(known[*old].anchor.clone()), ..Section::clone(entry.section) };
                self.new_of[*old].is_none() && outline::section_hash(&again) == known[*old].hash
            });
            if let Some(old) = back {
                self.join(place, old);
            }
        }
    }
}
