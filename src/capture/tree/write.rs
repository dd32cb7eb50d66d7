//! Builds sections and blocks from lines whose forms are known.

use super::{Form, Item, Style, Tree, is_standard_title};
use crate::{
    capture::{
        Role,
        lines::{Line, Shape},
    },
    content::{Block, Inline, ListItem, Section},
};

/// A section that is still being written.
struct Open {
    section: Section,
    number: String,
}

/// Writes the sections, and assigns the role of every line.
pub(super) fn write(items: Vec<Item<'_>>, roles: &mut [Option<Role>]) -> Tree {
    let mut tree = Tree { lead: Vec::new(), sections: Vec::new(), unsure: Vec::new() };
    let mut open: Vec<Open> = Vec::new();
    for Item { index, line, form } in items {
        let role = match form {
            Form::Heading(found) => {
                if matches!(found.style, Style::Plain | Style::Bold) && !is_standard_title(&line.text) {
                    tree.unsure.push(line.number);
                }
                heading(&mut tree, &mut open, found.level, found.label, found.title)
            }
            Form::Number => Role::NotUsed { why: "a number alone above a heading" },
            Form::Paragraph => {
                let (blocks, section) = present(&mut tree, &mut open);
                if let Shape::Item { level, ordered, number, first } = line.shape() {
                    item(blocks, *level, (*ordered, *number), *first, paragraph(line));
                    Role::ListItem { section }
                } else {
                    block(blocks, line);
                    section.map_or(Role::Lead, |section| Role::Paragraph { section })
                }
            }
            Form::Listed { ordinal, title } => {
                let (blocks, section) = present(&mut tree, &mut open);
                listed(blocks, ordinal, title, &line.text, section)
            }
        };
        if let Some(slot) = roles.get_mut(index) {
            *slot = Some(role);
        }
    }
    close(&mut tree, &mut open, 0);
    tree
}

fn heading(tree: &mut Tree, open: &mut Vec<Open>, level: usize, label: Option<String>, title: &str) -> Role {
    close(tree, open, level.saturating_sub(1));
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

/// Returns the blocks that the next paragraph is added to, and the number of their section.
fn present<'t>(tree: &'t mut Tree, open: &'t mut [Open]) -> (&'t mut Vec<Block>, Option<String>) {
    match open.last_mut() {
        Some(present) => (&mut present.section.blocks, Some(present.number.clone())),
        None => (&mut tree.lead, None),
    }
}

/// Adds a block in the form of its markup.
fn block(blocks: &mut Vec<Block>, line: &Line<'_>) {
    match line.shape() {
        Shape::Block(block) => blocks.push(block.clone()),
        Shape::Quote => match blocks.last_mut() {
            Some(Block::Quote { content }) => content.push(paragraph(line)),
            _ => blocks.push(Block::Quote { content: vec![paragraph(line)] }),
        },
        Shape::Code => match blocks.last_mut() {
            Some(Block::Code { text, .. }) => {
                text.push_str(&line.raw);
                text.push('\n');
            }
            _ => blocks.push(Block::Code { language: None, text: format!("{}\n", line.raw) }),
        },
        Shape::Caption => match blocks.last_mut() {
            Some(Block::Image { title: title @ None, .. }) => *title = Some(line.text.clone()),
            _ => blocks.push(paragraph(line)),
        },
        _ => blocks.push(paragraph(line)),
    }
}

/// Adds a paragraph of a list item to the list that is open at its level.
fn item(blocks: &mut Vec<Block>, level: usize, (ordered, number): (bool, u32), first: bool, paragraph: Block) {
    let mut list = &mut *blocks;
    for _ in 1..level {
        // An item without an outer list is one of the outermost level.
        match list.last() {
            Some(Block::List { items, .. }) if !items.is_empty() => {}
            _ => break,
        }
        let Some(Block::List { items, .. }) = list.last_mut() else { return };
        let Some(last) = items.last_mut() else { return };
        list = &mut last.content;
    }
    match list.last_mut() {
        Some(Block::List { items, ordered: open, .. }) if *open == ordered && (!first || !ordered || number > 1) => {
            match items.last_mut() {
                Some(last) if !first => last.content.push(paragraph),
                _ => items.push(ListItem { content: vec![paragraph] }),
            }
        }
        _ if first => {
            let start = if ordered { number } else { 1 };
            list.push(Block::List { ordered, start, tight: true, items: vec![ListItem { content: vec![paragraph] }] });
        }
        _ => list.push(paragraph),
    }
}

/// Adds a list item. An item that would start a second list directly after another one becomes a paragraph,
/// because Markdown cannot separate adjacent lists.
fn listed(blocks: &mut Vec<Block>, ordinal: u32, title: &str, text: &str, section: Option<String>) -> Role {
    let item = ListItem { content: vec![plain(title)] };
    match blocks.last_mut() {
        Some(Block::List { start, items, .. }) => {
            if u32::try_from(items.len()).is_ok_and(|count| start.checked_add(count) == Some(ordinal)) {
                items.push(item);
            } else {
                blocks.push(plain(text));
                return section.map_or(Role::Lead, |section| Role::Paragraph { section });
            }
        }
        _ => blocks.push(Block::List { ordered: true, start: ordinal, tight: true, items: vec![item] }),
    }
    Role::ListItem { section }
}

fn paragraph(line: &Line<'_>) -> Block {
    match &line.markup {
        Some(markup) if !markup.content.is_empty() => Block::Paragraph { content: markup.content.clone() },
        _ => plain(&line.text),
    }
}

fn plain(text: &str) -> Block {
    Block::Paragraph { content: vec![Inline::Text { text: text.to_owned(), marks: Vec::new() }] }
}
