//! Values → [`Block`]s, held to what the type promises and made what Markdown would have made of them. The depth of
//! values bounds the recursion.

use super::{inlines, parts::Parts};
use crate::content::{
    Align, Block, CalloutKind, Cell, ListItem, html, markdown,
    value::{At, Check, Members, Value, shown},
};

/// The greatest number of an ordered list: CommonMark reads nine digits (5.2).
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

/// Reads the blocks of a part. What is faulty is left out.
pub(super) fn read(value: &Value<'_>, at: &At<'_>, check: &mut Check<'_>, parts: &mut Parts) -> Vec<Block> {
    Reader { check, parts, depth: 0 }.list(value, at)
}

/// The type of a value and its members, if it is one of `types`.
pub(super) fn typed<'v, 'a>(
    value: &'v Value<'a>,
    at: &At<'_>,
    check: &mut Check<'_>,
    types: &[(&'static str, &[&str])],
) -> Option<(&'static str, Members<'v, 'a>)> {
    let Value::Map(members) = value else {
        return check.map(value, at, &["type"]).map(|map| ("", map));
    };
    let named = members.iter().find(|(name, _)| name == "type").map(|(_, value)| value);
    let name = match named {
        Some(Value::Text(name)) => name.as_ref(),
        _ => "",
    };
    let Some((name, known)) = types.iter().find(|(known, _)| *known == name) else {
        let types: Vec<&str> = types.iter().map(|(name, _)| *name).collect();
        check.fault(
            &At::Name(at, "type"),
            format!("The `type` is `{}`; the types are {}.", shown(name), types.join(", ")),
        );
        return None;
    };
    Some((name, check.map(value, at, known)?))
}

/// A member that must be there.
pub(super) fn needed<'v, 'a>(
    map: Members<'v, 'a>,
    name: &str,
    at: &At<'_>,
    check: &mut Check<'_>,
) -> Option<&'v Value<'a>> {
    let value = map.get(name);
    if value.is_none() {
        check.fault(&At::Name(at, name), format!("`{name}` is missing."));
    }
    value
}

struct Reader<'c, 'f, 'p> {
    check: &'c mut Check<'f>,
    parts: &'p mut Parts,
    /// How deep the blocks are in lists, quotes, callouts and footnotes.
    depth: usize,
}

impl Reader<'_, '_, '_> {
    fn list(&mut self, value: &Value<'_>, list: &At<'_>) -> Vec<Block> {
        let items = self.check.list(value, list).unwrap_or_default();
        let mut out = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let at = At::Item(list, place);
            if let Some((name, map)) = typed(item, &at, self.check, &TYPES) {
                out.extend(self.block(name, map, &at));
            }
        }
        out
    }

    /// What stands one deeper.
    fn within<T>(&mut self, at: &At<'_>, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == markdown::MAX_NESTING {
            let most = markdown::MAX_NESTING;
            self.check.fault(at, format!("Lists and quotes stand more than {most} deep in each other here."));
            return None;
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn content(&mut self, map: Members<'_, '_>, at: &At<'_>) -> Option<Vec<Block>> {
        let value = needed(map, "content", at, self.check)?;
        self.within(at, |reader| Some(reader.list(value, &At::Name(at, "content"))))
    }

    fn block(&mut self, name: &str, map: Members<'_, '_>, at: &At<'_>) -> Option<Block> {
        match name {
            "paragraph" => {
                let told = self.check.told;
                let content = self.inlines(map, at)?;
                let paragraph = markdown::paragraph(content);
                if paragraph.is_none() && self.check.told == told {
                    self.check.fault(at, "A paragraph must have text.");
                }
                paragraph
            }
            "list" => self.items(map, at),
            "quote" => Some(Block::Quote { content: self.content(map, at)? }),
            "table" => self.table(map, at),
            "image" => {
                let (src, alt, title) = inlines::image(map, at, self.check)?;
                Some(Block::Image { src, alt, title })
            }
            "code" => self.code(map, at),
            "callout" => {
                let kind = needed(map, "kind", at, self.check)
                    .and_then(|value| self.word(value, &At::Name(at, "kind"), &KINDS));
                let title = inlines::title(map, at, self.check);
                let content = self.content(map, at)?;
                Some(Block::Callout { kind: kind?, title, content })
            }
            "footnote" => self.footnote(map, at),
            _ => Some(Block::ThematicBreak),
        }
    }

    fn inlines(&mut self, map: Members<'_, '_>, at: &At<'_>) -> Option<Vec<crate::content::Inline>> {
        let value = needed(map, "content", at, self.check)?;
        Some(inlines::read(value, &At::Name(at, "content"), self.check, &mut self.parts.references))
    }

    fn word<T: Copy>(&mut self, value: &Value<'_>, at: &At<'_>, words: &[(&str, T)]) -> Option<T> {
        if let Value::Text(text) = value
            && let Some((_, meaning)) = words.iter().find(|(word, _)| word == text)
        {
            return Some(*meaning);
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.check.fault(at, format!("It must be one of {}.", words.join(", ")));
        None
    }

    fn flag(&mut self, map: Members<'_, '_>, name: &str, at: &At<'_>) -> Option<bool> {
        if let Value::Bool(is) = needed(map, name, at, self.check)? {
            return Some(*is);
        }
        self.check.fault(&At::Name(at, name), format!("`{name}` must be true or false."));
        None
    }

    fn items(&mut self, map: Members<'_, '_>, at: &At<'_>) -> Option<Block> {
        let ordered = self.flag(map, "ordered", at);
        let tight = self.flag(map, "tight", at);
        let start = match needed(map, "start", at, self.check) {
            Some(Value::Number(Some(start))) if *start <= MAX_START => Some(*start),
            Some(_) => {
                let message = format!("`start` must be a whole number from 0 to {MAX_START}.");
                self.check.fault(&At::Name(at, "start"), message);
                None
            }
            None => None,
        };
        let list = At::Name(at, "items");
        let values = needed(map, "items", at, self.check).and_then(|value| self.check.list(value, &list))?;
        if values.is_empty() {
            self.check.fault(&list, "A list must have items.");
        }
        let items = self.within(at, |reader| {
            let mut items = Vec::with_capacity(values.len());
            for (place, item) in values.iter().enumerate() {
                let at = At::Item(&list, place);
                let content = reader
                    .check
                    .map(item, &at, &["content"])
                    .and_then(|map| needed(map, "content", &at, reader.check))
                    .map(|value| reader.list(value, &At::Name(&at, "content")));
                items.extend(content.map(|content| ListItem { content }));
            }
            Some(items)
        })?;
        let (ordered, start) = (ordered?, start?);
        let tight = markdown::tightness(tight?, &items);
        Some(Block::List { ordered, start: if ordered { start } else { 1 }, tight, items })
    }

    fn code(&mut self, map: Members<'_, '_>, at: &At<'_>) -> Option<Block> {
        let place = At::Name(at, "language");
        let language = map.given("language").and_then(|value| self.check.text(value, &place));
        if let Some(language) = language.as_deref().filter(|language| !html::is_language(language)) {
            let message = "it must be one word of at most 32 letters, digits and + # . _ -";
            self.check.fault(&place, format!("`{}` cannot be a language: {message}.", shown(language)));
        }
        let text = needed(map, "text", at, self.check)?;
        let text = self.check.text(text, &At::Name(at, "text"))?.into_owned();
        Some(Block::Code { language: language.map(std::borrow::Cow::into_owned), text })
    }

    fn cells(&mut self, value: &Value<'_>, list: &At<'_>) -> Option<Vec<Cell>> {
        let values = self.check.list(value, list)?;
        let mut cells = Vec::with_capacity(values.len());
        for (place, value) in values.iter().enumerate() {
            let at = At::Item(list, place);
            let content = self.check.map(value, &at, &["content"]).and_then(|map| self.inlines(map, &at));
            let content = content.unwrap_or_default();
            if inlines::breaks(&content) {
                self.check.fault(&at, "A cell has one line; a line break cannot stand in it.");
            }
            cells.push(Cell { content });
        }
        Some(cells)
    }

    fn table(&mut self, map: Members<'_, '_>, at: &At<'_>) -> Option<Block> {
        let place = At::Name(at, "align");
        let align = needed(map, "align", at, self.check).and_then(|value| self.check.list(value, &place));
        let align = align.map(|values| {
            let word = |(item, value)| self.word(value, &At::Item(&place, item), &ALIGNS).unwrap_or(Align::None);
            values.iter().enumerate().map(word).collect::<Vec<Align>>()
        });
        let place = At::Name(at, "head");
        let head = needed(map, "head", at, self.check).and_then(|value| self.cells(value, &place));
        let width = head.as_ref().map_or(0, Vec::len);
        if head.is_some() && width == 0 {
            self.check.fault(&place, "The head of a table must have cells.");
        }
        if align.as_ref().is_some_and(|align| align.len() != width) && head.is_some() {
            self.check.fault(&At::Name(at, "align"), format!("It must name {width} columns, as the head has."));
        }
        let place = At::Name(at, "rows");
        let values = needed(map, "rows", at, self.check).and_then(|value| self.check.list(value, &place))?;
        let mut rows = Vec::with_capacity(values.len());
        for (item, value) in values.iter().enumerate() {
            let at = At::Item(&place, item);
            let Some(cells) = self.cells(value, &at) else { continue };
            if cells.len() != width && head.is_some() {
                self.check.fault(&at, format!("The row has {} cells, the head {width}.", cells.len()));
            }
            rows.push(cells);
        }
        Some(Block::Table { align: align?, head: head?, rows })
    }

    fn footnote(&mut self, map: Members<'_, '_>, at: &At<'_>) -> Option<Block> {
        let told = self.check.told;
        if self.depth > 0 {
            self.check.fault(at, "A footnote stands among the blocks of a section, not within another block.");
        }
        let label = needed(map, "label", at, self.check);
        let label = label.and_then(|value| inlines::label(value, &At::Name(at, "label"), self.check));
        if let Some(label) = &label {
            // The parser does not tell labels apart by their case.
            let folded = label.to_lowercase();
            if let Some(before) = self.parts.footnotes.get(&folded) {
                let message = format!("The footnote `{label}` is that of `{before}` already.");
                self.check.fault(&At::Name(at, "label"), message);
            } else {
                self.parts.footnotes.insert(folded, at.pointer());
            }
        }
        let sound = self.check.told == told;
        let content = self.content(map, at)?;
        // One that is defined twice would be a fault of Markdown too.
        label.filter(|_| sound).map(|label| Block::Footnote { label, content })
    }
}
