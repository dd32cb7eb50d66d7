//! Reads [`Inline`]s from JSON.

use std::collections::HashMap;

use super::blocks::typed_map;
use crate::content::{
    Href, Inline, Mark, markdown,
    node::{Node, shorten},
    text,
};

const MARKS: [(&str, Mark); 4] = [
    ("emphasis", Mark::Emphasis),
    ("strong", Mark::Strong),
    ("strikethrough", Mark::Strikethrough),
    ("code", Mark::Code),
];

/// The members of each type of inline.
const TYPES: [(&str, &[&str]); 5] = [
    ("text", &["type", "text", "marks"]),
    ("link", &["type", "href", "title", "content"]),
    ("image", &["type", "src", "alt", "title"]),
    ("line_break", &["type"]),
    ("footnote_reference", &["type", "label"]),
];

/// The first reference to each footnote: its label and pointer.
pub(super) type References = HashMap<String, String>;

/// Reads inlines without those that are invalid, and records their footnote references.
pub(super) fn read(list: &Node<'_>, references: &mut References) -> Vec<Inline> {
    markdown::normalize(read_list(list, references, false))
}

pub(super) fn has_line_break(content: &[Inline]) -> bool {
    content.iter().any(|inline| match inline {
        Inline::LineBreak => true,
        Inline::Link { content, .. } => has_line_break(content),
        _ => false,
    })
}

/// Reads the label of a footnote.
pub(super) fn label(node: &Node<'_>) -> Option<String> {
    let label = node.text()?;
    if !markdown::is_label(&label) {
        let expected = "use 1 to 64 bytes of letters a-z, digits, hyphens and Chinese characters";
        node.error(format!("`{}` cannot be the label of a footnote: {expected}.", shorten(&label)));
        return None;
    }
    Some(label.into_owned())
}

/// Reads the address, alternative text and title of an image.
pub(super) fn image(map: &Node<'_>) -> Option<(String, String, Option<String>)> {
    let src = address(&map.member("src"), Href::image_source);
    let alt = map.member("alt").text().map(|alt| text::line(&alt).trim().to_owned());
    let title = title(map);
    Some((src?, alt?, title))
}

/// Reads the optional title of a link, image or callout.
pub(super) fn title(map: &Node<'_>) -> Option<String> {
    map.member("title").line(usize::MAX)
}

fn address<T>(node: &Node<'_>, parse: impl FnOnce(&str) -> Result<T, crate::content::name::InvalidName>) -> Option<T> {
    parse(&node.text()?).map_err(|why| node.error(format!("`{}` is not a valid address: {why}.", node.path()))).ok()
}

fn read_list(list: &Node<'_>, references: &mut References, in_link: bool) -> Vec<Inline> {
    let items = list.items().into_iter().flatten();
    items.filter_map(|item| read_inline(&item, references, in_link)).collect()
}

fn read_inline(item: &Node<'_>, references: &mut References, in_link: bool) -> Option<Inline> {
    let (name, map) = typed_map(item, &TYPES)?;
    match name {
        "text" => read_text(map),
        "link" if in_link => {
            map.error("A link cannot contain another link; put it after the link.");
            None
        }
        "link" => read_link(map, references),
        "image" => image(map).map(|(src, alt, title)| Inline::Image { src, alt, title }),
        "footnote_reference" if in_link => {
            map.error("A link cannot contain a footnote reference; put it after the link.");
            None
        }
        "footnote_reference" => {
            let label = label(&map.member("label"))?;
            references.entry(label.clone()).or_insert_with(|| map.pointer());
            Some(Inline::FootnoteReference { label })
        }
        _ => Some(Inline::LineBreak),
    }
}

fn read_text(map: &Node<'_>) -> Option<Inline> {
    let (text, marks) = (map.member("text"), map.member("marks"));
    let characters = text.text();
    if characters.as_deref().is_some_and(|text| text.contains('\n')) {
        text.error("A text cannot contain a line break; use an inline of type `line_break`.");
    }
    let mut marks: Vec<Mark> = marks.items()?.filter_map(|mark| Some(mark.choice(&MARKS)?.1)).collect();
    marks.sort_unstable();
    marks.dedup();
    Some(Inline::Text { text: text::line(&characters?), marks })
}

fn read_link(map: &Node<'_>, references: &mut References) -> Option<Inline> {
    let href = address(&map.member("href"), str::parse::<Href>);
    let title = title(map);
    let list = map.member("content");
    let errors = map.errors.count();
    let content = read_list(&list, references, true);
    let is_empty = text::inlines(&content).is_empty() && !content.iter().any(|i| matches!(i, Inline::Image { .. }));
    if is_empty && map.errors.count() == errors {
        list.error("A link must have a text or an image.");
    }
    Some(Inline::Link { href: href?, title, content })
}
