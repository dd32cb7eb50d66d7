//! The difference of two revisions of an article: which fields and sections changed, and in which words.
//!
//! What must hold:
//! - every section of either side is told of exactly once: in the list, or in the count of the unchanged;
//! - no change vanishes: what the plain text does not show (marks, links, the kind of a list) shows in the Markdown, which is
//!   what is compared;
//! - as few sections as possible are called moved: one that only has another number since others came or went has not;
//! - the difference the other way is the same with added and removed exchanged, as long as no limit is met;
//! - the outcome depends on nothing but the input, no clock, and the time is bounded: [`MAX_WORDS`], [`MAX_LINES`].

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Anchor, Block, Document, markdown};

mod fields;
#[cfg(test)]
mod tests;
mod tree;
mod words;

pub use fields::FieldChange;
pub use words::{CONTEXT, MAX_LINES, MAX_WORDS, Segment};

use tree::{Member, Pair};
use words::Budget;

/// What changed between two revisions of an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Diff {
    /// The fields of the article that changed, in the order of an article file; the text before the first heading is the
    /// last.
    pub fields: Vec<FieldChange>,
    /// The sections that were added, removed, moved or changed, in the reading order of the newer revision; removed ones
    /// where they stood. Unchanged ones are left out.
    pub sections: Vec<SectionChange>,
    /// How many sections each of these things happened to.
    pub counts: SectionCounts,
}

/// What happened to a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SectionStatus {
    /// Only the newer revision has it.
    Added,
    /// Only the older revision has it.
    Removed,
    /// It stands under another section, or at another place among the sections that stood beside it. Another number alone
    /// is no move, and what stands below a moved section has not moved itself.
    Moved,
    /// Its title, label, anchor or own text is another.
    Changed,
}

/// A section that was added, removed, moved or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SectionChange {
    /// Its identity.
    pub id: Uuid,
    /// What happened to it: `added` alone, `removed` alone, or `moved`, `changed` or both, in this order.
    #[schema(example = json!(["moved", "changed"]), min_items = 1, max_items = 2)]
    pub statuses: Vec<SectionStatus>,
    /// What it was called, and where it stood; `null` where it was added.
    pub before: Option<Place>,
    /// What it is called, and where it stands; `null` where it was removed.
    pub after: Option<Place>,
    /// The words of its title; `null` where the title is the same or one side has none.
    pub title_words: Option<Vec<Segment>>,
    /// The words of its own text as Markdown, as it stands in an article file; `null` where the text is the same on both
    /// sides, empty where it differs in what Markdown cannot say. All of it is `added` or `removed` where the section was.
    pub words: Option<Vec<Segment>>,
}

/// What a section is called in a revision, and where it stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Place {
    /// The section above it; `null` for a section of the article itself.
    pub parent: Option<Uuid>,
    /// Its number, by its position.
    #[schema(example = "2.1")]
    pub number: String,
    /// Its address within the article; `null` where it had none yet.
    #[schema(value_type = Option<String>, example = "principles")]
    pub anchor: Option<Anchor>,
    /// The numbering that the source printed.
    #[schema(example = "二、")]
    pub label: Option<String>,
    /// Its title, without the label.
    #[schema(example = "干细胞回输的原理")]
    pub title: String,
}

/// How many sections were added, removed, moved, changed and left as they were. A section that was moved and changed counts
/// as both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SectionCounts {
    /// Sections that only the newer revision has.
    #[schema(example = 1)]
    pub added: u32,
    /// Sections that only the older revision has.
    #[schema(example = 0)]
    pub removed: u32,
    /// Sections that stand elsewhere.
    #[schema(example = 1)]
    pub moved: u32,
    /// Sections whose title, label, anchor or own text is another.
    #[schema(example = 2)]
    pub changed: u32,
    /// Sections that are the same at the same place.
    #[schema(example = 12)]
    pub unchanged: u32,
}

/// The difference from one revision to another; each is a document with the ids of its sections in reading order
/// ([`outline::entries`](super::outline::entries)). Sections without an id, or with the id of one before, are left out;
/// publishing gives every section one of its own.
#[must_use]
pub fn diff(from: (&Document, &[Uuid]), to: (&Document, &[Uuid])) -> Diff {
    let mut budget = Budget::default();
    let fields = fields::changes(from.0, to.0, &mut budget);
    let (from, to) = (tree::Side::new(from), tree::Side::new(to));
    let mut counts = SectionCounts::default();
    let sections = tree::pairs(&from, &to).iter().filter_map(|pair| section(pair, &mut counts, &mut budget)).collect();
    Diff { fields, sections, counts }
}

fn section(pair: &Pair<'_, '_>, counts: &mut SectionCounts, budget: &mut Budget) -> Option<SectionChange> {
    let statuses = statuses(pair);
    if statuses.is_empty() {
        counts.unchanged += 1;
        return None;
    }
    for status in &statuses {
        *match status {
            SectionStatus::Added => &mut counts.added,
            SectionStatus::Removed => &mut counts.removed,
            SectionStatus::Moved => &mut counts.moved,
            SectionStatus::Changed => &mut counts.changed,
        } += 1;
    }
    let titles = pair.before.zip(pair.after).map(|(before, after)| (&before.section.title, &after.section.title));
    Some(SectionChange {
        id: pair.id,
        statuses,
        before: pair.before.map(place),
        after: pair.after.map(place),
        title_words: titles.and_then(|(before, after)| words::changed(before, after, budget)),
        words: block_words(blocks(pair.before), blocks(pair.after), budget),
    })
}

fn statuses(pair: &Pair<'_, '_>) -> Vec<SectionStatus> {
    let (before, after) = match (pair.before, pair.after) {
        (Some(before), Some(after)) => (before.section, after.section),
        (None, Some(_)) => return vec![SectionStatus::Added],
        (Some(_), None) => return vec![SectionStatus::Removed],
        (None, None) => return Vec::new(),
    };
    let changed = before.title != after.title
        || before.label != after.label
        || before.anchor != after.anchor
        || before.blocks != after.blocks;
    let found = [(pair.moved, SectionStatus::Moved), (changed, SectionStatus::Changed)];
    found.into_iter().filter_map(|(is, status)| is.then_some(status)).collect()
}

fn place(member: &Member<'_>) -> Place {
    Place {
        parent: member.parent,
        number: member.number.clone(),
        anchor: member.section.anchor.clone(),
        label: member.section.label.clone(),
        title: member.section.title.clone(),
    }
}

fn blocks<'a>(member: Option<&Member<'a>>) -> &'a [Block] {
    member.map_or(&[], |member| &member.section.blocks)
}

/// The words of blocks; `None` where they are the same, nothing where they differ in what Markdown cannot say.
fn block_words(before: &[Block], after: &[Block], budget: &mut Budget) -> Option<Vec<Segment>> {
    let words = |budget| words::changed(&markdown::file_blocks(before), &markdown::file_blocks(after), budget);
    (before != after).then(|| words(budget).unwrap_or_default())
}
