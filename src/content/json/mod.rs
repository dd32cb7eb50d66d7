//! The JSON of an article: parses the body of a request into a [`Document`], and writes one. [`ArticleJson`] is the schema.
//!
//! An accepted document has an exact article file ([`markdown::write`], [`markdown::read`](markdown::read())) and an exact
//! JSON ([`write()`], [`read`]). A body passes these steps:
//!
//! 1. Bytes that are not JSON give [`InvalidBody::Syntax`]. Duplicate and unknown members are errors. The members `id`,
//!    `number`, `level`, `characters` and `hash` of a section are accepted and ignored, so that a client can send back
//!    sections of the public API; the identity of a section follows its anchor and its similarity.
//! 2. The fields beside the text pass the same checks as front matter (`fields`), and become trimmed lines.
//! 3. Blocks are normalized to what Markdown can express: sorted and unique marks; adjacent texts with the same marks merged;
//!    empty texts removed; tabs as spaces; no spaces or line breaks at the start and end of a paragraph or cell, and no spaces
//!    around a line break; an image alone in a paragraph as a block; 1 as the start of an unordered list; percent-encoded
//!    addresses; all links to an article alike; `\n` as line end in code; single-line titles.
//! 4. All parts are written as one Markdown text and read again. A footnote moves to the section that refers to it first. A
//!    heading in the Markdown of a section, and unclosed code or HTML in it, are errors.
//! 5. The headings and blocks must be the same as sent, apart from the position of footnotes.
//! 6. The article file of the document is read again and must give the same document.
//!
//! Steps 5 and 6 run only without earlier errors, which would cause others here. An error in Markdown has a line and a column
//! within its text, beside the pointer.

mod blocks;
mod inlines;
mod layout;
mod parts;
mod round_trip;
#[cfg(test)]
mod tests;

use super::{
    Document, Parsed, Slug,
    bounded::Bounded,
    fields, markdown,
    node::{Errors, Node},
    value::{self, Value},
};
use parts::Parts;
use serde::de::DeserializeSeed;

pub use layout::{ArticleJson, RelatedJson, SectionJson, TextJson, TextLayout, write};

/// The largest size of a body, in bytes: enough for every article file, with JSON escapes.
pub const MAX_BYTES: usize = 4 * markdown::MAX_BYTES;

/// The reason why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidBody {
    /// The body is not JSON.
    Syntax {
        /// The line, from 1.
        line: u32,
        /// The column in bytes, from 1; 0 in an empty line.
        column: u32,
        /// The message of the parser.
        message: String,
    },
    /// The body is JSON with invalid content: the first 200 errors, and then the number of the others.
    Content(Vec<Diagnostic>),
}

/// An error or warning about a value of a JSON body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The JSON pointer (RFC 6901) of the value; empty for the complete body.
    pub pointer: String,
    /// The line in the Markdown text at `pointer`, from 1.
    pub line: Option<u32>,
    /// The column in that line, from 1, in characters.
    pub column: Option<u32>,
    /// The message, one sentence.
    pub message: String,
}

impl Diagnostic {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Diagnostic { pointer: pointer.into(), line: None, column: None, message: message.into() }
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "{} line {line}, column {column}: {}", self.pointer, self.message),
            (Some(line), None) => write!(f, "{} line {line}: {}", self.pointer, self.message),
            (None, _) => write!(f, "{} {}", self.pointer, self.message),
        }
    }
}

impl Bounded<Diagnostic> {
    fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.push(|| Diagnostic::new(pointer, message));
    }

    fn into_vec(self) -> Vec<Diagnostic> {
        self.finish(|message| Diagnostic::new("", message))
    }
}

/// Reads the body of a request for the article `slug`. Without the members `slug` and `locale`, the slug is that of the URL
/// and the locale is `zh-Hans`.
///
/// Errors: a syntax error; or all errors of the content, those of the fields first, then those of the text.
pub fn read(bytes: &[u8], slug: &Slug) -> Result<Parsed<Diagnostic>, InvalidBody> {
    if bytes.len() > MAX_BYTES {
        return Err(InvalidBody::Content(vec![Diagnostic::new(
            "",
            format!("The body is longer than {MAX_BYTES} bytes."),
        )]));
    }
    let (draft, mut errors) = read_tree(bytes, |root| read_draft(root, slug))?;
    let mut warnings = Bounded::default();
    match draft.and_then(|(document, parts)| round_trip::check(document, &parts, &mut errors, &mut warnings)) {
        Some(document) if errors.count() == 0 => Ok(Parsed { document, warnings: warnings.into_vec() }),
        _ => Err(InvalidBody::Content(errors.into_vec())),
    }
}

/// Reads a body of another type with `read`, and returns its errors.
///
/// Errors: a syntax error.
pub(super) fn read_with<T>(
    bytes: &[u8],
    read: impl FnOnce(&Node<'_>) -> Option<T>,
) -> Result<(Option<T>, Vec<Diagnostic>), InvalidBody> {
    let (value, errors) = read_tree(bytes, read)?;
    Ok((value, errors.into_vec()))
}

fn read_tree<T>(
    bytes: &[u8],
    read: impl FnOnce(&Node<'_>) -> Option<T>,
) -> Result<(Option<T>, Bounded<Diagnostic>), InvalidBody> {
    let errors = Errors::default();
    let value = parse(bytes)?;
    let root = Node::root(value.as_ref().unwrap_or(&Value::Null), &errors);
    let content = if value.is_some() {
        read(&root)
    } else {
        root.error(format!("The body has more than {} values; send texts as Markdown.", value::MAX_VALUES));
        None
    };
    Ok((content, errors.into_list()))
}

/// Parses JSON; `None` if it has too many values.
fn parse(bytes: &[u8]) -> Result<Option<Value<'_>>, InvalidBody> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    // serde_json allows 128 levels, fewer than the deepest blocks; `ValueSeed` has its own limit.
    json.disable_recursion_limit();
    value::bounded(|seed| {
        let value = seed.deserialize(&mut json)?;
        json.end().map(|()| value)
    })
    .map_err(|error| {
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let message = message.strip_suffix(&position).unwrap_or(&message).to_owned();
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        InvalidBody::Syntax { line: number(error.line()), column: number(error.column()), message }
    })
}

/// Reads the fields of the document, and its text as parts.
fn read_draft(root: &Node<'_>, slug: &Slug) -> Option<(Document, Parts)> {
    let map = root.map(&[&fields::NAMES[..], &parts::NAMES].concat())?;
    let fields = fields::read(map);
    if let Some(sent) = fields.slug.filter(|sent| sent != slug) {
        let message = format!("The URL is for `{slug}`, but the body has `{sent}`; to rename it, call `POST …/move`.");
        map.member("slug").error(message);
    }
    let title = map.member("title");
    if title.given().is_none() {
        title.error("`title` is required.");
    }
    let document = Document {
        slug: slug.clone(),
        locale: fields.locale,
        title: fields.title.unwrap_or_default(),
        questions: fields.questions,
        summary: fields.summary,
        topics: fields.topics,
        source: fields.source,
        related: fields.related,
        lead: Vec::new(),
        sections: Vec::new(),
    };
    Some((document, Parts::read(map)))
}
