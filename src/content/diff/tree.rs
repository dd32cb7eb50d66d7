//! Where sections stand: which of them moved, and the order in which those of both sides are told.
//!
//! Two sections are the same if their ids are. A section moved if it stands under another one than before, or if it is not
//! of the longest run of siblings that both sides have in the same order. What is left of the old tree so is the same on
//! both sides, and tells where removed sections stood.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::content::{Document, Section, outline};

/// The sections of one side.
pub(super) struct Side<'a> {
    /// In reading order, each id once.
    members: Vec<Member<'a>>,
    /// The place of each id in `members`.
    places: HashMap<Uuid, usize>,
}

/// A section of one side.
pub(super) struct Member<'a> {
    pub id: Uuid,
    pub parent: Option<Uuid>,
    pub number: String,
    pub section: &'a Section,
}

/// A section of both sides, or of one.
pub(super) struct Pair<'s, 'a> {
    pub id: Uuid,
    pub before: Option<&'s Member<'a>>,
    pub after: Option<&'s Member<'a>>,
    pub moved: bool,
}

impl<'a> Side<'a> {
    pub fn new((document, ids): (&'a Document, &[Uuid])) -> Side<'a> {
        let mut side = Side { members: Vec::new(), places: HashMap::new() };
        for (entry, &id) in outline::entries(&document.sections).into_iter().zip(ids) {
            if side.places.contains_key(&id) {
                continue;
            }
            side.places.insert(id, side.members.len());
            let parent = entry.parent.and_then(|place| ids.get(place).copied());
            side.members.push(Member { id, parent, number: entry.number, section: entry.section });
        }
        side
    }

    fn get(&self, id: Uuid) -> Option<&Member<'a>> {
        self.members.get(*self.places.get(&id)?)
    }
}

/// Where in the told order sections follow.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    /// At once below a section, or at the beginning of the article.
    Under(Option<Uuid>),
    /// Behind a section and all below it.
    Behind(Uuid),
}

/// All sections of both sides in the reading order of `to`. Removed ones follow the sibling that they followed, of those
/// that stayed; where there is none, they come first below their parent.
pub(super) fn pairs<'s, 'a>(from: &'s Side<'a>, to: &'s Side<'a>) -> Vec<Pair<'s, 'a>> {
    enum Step {
        Tell(Uuid),
        Visit(Slot),
    }
    let moved = moved(from, to);
    let mut slots: HashMap<Slot, Vec<Uuid>> = HashMap::new();
    let mut last_stayed: HashMap<Option<Uuid>, Uuid> = HashMap::new();
    for member in &from.members {
        if !to.places.contains_key(&member.id) {
            let slot = last_stayed.get(&member.parent).map_or(Slot::Under(member.parent), |id| Slot::Behind(*id));
            slots.entry(slot).or_default().push(member.id);
        } else if !moved.contains(&member.id) {
            last_stayed.insert(member.parent, member.id);
        }
    }
    for member in &to.members {
        slots.entry(Slot::Under(member.parent)).or_default().push(member.id);
    }
    let mut told = Vec::with_capacity(to.members.len());
    // What is still to come, the next one last.
    let mut rest = vec![Step::Visit(Slot::Under(None))];
    while let Some(step) = rest.pop() {
        match step {
            Step::Tell(id) => {
                told.push(Pair { id, before: from.get(id), after: to.get(id), moved: moved.contains(&id) });
            }
            Step::Visit(slot) => {
                for id in slots.remove(&slot).unwrap_or_default().into_iter().rev() {
                    let steps = [Step::Visit(Slot::Behind(id)), Step::Visit(Slot::Under(Some(id))), Step::Tell(id)];
                    rest.extend(steps);
                }
            }
        }
    }
    told
}

/// The sections of both sides that moved: as few as possible.
fn moved(from: &Side<'_>, to: &Side<'_>) -> HashSet<Uuid> {
    let mut moved = HashSet::new();
    // Those that both sides have under one parent, in the order of `to`, with their places on both sides.
    let mut siblings: HashMap<Option<Uuid>, Vec<(Uuid, usize, usize)>> = HashMap::new();
    for (after, member) in to.members.iter().enumerate() {
        let Some(&before) = from.places.get(&member.id) else { continue };
        if from.members.get(before).is_some_and(|old| old.parent == member.parent) {
            siblings.entry(member.parent).or_default().push((member.id, before, after));
        } else {
            moved.insert(member.id);
        }
    }
    for mut list in siblings.into_values() {
        let forth: Vec<_> = list.iter().map(|&(id, before, _)| (id, before)).collect();
        list.sort_by_key(|&(_, before, _)| before);
        let back: Vec<_> = list.iter().map(|&(id, _, after)| (id, after)).collect();
        // Of several longest runs the same one has to be found from either side: the side that begins with the lesser
        // id is walked.
        let walked = if back.iter().map(|(id, _)| id).lt(forth.iter().map(|(id, _)| id)) { back } else { forth };
        let stayed: HashSet<usize> = longest_rise(walked.iter().map(|&(_, place)| place)).into_iter().collect();
        moved.extend(walked.iter().enumerate().filter(|(at, _)| !stayed.contains(at)).map(|(_, (id, _))| *id));
    }
    moved
}

/// Where the values of a longest increasing subsequence stand, the last first.
fn longest_rise(values: impl Iterator<Item = usize>) -> Vec<usize> {
    // For each length the least value that ends a rise of that length, and where it stands.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    // For each value the place of the one before it in its rise.
    let mut previous: Vec<Option<usize>> = Vec::new();
    for (at, value) in values.enumerate() {
        let length = ends.partition_point(|(end, _)| *end < value);
        previous.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter)).map(|(_, place)| *place));
        match ends.get_mut(length) {
            Some(end) => *end = (value, at),
            None => ends.push((value, at)),
        }
    }
    let last = ends.last().map(|(_, place)| *place);
    std::iter::successors(last, |place| previous.get(*place).copied().flatten()).collect()
}
