//! The result of reading a captured page: its article, its metadata and the role of every line.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::content::{Block, Document, Related, Section, Slug, Source, Warning, markdown, text};

/// The encoding of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// GB18030, which has all of GBK and GB2312.
    Gb18030,
    /// Another encoding, by its name in the WHATWG Encoding standard.
    Other(&'static str),
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Gb18030 => "GB18030",
            Self::Other(name) => name,
        })
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The format of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// HTML.
    Html,
    /// Text as a browser copies it.
    Text,
}

/// A link to related or popular pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkLine {
    /// The line, counted from 1 over the file; in HTML the block.
    pub line: u32,
    /// The title, without the bullet or number before it; the address if the line has nothing else.
    pub title: String,
    /// The absolute `http` or `https` address, if one is printed.
    pub url: Option<String>,
}

/// The role of one line of text, or of one block of HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineUse {
    /// The line, counted from 1 over the file; in HTML the block.
    pub line: u32,
    /// The text, trimmed, without forbidden characters.
    pub text: String,
    /// Its role.
    pub role: Role,
}

/// The role of a line in a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The name of the site.
    SiteName,
    /// The call to action.
    CallToAction,
    /// The title, or the line that it was cut from.
    Title,
    /// A paragraph before the first heading.
    Lead,
    /// A heading.
    Heading {
        /// The number of its section, by position ("2.1").
        number: String,
        /// The printed numbering, removed from the section's title.
        label: Option<String>,
    },
    /// A paragraph of a section.
    Paragraph {
        /// The number of the section.
        section: String,
    },
    /// A list item, without its printed number.
    ListItem {
        /// The number of the section; `None` in the lead.
        section: Option<String>,
    },
    /// `相关阅读`, or the `更多` that belongs to it.
    RelatedHeading,
    /// A link under it.
    RelatedLink,
    /// `热门推荐`, or the `更多` that belongs to it.
    HotHeading,
    /// A link under it.
    HotLink,
    /// `相关阅读` and `热门推荐` on one line.
    BothHeadings,
    /// Not in the article.
    NotUsed {
        /// The reason.
        why: &'static str,
    },
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::SiteName => f.write_str("site name"),
            Role::CallToAction => f.write_str("call to action"),
            Role::Title => f.write_str("title"),
            Role::Lead => f.write_str("lead"),
            Role::Heading { number, label: Some(label) } => write!(f, "heading of section {number}, printed {label}"),
            Role::Heading { number, label: None } => write!(f, "heading of section {number}"),
            Role::Paragraph { section } => write!(f, "paragraph of section {section}"),
            Role::ListItem { section: Some(section) } => write!(f, "list item of section {section}"),
            Role::ListItem { section: None } => f.write_str("list item of the lead"),
            Role::RelatedHeading => f.write_str("heading of related reading"),
            Role::RelatedLink => f.write_str("related reading"),
            Role::HotHeading => f.write_str("heading of the hot list"),
            Role::HotLink => f.write_str("not used: the hot list is the site's own"),
            Role::BothHeadings => f.write_str("headings of related reading and the hot list"),
            Role::NotUsed { why } => write!(f, "not used: {why}"),
        }
    }
}

/// The confidence in a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The alternative is about as likely.
    Low,
    /// The guess is likely.
    Medium,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Confidence::Low { "unsure" } else { "likely" })
    }
}

/// A guess about a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// The line, counted from 1 over the file; `None` if the guess concerns the page.
    pub line: Option<u32>,
    /// The interpretation that was chosen.
    pub reading: String,
    /// The alternative.
    pub otherwise: String,
    /// The confidence in the chosen interpretation.
    pub confidence: Confidence,
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Guess { reading, otherwise, confidence, .. } = self;
        write!(f, "{confidence}: {reading}; otherwise {otherwise}")
    }
}

/// The metadata of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PageMetadata {
    /// The author.
    pub author: Option<String>,
    /// The origin that is printed (`来源：…`).
    pub origin: Option<String>,
    /// The date of publication, as printed.
    pub published: Option<String>,
    /// The canonical address.
    pub url: Option<String>,
    /// The language tag.
    pub language: Option<String>,
}

/// A captured page after parsing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The format of the file.
    pub format: Format,
    /// The encoding of the file.
    pub encoding: Encoding,
    /// The name of the site.
    pub site_name: Option<String>,
    /// The call to action before the title (免费在线咨询).
    pub call_to_action: Option<String>,
    /// The title; `None` if the page has none.
    pub title: Option<String>,
    /// The questions in the title, each with its punctuation as printed.
    pub questions: Vec<String>,
    /// The metadata.
    pub metadata: PageMetadata,
    /// The blocks before the first heading.
    #[serde(skip)]
    pub lead: Vec<Block>,
    /// The sections.
    #[serde(skip)]
    pub sections: Vec<Section>,
    /// The links under `相关阅读`.
    pub related: Vec<LinkLine>,
    /// The links under `热门推荐`.
    pub hot: Vec<LinkLine>,
    /// One entry for every line or block that is not blank, in order.
    pub lines: Vec<LineUse>,
    /// The guesses.
    pub guesses: Vec<Guess>,
    /// Text that looks damaged, in order; at most [`MAX_WARNINGS`](super::MAX_WARNINGS) and one more with the number of
    /// the others.
    pub damage: Vec<Warning>,
}

impl Page {
    /// Takes the article out of the page, normalized as if read from its article file; `None` if the page has no title.
    ///
    /// The site name becomes the name of the source. Related lines with an address become related reading; those
    /// without one are left to the caller, who may know an article of that title.
    pub fn take_document(&mut self, slug: Slug) -> Option<Document> {
        let related = self.related.iter().filter_map(|link| {
            let LinkLine { title, url, .. } = link;
            url.clone().map(|url| Related::External { url, title: title.clone(), reason: None })
        });
        let source = self.site_name.clone().or_else(|| self.metadata.origin.clone());
        let language = self.metadata.language.as_deref().and_then(|language| language.replace('_', "-").parse().ok());
        let document = Document {
            slug,
            locale: language.unwrap_or_default(),
            title: self.title.clone()?,
            questions: self.questions.clone(),
            summary: None,
            topics: Vec::new(),
            source: source.map(|name| Source { name, url: self.metadata.url.clone(), captured_at: None }),
            related: related.collect(),
            lead: std::mem::take(&mut self.lead),
            sections: std::mem::take(&mut self.sections),
        };
        match markdown::read(&markdown::write(&document), None) {
            Ok(read) if read.document == document => return Some(document),
            // HTML can express the same content in several ways, an article file in only one.
            Ok(read) if self.format == Format::Html && same_length(&read.document, &document) => {
                return Some(read.document);
            }
            _ => {}
        }
        // A page may exceed the limits of an article file (more than 100 links, say). It is accepted with a warning.
        let message = "This article is more than an article file can hold: its export cannot be imported.".into();
        self.damage.push(Warning { line: None, column: None, message });
        Some(document)
    }
}

/// Returns whether two articles have the same number of characters.
fn same_length(a: &Document, b: &Document) -> bool {
    text::document_characters(a) == text::document_characters(b)
}
