//! The finished text of a published article: its section tree with identities and numbers, and the JSON of each form
//! in which the API delivers it. `publishing` makes it, the public API reads it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Anchor, Block, Document, Href, html, markdown, name::replace_article_links, outline, text};

/// The version of everything that the public half is filled with, what search finds included; a change of it makes a
/// rebuild refill it.
pub const RENDERER: i32 = 3;

/// The lead and the sections of an article.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Body {
    /// The blocks before the first heading.
    pub lead: Vec<Block>,
    /// The sections.
    pub sections: Vec<Part>,
}

/// A section as it is published.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// What it is called, and where it stands.
    pub heading: Heading,
    /// Its depth, counted from 1.
    pub level: u32,
    /// The characters of its own text that are not white space.
    pub characters: u32,
    /// A digest of its own content.
    pub hash: String,
    /// Its own text.
    pub blocks: Vec<Block>,
    /// The sections below it.
    pub children: Vec<Part>,
}

/// What a section is called, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Heading {
    /// Its identity; survives every edit.
    pub id: Uuid,
    /// Its address within the article; earlier ones redirect to it.
    #[schema(value_type = String, example = "principles")]
    pub anchor: Anchor,
    /// Its number, by its position today.
    #[schema(example = "2.1")]
    pub number: String,
    /// The numbering that the source printed.
    #[schema(example = "二、")]
    pub label: Option<String>,
    /// Its title, without the label.
    #[schema(example = "干细胞回输的原理")]
    pub title: String,
}

/// The form of a text.
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

/// Text in the one form that was asked for: exactly one of the four fields is there.
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
    /// `blocks` in the form `format`.
    #[must_use]
    pub fn new(blocks: &[Block], format: Format) -> RenderedText {
        let mut made = RenderedText::default();
        match format {
            Format::Html => made.html = Some(html::blocks(blocks)),
            Format::Markdown => made.markdown = Some(markdown::blocks(blocks)),
            Format::Text => made.text = Some(text::blocks(blocks)),
            Format::Blocks => made.blocks = Some(blocks.to_vec()),
        }
        made
    }
}

/// A section as the API delivers it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Section {
    /// What it is called, and where it stands.
    #[serde(flatten)]
    pub heading: Heading,
    /// Its depth, counted from 1.
    #[schema(example = 1, minimum = 1)]
    pub level: u32,
    /// The characters of its own text that are not white space.
    #[schema(example = 820)]
    pub characters: u32,
    /// A digest of its own content: equal hashes, equal content.
    pub hash: String,
    /// Its own text, without that of its children.
    #[serde(flatten)]
    pub text: RenderedText,
    /// The sections below it.
    #[schema(no_recursion)]
    pub children: Vec<Section>,
}

/// A line of the table of contents.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TocEntry {
    /// What the section is called, and where it stands.
    #[serde(flatten)]
    pub heading: Heading,
    /// The sections below it.
    #[schema(no_recursion)]
    pub children: Vec<TocEntry>,
}

impl Body {
    /// The body of `document`, whose sections, in reading order, are `ids`. Sections without an anchor or an id are
    /// left out; publishing gives every section both.
    #[must_use]
    pub fn new(document: &Document, ids: &[Uuid]) -> Body {
        let mut ids = ids.iter().copied();
        let sections = parts(&document.sections, &mut ids, "", 1);
        Body { lead: document.lead.clone(), sections }
    }

    /// The lead in a form, or `None` where there is no text before the first heading.
    #[must_use]
    pub fn lead(&self, format: Format) -> Option<RenderedText> {
        (!self.lead.is_empty()).then(|| RenderedText::new(&self.lead, format))
    }

    /// The table of contents.
    #[must_use]
    pub fn toc(&self) -> Vec<TocEntry> {
        fn entry(part: &Part) -> TocEntry {
            TocEntry { heading: part.heading.clone(), children: part.children.iter().map(entry).collect() }
        }
        self.sections.iter().map(entry).collect()
    }

    /// The sections in a form.
    #[must_use]
    pub fn sections(&self, format: Format) -> Vec<Section> {
        self.sections.iter().map(|part| part.deliver(format)).collect()
    }
}

impl Part {
    /// This section and all below it in a form.
    #[must_use]
    pub fn deliver(&self, format: Format) -> Section {
        Section {
            heading: self.heading.clone(),
            level: self.level,
            characters: self.characters,
            hash: self.hash.clone(),
            text: RenderedText::new(&self.blocks, format),
            children: self.children.iter().map(|part| part.deliver(format)).collect(),
        }
    }
}

fn parts(sections: &[super::Section], ids: &mut dyn Iterator<Item = Uuid>, above: &str, level: u32) -> Vec<Part> {
    let mut made = Vec::with_capacity(sections.len());
    for (place, section) in sections.iter().enumerate() {
        let (Some(id), Some(anchor)) = (ids.next(), section.anchor.clone()) else {
            continue;
        };
        let number = format!("{above}{}", place + 1);
        made.push(Part {
            level,
            characters: text::characters(&section.blocks),
            hash: outline::section_hash(section),
            blocks: section.blocks.clone(),
            children: parts(&section.children, ids, &format!("{number}."), level + 1),
            heading: Heading { id, anchor, number, label: section.label.clone(), title: section.title.clone() },
        });
    }
    made
}

/// Every article that a text links to, with what stands behind the `#`, in order, each pair once.
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

/// `stored` with every link to an article turned into the address below `mount` that it has today: `present` gives the
/// present `slug` or `slug#fragment` of one that an author wrote. What it does not know stays as written.
#[must_use]
pub fn resolve_links<'a>(mount: &str, stored: &str, present: impl Fn(&str) -> Option<&'a str>) -> String {
    replace_article_links(stored, |link| format!("{mount}{}", present(link).unwrap_or(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_present_address() {
        let stored = "<a href=\"\u{FDD0}old#x\">a</a> \u{FDD0}gone \"/v1/articles/old\"";
        let present = |link: &str| (link == "old#x").then_some("new#y");
        assert_eq!(
            resolve_links("/v1/articles/", stored, present),
            "<a href=\"/v1/articles/new#y\">a</a> /v1/articles/gone \"/v1/articles/old\""
        );
        assert_eq!(resolve_links("/", "no links", present), "no links");
    }
}
