//! Reads the text of a body: one Markdown text, or a lead and a tree of sections, which is flattened in reading order.

use std::collections::HashMap;

use super::blocks::BlockReader;
use crate::content::{Anchor, Block, Section, markdown, node::Node, outline, text};

/// The members of an article with its text.
pub(super) const NAMES: [&str; 3] = ["markdown", "lead", "sections"];
/// The members of a section.
pub(super) const SECTION: [&str; 11] =
    ["anchor", "label", "title", "markdown", "blocks", "children", "id", "number", "level", "characters", "hash"];

/// The text of an article as it was sent.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// True if the only part is the Markdown of the complete article, with headings.
    pub(super) is_single_markdown: bool,
    /// The lead, then every section.
    pub(super) list: Vec<Part>,
    pub(super) blocks: BlockReader,
    anchors: HashMap<Anchor, String>,
    sections: usize,
}

/// The lead or a section.
#[derive(Debug)]
pub(super) struct Part {
    /// The pointer of the section; empty for the lead.
    pub(super) pointer: String,
    /// The depth of the section, from 1; 0 for the lead.
    pub(super) level: usize,
    /// The heading and the blocks of the section, without its children.
    pub(super) section: Section,
    pub(super) text: Text,
}

/// The text of a part, as it was sent.
#[derive(Debug)]
pub(super) enum Text {
    /// Markdown without the forbidden characters, of which `removed` were found.
    Markdown {
        text: String,
        removed: usize,
        pointer: String,
    },
    Blocks {
        pointer: String,
    },
    None,
}

impl Parts {
    pub(super) fn read(map: &Node<'_>) -> Parts {
        let mut parts = Parts::default();
        let [markdown, lead, sections] = NAMES.map(|name| map.member(name));
        if markdown.given().is_some() {
            if lead.given().or(sections.given()).is_some() {
                markdown.error("Send the text either in `markdown`, or in `lead` and `sections`.");
            }
            parts.is_single_markdown = true;
            parts.push_lead(read_markdown(&markdown), Vec::new());
            return parts;
        }
        let lead = lead.given();
        let map = lead.as_ref().and_then(|lead| lead.map(&["markdown", "blocks"]));
        let (text, blocks) = map.map_or((Text::None, Vec::new()), |map| parts.text(map));
        parts.push_lead(text, blocks);
        parts.sections(&sections, 1);
        parts
    }

    fn push_lead(&mut self, text: Text, blocks: Vec<Block>) {
        let section = Section { anchor: None, label: None, title: String::new(), blocks, children: Vec::new() };
        self.list.push(Part { pointer: String::new(), level: 0, section, text });
    }

    fn sections(&mut self, list: &Node<'_>, level: usize) {
        let Some(items) = list.optional_items() else { return };
        if level > outline::MAX_DEPTH && items.len() > 0 {
            list.error(format!("Sections can be nested {} levels deep at most.", outline::MAX_DEPTH));
            return;
        }
        for item in items {
            self.sections += 1;
            if self.sections > markdown::MAX_SECTIONS {
                if self.sections == markdown::MAX_SECTIONS + 1 {
                    item.error(format!("An article can have {} sections at most.", markdown::MAX_SECTIONS));
                }
                return;
            }
            if let Some(map) = item.map(&SECTION) {
                self.section(map, level);
            }
        }
    }

    fn section(&mut self, map: &Node<'_>, level: usize) {
        let pointer = map.pointer();
        let (label_member, title_member) = (map.member("label"), map.member("title"));
        let label = label_member.line(markdown::MAX_HEADING);
        let title = title_member.text().map(|title| text::line(&title).trim().to_owned());
        if title.as_deref() == Some("") && label_member.given().is_none() {
            title_member.error("A heading must have text.");
        }
        let anchor = self.anchor(&map.member("anchor"), &pointer);
        let (text, blocks) = self.text(map);
        // Any title can replace an invalid one, because its error is already reported.
        let title = title.filter(|title| !title.is_empty() || label.is_some()).unwrap_or_else(|| "x".to_owned());
        let section = Section { anchor, label, title, blocks, children: Vec::new() };
        self.list.push(Part { pointer, level, section, text });
        self.sections(&map.member("children"), level + 1);
    }

    fn anchor(&mut self, node: &Node<'_>, section: &str) -> Option<Anchor> {
        let anchor: Anchor = node.parse(&node.line(Anchor::MAX)?)?;
        if let Some(first) = self.anchors.get(&anchor) {
            node.error(format!("The anchor `{anchor}` is already used by `{first}`; use another one."));
            return None;
        }
        self.anchors.insert(anchor.clone(), section.to_owned());
        Some(anchor)
    }

    fn text(&mut self, map: &Node<'_>) -> (Text, Vec<Block>) {
        let (markdown, blocks) = (map.member("markdown"), map.member("blocks"));
        match (markdown.given(), blocks.given()) {
            (None, None) => (Text::None, Vec::new()),
            (Some(_), Some(_)) => {
                blocks.error("Send the text either in `markdown` or in `blocks`.");
                (Text::None, Vec::new())
            }
            (Some(markdown), None) => (read_markdown(&markdown), Vec::new()),
            (None, Some(list)) => (Text::Blocks { pointer: list.pointer() }, self.blocks.read(&list)),
        }
    }
}

/// Reads Markdown. Its forbidden characters are removed, as from a file, and not an error.
fn read_markdown(node: &Node<'_>) -> Text {
    let Some(text) = node.raw_text() else { return Text::None };
    let (text, removed) = text::clean(text);
    Text::Markdown { text: text.into_owned(), removed, pointer: node.pointer() }
}
