//! Builds sections from lines: finds the headings and nests them.
//!
//! - A heading has markup (`h1` to `h6`, bold), has a number (`一、`, `1.`), or is a short line above running text.
//! - Headings of one style are one level. A new style opens a level below the current one if it is customarily lower
//!   ([`LabelKind::rank`]), or if the numbering of the current one continues later.
//! - Two or more numbered siblings, all without content, are a list.

mod form;
mod levels;
mod write;

use super::{
    Role,
    lines::{Line, Shape},
};
use crate::content::{Block, Section, label::LabelKind};
use form::{form, is_short, is_standard_title};

/// The deepest level of sections: Markdown writes six levels of heading, and the first is the title.
const MAX_DEPTH: usize = 5;
/// The maximum number of repeated searches for lists, after other lists were removed from the levels.
const PASSES: usize = 4;

/// The text of a page.
pub(super) struct Tree {
    pub(super) lead: Vec<Block>,
    pub(super) sections: Vec<Section>,
    /// The lines that only look like headings.
    pub(super) unsure: Vec<u32>,
}

/// A line of the text.
struct Item<'a> {
    /// Its index among the lines of the page.
    index: usize,
    line: &'a Line<'a>,
    form: Form<'a>,
}

impl Item<'_> {
    fn is_paragraph(&self) -> bool {
        matches!(self.form, Form::Paragraph)
    }
}

enum Form<'a> {
    /// Text and everything else that is not a heading.
    Paragraph,
    /// An item of an ordered list.
    Listed {
        ordinal: u32,
        title: &'a str,
    },
    Heading(Heading<'a>),
    /// A line above a heading with only a number: `01`.
    Number,
}

struct Heading<'a> {
    style: Style,
    label: Option<String>,
    ordinal: u32,
    title: &'a str,
    level: usize,
}

/// The style of a heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Style {
    /// `h1` to `h6`, with the numbering before the title.
    Tag(u8, Option<LabelKind>),
    Label(LabelKind),
    Bold,
    Plain,
}

impl Style {
    /// The customary order of levels, outermost first.
    fn rank(self) -> u16 {
        match self {
            Style::Plain => 0,
            Style::Tag(level, label) => u16::from(level) * 30 + label.map_or(0, |kind| u16::from(kind.rank()) + 1),
            Style::Label(kind) => 300 + u16::from(kind.rank()),
            Style::Bold => 400,
        }
    }
}

/// Builds the tree of all lines without a role, and assigns their roles.
pub(super) fn build(lines: &[Line<'_>], roles: &mut [Option<Role>]) -> Tree {
    let open = lines.iter().zip(roles.iter()).enumerate().filter(|(_, (_, role))| role.is_none());
    let mut items: Vec<Item<'_>> = open.map(|(index, (line, _))| Item { index, line, form: form(line) }).collect();
    form::bold(&mut items);
    form::bare_numbers(&mut items);
    for _ in 0..PASSES {
        levels::nest(&mut items);
        if !levels::demote(&mut items) {
            break;
        }
    }
    if items.iter().any(|item| matches!(item.form, Form::Heading(_))) {
        for item in &mut items {
            if item.is_paragraph() && is_standard_title(&item.line.text) {
                item.form = form::plain(&item.line.text);
            }
        }
    }
    let tagged = items
        .iter()
        .any(|item| matches!(&item.form, Form::Heading(Heading { style: Style::Tag(..) | Style::Bold, .. })));
    if !tagged {
        plain_headings(&mut items);
    }
    levels::nest(&mut items);
    write::write(items, roles)
}

/// Finds headings without markup and number.
fn plain_headings(items: &mut [Item<'_>]) {
    let numbered = items.iter().any(|item| matches!(item.form, Form::Heading(_)));
    let mut at = 0;
    while at < items.len() {
        let from = items.get(at).map_or(0, |item| item.index);
        // Two lines with an omitted line between them are not adjacent.
        let in_run = |(place, item): &(usize, &Item<'_>)| {
            item.index == from + place && item.is_paragraph() && is_short(item.line, numbered)
        };
        let run = items.iter().skip(at).enumerate().take_while(in_run).count();
        let before = at.checked_sub(1).and_then(|before| items.get(before));
        // After a numbered heading, it is the start of the section's text.
        let opens = numbered && before.is_some_and(|before| matches!(before.form, Form::Heading(_)));
        let announced =
            opens || before.is_some_and(|before| before.is_paragraph() && before.line.text.ends_with(['：', ':']));
        let next = items.get(at + run);
        let joined = next.is_some_and(|next| next.index == from + run);
        let followed = match next.map(|next| &next.form) {
            Some(Form::Paragraph) => next.is_some_and(|next| !matches!(next.line.shape(), Shape::Block(_))),
            Some(Form::Heading(_) | Form::Listed { .. }) => numbered && run == 1,
            _ => false,
        };
        // A page that ends directly after a heading.
        let last = next.is_none()
            && run == 1
            && before.is_some_and(|before| before.line.text.ends_with(['。', '.', '？', '?']))
            && items
                .iter()
                .filter(|item| matches!(&item.form, Form::Heading(heading) if heading.style == Style::Plain))
                .count()
                > 2;
        if (1..=2).contains(&run) && ((followed && joined) || last) && !announced {
            for (from_title, item) in (0..run).rev().zip(items.iter_mut().skip(at)) {
                match form::is_number(&item.line.text) {
                    false => item.form = form::plain(&item.line.text),
                    true if from_title == 1 => item.form = Form::Number,
                    true => {}
                }
            }
        }
        at += run.max(1);
    }
}
