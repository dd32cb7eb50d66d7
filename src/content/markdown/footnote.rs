//! Footnotes: their labels, and the section that each belongs to.

use std::collections::{HashMap, HashSet, VecDeque};

use comrak::nodes::{Node, NodeValue};

use super::{Block, Faults};
use crate::content::Inline;

/// The footnotes of a file, by the names that the parser gives them.
#[derive(Debug, Default)]
pub(super) struct Footnotes {
    labels: HashMap<String, String>,
    pub(super) definitions: Vec<Definition>,
}

/// A footnote's text, and the section in which it was written.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) label: String,
    pub(super) section: usize,
    pub(super) line: u32,
    pub(super) content: Vec<Block>,
}

/// Whether a label can stand in the source as it is: letters, digits and hyphens, 1 to 64 of them.
pub(in crate::content) fn is_label(label: &str) -> bool {
    label.len() <= 64
        && !label.is_empty()
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || matches!(c, '\u{4E00}'..='\u{9FFF}'))
}

impl Footnotes {
    /// Names the footnotes of a file: as the author did, or `n1`, `n2` … where that could not be written again.
    pub(super) fn collect(root: Node<'_>, line: impl Fn(usize) -> u32, faults: &mut Faults) -> Self {
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
                faults.push(Some(*line), Some(1), format!("The footnote `{name}` is defined twice."));
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

    /// The label of a footnote by the parser's name for it.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Puts every footnote at the end of the section that refers to it first; one that nothing refers to at the end
    /// of the section in which it was written. Gives back the lines and labels of the latter.
    pub(super) fn attach(self, sections: &mut [&mut Vec<Block>]) -> Vec<(u32, String)> {
        let order: Vec<(String, usize, u32)> =
            self.definitions.iter().map(|note| (note.label.clone(), note.section, note.line)).collect();
        let mut left: HashMap<String, Vec<Block>> =
            self.definitions.into_iter().map(|note| (note.label, note.content)).collect();
        for blocks in sections.iter_mut() {
            let mut queue = VecDeque::new();
            references(blocks, &mut queue);
            follow(blocks, queue, &mut left);
        }
        let mut unused = Vec::new();
        for (label, section, line) in order {
            if let Some(blocks) = sections.get_mut(section)
                && left.contains_key(&label)
            {
                follow(blocks, VecDeque::from([label.clone()]), &mut left);
                unused.push((line, label));
            }
        }
        unused
    }
}

/// Moves the footnotes that are referred to, and those that they refer to, to the end of a section.
fn follow(blocks: &mut Vec<Block>, mut queue: VecDeque<String>, left: &mut HashMap<String, Vec<Block>>) {
    while let Some(label) = queue.pop_front() {
        if let Some(content) = left.remove(&label) {
            references(&content, &mut queue);
            blocks.push(Block::Footnote { label, content });
        }
    }
}

/// The labels that blocks refer to, in order.
fn references(blocks: &[Block], out: &mut VecDeque<String>) {
    for block in blocks {
        match block {
            Block::Paragraph { content } => inline_references(content, out),
            Block::List { items, .. } => {
                for item in items {
                    references(&item.content, out);
                }
            }
            Block::Quote { content } | Block::Callout { content, .. } | Block::Footnote { content, .. } => {
                references(content, out);
            }
            Block::Table { head, rows, .. } => {
                for cell in std::iter::once(head).chain(rows).flatten() {
                    inline_references(&cell.content, out);
                }
            }
            Block::Image { .. } | Block::Code { .. } | Block::ThematicBreak => {}
        }
    }
}

fn inline_references(content: &[Inline], out: &mut VecDeque<String>) {
    for inline in content {
        match inline {
            Inline::FootnoteReference { label } => out.push_back(label.clone()),
            Inline::Link { content, .. } => inline_references(content, out),
            Inline::Text { .. } | Inline::Image { .. } | Inline::LineBreak => {}
        }
    }
}
