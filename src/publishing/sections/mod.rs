//! Which section of a new revision is which of the old: the identity of sections across edits.
//!
//! What must hold:
//! - a section that was only edited, moved, renumbered, retitled or given another anchor keeps its id;
//! - an anchor that a section ever had is never given to another;
//! - every section comes out with an id and an anchor of its own;
//! - the outcome depends on nothing but the input.
//!
//! Sections are matched in this order, each old and each new one at most once:
//! 1. by an anchor that the author wrote;
//! 2. by title and text, unchanged, under the same parent; then anywhere, where the text is longer than a phrase and stands
//!    once;
//! 3. by title under the same parent, where only one old and one new section there still have it, and either their number
//!    there or a good part of their text is the same;
//! 4. by text alone, unchanged, where it is longer than a phrase and stands once;
//! 5. by likeness: Dice's coefficient over character bigrams of title and text, best pairs first, at least
//!    [`LIKENESS`]. What stands unchanged more than once waits for 7;
//! 6. by title under the same parent, as before, where what is left of the sections there puts both behind the same one;
//! 7. by title and text, unchanged, once more, now that more parents are known: under the same one, then anywhere in order;
//! 8. by the hash of a section that was removed earlier: what comes back unchanged is the same section.
//!
//! What was before is first the latest revision, and then, for the sections that it did not account for, the revision that
//! readers see: an editor may go on from either. A place in that is no place in a later one, and counts for nothing.
//!
//! A title alone is no identity where it repeats (every part may end with 小结): the text decides then. An anchor alone is
//! none where its section stands elsewhere in the text, unchanged: it would go to another section, and is refused. The
//! anchor of a section that is gone brings that one back, whatever the text under it.

mod likeness;
mod matching;
#[cfg(test)]
mod tests;
mod titles;

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

pub use self::likeness::LIKENESS;
use self::matching::{Matching, New, When};
use crate::content::{Anchor, Document, Section, outline, text};

/// A section that the article has or had.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its identity.
    pub id: Uuid,
    /// The anchor that it has, or had last.
    pub anchor: Anchor,
    /// The other anchors that it ever had.
    pub aliases: Vec<Anchor>,
    /// Its title, as it is or was last.
    pub title: String,
    /// The hash of its content, as it is or was last.
    pub hash: String,
    /// What the latest revision says of it; `None` where it is not in it.
    pub latest: Option<Present>,
    /// What another revision says of it that readers see; `None` where it is in none.
    pub other: Option<Present>,
}

/// A section as it stands in a revision.
#[derive(Debug, Clone)]
pub struct Present {
    /// Its title.
    pub title: String,
    /// The section above it.
    pub parent: Option<Uuid>,
    /// Its number: its place among the sections under the same parent is the last part.
    pub number: String,
    /// Its own text.
    pub text: String,
}

/// The sections of the latest revision, in reading order, as the next one will know them.
#[must_use]
pub fn present(document: &Document, ids: &[Uuid]) -> Vec<Known> {
    let known = standing(document, ids).map(|(id, anchor, hash, present)| Known {
        id,
        anchor,
        aliases: Vec::new(),
        title: present.title.clone(),
        hash,
        latest: Some(present),
        other: None,
    });
    known.collect()
}

/// Adds the sections of another revision that readers see; where there are several, what the first says of a section
/// counts. None of their anchors goes to another section.
pub fn add_other(known: &mut Vec<Known>, document: &Document, ids: &[Uuid]) {
    let places: HashMap<Uuid, usize> = known.iter().enumerate().map(|(place, section)| (section.id, place)).collect();
    for (id, anchor, hash, present) in standing(document, ids) {
        if let Some(section) = places.get(&id).and_then(|place| known.get_mut(*place)) {
            section.other.get_or_insert(present);
            section.aliases.push(anchor);
        } else {
            let title = present.title.clone();
            known.push(Known { id, anchor, aliases: Vec::new(), title, hash, latest: None, other: Some(present) });
        }
    }
}

/// The sections of a revision: id, anchor, hash and what it says of them.
fn standing(document: &Document, ids: &[Uuid]) -> impl Iterator<Item = (Uuid, Anchor, String, Present)> {
    outline::entries(&document.sections).into_iter().zip(ids).filter_map(|(entry, id)| {
        let present = Present {
            title: entry.section.title.clone(),
            parent: entry.parent.and_then(|place| ids.get(place).copied()),
            number: entry.number,
            text: text::blocks(&entry.section.blocks),
        };
        Some((*id, entry.section.anchor.clone()?, outline::section_hash(entry.section), present))
    })
}

/// Gives every section of `document` its anchor, and returns their ids in reading order; or, where the text claims an anchor
/// of one section for another, says so of each.
pub fn identify(document: &mut Document, known: &[Known]) -> Result<Vec<Uuid>, Vec<String>> {
    let entries = outline::entries(&document.sections);
    let new: Vec<New> = entries.iter().map(New::from).collect();
    let mut matching = Matching::new(&new, known);
    let faults = matching.by_anchor();
    if !faults.is_empty() {
        return Err(faults);
    }
    matching.by_content(When::Latest);
    matching.by_content(When::Other);
    matching.by_hash(&entries);

    let old_of = matching.into_old();
    let ids = old_of.iter().map(|old| old.map_or_else(Uuid::now_v7, |old| known[old].id)).collect();
    let mut anchors = old_of.iter().map(|old| old.map(|old| known[old].anchor.clone()));
    keep_anchors(&mut document.sections, &mut anchors);
    let reserved: HashSet<&Anchor> = known.iter().flat_map(|old| old.aliases.iter().chain([&old.anchor])).collect();
    outline::fill_anchors(document, &|anchor| reserved.contains(anchor));
    Ok(ids)
}

fn keep_anchors(sections: &mut [Section], anchors: &mut dyn Iterator<Item = Option<Anchor>>) {
    for section in sections {
        let kept = anchors.next().flatten();
        if section.anchor.is_none() {
            section.anchor = kept;
        }
        keep_anchors(&mut section.children, anchors);
    }
}

/// The first anchor of one revision that the other gives to another section.
#[must_use]
pub fn contested(one: (&Document, &[Uuid]), other: (&Document, &[Uuid])) -> Option<Anchor> {
    let owners: HashMap<Anchor, Uuid> = anchors(one).collect();
    anchors(other).find(|(anchor, id)| owners.get(anchor).is_some_and(|owner| owner != id)).map(|(anchor, _)| anchor)
}

fn anchors<'a>((document, ids): (&'a Document, &'a [Uuid])) -> impl Iterator<Item = (Anchor, Uuid)> + 'a {
    let entries = outline::entries(&document.sections);
    entries.into_iter().zip(ids).filter_map(|(entry, id)| Some((entry.section.anchor.clone()?, *id)))
}
