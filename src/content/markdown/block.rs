//! Converts block nodes of the parser to [`Block`]s. [`MAX_NESTING`](super::MAX_NESTING), checked before, bounds the recursion.

use comrak::nodes::{AlertType, ListType, Node, NodeCodeBlock, NodeTable, NodeValue, TableAlignment};

use super::{footnote::Definition, inline, section::Reader, tilde::show_tildes};
use crate::content::{Align, Block, CalloutKind, Cell, Inline, ListItem, html, text};

impl<'a> Reader<'_> {
    /// Converts the children of a node.
    fn children(&mut self, parent: Node<'a>) -> Vec<Block> {
        let mut out = Vec::new();
        for node in parent.children() {
            self.block(node, &mut out);
        }
        out
    }

    /// Converts a node and appends it to `out`; a footnote is added to the footnotes.
    pub(super) fn block(&mut self, node: Node<'a>, out: &mut Vec<Block>) {
        let ast = node.data();
        let start = ast.sourcepos.start;
        match &ast.value {
            NodeValue::Heading(_) => {
                self.warn(start, "A heading in a list or quote cannot begin a section; it became a paragraph in bold.");
                out.extend(paragraph(self.inlines(node, true)));
            }
            NodeValue::BlockQuote => out.push(Block::Quote { content: self.children(node) }),
            NodeValue::Alert(alert) => {
                let kind = match alert.alert_type {
                    AlertType::Note => CalloutKind::Note,
                    AlertType::Tip => CalloutKind::Tip,
                    AlertType::Important => CalloutKind::Important,
                    AlertType::Warning => CalloutKind::Warning,
                    AlertType::Caution => CalloutKind::Caution,
                };
                let title = alert.title.as_deref().and_then(inline::title);
                out.push(Block::Callout { kind, title, content: self.children(node) });
            }
            NodeValue::List(list) => {
                let items: Vec<ListItem> =
                    node.children().map(|item| ListItem { content: self.children(item) }).collect();
                let ordered = list.list_type == ListType::Ordered;
                let start = if ordered { u32::try_from(list.start).unwrap_or(u32::MAX) } else { 1 };
                let tight = tightness(list.tight, &items);
                out.push(Block::List { ordered, start, tight, items });
            }
            NodeValue::CodeBlock(code) => {
                let block = self.code(code, start);
                out.push(block);
            }
            NodeValue::HtmlBlock(html) => {
                self.warn(start, "HTML is shown as text; use Markdown instead.");
                push_raw(&show_tildes(&html.literal), out);
            }
            NodeValue::ThematicBreak => out.push(Block::ThematicBreak),
            NodeValue::Table(table) => {
                let block = self.table(table, node);
                out.push(block);
            }
            NodeValue::FootnoteDefinition(definition) => {
                if let Some(label) = self.footnotes.label(&definition.name) {
                    let label = label.to_owned();
                    let line = self.line(start.line);
                    let content = self.children(node);
                    let section = self.section;
                    self.footnotes.definitions.push(Definition { label, section, line, content });
                }
            }
            // With these options only paragraphs remain; the text of any other node becomes one.
            _ => out.extend(paragraph(self.inlines(node, false))),
        }
    }

    fn code(&mut self, code: &NodeCodeBlock, start: comrak::nodes::LineColumn) -> Block {
        let info = show_tildes(&code.info);
        let mut words = info.split_whitespace();
        let language = words.next().filter(|name| html::is_language(name)).map(str::to_owned);
        if words.next().is_some() || language.is_none() && !info.trim().is_empty() {
            let info: String = text::line(&info).chars().take(60).collect();
            self.warn(start, format!("Only a language can follow the fence of a code block; `{info}` was removed."));
        }
        let literal = show_tildes(&code.literal);
        let text = literal.strip_suffix('\n').unwrap_or(&literal).to_owned();
        Block::Code { language, text }
    }

    fn table(&mut self, table: &NodeTable, node: Node<'a>) -> Block {
        let align: Vec<Align> = table
            .alignments
            .iter()
            .map(|align| match align {
                TableAlignment::None => Align::None,
                TableAlignment::Left => Align::Left,
                TableAlignment::Center => Align::Center,
                TableAlignment::Right => Align::Right,
            })
            .collect();
        let mut rows = node.children().map(|row| {
            let mut cells: Vec<Cell> = row.children().map(|cell| Cell { content: self.inlines(cell, false) }).collect();
            cells.resize_with(align.len(), || Cell { content: Vec::new() });
            cells
        });
        let head = rows.next().unwrap_or_default();
        let rows = rows.collect();
        Block::Table { align, head, rows }
    }
}

/// Returns a paragraph, an image block for a single image, or `None` for no content.
pub(in crate::content) fn paragraph(mut content: Vec<Inline>) -> Option<Block> {
    match content.as_mut_slice() {
        [] => None,
        [Inline::Image { src, alt, title }] => {
            Some(Block::Image { src: std::mem::take(src), alt: std::mem::take(alt), title: title.take() })
        }
        _ => Some(Block::Paragraph { content }),
    }
}

/// Appends literal text as paragraphs with the same lines.
fn push_raw(literal: &str, out: &mut Vec<Block>) {
    let mut content: Vec<Inline> = Vec::new();
    for line in literal.split('\n').chain([""]) {
        let line = text::line(line);
        let line = line.trim_matches(' ');
        if line.is_empty() {
            out.extend(paragraph(std::mem::take(&mut content)));
            continue;
        }
        if !content.is_empty() {
            content.push(Inline::LineBreak);
        }
        content.push(Inline::Text { text: line.to_owned(), marks: Vec::new() });
    }
}

/// Returns whether a list is tight. A list that cannot be written as `tight` says, because footnotes were moved out of its
/// items, gets the other value.
pub(in crate::content) fn tightness(tight: bool, items: &[ListItem]) -> bool {
    (tight || !can_be_loose(items)) && can_be_tight(items)
}

/// Returns true if an empty line can make the list loose. The parser ignores one after a thematic break.
fn can_be_loose(items: &[ListItem]) -> bool {
    fn counts(block: &Block) -> bool {
        match block {
            Block::ThematicBreak => false,
            Block::List { items, .. } => items.last().and_then(|item| item.content.last()).is_none_or(counts),
            _ => true,
        }
    }
    let within = items.iter().any(|item| {
        let before_last = item.content.len().saturating_sub(1);
        item.content.iter().take(before_last).any(counts)
    });
    let between = items.len().saturating_sub(1);
    within || items.iter().take(between).any(|item| item.content.last().is_none_or(counts))
}

/// Returns true if the list can be written without empty lines: every block of an item must end the block before it. The
/// parser treats the end of a table's head as an empty line.
pub(super) fn can_be_tight(items: &[ListItem]) -> bool {
    fn ends_with_table(block: &Block) -> bool {
        match block {
            Block::Table { .. } => true,
            Block::List { items, .. } => items.last().and_then(|item| item.content.last()).is_some_and(ends_with_table),
            _ => false,
        }
    }
    items.iter().all(|item| {
        !item.content.iter().any(ends_with_table)
            && item.content.windows(2).all(|pair| match pair {
                [before, after] => can_follow(before, after),
                _ => true,
            })
    })
}

fn can_follow(before: &Block, after: &Block) -> bool {
    match before {
        Block::Code { .. } if matches!(after, Block::Paragraph { .. }) => true,
        Block::Paragraph { .. } | Block::Code { .. } => {
            matches!(after, Block::Code { .. } | Block::ThematicBreak) || can_interrupt(after)
        }
        Block::ThematicBreak => matches!(after, Block::Code { .. } | Block::ThematicBreak),
        Block::List { tight, .. } => *tight && matches!(after, Block::Code { .. }),
        _ => false,
    }
}

/// Returns true for a list that can interrupt a paragraph (CommonMark 5.2): it begins with text and the number 1.
fn can_interrupt(list: &Block) -> bool {
    let Block::List { ordered, start, items, .. } = list else {
        return false;
    };
    let begins = items.first().and_then(|item| item.content.first());
    (!*ordered || *start == 1) && matches!(begins, Some(Block::Paragraph { .. }))
}
