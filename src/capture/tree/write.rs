//! From lines whose forms are known to the sections and blocks that they make.

use super::{Form, Item, Tree};
use crate::{
    capture::Role,
    content::{Block, Inline, ListItem, Section},
};

/// A section that is still being written.
struct Open {
    section: Section,
    number: String,
}

/// Writes the sections, and gives every line its role.
pub(super) fn write(items: Vec<Item<'_>>, roles: &mut [Option<Role>]) -> Tree {
    let mut tree = Tree { lead: Vec::new(), sections: Vec::new() };
    let mut open: Vec<Open> = Vec::new();
    for Item { place, text, form } in items {
        let role = match form {
            Form::Labelled { label, title, level, .. } => heading(&mut tree, &mut open, level, Some(label), title),
            Form::Plain => heading(&mut tree, &mut open, 1, None, text),
            Form::Number => Role::NotUsed { why: "a number alone above a heading" },
            Form::Paragraph => {
                let (blocks, section) = present(&mut tree, &mut open);
                blocks.push(paragraph(text));
                section.map_or(Role::Lead, |section| Role::Paragraph { section })
            }
            Form::Listed { ordinal, title } => {
                let (blocks, section) = present(&mut tree, &mut open);
                listed(blocks, ordinal, title, text, section)
            }
        };
        if let Some(slot) = roles.get_mut(place) {
            *slot = Some(role);
        }
    }
    close(&mut tree, &mut open, 0);
    tree
}

fn heading(tree: &mut Tree, open: &mut Vec<Open>, level: usize, label: Option<String>, title: &str) -> Role {
    close(tree, open, level - 1);
    let number = match open.last() {
        Some(parent) => format!("{}.{}", parent.number, parent.section.children.len() + 1),
        None => (tree.sections.len() + 1).to_string(),
    };
    let section = Section {
        anchor: None,
        label: label.clone(),
        title: title.to_owned(),
        blocks: Vec::new(),
        children: Vec::new(),
    };
    open.push(Open { section, number: number.clone() });
    Role::Heading { number, label }
}

/// Closes all sections below a level.
fn close(tree: &mut Tree, open: &mut Vec<Open>, level: usize) {
    while open.len() > level
        && let Some(done) = open.pop()
    {
        match open.last_mut() {
            Some(parent) => parent.section.children.push(done.section),
            None => tree.sections.push(done.section),
        }
    }
}

/// Where the next paragraph goes, and the number of that section.
fn present<'t>(tree: &'t mut Tree, open: &'t mut [Open]) -> (&'t mut Vec<Block>, Option<String>) {
    match open.last_mut() {
        Some(present) => (&mut present.section.blocks, Some(present.number.clone())),
        None => (&mut tree.lead, None),
    }
}

/// Adds a list item. Where it would open a second list right behind one, it is a paragraph: two lists that touch
/// cannot be told apart in Markdown.
fn listed(blocks: &mut Vec<Block>, ordinal: u32, title: &str, text: &str, section: Option<String>) -> Role {
    let item = ListItem { content: vec![paragraph(title)] };
    match blocks.last_mut() {
        Some(Block::List { start, items, .. }) => {
            if u32::try_from(items.len()).is_ok_and(|count| start.checked_add(count) == Some(ordinal)) {
                items.push(item);
            } else {
                blocks.push(paragraph(text));
                return section.map_or(Role::Lead, |section| Role::Paragraph { section });
            }
        }
        _ => blocks.push(Block::List { ordered: true, start: ordinal, tight: true, items: vec![item] }),
    }
    Role::ListItem { section }
}

fn paragraph(text: &str) -> Block {
    Block::Paragraph { content: vec![Inline::Text { text: text.to_owned(), marks: Vec::new() }] }
}
