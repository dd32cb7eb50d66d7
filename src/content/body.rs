//! The text of a published article: its section tree with ids and numbers, and the JSON of each format of the API.
//! `publishing` builds it, and the public API reads it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Anchor, Block, Document, Href, html, markdown, name::replace_article_links, outline, text};

/// The version of the content of the published tables, search terms included. After a change, a rebuild refills them.
pub const RENDERER: i32 = 3;

/// The lead and the sections of an article.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Body {
    /// The blocks before the first heading.
    pub lead: Vec<Block>,
    /// The sections.
    pub sections: Vec<Part>,
}

/// A published section.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// The identity, position and title.
    pub heading: Heading,
    /// The depth, from 1.
    pub level: u32,
    /// The number of characters in the own text, without white space.
    pub characters: u32,
    /// The hash of the own content.
    pub hash: String,
    /// The own text.
    pub blocks: Vec<Block>,
    /// The subsections.
    pub children: Vec<Part>,
}

/// The identity, position and title of a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Heading {
    /// The id, which survives every edit.
    pub id: Uuid,
    /// The anchor in the article; former anchors redirect to it.
    #[schema(value_type = String, example = "principles")]
    pub anchor: Anchor,
    /// The number, which follows from the current position.
    #[schema(example = "2.1")]
    pub number: String,
    /// The numbering printed in the source.
    #[schema(example = "二、")]
    pub label: Option<String>,
    /// The title without the label.
    #[schema(example = "干细胞回输的原理")]
    pub title: String,
}

/// The format of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Safe HTML.
    #[default]
    Html,
    /// Markdown (CommonMark with tables and footnotes).
    Markdown,
    /// Plain text.
    Text,
    /// The typed tree of [`Block`]s.
    Blocks,
}

/// A text in the requested format: exactly one of the four fields is present.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct RenderedText {
    /// Safe HTML: `format=html`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "<p>干细胞是一类能够自我更新的细胞。</p>\n", nullable = false)]
    html: Option<String>,
    /// Markdown: `format=markdown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    markdown: Option<String>,
    /// Plain text: `format=text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    text: Option<String>,
    /// The typed tree: `format=blocks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    blocks: Option<Vec<Block>>,
}

impl RenderedText {
    /// Renders blocks.
    #[must_use]
    pub fn new(blocks: &[Block], format: Format) -> RenderedText {
        let mut rendered = RenderedText::default();
        match format {
            Format::Html => rendered.html = Some(html::blocks(blocks)),
            Format::Markdown => rendered.markdown = Some(markdown::blocks(blocks)),
            Format::Text => rendered.text = Some(text::blocks(blocks)),
            Format::Blocks => rendered.blocks = Some(blocks.to_vec()),
        }
        rendered
    }
}

/// A section in responses of the API.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Section {
    /// The identity, position and title.
    #[serde(flatten)]
    pub heading: Heading,
    /// The depth, from 1.
    #[schema(example = 1, minimum = 1)]
    pub level: u32,
    /// The number of characters in the own text, without white space.
    #[schema(example = 820)]
    pub characters: u32,
    /// The hash of the own content: equal hashes mean equal content.
    pub hash: String,
    /// The own text, without the children.
    #[serde(flatten)]
    pub text: RenderedText,
    /// The subsections.
    #[schema(no_recursion)]
    pub children: Vec<Section>,
}

/// An entry of the table of contents.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TocEntry {
    /// The identity, position and title.
    #[serde(flatten)]
    pub heading: Heading,
    /// The subsections.
    #[schema(no_recursion)]
    pub children: Vec<TocEntry>,
}

impl Body {
    /// Builds the body of a document. `ids` are the ids of its sections in reading order. Sections without an anchor or an id
    /// are left out; publishing assigns both to every section.
    #[must_use]
    pub fn new(document: &Document, ids: &[Uuid]) -> Body {
        let mut ids = ids.iter().copied();
        let sections = parts(&document.sections, &mut ids, "", 1);
        Body { lead: document.lead.clone(), sections }
    }

    /// Renders the lead; `None` without text before the first heading.
    #[must_use]
    pub fn lead(&self, format: Format) -> Option<RenderedText> {
        (!self.lead.is_empty()).then(|| RenderedText::new(&self.lead, format))
    }

    /// Returns the table of contents.
    #[must_use]
    pub fn toc(&self) -> Vec<TocEntry> {
        fn entry(part: &Part) -> TocEntry {
            TocEntry { heading: part.heading.clone(), children: part.children.iter().map(entry).collect() }
        }
        self.sections.iter().map(entry).collect()
    }

    /// Renders the sections.
    #[must_use]
    pub fn sections(&self, format: Format) -> Vec<Section> {
        self.sections.iter().map(|part| part.render(format)).collect()
    }
}

impl Part {
    /// Renders the section and its subsections.
    #[must_use]
    pub fn render(&self, format: Format) -> Section {
        Section {
            heading: self.heading.clone(),
            level: self.level,
            characters: self.characters,
            hash: self.hash.clone(),
            text: RenderedText::new(&self.blocks, format),
            children: self.children.iter().map(|part| part.render(format)).collect(),
        }
    }
}

fn parts(sections: &[super::Section], ids: &mut dyn Iterator<Item = Uuid>, above: &str, level: u32) -> Vec<Part> {
    let mut out = Vec::with_capacity(sections.len());
    for (index, section) in sections.iter().enumerate() {
        let (Some(id), Some(anchor)) = (ids.next(), section.anchor.clone()) else {
            continue;
        };
        let number = format!("{above}{}", index + 1);
        out.push(Part {
            level,
            characters: text::characters(&section.blocks),
            hash: outline::section_hash(section),
            blocks: section.blocks.clone(),
            children: parts(&section.children, ids, &format!("{number}."), level + 1),
            heading: Heading { id, anchor, number, label: section.label.clone(), title: section.title.clone() },
        });
    }
    out
}

/// Returns the slug and fragment of every linked article, in order, each pair once.
#[must_use]
pub fn linked_articles(document: &Document) -> Vec<(super::Slug, Option<String>)> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut visit = |href: &Href| {
        if let Href::Article { slug, fragment } = href
            && seen.insert((slug.clone(), fragment.clone()))
        {
            found.push((slug.clone(), fragment.clone()));
        }
    };
    hrefs(&document.lead, &mut visit);
    for entry in outline::entries(&document.sections) {
        hrefs(&entry.section.blocks, &mut visit);
    }
    found
}

fn hrefs(blocks: &[Block], visit: &mut dyn FnMut(&Href)) {
    for block in blocks {
        match block {
            Block::Paragraph { content } => inline_hrefs(content, visit),
            Block::List { items, .. } => items.iter().for_each(|item| hrefs(&item.content, visit)),
            Block::Quote { content } | Block::Callout { content, .. } | Block::Footnote { content, .. } => {
                hrefs(content, visit);
            }
            Block::Table { head, rows, .. } => {
                let cells = head.iter().chain(rows.iter().flatten());
                cells.for_each(|cell| inline_hrefs(&cell.content, visit));
            }
            Block::Image { .. } | Block::Code { .. } | Block::ThematicBreak => {}
        }
    }
}

fn inline_hrefs(content: &[super::Inline], visit: &mut dyn FnMut(&Href)) {
    for inline in content {
        if let super::Inline::Link { href, .. } = inline {
            visit(href);
        }
    }
}

/// Replaces every stored article link with its address below `mount`. `present` maps a written `slug` or `slug#fragment` to the
/// current one; a link for which it returns `None` keeps its target.
#[must_use]
pub fn resolve_links<'a>(mount: &str, stored: &str, present: impl Fn(&str) -> Option<&'a str>) -> String {
    replace_article_links(stored, |link| format!("{mount}{}", present(link).unwrap_or(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_links_resolve_to_current_addresses() {
        let stored = "<a href=\"\u{FDD0}old#x\">a</a> \u{FDD0}gone \"/v1/articles/old\"";
        let present = |link: &str| (link == "old#x").then_some("new#y");
        assert_eq!(
            resolve_links("/v1/articles/", stored, present),
            "<a href=\"/v1/articles/new#y\">a</a> /v1/articles/gone \"/v1/articles/old\""
        );
        assert_eq!(resolve_links("/", "no links", present), "no links");
    }
}
