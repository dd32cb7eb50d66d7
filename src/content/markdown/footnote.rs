//! The labels of footnotes, and the section to which each belongs.

use std::collections::{HashMap, HashSet, VecDeque};

use comrak::nodes::{Node, NodeValue};

use super::{Block, Warnings};
use crate::content::Inline;

/// The footnotes of a file.
#[derive(Debug, Default)]
pub(super) struct Footnotes {
    /// The label of each footnote by the parser's name.
    labels: HashMap<String, String>,
    pub(super) definitions: Vec<Definition>,
}

/// The text of a footnote, and the section that contains it in the file.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) label: String,
    pub(super) section: usize,
    pub(super) line: u32,
    pub(super) content: Vec<Block>,
}

/// Returns true for 1 to 64 bytes of letters, digits, hyphens and Chinese characters, which need no escapes.
pub(in crate::content) fn is_label(label: &str) -> bool {
    label.len() <= 64
        && !label.is_empty()
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || matches!(c, '\u{4E00}'..='\u{9FFF}'))
}

impl Footnotes {
    /// Collects the labels of all footnotes. A label that could not be written again becomes `n1`, `n2`, ….
    pub(super) fn collect(root: Node<'_>, line: impl Fn(usize) -> u32, errors: &mut Warnings) -> Self {
        let mut names: Vec<(String, u32)> = Vec::new();
        for node in root.descendants() {
            let ast = node.data();
            if let NodeValue::FootnoteDefinition(definition) = &ast.value {
                names.push((definition.name.clone(), line(ast.sourcepos.start.line)));
            }
        }
        let mut taken: HashSet<String> = HashSet::new();
        let mut labels = HashMap::new();
        for (name, line) in &names {
            if is_label(name) && !taken.insert(name.to_lowercase()) || labels.contains_key(name) {
                let name: String = name.chars().take(60).collect();
                errors.add(
                    Some(*line),
                    Some(1),
                    format!("The footnote `{name}` is defined twice; rename one of them."),
                );
            }
            labels.insert(name.clone(), name.clone());
        }
        let mut number = 0_u32;
        for (name, _) in &names {
            if !is_label(name) {
                let label = loop {
                    number += 1;
                    let label = format!("n{number}");
                    if taken.insert(label.clone()) {
                        break label;
                    }
                };
                labels.insert(name.clone(), label);
            }
        }
        Footnotes { labels, definitions: Vec::new() }
    }

    /// Returns the label of a footnote by the parser's name.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Moves every footnote to the end of the section that refers to it first, and one without a reference to the end of its
    /// own section. Returns the lines and labels of the latter.
    pub(super) fn attach(self, sections: &mut [&mut Vec<Block>]) -> Vec<(u32, String)> {
        let order: Vec<(String, usize, u32)> =
            self.definitions.iter().map(|note| (note.label.clone(), note.section, note.line)).collect();
        let mut remaining: HashMap<String, Vec<Block>> =
            self.definitions.into_iter().map(|note| (note.label, note.content)).collect();
        for blocks in sections.iter_mut() {
            let mut queue = VecDeque::new();
            push_references(blocks, &mut queue);
            move_referenced(blocks, queue, &mut remaining);
        }
        let mut unused = Vec::new();
        for (label, section, line) in order {
            if let Some(blocks) = sections.get_mut(section)
                && remaining.contains_key(&label)
            {
                move_referenced(blocks, VecDeque::from([label.clone()]), &mut remaining);
                unused.push((line, label));
            }
        }
        unused
    }
}

/// Moves the footnotes in `queue`, and those to which they refer, to the end of a section.
fn move_referenced(blocks: &mut Vec<Block>, mut queue: VecDeque<String>, remaining: &mut HashMap<String, Vec<Block>>) {
    while let Some(label) = queue.pop_front() {
        if let Some(content) = remaining.remove(&label) {
            push_references(&content, &mut queue);
            blocks.push(Block::Footnote { label, content });
        }
    }
}

/// Appends the labels to which blocks refer, in order.
fn push_references(blocks: &[Block], out: &mut VecDeque<String>) {
    for block in blocks {
        match block {
            Block::Paragraph { content } => push_inline_references(content, out),
            Block::List { items, .. } => {
                for item in items {
                    push_references(&item.content, out);
                }
            }
            Block::Quote { content } | Block::Callout { content, .. } | Block::Footnote { content, .. } => {
                push_references(content, out);
            }
            Block::Table { head, rows, .. } => {
                for cell in std::iter::once(head).chain(rows).flatten() {
                    push_inline_references(&cell.content, out);
                }
            }
            Block::Image { .. } | Block::Code { .. } | Block::ThematicBreak => {}
        }
    }
}

fn push_inline_references(content: &[Inline], out: &mut VecDeque<String>) {
    for inline in content {
        match inline {
            Inline::FootnoteReference { label } => out.push_back(label.clone()),
            Inline::Link { content, .. } => push_inline_references(content, out),
            Inline::Text { .. } | Inline::Image { .. } | Inline::LineBreak => {}
        }
    }
}
