//! From lines to sections: which lines are headings, and how they nest.
//!
//! - A labelled line is a heading if its title has at most 40 characters, has no `。` or `；` in it and does not end with
//!   `，`, `：` or `、`; it may be a question or an exclamation. Otherwise it is a paragraph, label and all.
//! - Labelled siblings of which none has anything under it are a list, from two on: an ordered list where the label is
//!   exactly what such a list shows (`1.`, `2.` …), paragraphs with their labels otherwise.
//! - Labels of one kind make one level. A new kind opens a level below the present one if it is the lesser kind by
//!   custom ([`LabelKind::rank`]), or if the present one goes on counting afterwards.
//! - On a page with labelled headings, an unlabelled 引言, 结语 and the like that stands alone is a heading of the first level.
//! - On a page without any, a line is a heading if it has at most 30 characters and no sentence mark but a last
//!   question mark, and a paragraph follows it or the one short line behind it. Three or more short lines in a row are no
//!   headings, nor is a line behind one that ends with a colon. A number that stands alone above a heading is not used.

mod write;

use std::collections::{HashMap, HashSet};

use super::{Role, lines::Line};
use crate::content::{
    Block, Section,
    label::{self, LabelKind},
};

/// The deepest level of sections: Markdown writes six levels of heading, and the first is the title.
const DEEPEST: usize = 5;
/// How often lists are looked for anew, after those that were found have left the levels.
const PASSES: usize = 4;

/// The text of a page.
pub(super) struct Tree {
    pub(super) lead: Vec<Block>,
    pub(super) sections: Vec<Section>,
}

/// A line of the text.
struct Item<'a> {
    /// Its place among the lines of the page.
    place: usize,
    text: &'a str,
    form: Form<'a>,
}

enum Form<'a> {
    Paragraph,
    Listed {
        ordinal: u32,
        title: &'a str,
    },
    Labelled {
        label: String,
        kind: LabelKind,
        ordinal: u32,
        title: &'a str,
        level: usize,
    },
    Plain,
    /// A number alone above a heading: `01`.
    Number,
}

/// Builds the tree of all lines that have no role yet, and gives them theirs.
pub(super) fn build(lines: &[Line<'_>], roles: &mut [Option<Role>]) -> Tree {
    let open = lines.iter().zip(roles.iter()).enumerate().filter(|(_, (_, role))| role.is_none());
    let mut items: Vec<Item<'_>> =
        open.map(|(place, (line, _))| Item { place, text: &line.text, form: form(&line.text) }).collect();
    for _ in 0..PASSES {
        nest(&mut items);
        if !demote(&mut items) {
            break;
        }
    }
    nest(&mut items);
    if items.iter().any(|item| matches!(item.form, Form::Labelled { .. })) {
        for item in &mut items {
            if matches!(item.form, Form::Paragraph) && stands_alone(item.text) {
                item.form = Form::Plain;
            }
        }
        // Those headings close what is open above them.
        nest(&mut items);
    } else {
        plain_headings(&mut items);
    }
    write::write(items, roles)
}

fn form(text: &str) -> Form<'_> {
    let (Some(label), title) = label::split(text) else {
        return Form::Paragraph;
    };
    let ends = title.ends_with(['，', ',', '：', ':', '、']);
    if title.chars().take(41).count() > 40 || ends || title.contains(['。', '；', ';']) {
        return Form::Paragraph;
    }
    let (kind, ordinal) = (label::kind(&label), label::ordinal(&label).unwrap_or(1));
    Form::Labelled { label, kind, ordinal, title, level: 1 }
}

/// Gives every labelled line its level.
fn nest(items: &mut [Item<'_>]) {
    let mut goes_on = vec![false; items.len()];
    let mut later: HashMap<LabelKind, u32> = HashMap::new();
    for (item, goes_on) in items.iter().zip(goes_on.iter_mut()).rev() {
        if let Form::Labelled { kind, ordinal, .. } = &item.form {
            *goes_on = later.insert(*kind, *ordinal) == Some(ordinal + 1);
        }
    }
    // The kinds that are open, from the outermost, and whether the present label of each goes on counting later.
    let mut open: Vec<(LabelKind, bool)> = Vec::new();
    // What stood below what, against custom: the last of the outer ones has nothing behind it that shows it again.
    let mut below: HashSet<(LabelKind, LabelKind)> = HashSet::new();
    for (item, goes_on) in items.iter_mut().zip(goes_on) {
        match &mut item.form {
            Form::Labelled { kind, level, .. } => {
                if let Some(found) = open.iter().position(|(other, _)| other == kind) {
                    open.truncate(found);
                } else {
                    while let Some((top, goes_on)) = open.last().copied()
                        && kind.rank() < top.rank()
                    {
                        if goes_on {
                            below.insert((top, *kind));
                        }
                        if below.contains(&(top, *kind)) {
                            break;
                        }
                        open.pop();
                    }
                }
                open.push((*kind, goes_on));
                *level = open.len().min(DEEPEST);
            }
            Form::Plain => open.clear(),
            Form::Paragraph | Form::Listed { .. } | Form::Number => {}
        }
    }
}

/// Labelled siblings that were met so far.
struct Run {
    kind: LabelKind,
    last: u32,
    empty: bool,
    members: Vec<usize>,
}

/// Turns labelled siblings with nothing under them into list items and paragraphs; whether there were any.
fn demote(items: &mut [Item<'_>]) -> bool {
    let mut runs: Vec<Option<Run>> = Vec::new();
    let mut lists: Vec<usize> = Vec::new();
    let mut close = |run: Option<Run>| {
        if let Some(run) = run.filter(|run| run.empty && run.members.len() > 1) {
            lists.extend(run.members);
        }
    };
    for (place, item) in items.iter().enumerate() {
        let Form::Labelled { kind, ordinal, level, .. } = &item.form else {
            continue;
        };
        while runs.len() > *level {
            close(runs.pop().flatten());
        }
        runs.resize_with(*level, || None);
        let empty = match items.get(place + 1).map(|next| &next.form) {
            None | Some(Form::Plain) => true,
            Some(Form::Labelled { level: next, .. }) => next <= level,
            Some(Form::Paragraph | Form::Listed { .. } | Form::Number) => false,
        };
        let Some(slot) = runs.last_mut() else { continue };
        match slot {
            Some(run) if run.kind == *kind && run.last < *ordinal => {
                run.last = *ordinal;
                run.empty &= empty;
                run.members.push(place);
            }
            _ => close(slot.replace(Run { kind: *kind, last: *ordinal, empty, members: vec![place] })),
        }
    }
    for run in runs {
        close(run);
    }
    for place in &lists {
        if let Some(item) = items.get_mut(*place) {
            let as_list = match &item.form {
                Form::Labelled { label, ordinal, title, .. }
                    if !title.is_empty() && *label == format!("{ordinal}.") =>
                {
                    Some((*ordinal, *title))
                }
                _ => None,
            };
            item.form = as_list.map_or(Form::Paragraph, |(ordinal, title)| Form::Listed { ordinal, title });
        }
    }
    !lists.is_empty()
}

/// Finds the headings of a page that numbers nothing.
fn plain_headings(items: &mut [Item<'_>]) {
    let mut place = 0;
    while place < items.len() {
        let run = items
            .iter()
            .skip(place)
            .take_while(|item| matches!(item.form, Form::Paragraph) && short(item.text))
            .count();
        let before = place.checked_sub(1).and_then(|before| items.get(before));
        let announced = before.is_some_and(|before| before.text.ends_with(['：', ':']));
        let followed = items.get(place + run).is_some_and(|next| matches!(next.form, Form::Paragraph));
        if (1..=2).contains(&run) && followed && !announced {
            for (from_title, item) in (0..run).rev().zip(items.iter_mut().skip(place)) {
                match number(item.text) {
                    false => item.form = Form::Plain,
                    true if from_title == 1 => item.form = Form::Number,
                    true => {}
                }
            }
        }
        place += run + 1;
    }
}

/// Whether a line is a number of one or two digits and nothing else.
fn number(text: &str) -> bool {
    text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit())
}

fn short(text: &str) -> bool {
    let body = text.trim_end_matches(['?', '？']);
    let figure = ["图", "表"].iter().any(|word| {
        text.strip_prefix(word).is_some_and(|rest| rest.trim_start_matches(label::blank).starts_with(char::is_numeric))
    });
    text.chars().take(31).count() <= 30
        && text.starts_with(|c: char| c.is_alphanumeric() || "“《【「（(◆◇■□▎▌▶▲★".contains(c))
        && body.chars().any(char::is_alphanumeric)
        && !figure
        && !body.ends_with(['：', ':', '、', '.', '…'])
        && !body.contains(['。', '；', ';', '，', ',', '！', '!', '?', '？'])
        && label::split(text).0.is_none()
}

fn stands_alone(text: &str) -> bool {
    ["引言", "前言", "导语", "概述", "结语", "总结", "小结", "结论", "参考文献", "参考资料"].contains(&text)
}
