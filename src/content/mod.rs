//! What text is: pure functions from files and captured pages to a [`Document`], and from a document to
//! HTML, Markdown and plain text. No database, no HTTP, no async; nothing here panics on any input, and
//! everything takes time linear in its input.
//!
//! - [`markdown`]: Markdown under YAML front matter → [`Document`], and back without loss.
//! - [`json`]: the JSON form of an article, as integrations send it → [`Document`], and back without loss.
//! - [`page`]: the plain text of a captured web page → [`Document`] and an account of every line.
//! - [`site`]: the site's own facts, topics and pins, with one set of checks for `site.yaml` and JSON.
//! - [`outline`]: numbers, printed labels, anchors and hashes of the section tree.
//! - [`body`]: the finished text of a published article, in every form that the API delivers.
//! - [`diff`]: what changed between two revisions of an article, by section and by word.
//! - [`collation`]: the order of titles.
//! - [`search`]: what search finds an article by, and how well it answers a query.
//! - [`label`]: the numbering that a source printed before a heading.
//! - [`html`], [`text`]: the two other ways to write blocks down.
//! - [`name`]: the values that are parsed once at the border: slugs, anchors, locales, links.

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
pub mod search;
pub mod site;
pub mod text;
mod value;

pub use name::{Anchor, ArticleName, Href, Locale, Slug};

/// One article as its editor writes it: the whole content of one article file, and nothing that a
/// database adds to it (ids, numbers, times).
///
/// [`outline::document_hash`] tells whether two are the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The article's address.
    pub slug: Slug,
    /// The language and script of the text.
    pub locale: Locale,
    /// The title, one line, never empty.
    pub title: String,
    /// The questions that the article answers, each one line.
    pub questions: Vec<String>,
    /// A summary in one paragraph, if the editor wrote one.
    pub summary: Option<String>,
    /// Slugs of topics, without repetition, in the editor's order.
    pub topics: Vec<Slug>,
    /// Where the text comes from.
    pub source: Option<Source>,
    /// Related reading chosen by the editor, in the editor's order.
    pub related: Vec<Related>,
    /// The blocks before the first heading.
    pub lead: Vec<Block>,
    /// The sections, in reading order.
    pub sections: Vec<Section>,
}

/// A heading with all that stands under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The section's address within the article; `None` until publishing gives it one.
    pub anchor: Option<Anchor>,
    /// The numbering that the source printed before the title, trimmed ("二、", "1.", "（一）"); never computed.
    pub label: Option<String>,
    /// The heading's text without the label, one line; empty only where the source printed a label alone.
    pub title: String,
    /// The section's own text, without that of its children.
    pub blocks: Vec<Block>,
    /// The sections below this one.
    pub children: Vec<Section>,
}

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The name of the site or publication.
    #[schema(example = "Lectern")]
    pub name: String,
    /// Its absolute address, if known.
    #[serde(default)]
    pub url: Option<String>,
    /// When the page was captured, if it was.
    #[serde(default)]
    pub captured_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// One entry of the editor's related reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum Related {
    /// An article of this library, by any slug that it has or had.
    Article {
        /// The slug.
        #[schema(value_type = String, example = "mesenchymal-stem-cells")]
        article: Slug,
        /// Why the editor put it here.
        #[serde(default)]
        reason: Option<String>,
    },
    /// A page elsewhere.
    External {
        /// An absolute `http` or `https` address.
        url: String,
        /// What to call it.
        title: String,
        /// Why the editor put it here.
        #[serde(default)]
        reason: Option<String>,
    },
}

/// A block of text: the typed tree that `format=blocks` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// A paragraph.
    Paragraph {
        /// Its text.
        content: Vec<Inline>,
    },
    /// A list, ordered or not.
    List {
        /// Whether the items are numbered.
        ordered: bool,
        /// The first number of an ordered list; 1 in an unordered one.
        start: u32,
        /// Whether the items are set without space between them (no `<p>` around a lone paragraph).
        tight: bool,
        /// The items.
        items: Vec<ListItem>,
    },
    /// A quotation.
    Quote {
        /// What is quoted.
        #[schema(no_recursion)]
        content: Vec<Block>,
    },
    /// A table with one head row.
    Table {
        /// How each column is aligned; as many as the head has cells.
        align: Vec<Align>,
        /// The head row.
        head: Vec<Cell>,
        /// The body rows; each has as many cells as the head.
        rows: Vec<Vec<Cell>>,
    },
    /// An image that stands alone.
    Image {
        /// Where the image is: `http`, `https` or relative.
        src: String,
        /// What it shows, for those who do not see it.
        alt: String,
        /// Its title, if it has one.
        title: Option<String>,
    },
    /// Text to be set as it is.
    Code {
        /// The language, if the author named one.
        language: Option<String>,
        /// The text, with its line breaks.
        text: String,
    },
    /// A remark set apart from the text.
    Callout {
        /// What kind of remark.
        kind: CalloutKind,
        /// Its title, if the author gave one.
        title: Option<String>,
        /// Its text.
        #[schema(no_recursion)]
        content: Vec<Block>,
    },
    /// A change of subject without a heading.
    ThematicBreak,
    /// The text of a footnote; it stands at the end of the section that refers to it first.
    Footnote {
        /// The label that references carry.
        label: String,
        /// Its text.
        #[schema(no_recursion)]
        content: Vec<Block>,
    },
}

/// One item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListItem {
    /// What the item holds.
    #[schema(no_recursion)]
    pub content: Vec<Block>,
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cell {
    /// The cell's text.
    pub content: Vec<Inline>,
}

/// How a table column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// As the client likes.
    None,
    /// To the left.
    Left,
    /// In the middle.
    Center,
    /// To the right.
    Right,
}

/// What kind of remark a callout is (the five of GitHub's alerts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalloutKind {
    /// Worth knowing.
    Note,
    /// Of help.
    Tip,
    /// Needed to understand.
    Important,
    /// Needs attention at once.
    Warning,
    /// Speaks of a risk.
    Caution,
}

/// A piece of running text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Inline {
    /// Characters with the same marks; neighbours with the same marks are one.
    Text {
        /// The characters; never empty, never a line break.
        text: String,
        /// The marks, each at most once, in the order of [`Mark`].
        marks: Vec<Mark>,
    },
    /// A link; never inside another.
    Link {
        /// Where it leads.
        #[schema(value_type = String, example = "/v1/articles/mesenchymal-stem-cells")]
        href: Href,
        /// Its title, if it has one.
        title: Option<String>,
        /// What is shown.
        #[schema(no_recursion)]
        content: Vec<Inline>,
    },
    /// An image in the line.
    Image {
        /// Where the image is: `http`, `https` or relative.
        src: String,
        /// What it shows, for those who do not see it.
        alt: String,
        /// Its title, if it has one.
        title: Option<String>,
    },
    /// A line break that the author asked for.
    LineBreak,
    /// A reference to a footnote.
    FootnoteReference {
        /// The footnote's label.
        label: String,
    },
}

/// How characters are set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Stress.
    Emphasis,
    /// Importance.
    Strong,
    /// No longer right.
    Strikethrough,
    /// Code.
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

/// Something an editor has to mend, or should look at: where it is and what it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Warning {
    /// The line, counted from 1 over the whole file, front matter included; `None` where it concerns no line.
    pub line: Option<u32>,
    /// The column, counted from 1 in characters.
    pub column: Option<u32>,
    /// What it is, in one sentence.
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
