//! Reads [`Block`]s from JSON and normalizes them as Markdown would. The depth of the [`Value`](crate::content::value::Value)
//! bounds the recursion.

use std::collections::HashMap;

use super::inlines::{self, References};
use crate::content::{
    Align, Block, CalloutKind, Cell, Inline, ListItem, html, markdown,
    node::{Node, shorten},
};

/// The largest number of an ordered list (CommonMark 5.2).
const MAX_START: u32 = 999_999_999;

const KINDS: [(&str, CalloutKind); 5] = [
    ("note", CalloutKind::Note),
    ("tip", CalloutKind::Tip),
    ("important", CalloutKind::Important),
    ("warning", CalloutKind::Warning),
    ("caution", CalloutKind::Caution),
];

const ALIGNS: [(&str, Align); 4] =
    [("none", Align::None), ("left", Align::Left), ("center", Align::Center), ("right", Align::Right)];

/// The members of each type of block.
const TYPES: [(&str, &[&str]); 9] = [
    ("paragraph", &["type", "content"]),
    ("list", &["type", "ordered", "start", "tight", "items"]),
    ("quote", &["type", "content"]),
    ("table", &["type", "align", "head", "rows"]),
    ("image", &["type", "src", "alt", "title"]),
    ("code", &["type", "language", "text"]),
    ("callout", &["type", "kind", "title", "content"]),
    ("thematic_break", &["type"]),
    ("footnote", &["type", "label", "content"]),
];

/// The members of the types of a tree, by type.
pub(super) type Types = [(&'static str, &'static [&'static str])];

/// Returns the type of a map, after a check of its members.
pub(super) fn typed_map<'b, 'a>(node: &'b Node<'a>, types: &Types) -> Option<(&'static str, &'b Node<'a>)> {
    if !node.is_map() {
        return node.map(&["type"]).map(|map| ("", map));
    }
    let (name, names) = node.member("type").choice(types)?;
    Some((name, node.map(names)?))
}

/// Reads the blocks of an article, section by section.
#[derive(Debug, Default)]
pub(super) struct BlockReader {
    pub(super) references: References,
    /// The pointer of each footnote, by its label in lower case, because labels are case-insensitive in Markdown.
    pub(super) footnotes: HashMap<String, String>,
    /// The number of lists, quotes, callouts and footnotes around the current block.
    depth: usize,
}

impl BlockReader {
    /// Reads a list of blocks without those that are invalid.
    pub(super) fn read(&mut self, list: &Node<'_>) -> Vec<Block> {
        list.items().into_iter().flatten().filter_map(|item| self.block(&item)).collect()
    }

    /// Runs `read` one level deeper.
    fn nested<T>(&mut self, node: &Node<'_>, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth == markdown::MAX_NESTING {
            node.error(format!("Lists and quotes can be nested {} levels deep at most.", markdown::MAX_NESTING));
            return None;
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        Some(value)
    }

    fn content(&mut self, map: &Node<'_>) -> Option<Vec<Block>> {
        self.nested(map, |reader| reader.read(&map.member("content")))
    }

    fn inlines(&mut self, map: &Node<'_>) -> Vec<Inline> {
        inlines::read(&map.member("content"), &mut self.references)
    }

    fn block(&mut self, node: &Node<'_>) -> Option<Block> {
        let (name, map) = typed_map(node, &TYPES)?;
        match name {
            "paragraph" => {
                let errors = map.errors.count();
                let paragraph = markdown::paragraph(self.inlines(map));
                if paragraph.is_none() && map.errors.count() == errors {
                    map.error("A paragraph must have text.");
                }
                paragraph
            }
            "list" => self.list(map),
            "quote" => Some(Block::Quote { content: self.content(map)? }),
            "table" => self.table(map),
            "image" => inlines::image(map).map(|(src, alt, title)| Block::Image { src, alt, title }),
            "code" => code(map),
            "callout" => {
                let kind = map.member("kind").choice(&KINDS).map(|(_, kind)| kind);
                let title = inlines::title(map);
                let content = self.content(map)?;
                Some(Block::Callout { kind: kind?, title, content })
            }
            "footnote" => self.footnote(map),
            _ => Some(Block::ThematicBreak),
        }
    }

    fn list(&mut self, map: &Node<'_>) -> Option<Block> {
        let ordered = map.member("ordered").bool();
        let tight = map.member("tight").bool();
        let start = map.member("start").number(MAX_START);
        let list = map.member("items");
        let values = list.items()?;
        if values.len() == 0 {
            list.error("A list must have items.");
        }
        let items = self.nested(map, |reader| {
            let item = |item: Node<'_>| {
                let content = item.map(&["content"])?.member("content");
                Some(ListItem { content: reader.read(&content) })
            };
            values.filter_map(item).collect::<Vec<ListItem>>()
        })?;
        let ordered = ordered?;
        let start = start?;
        let tight = markdown::tightness(tight?, &items);
        Some(Block::List { ordered, start: if ordered { start } else { 1 }, tight, items })
    }

    fn cells(&mut self, row: &Node<'_>) -> Option<Vec<Cell>> {
        let cell = |item: Node<'_>| {
            let content = item.map(&["content"]).map(|map| self.inlines(map)).unwrap_or_default();
            if inlines::has_line_break(&content) {
                item.error("A cell cannot contain a line break; use two rows or another block.");
            }
            Cell { content }
        };
        Some(row.items()?.map(cell).collect())
    }

    fn table(&mut self, map: &Node<'_>) -> Option<Block> {
        let member = map.member("align");
        let read = |item: Node<'_>| item.choice(&ALIGNS).map_or(Align::None, |(_, align)| align);
        let align: Option<Vec<Align>> = member.items().map(|items| items.map(read).collect());
        let head = map.member("head");
        let cells = self.cells(&head);
        let width = cells.as_ref().map(Vec::len);
        if width == Some(0) {
            head.error("The head of a table must have cells.");
        }
        if let (Some(align), Some(width)) = (&align, width)
            && align.len() != width
        {
            member.error(format!("`align` must have {width} items, as many as `head`."));
        }
        let mut rows = Vec::new();
        for row in map.member("rows").items()? {
            let Some(cells) = self.cells(&row) else { continue };
            if let Some(width) = width.filter(|width| *width != cells.len()) {
                row.error(format!("The row has {} cells, but `head` has {width}.", cells.len()));
            }
            rows.push(cells);
        }
        Some(Block::Table { align: align?, head: cells?, rows })
    }

    fn footnote(&mut self, map: &Node<'_>) -> Option<Block> {
        let errors = map.errors.count();
        if self.depth > 0 {
            map.error("A footnote cannot be inside another block; move it to the blocks of the section.");
        }
        let member = map.member("label");
        let label = inlines::label(&member);
        if let Some(label) = &label {
            let folded = label.to_lowercase();
            if let Some(first) = self.footnotes.get(&folded) {
                member.error(format!("The footnote `{label}` is already defined at `{first}`; use another label."));
            } else {
                self.footnotes.insert(folded, map.pointer());
            }
        }
        let is_valid = map.errors.count() == errors;
        let content = self.content(map)?;
        // A second definition would be reported by the Markdown reader again.
        label.filter(|_| is_valid).map(|label| Block::Footnote { label, content })
    }
}

fn code(map: &Node<'_>) -> Option<Block> {
    let member = map.member("language");
    let language = member.given().and_then(|language| language.text());
    if let Some(language) = language.as_deref().filter(|language| !html::is_language(language)) {
        let expected = "use one word of at most 32 letters, digits and + # . _ -";
        member.error(format!("`{}` cannot be a language: {expected}.", shorten(language)));
    }
    let text = map.member("text").text()?.into_owned();
    Some(Block::Code { language: language.map(std::borrow::Cow::into_owned), text })
}
