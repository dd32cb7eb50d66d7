//! The text of a body: one Markdown text, or a lead and a tree of sections, flat in reading order.

use std::collections::HashMap;

use super::blocks;
use crate::content::{
    Anchor, Block, Section, markdown, outline, text,
    value::{At, Check, Members, Value},
};

/// The members of an article that hold its text.
pub(super) const NAMES: [&str; 3] = ["markdown", "lead", "sections"];
/// The members of a section.
pub(super) const SECTION: [&str; 11] =
    ["anchor", "label", "title", "markdown", "blocks", "children", "id", "number", "level", "characters", "hash"];

/// The text of an article as it was sent.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Whether the first is the whole text, with its headings.
    pub(super) whole: bool,
    /// The lead, then every section.
    pub(super) list: Vec<Part>,
    /// The labels of footnotes that blocks refer to and where the first reference to each is.
    pub(super) references: HashMap<String, String>,
    /// The labels of footnotes among the blocks, and where they are.
    pub(super) footnotes: HashMap<String, String>,
}

/// The lead or a section.
#[derive(Debug)]
pub(super) struct Part {
    /// The place of the section; empty for the lead.
    pub(super) pointer: String,
    /// The depth of the section, counted from 1.
    pub(super) level: usize,
    /// What it is called, and its blocks.
    pub(super) section: Section,
    pub(super) text: Text,
}

/// How the text of a part was sent.
#[derive(Debug)]
pub(super) enum Text {
    /// As Markdown, clean; how many characters were left out; and where it is.
    Markdown(String, usize, String),
    /// As blocks, and where they are.
    Blocks(String),
    None,
}

pub(super) fn read(map: Members<'_, '_>, check: &mut Check<'_>) -> Parts {
    let mut reader = Reader { check, parts: Parts::default(), anchors: HashMap::new(), sections: 0 };
    let at = At::Name(&At::Root, "markdown");
    let lead = At::Name(&At::Root, "lead");
    if let Some(value) = map.given("markdown") {
        if map.given("lead").is_some() || map.given("sections").is_some() {
            reader.check.fault(&at, "The text is either in `markdown`, or in `lead` and `sections`.");
        }
        let text = reader.markdown(value, &at);
        reader.parts.whole = true;
        reader.parts.list.push(Part { pointer: String::new(), level: 0, section: nameless(Vec::new()), text });
        return reader.parts;
    }
    let given = map.given("lead").and_then(|value| reader.check.map(value, &lead, &["markdown", "blocks"]));
    let (text, blocks) = given.map_or((Text::None, Vec::new()), |map| reader.text(map, &lead));
    reader.parts.list.push(Part { pointer: String::new(), level: 0, section: nameless(blocks), text });
    if let Some(value) = map.given("sections") {
        reader.sections(value, &At::Name(&At::Root, "sections"), 1);
    }
    reader.parts
}

fn nameless(blocks: Vec<Block>) -> Section {
    Section { anchor: None, label: None, title: String::new(), blocks, children: Vec::new() }
}

struct Reader<'c, 'f> {
    check: &'c mut Check<'f>,
    parts: Parts,
    anchors: HashMap<Anchor, String>,
    sections: usize,
}

impl Reader<'_, '_> {
    fn sections(&mut self, value: &Value<'_>, list: &At<'_>, level: usize) {
        let items = self.check.list(value, list).unwrap_or_default();
        if level > outline::MAX_DEPTH && !items.is_empty() {
            let most = outline::MAX_DEPTH;
            self.check.fault(list, format!("Sections can stand {most} deep in each other at most."));
            return;
        }
        for (place, item) in items.iter().enumerate() {
            self.sections += 1;
            let at = At::Item(list, place);
            if self.sections > markdown::MAX_SECTIONS {
                if self.sections == markdown::MAX_SECTIONS + 1 {
                    let most = markdown::MAX_SECTIONS;
                    self.check.fault(&at, format!("An article can have {most} sections at most."));
                }
                return;
            }
            if let Some(map) = self.check.map(item, &at, &SECTION) {
                self.section(map, &at, level);
            }
        }
    }

    fn section(&mut self, map: Members<'_, '_>, at: &At<'_>, level: usize) {
        let pointer = at.pointer();
        let label_at = At::Name(at, "label");
        let label = map.get("label").and_then(|label| self.check.line(label, &label_at, markdown::MAX_HEADING));
        let title_at = At::Name(at, "title");
        let title = map.given("title");
        if title.is_none() {
            self.check.fault(&title_at, "A section needs a `title`.");
        }
        let title = title.and_then(|title| self.check.text(title, &title_at));
        let title = title.map(|title| text::line(&title).trim().to_owned());
        if title.as_deref() == Some("") && map.given("label").is_none() {
            self.check.fault(&title_at, "A heading must have text.");
        }
        let anchor_at = At::Name(at, "anchor");
        let anchor = map.get("anchor").and_then(|anchor| self.check.line(anchor, &anchor_at, Anchor::MAX));
        let anchor = anchor.and_then(|anchor| self.check.parse::<Anchor>(&anchor, &anchor_at));
        let anchor = anchor.filter(|anchor| match self.anchors.get(anchor) {
            Some(before) => {
                self.check.fault(&anchor_at, format!("The anchor `{anchor}` is that of `{before}` already."));
                false
            }
            None => self.anchors.insert(anchor.clone(), pointer.clone()).is_none(),
        });
        let (text, blocks) = self.text(map, at);
        // A heading without text would be another fault of Markdown.
        let title = title.filter(|title| !title.is_empty() || label.is_some()).unwrap_or_else(|| "x".to_owned());
        let section = Section { anchor, label, title, blocks, children: Vec::new() };
        self.parts.list.push(Part { pointer, level, section, text });
        if let Some(children) = map.given("children") {
            self.sections(children, &At::Name(at, "children"), level + 1);
        }
    }

    fn text(&mut self, map: Members<'_, '_>, at: &At<'_>) -> (Text, Vec<Block>) {
        let blocks_at = At::Name(at, "blocks");
        match (map.given("markdown"), map.given("blocks")) {
            (None, None) => (Text::None, Vec::new()),
            (Some(_), Some(_)) => {
                self.check.fault(&blocks_at, "A text is either in `markdown` or in `blocks`.");
                (Text::None, Vec::new())
            }
            (Some(value), None) => (self.markdown(value, &At::Name(at, "markdown")), Vec::new()),
            (None, Some(value)) => {
                let blocks = blocks::read(value, &blocks_at, self.check, &mut self.parts);
                (Text::Blocks(blocks_at.pointer()), blocks)
            }
        }
    }

    /// What may not stand in a text is left out of Markdown, as it is in a file.
    fn markdown(&mut self, value: &Value<'_>, at: &At<'_>) -> Text {
        let Value::Text(text) = value else {
            self.check.fault(at, format!("`{}` must be text.", at.words()));
            return Text::None;
        };
        let (text, removed) = text::clean(text);
        Text::Markdown(text.into_owned(), removed, at.pointer())
    }
}
