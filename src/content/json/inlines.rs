//! Values → [`Inline`]s.

use std::collections::HashMap;

use super::blocks::{needed, typed};
use crate::content::{
    Href, Inline, Mark, markdown, text,
    value::{At, Check, Members, Value, shown},
};

const MARKS: [(&str, Mark); 4] = [
    ("emphasis", Mark::Emphasis),
    ("strong", Mark::Strong),
    ("strikethrough", Mark::Strikethrough),
    ("code", Mark::Code),
];

/// The members of each type of running text.
const TYPES: [(&str, &[&str]); 5] = [
    ("text", &["type", "text", "marks"]),
    ("link", &["type", "href", "title", "content"]),
    ("image", &["type", "src", "alt", "title"]),
    ("line_break", &["type"]),
    ("footnote_reference", &["type", "label"]),
];

/// Reads running text, and notes the labels of footnotes that it refers to. What is faulty is left out.
pub(super) fn read(
    value: &Value<'_>,
    at: &At<'_>,
    check: &mut Check<'_>,
    references: &mut HashMap<String, String>,
) -> Vec<Inline> {
    markdown::tidy(Reader { check, references }.list(value, at, false))
}

/// Whether a line break stands in running text.
pub(super) fn breaks(content: &[Inline]) -> bool {
    content.iter().any(|inline| match inline {
        Inline::LineBreak => true,
        Inline::Link { content, .. } => breaks(content),
        _ => false,
    })
}

/// The label of a footnote.
pub(super) fn label(value: &Value<'_>, at: &At<'_>, check: &mut Check<'_>) -> Option<String> {
    let label = check.text(value, at)?;
    if !markdown::is_label(&label) {
        let message = "it must be 1 to 64 bytes of letters a-z, digits, hyphens and Chinese characters";
        check.fault(at, format!("`{}` cannot be the label of a footnote: {message}.", shown(&label)));
        return None;
    }
    Some(label.into_owned())
}

/// The address, description and title of an image.
pub(super) fn image(
    map: Members<'_, '_>,
    at: &At<'_>,
    check: &mut Check<'_>,
) -> Option<(String, String, Option<String>)> {
    let src = needed(map, "src", at, check).and_then(|value| {
        let at = At::Name(at, "src");
        match Href::image_source(&check.text(value, &at)?) {
            Ok(src) => Some(src),
            Err(why) => {
                check.fault(&at, format!("The image's address is none: {why}."));
                None
            }
        }
    });
    let alt = needed(map, "alt", at, check).and_then(|value| check.text(value, &At::Name(at, "alt")));
    let alt = alt.map(|alt| text::line(&alt).trim().to_owned());
    let title = title(map, at, check);
    Some((src?, alt?, title))
}

/// A title, if there is one.
pub(super) fn title(map: Members<'_, '_>, at: &At<'_>, check: &mut Check<'_>) -> Option<String> {
    check.line(map.get("title")?, &At::Name(at, "title"), usize::MAX)
}

struct Reader<'c, 'f, 'r> {
    check: &'c mut Check<'f>,
    references: &'r mut HashMap<String, String>,
}

impl Reader<'_, '_, '_> {
    fn list(&mut self, value: &Value<'_>, list: &At<'_>, in_link: bool) -> Vec<Inline> {
        let items = self.check.list(value, list).unwrap_or_default();
        let mut out = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let at = At::Item(list, place);
            if let Some((name, map)) = typed(item, &at, self.check, &TYPES) {
                out.extend(self.inline(name, map, &at, in_link));
            }
        }
        out
    }

    fn inline(&mut self, name: &str, map: Members<'_, '_>, at: &At<'_>, in_link: bool) -> Option<Inline> {
        match name {
            "text" => self.text(map, at),
            "link" if in_link => {
                self.check.fault(at, "A link cannot stand in a link.");
                None
            }
            "link" => self.link(map, at),
            "image" => {
                let (src, alt, title) = image(map, at, self.check)?;
                Some(Inline::Image { src, alt, title })
            }
            "footnote_reference" if in_link => {
                self.check.fault(at, "A reference to a footnote cannot stand in a link; put it behind.");
                None
            }
            "footnote_reference" => {
                let place = At::Name(at, "label");
                let label = needed(map, "label", at, self.check).and_then(|value| label(value, &place, self.check))?;
                if !self.references.contains_key(&label) {
                    self.references.insert(label.clone(), at.pointer());
                }
                Some(Inline::FootnoteReference { label })
            }
            _ => Some(Inline::LineBreak),
        }
    }

    fn text(&mut self, map: Members<'_, '_>, at: &At<'_>) -> Option<Inline> {
        let place = At::Name(at, "text");
        let text = needed(map, "text", at, self.check).and_then(|value| self.check.text(value, &place));
        if text.as_deref().is_some_and(|text| text.contains('\n')) {
            self.check.fault(&place, "A line break in running text is an inline of its own, of type `line_break`.");
        }
        let place = At::Name(at, "marks");
        let values = needed(map, "marks", at, self.check).and_then(|value| self.check.list(value, &place))?;
        let mut marks = Vec::with_capacity(values.len());
        for (item, value) in values.iter().enumerate() {
            let named = |(name, _): &&(&str, Mark)| matches!(value, Value::Text(text) if text == name);
            match MARKS.iter().find(named) {
                Some((_, mark)) if marks.contains(mark) => {}
                Some((_, mark)) => marks.push(*mark),
                None => {
                    let names: Vec<&str> = MARKS.iter().map(|(name, _)| *name).collect();
                    let message = format!("A mark must be one of {}.", names.join(", "));
                    self.check.fault(&At::Item(&place, item), message);
                }
            }
        }
        marks.sort_unstable();
        Some(Inline::Text { text: text::line(&text?), marks })
    }

    fn link(&mut self, map: Members<'_, '_>, at: &At<'_>) -> Option<Inline> {
        let href = needed(map, "href", at, self.check).and_then(|value| {
            let at = At::Name(at, "href");
            match self.check.text(value, &at)?.parse::<Href>() {
                Ok(href) => Some(href),
                Err(why) => {
                    self.check.fault(&at, format!("The link's address is none: {why}."));
                    None
                }
            }
        });
        let title = title(map, at, self.check);
        let place = At::Name(at, "content");
        let content = needed(map, "content", at, self.check)?;
        let told = self.check.told;
        let content = self.list(content, &place, true);
        if self.check.told == told
            && text::inlines(&content).is_empty()
            && !content.iter().any(|inline| matches!(inline, Inline::Image { .. }))
        {
            self.check.fault(&place, "A link must show something.");
        }
        Some(Inline::Link { href: href?, title, content })
    }
}
