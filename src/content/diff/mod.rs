//! The difference of two revisions of an article, by field, section and word.
//!
//! Invariants:
//! - every section of either revision is listed once or counted as unchanged;
//! - every change is visible: bodies are compared as Markdown, which also shows marks, links and kinds of lists;
//! - the number of moved sections is minimal; a section that only has another number because others were added or removed
//!   has not moved;
//! - the reversed difference is the same with added and removed exchanged, unless a limit is reached;
//! - the result depends only on the input, not on time; the work is limited by [`MAX_WORDS`] and [`MAX_LINES`].
//!
//! - `fields`: title, questions and the other fields · `tree`: pairs of sections, and which moved
//! - `words`: words of a text that changed · `words/hunk`: comparison and alignment of words or lines

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

/// The difference of two revisions of an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Diff {
    /// Changed fields in the order of an article file; the text before the first heading is the last.
    pub fields: Vec<FieldChange>,
    /// Sections that were added, removed, moved or changed, in the reading order of the newer revision; a removed section
    /// is listed at its former position.
    pub sections: Vec<SectionChange>,
    /// Number of sections by status.
    pub counts: SectionCounts,
}

/// The status of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SectionStatus {
    /// Exists only in the newer revision.
    Added,
    /// Exists only in the older revision.
    Removed,
    /// Has another parent, or another order among its siblings. Another number alone is not a move, and the children of a
    /// moved section have not moved.
    Moved,
    /// Has another title, label, anchor or own text.
    Changed,
}

/// A section that was added, removed, moved or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SectionChange {
    /// The section's id.
    pub id: Uuid,
    /// Either `added`, or `removed`, or `moved` and `changed`, one or both in this order.
    #[schema(example = json!(["moved", "changed"]), min_items = 1, max_items = 2)]
    pub statuses: Vec<SectionStatus>,
    /// Heading and location in the older revision; `null` if the section was added.
    pub before: Option<SectionLocation>,
    /// Heading and location in the newer revision; `null` if the section was removed.
    pub after: Option<SectionLocation>,
    /// Word difference of the title; `null` if the title is unchanged or exists in one revision only.
    pub title_words: Option<Vec<Segment>>,
    /// Word difference of the section's own text as Markdown; `null` if the text is unchanged, empty if the difference is
    /// not visible in Markdown. For an added or removed section the complete text is `added` or `removed`.
    pub words: Option<Vec<Segment>>,
}

/// Heading and location of a section in one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SectionLocation {
    /// The id of the parent section; `null` at the top level.
    pub parent: Option<Uuid>,
    /// The section number, computed by position.
    #[schema(example = "2.1")]
    pub number: String,
    /// The anchor; `null` if it had none yet.
    #[schema(value_type = Option<String>, example = "principles")]
    pub anchor: Option<Anchor>,
    /// The numbering printed by the source.
    #[schema(example = "二、")]
    pub label: Option<String>,
    /// The title without the label.
    #[schema(example = "干细胞回输的原理")]
    pub title: String,
}

/// Number of sections by status. A section that was moved and changed counts twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SectionCounts {
    /// Sections that only the newer revision has.
    #[schema(example = 1)]
    pub added: u32,
    /// Sections that only the older revision has.
    #[schema(example = 0)]
    pub removed: u32,
    /// Sections with another parent or another order.
    #[schema(example = 1)]
    pub moved: u32,
    /// Sections with another title, label, anchor or own text.
    #[schema(example = 2)]
    pub changed: u32,
    /// Sections that are equal in both revisions.
    #[schema(example = 12)]
    pub unchanged: u32,
}

/// Returns the difference of two revisions. Each is a document with the ids of its sections in reading order
/// ([`outline::entries`](super::outline::entries)). Sections without an id, or with a duplicate id, are left out; publishing
/// gives each section its own.
#[must_use]
pub fn diff(from: (&Document, &[Uuid]), to: (&Document, &[Uuid])) -> Diff {
    let mut budget = Budget::default();
    let fields = fields::diff_fields(from.0, to.0, &mut budget);
    let (from, to) = (tree::Revision::new(from), tree::Revision::new(to));
    let mut counts = SectionCounts::default();
    let sections = tree::pair_sections(&from, &to)
        .iter()
        .filter_map(|pair| section_change(pair, &mut counts, &mut budget))
        .collect();
    Diff { fields, sections, counts }
}

fn section_change(pair: &Pair<'_, '_>, counts: &mut SectionCounts, budget: &mut Budget) -> Option<SectionChange> {
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
        before: pair.before.map(location),
        after: pair.after.map(location),
        title_words: titles.and_then(|(before, after)| words::diff_words(before, after, budget)),
        words: diff_blocks(blocks(pair.before), blocks(pair.after), budget),
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
    let statuses = [(pair.moved, SectionStatus::Moved), (changed, SectionStatus::Changed)];
    statuses.into_iter().filter_map(|(applies, status)| applies.then_some(status)).collect()
}

fn location(member: &Member<'_>) -> SectionLocation {
    SectionLocation {
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

/// Returns the word difference of blocks; `None` if they are equal, empty if the difference is not visible in Markdown.
fn diff_blocks(before: &[Block], after: &[Block], budget: &mut Budget) -> Option<Vec<Segment>> {
    let words = |budget| words::diff_words(&markdown::file_blocks(before), &markdown::file_blocks(after), budget);
    (before != after).then(|| words(budget).unwrap_or_default())
}
