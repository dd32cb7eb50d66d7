//! The document model: pure functions that parse files and JSON bodies into a [`Document`], and render a document as HTML,
//! Markdown and plain text. No database, no HTTP, no async; no input causes a panic, and all functions take linear time.
//!
//! - [`markdown`]: article files, Markdown under YAML front matter; read and written without loss.
//! - [`json`]: articles as JSON, as integrations send them; read and written without loss.
//! - [`site`]: the description of the site, its topics and pins, with the same checks for `site.yaml` and JSON.
//! - [`outline`]: numbers, anchors and hashes of the section tree.
//! - [`body`]: the rendered text of a published article, in every format of the API.
//! - [`diff`]: the differences between two revisions of an article, by section and by word.
//! - [`collation`]: the order of titles.
//! - [`search`]: search terms of articles, and the score of an article for a query.
//! - [`label`]: the numbering that a source printed before a heading.
//! - [`html`], [`text`]: blocks as HTML and as plain text.
//! - [`name`]: validated values: slugs, anchors, locales, links.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub mod body;
mod bounded;
pub mod collation;
pub mod diff;
mod fields;
pub mod html;
pub mod json;
pub mod label;
pub mod markdown;
pub mod name;
mod node;
pub mod outline;
pub mod popularity;
pub mod search;
pub mod site;
pub mod text;
mod value;

pub use name::{Anchor, ArticleName, Href, Locale, Slug};

/// The content of one article file, without the ids, numbers and times that the database adds.
///
/// Two documents with the same [`outline::document_hash`] are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The slug of the article.
    pub slug: Slug,
    /// The language and script of the text.
    pub locale: Locale,
    /// The title: one line, not empty.
    pub title: String,
    /// The questions that the article answers, one line each.
    pub questions: Vec<String>,
    /// The summary by the editor, one paragraph.
    pub summary: Option<String>,
    /// The slugs of topics, each once, in the editor's order.
    pub topics: Vec<Slug>,
    /// The source of the text.
    pub source: Option<Source>,
    /// The related reading that the editor chose, in the editor's order.
    pub related: Vec<Related>,
    /// The blocks before the first heading.
    pub lead: Vec<Block>,
    /// The sections, in reading order.
    pub sections: Vec<Section>,
}

/// A heading with its text and subsections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The anchor in the article; `None` until publishing assigns one.
    pub anchor: Option<Anchor>,
    /// The numbering printed before the title, trimmed ("二、", "1.", "（一）"); never computed.
    pub label: Option<String>,
    /// The heading without the label: one line, empty only if the source printed just a label.
    pub title: String,
    /// The text of the section, without its children.
    pub blocks: Vec<Block>,
    /// The subsections.
    pub children: Vec<Section>,
}

/// The source of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The name of the site or publication.
    #[schema(example = "Lectern")]
    pub name: String,
    /// The absolute URL, if available.
    #[serde(default)]
    pub url: Option<String>,
    /// The time of capture, for a captured page.
    #[serde(default)]
    pub captured_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// An item of the related reading that an editor chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum Related {
    /// An article of this library, by its current or a former slug.
    Article {
        /// The slug.
        #[schema(value_type = String, example = "mesenchymal-stem-cells")]
        article: Slug,
        /// The reason for the choice, for readers.
        #[serde(default)]
        reason: Option<String>,
    },
    /// A page on another site.
    External {
        /// An absolute `http` or `https` URL.
        url: String,
        /// The title of the page.
        title: String,
        /// The reason for the choice, for readers.
        #[serde(default)]
        reason: Option<String>,
    },
}

/// A block of text: a node of the typed tree that `format=blocks` returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// A paragraph.
    Paragraph {
        /// The text.
        content: Vec<Inline>,
    },
    /// A list, ordered or not.
    List {
        /// True if the items are numbered.
        ordered: bool,
        /// The first number of an ordered list; 1 for an unordered list.
        start: u32,
        /// True if the items have no space between them (no `<p>` around a single paragraph).
        tight: bool,
        /// The items.
        items: Vec<ListItem>,
    },
    /// A quotation.
    Quote {
        /// The quoted blocks.
        #[schema(no_recursion)]
        content: Vec<Block>,
    },
    /// A table with one head row.
    Table {
        /// The alignment of each column; as many items as the head has cells.
        align: Vec<Align>,
        /// The head row.
        head: Vec<Cell>,
        /// The body rows, each with as many cells as the head.
        rows: Vec<Vec<Cell>>,
    },
    /// An image as a block of its own.
    Image {
        /// The address of the image: `http`, `https` or relative.
        src: String,
        /// The alternative text.
        alt: String,
        /// The title, if any.
        title: Option<String>,
    },
    /// Preformatted text.
    Code {
        /// The programming language, if given.
        language: Option<String>,
        /// The text with its line breaks.
        text: String,
    },
    /// A highlighted remark.
    Callout {
        /// The kind of callout.
        kind: CalloutKind,
        /// The title, if given.
        title: Option<String>,
        /// The text.
        #[schema(no_recursion)]
        content: Vec<Block>,
    },
    /// A thematic break (a horizontal rule).
    ThematicBreak,
    /// The text of a footnote, at the end of the section that refers to it first.
    Footnote {
        /// The label that references use.
        label: String,
        /// The text.
        #[schema(no_recursion)]
        content: Vec<Block>,
    },
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListItem {
    /// The blocks of the item.
    #[schema(no_recursion)]
    pub content: Vec<Block>,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cell {
    /// The text of the cell.
    pub content: Vec<Inline>,
}

/// The alignment of a table column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// No alignment given.
    None,
    /// Left.
    Left,
    /// Centred.
    Center,
    /// Right.
    Right,
}

/// The kind of a callout, one of GitHub's five alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalloutKind {
    /// Useful information.
    Note,
    /// Helpful advice.
    Tip,
    /// Key information.
    Important,
    /// Urgent information.
    Warning,
    /// A risk or negative outcome.
    Caution,
}

/// A part of the text of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Inline {
    /// Text with marks; adjacent texts with the same marks are merged.
    Text {
        /// The text: not empty, without line breaks.
        text: String,
        /// The marks, each once, in the order of [`Mark`].
        marks: Vec<Mark>,
    },
    /// A link, never inside another link.
    Link {
        /// The target of the link.
        #[schema(value_type = String, example = "/v1/articles/mesenchymal-stem-cells")]
        href: Href,
        /// The title, if any.
        title: Option<String>,
        /// The text of the link.
        #[schema(no_recursion)]
        content: Vec<Inline>,
    },
    /// An image in the text.
    Image {
        /// The address of the image: `http`, `https` or relative.
        src: String,
        /// The alternative text.
        alt: String,
        /// The title, if any.
        title: Option<String>,
    },
    /// A hard line break.
    LineBreak,
    /// A reference to a footnote.
    FootnoteReference {
        /// The label of the footnote.
        label: String,
    },
}

/// A mark of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Emphasis.
    Emphasis,
    /// Strong emphasis.
    Strong,
    /// Text that no longer applies.
    Strikethrough,
    /// Inline code.
    Code,
}

/// A document with warnings about its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<W> {
    /// The document.
    pub document: Document,
    /// The warnings about content that was changed or moved.
    pub warnings: Vec<W>,
}

/// An error or warning about a file, with its position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Warning {
    /// The line in the file, from 1, front matter included; `None` if no line is concerned.
    pub line: Option<u32>,
    /// The column, from 1, in characters.
    pub column: Option<u32>,
    /// The message, one sentence.
    pub message: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: {}", self.message),
            (Some(line), None) => write!(f, "line {line}: {}", self.message),
            (None, _) => f.write_str(&self.message),
        }
    }
}
