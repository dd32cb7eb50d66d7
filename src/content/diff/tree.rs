//! Pairs the sections of two revisions by id, and orders them for the difference.
//!
//! A section moved if it has another parent, or is not in the longest common subsequence of its siblings in both orders. The
//! sections that did not move form the same tree in both revisions, which locates the removed sections.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::content::{Document, Section, outline};

/// The sections of one revision.
pub(super) struct Revision<'a> {
    /// Sections in reading order, without duplicates.
    members: Vec<Member<'a>>,
    /// Index in `members` by id.
    indexes: HashMap<Uuid, usize>,
}

/// A section of one revision.
pub(super) struct Member<'a> {
    pub id: Uuid,
    pub parent: Option<Uuid>,
    pub number: String,
    pub section: &'a Section,
}

/// A section of one or both revisions.
pub(super) struct Pair<'s, 'a> {
    pub id: Uuid,
    pub before: Option<&'s Member<'a>>,
    pub after: Option<&'s Member<'a>>,
    pub moved: bool,
}

impl<'a> Revision<'a> {
    pub fn new((document, ids): (&'a Document, &[Uuid])) -> Revision<'a> {
        let mut revision = Revision { members: Vec::new(), indexes: HashMap::new() };
        for (entry, &id) in outline::entries(&document.sections).into_iter().zip(ids) {
            if revision.indexes.contains_key(&id) {
                continue;
            }
            revision.indexes.insert(id, revision.members.len());
            let parent = entry.parent.and_then(|index| ids.get(index).copied());
            revision.members.push(Member { id, parent, number: entry.number, section: entry.section });
        }
        revision
    }

    fn get(&self, id: Uuid) -> Option<&Member<'a>> {
        self.members.get(*self.indexes.get(&id)?)
    }
}

/// A location in the combined tree where sections are inserted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    /// Before the children of a section, or of the article.
    Under(Option<Uuid>),
    /// After a section and its descendants.
    After(Uuid),
}

/// Returns the sections of both revisions in the reading order of `to`. A removed section follows its nearest preceding
/// sibling that did not move, or comes first under its parent.
pub(super) fn pair_sections<'s, 'a>(from: &'s Revision<'a>, to: &'s Revision<'a>) -> Vec<Pair<'s, 'a>> {
    enum Step {
        Emit(Uuid),
        Enter(Slot),
    }
    let moved = find_moved(from, to);
    let mut slots: HashMap<Slot, Vec<Uuid>> = HashMap::new();
    let mut last_unmoved: HashMap<Option<Uuid>, Uuid> = HashMap::new();
    for member in &from.members {
        if !to.indexes.contains_key(&member.id) {
            let slot = last_unmoved.get(&member.parent).map_or(Slot::Under(member.parent), |id| Slot::After(*id));
            slots.entry(slot).or_default().push(member.id);
        } else if !moved.contains(&member.id) {
            last_unmoved.insert(member.parent, member.id);
        }
    }
    for member in &to.members {
        slots.entry(Slot::Under(member.parent)).or_default().push(member.id);
    }
    let mut pairs = Vec::with_capacity(to.members.len());
    // A stack: the next step is the last.
    let mut rest = vec![Step::Enter(Slot::Under(None))];
    while let Some(step) = rest.pop() {
        match step {
            Step::Emit(id) => {
                pairs.push(Pair { id, before: from.get(id), after: to.get(id), moved: moved.contains(&id) });
            }
            Step::Enter(slot) => {
                for id in slots.remove(&slot).unwrap_or_default().into_iter().rev() {
                    let steps = [Step::Enter(Slot::After(id)), Step::Enter(Slot::Under(Some(id))), Step::Emit(id)];
                    rest.extend(steps);
                }
            }
        }
    }
    pairs
}

/// Returns the sections that moved, as few as possible.
fn find_moved(from: &Revision<'_>, to: &Revision<'_>) -> HashSet<Uuid> {
    let mut moved = HashSet::new();
    // Sections with the same parent in both revisions, in the order of `to`, with their indexes in both.
    let mut siblings: HashMap<Option<Uuid>, Vec<(Uuid, usize, usize)>> = HashMap::new();
    for (after, member) in to.members.iter().enumerate() {
        let Some(&before) = from.indexes.get(&member.id) else { continue };
        if from.members.get(before).is_some_and(|old| old.parent == member.parent) {
            siblings.entry(member.parent).or_default().push((member.id, before, after));
        } else {
            moved.insert(member.id);
        }
    }
    for mut list in siblings.into_values() {
        let forward: Vec<_> = list.iter().map(|&(id, before, _)| (id, before)).collect();
        list.sort_by_key(|&(_, before, _)| before);
        let back: Vec<_> = list.iter().map(|&(id, _, after)| (id, after)).collect();
        // Starting from the revision whose first differing id is smaller, so that the reversed difference makes the same choice
        // among equally long subsequences.
        let ordered = if back.iter().map(|(id, _)| id).lt(forward.iter().map(|(id, _)| id)) { back } else { forward };
        let unmoved: HashSet<usize> =
            longest_increasing_subsequence(ordered.iter().map(|&(_, index)| index)).into_iter().collect();
        moved.extend(ordered.iter().enumerate().filter(|(at, _)| !unmoved.contains(at)).map(|(_, (id, _))| *id));
    }
    moved
}

/// Returns the indexes of a longest increasing subsequence, last first.
fn longest_increasing_subsequence(values: impl Iterator<Item = usize>) -> Vec<usize> {
    // For each length, the smallest last value of a subsequence of that length, with its index.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    // For each value, the index of its predecessor in the subsequence.
    let mut previous: Vec<Option<usize>> = Vec::new();
    for (at, value) in values.enumerate() {
        let length = ends.partition_point(|(end, _)| *end < value);
        previous.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter)).map(|(_, index)| *index));
        match ends.get_mut(length) {
            Some(end) => *end = (value, at),
            None => ends.push((value, at)),
        }
    }
    let last = ends.last().map(|(_, index)| *index);
    std::iter::successors(last, |index| previous.get(*index).copied().flatten()).collect()
}
