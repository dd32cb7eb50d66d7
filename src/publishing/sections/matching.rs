//! The matching itself: one pass for each way of knowing a section again.

use std::collections::{HashMap, HashSet, VecDeque};

use uuid::Uuid;

use super::{
    Known, Present,
    likeness::{bigrams, dice},
};
use crate::content::{Anchor, Section, outline, text};

/// The least likeness, from 0 to 1, at which two sections are taken for one.
pub const LIKENESS: f64 = 0.5;

/// The least likeness of text at which a section with the title of another, elsewhere under the same parent, is it.
const SOME_LIKENESS: f64 = 0.25;

/// The most characters of a text that says too little to know a section by.
const PHRASE: usize = 8;

/// The most bigrams that are looked at to compare every unmatched section with every other; beyond it only neighbours in
/// reading order are compared, so that the time stays linear.
const MAX_STEPS: usize = 40_000_000;

/// How far neighbours are apart then.
const NEAR: usize = 8;

/// What an old section is looked at as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// As the latest revision has it.
    Latest,
    /// As another revision has it that readers see.
    Other,
}

impl Known {
    fn at(&self, when: When) -> Option<&Present> {
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
    number: String,
    anchor: Option<Anchor>,
    title: String,
    text: String,
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
enum Above {
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
type Namesakes = (Vec<usize>, Vec<usize>);

/// Whether a text is long enough to know a section by.
fn tells(text: &str) -> bool {
    text.chars().nth(PHRASE).is_some()
}

/// New sections on their way to their identities.
pub(super) struct Matching<'a> {
    new: &'a [New],
    known: &'a [Known],
    /// For each new section the place of its match in `known`.
    old_of: Vec<Option<usize>>,
    /// The same the other way round.
    new_of: Vec<Option<usize>>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(new: &'a [New], known: &'a [Known]) -> Matching<'a> {
        Matching { new, known, old_of: vec![None; new.len()], new_of: vec![None; known.len()] }
    }

    /// For each new section the place of the old one that it is.
    pub(super) fn into_old(self) -> Vec<Option<usize>> {
        self.old_of
    }

    fn join(&mut self, new: usize, old: usize) {
        self.old_of[new] = Some(old);
        self.new_of[old] = Some(new);
    }

    /// The old sections that are still to be found, as they were then.
    fn old(&self, when: When) -> impl Iterator<Item = (usize, &'a Present)> + use<'a, '_> {
        let (known, new_of) = (self.known, &self.new_of);
        let free = known.iter().enumerate().filter(|(place, _)| new_of[*place].is_none());
        free.filter_map(move |(place, old)| Some((place, old.at(when)?)))
    }

    /// The new sections that are still without identity.
    fn unknown(&self) -> impl Iterator<Item = (usize, &'a New)> + use<'a, '_> {
        let (new, old_of) = (self.new, &self.old_of);
        new.iter().enumerate().filter(|(place, _)| old_of[*place].is_none())
    }

    /// What stands above a section, as far as that is known by now.
    fn above(&self, section: &New) -> Above {
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
        // A match may make the parent of the next one known, so it goes on level by level.
        for _ in 0..outline::MAX_DEPTH {
            if !self.by_lone_title(when) {
                break;
            }
            self.unchanged(when, true);
        }
        self.once(when, |_, text| ("", text));
        self.by_likeness(when, true);
        self.unchanged(when, true);
        self.unchanged(when, false);
        self.by_likeness(when, false);
    }

    /// Joins sections whose title and text are unchanged, in order, under the same parent or anywhere.
    fn unchanged(&mut self, when: When, under_same_parent: bool) {
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

    /// Joins sections of one title under one parent, where no other section there has it; whether there were any.
    fn by_lone_title(&mut self, when: When) -> bool {
        let mut pairs: HashMap<(&str, Above), Namesakes> = HashMap::new();
        for (place, old) in self.old(when) {
            pairs.entry((&old.title, old.into())).or_default().0.push(place);
        }
        for (place, section) in self.unknown() {
            if let Some((_, new)) = pairs.get_mut(&(&*section.title, self.above(section))) {
                new.push(place);
            }
        }
        let behind = self.behind();
        let mut any = false;
        for (old, new) in pairs.into_values() {
            if let ([old], [new]) = (old.as_slice(), new.as_slice())
                && let Some(present) = self.known[*old].at(when)
                && (when == When::Latest && self.same_place(&behind, *old, *new)
                    || may_be_one(present, &self.new[*new]))
            {
                self.join(*new, *old);
                any = true;
            }
        }
        any
    }

    /// For each old and each new section the old one that stood before it in the latest revision, or stands before it now,
    /// under the same parent, of those that are under that parent in both.
    fn behind(&self) -> Behind {
        let above: Vec<Above> = self.new.iter().map(|section| self.above(section)).collect();
        let mut last: HashMap<Above, usize> = HashMap::new();
        let old = self.known.iter().enumerate().map(|(place, old)| {
            let parent = Above::from(old.latest.as_ref()?);
            let before = last.get(&parent).copied();
            if self.new_of[place].is_some_and(|new| above[new] == parent) {
                last.insert(parent, place);
            }
            before
        });
        let old = old.collect();
        last.clear();
        let new = self.new.iter().enumerate().map(|(place, _)| {
            let before = last.get(&above[place]).copied();
            if let Some(old) = self.old_of[place]
                && self.known[old].latest.as_ref().is_some_and(|latest| Above::from(latest) == above[place])
            {
                last.insert(above[place], old);
            }
            before
        });
        let new = new.collect();
        (old, new)
    }

    /// Whether a section stands where another stood: at the same number under its parent, or behind the same section. A
    /// rewritten section stays in its place.
    fn same_place(&self, (behind_old, behind_new): &Behind, old: usize, new: usize) -> bool {
        let last = |number: &str| number.rsplit('.').next().map(str::to_owned);
        let latest = self.known[old].latest.as_ref();
        latest.is_some_and(|latest| last(&latest.number) == last(&self.new[new].number))
            || behind_old[old] == behind_new[new]
    }

    /// Joins the sections that are most alike. What stands unchanged among the old ones waits, where it is told to.
    fn by_likeness(&mut self, when: When, unchanged_waits: bool) {
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

/// For each old and each new section one old section.
type Behind = (Vec<Option<usize>>, Vec<Option<usize>>);

/// Whether sections of one title under one parent can be one wherever they stand: a moved one keeps part of its text; what
/// does not is another section with the title of a removed one.
fn may_be_one(old: &Present, new: &New) -> bool {
    old.text.is_empty() && new.text.is_empty()
        || dice(&bigrams("", &old.text), &bigrams("", &new.text)) >= SOME_LIKENESS
}
