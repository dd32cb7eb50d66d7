//! Identity of sections: matches the sections of a new revision with those that the article has or had.
//!
//! Invariants:
//! - an edited, moved, renumbered or retitled section, or one with a new anchor, keeps its id;
//! - an anchor is never given to another section;
//! - every section gets its own id and anchor;
//! - the result depends only on the input.
//!
//! Sections are matched in this order, each old and each new one at most once. A text is *distinctive* if it has more than
//! eight characters.
//! 1. by an explicit anchor;
//! 2. by equal title and text under the same parent; then anywhere, if the text is distinctive and unique;
//! 3. by title, if it is unique under the same parent in both revisions, and the number there is the same or the texts are
//!    similar;
//! 4. by equal text, if it is distinctive and unique;
//! 5. by similarity: Dice's coefficient of the character bigrams of title and text, best pairs first, at least
//!    [`MIN_SIMILARITY`]. Repeated sections without a change wait for step 7;
//! 6. by title as in step 3, with the same predecessor instead of the same number;
//! 7. by equal title and text again, because more parents are matched now: under the same parent, then anywhere in order;
//! 8. by the hash of a section that was removed earlier: an unchanged section that returns keeps its id.
//!
//! Steps 2 to 7 compare with the latest revision first, then with the published one, because an editor may continue from
//! either. Numbers and order are compared only with the latest revision.
//!
//! A repeated title does not identify a section (every chapter may end with 小结), so the text decides. An explicit anchor is
//! refused if its section is elsewhere in the new text, unchanged. If its section is gone, the anchor restores it, whatever
//! the text.
//!
//! - `matching`: the steps · `titles`: steps 3 and 6 · `similarity`: step 5

mod matching;
mod similarity;
#[cfg(test)]
mod tests;
mod titles;

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use self::matching::{Matching, NewSection, RevisionKind};
pub use self::similarity::MIN_SIMILARITY;
use crate::content::{Anchor, Document, Section, outline, text};

/// A section that the article has or had.
#[derive(Debug, Clone)]
pub struct KnownSection {
    /// The section's id.
    pub id: Uuid,
    /// The current or last anchor.
    pub anchor: Anchor,
    /// Its earlier anchors.
    pub aliases: Vec<Anchor>,
    /// The current or last title.
    pub title: String,
    /// The current or last content hash.
    pub hash: String,
    /// The section in the latest revision, if it has it.
    pub latest: Option<SectionVersion>,
    /// The section in the published revision, if it has it.
    pub published: Option<SectionVersion>,
}

/// A section in one revision.
#[derive(Debug, Clone)]
pub struct SectionVersion {
    /// The title.
    pub title: String,
    /// The id of the parent section.
    pub parent: Option<Uuid>,
    /// The number; its last part is the position among the siblings.
    pub number: String,
    /// The section's own text.
    pub text: String,
}

/// Returns the sections of the latest revision in reading order.
#[must_use]
pub fn latest_sections(document: &Document, ids: &[Uuid]) -> Vec<KnownSection> {
    let known = section_versions(document, ids).map(|(id, anchor, hash, version)| KnownSection {
        id,
        anchor,
        aliases: Vec::new(),
        title: version.title.clone(),
        hash,
        latest: Some(version),
        published: None,
    });
    known.collect()
}

/// Adds the sections of another revision that readers see. Of several such revisions the first one counts. Their anchors
/// are reserved too.
pub fn add_published(known: &mut Vec<KnownSection>, document: &Document, ids: &[Uuid]) {
    let indexes: HashMap<Uuid, usize> = known.iter().enumerate().map(|(index, section)| (section.id, index)).collect();
    for (id, anchor, hash, version) in section_versions(document, ids) {
        if let Some(section) = indexes.get(&id).and_then(|index| known.get_mut(*index)) {
            section.published.get_or_insert(version);
            section.aliases.push(anchor);
        } else {
            let title = version.title.clone();
            known.push(KnownSection {
                id,
                anchor,
                aliases: Vec::new(),
                title,
                hash,
                latest: None,
                published: Some(version),
            });
        }
    }
}

/// Returns id, anchor, hash and content of each section of a revision.
fn section_versions(document: &Document, ids: &[Uuid]) -> impl Iterator<Item = (Uuid, Anchor, String, SectionVersion)> {
    outline::entries(&document.sections).into_iter().zip(ids).filter_map(|(entry, id)| {
        let version = SectionVersion {
            title: entry.section.title.clone(),
            parent: entry.parent.and_then(|index| ids.get(index).copied()),
            number: entry.number,
            text: text::blocks(&entry.section.blocks),
        };
        Some((*id, entry.section.anchor.clone()?, outline::section_hash(entry.section), version))
    })
}

/// Gives every section of `document` its anchor and returns the ids in reading order, or an error for each anchor that is
/// claimed for another section.
pub fn identify(document: &mut Document, known: &[KnownSection]) -> Result<Vec<Uuid>, Vec<String>> {
    let entries = outline::entries(&document.sections);
    let new: Vec<NewSection> = entries.iter().map(NewSection::from).collect();
    let mut matching = Matching::new(&new, known);
    let errors = matching.match_by_anchor();
    if !errors.is_empty() {
        return Err(errors);
    }
    matching.match_by_content(RevisionKind::Latest);
    matching.match_by_content(RevisionKind::Published);
    matching.match_by_hash(&entries);

    let old_of = matching.into_old();
    let ids = old_of.iter().map(|old| old.map_or_else(Uuid::now_v7, |old| known[old].id)).collect();
    let mut anchors = old_of.iter().map(|old| old.map(|old| known[old].anchor.clone()));
    restore_anchors(&mut document.sections, &mut anchors);
    let reserved: HashSet<&Anchor> = known.iter().flat_map(|old| old.aliases.iter().chain([&old.anchor])).collect();
    outline::fill_anchors(document, &|anchor| reserved.contains(anchor));
    Ok(ids)
}

fn restore_anchors(sections: &mut [Section], anchors: &mut dyn Iterator<Item = Option<Anchor>>) {
    for section in sections {
        let anchor = anchors.next().flatten();
        if section.anchor.is_none() {
            section.anchor = anchor;
        }
        restore_anchors(&mut section.children, anchors);
    }
}

/// Returns the first anchor that the two revisions give to different sections.
#[must_use]
pub fn find_contested_anchor(one: (&Document, &[Uuid]), other: (&Document, &[Uuid])) -> Option<Anchor> {
    let owners: HashMap<Anchor, Uuid> = anchors(one).collect();
    anchors(other).find(|(anchor, id)| owners.get(anchor).is_some_and(|owner| owner != id)).map(|(anchor, _)| anchor)
}

fn anchors<'a>((document, ids): (&'a Document, &'a [Uuid])) -> impl Iterator<Item = (Anchor, Uuid)> + 'a {
    let entries = outline::entries(&document.sections);
    entries.into_iter().zip(ids).filter_map(|(entry, id)| Some((entry.section.anchor.clone()?, *id)))
}
