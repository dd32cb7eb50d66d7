//! The JSON form of an article, as integrations send it → [`Document`], and back. [`ArticleJson`] describes the form.
//!
//! What is accepted is what an article file can hold: a document from here, written by [`markdown::write`], is read
//! back the same by [`markdown::read`](markdown::read()), and what [`write()`] makes of a document, [`read`] turns into
//! the same document. The way to that:
//!
//! 1. Bytes that are no JSON are [`Refused::Syntax`]. A name that stands twice in an object is a fault, and so is one
//!    that the form has not. Of a section, `id`, `number`, `level`, `characters` and `hash` may be there and mean
//!    nothing, so that sections as the public API delivers them can be sent; identity follows anchors and likeness.
//! 2. The fields beside the text are held to the checks of front matter, for they are the same code. They are made one
//!    line and trimmed.
//! 3. Blocks are made what they would be if they had been read from Markdown, as far as this takes no meaning away:
//!    marks in order and each once; neighbours with the same marks one; texts without characters gone; a tab a space;
//!    spaces and line breaks gone where a paragraph or cell begins or ends, and spaces beside a line break; an image
//!    alone in a paragraph a block; the start of a list without numbers 1; a list tight or loose where it cannot be
//!    written the other way; addresses percent-encoded and links to articles recognised in all their forms; line ends
//!    in code `\n`; titles of images, links and callouts one line.
//! 4. The whole is written as one Markdown text, Markdown of sections as it is, and read. So a footnote goes to the end
//!    of the section that refers to it first, whichever section defines it; a heading in the Markdown of a section, and
//!    code or HTML in it that does not end, are faults.
//! 5. What was read must be what was sent: each heading, each block but for the place of footnotes. Else it is a fault
//!    of that heading or block. This is looked at where there is no other fault, for one leads to others here.
//! 6. The document is written as an article file and read once more, and must be the same.
//!
//! A fault of Markdown has line and column within its text, beside the pointer.

mod blocks;
mod form;
mod inlines;
mod keep;
mod parts;
#[cfg(test)]
mod tests;
mod tree;

use super::{
    Document, Slug, fields, markdown,
    value::{At, Check, Value},
};

pub use form::{ArticleJson, Form, RelatedJson, SectionJson, TextJson, write};

/// The greatest size of a body, in bytes: an article file of any size fits, whatever of it has to be escaped.
pub const MAX_BYTES: usize = 4 * markdown::MAX_BYTES;

/// What a body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The document.
    pub document: Document,
    /// What an editor should look at: what could not be kept as it was written.
    pub remarks: Vec<Warning>,
}

/// Why a body says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is not JSON.
    Syntax {
        /// The line, counted from 1.
        line: u32,
        /// The column, counted in bytes; 0 where the line has none.
        column: u32,
        /// What is wrong there.
        message: String,
    },
    /// It is JSON, but does not say what it must: all its faults, 200 at most and then how many more there are.
    Content(Vec<Warning>),
}

/// Something that has to be mended, or should be looked at: where it is and what it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The place in the body, as a JSON pointer (RFC 6901); empty for the whole.
    pub pointer: String,
    /// The line, counted from 1 within the Markdown text that `pointer` leads to.
    pub line: Option<u32>,
    /// The column, counted from 1 in characters.
    pub column: Option<u32>,
    /// What it is, in one sentence.
    pub message: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "{} line {line}, column {column}: {}", self.pointer, self.message),
            (Some(line), None) => write!(f, "{} line {line}: {}", self.pointer, self.message),
            (None, _) => write!(f, "{} {}", self.pointer, self.message),
        }
    }
}

/// The remarks of a body, bounded however many there are.
#[derive(Debug, Default)]
struct Remarks {
    list: Vec<Warning>,
    more: usize,
}

impl Remarks {
    fn push(&mut self, remark: Warning) {
        if self.list.len() < markdown::MAX_REMARKS {
            self.list.push(remark);
        } else {
            self.more += 1;
        }
    }

    fn at(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.push(Warning { pointer: pointer.into(), line: None, column: None, message: message.into() });
    }

    fn tell(&mut self, at: &At<'_>, message: String) {
        // Words take time, and what is over the limit is not told.
        let pointer = if self.list.len() < markdown::MAX_REMARKS { at.pointer() } else { String::new() };
        self.at(pointer, message);
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn finish(mut self) -> Vec<Warning> {
        if self.more > 0 {
            let message = format!("There are {} more of these.", self.more);
            self.list.push(Warning { pointer: String::new(), line: None, column: None, message });
        }
        self.list
    }
}

/// Reads the body of a request to the address of the article `slug`. The members `slug` and `locale` may be missing:
/// the slug is that of the address, and the locale `zh-Hans`.
///
/// Errors: that it is not JSON, or all faults at once, those of the fields first, then those of the text in its order.
pub fn read(bytes: &[u8], slug: &Slug) -> Result<Read, Refused> {
    let mut faults = Remarks::default();
    if bytes.len() > MAX_BYTES {
        faults.at("", format!("The body is longer than {MAX_BYTES} bytes."));
        return Err(Refused::Content(faults.finish()));
    }
    let Some(value) = tree::parse(bytes)? else {
        let most = tree::MAX_VALUES;
        faults.at("", format!("The body has more than {most} values; send the text as Markdown."));
        return Err(Refused::Content(faults.finish()));
    };
    let draft = draft(&value, slug, &mut faults);
    let mut remarks = Remarks::default();
    match draft.and_then(|(document, parts)| keep::document(document, &parts, &mut faults, &mut remarks)) {
        Some(document) if faults.is_empty() => Ok(Read { document, remarks: remarks.finish() }),
        _ => Err(Refused::Content(faults.finish())),
    }
}

/// Reads a body of another form: what `form` makes of it, and its faults as they are told of an article.
///
/// Errors: that it is not JSON.
pub(super) fn read_form<T>(
    bytes: &[u8],
    form: impl FnOnce(&Value<'_>, &mut Check<'_>) -> Option<T>,
) -> Result<(Option<T>, Vec<Warning>), Refused> {
    let mut faults = Remarks::default();
    let Some(value) = tree::parse(bytes)? else {
        faults.at("", format!("The body has more than {} values.", tree::MAX_VALUES));
        return Ok((None, faults.finish()));
    };
    let read = form(&value, &mut Check::new(&mut |at, message| faults.tell(at, message)));
    Ok((read, faults.finish()))
}

/// The document without its text, and the parts of the text.
fn draft(value: &Value<'_>, slug: &Slug, faults: &mut Remarks) -> Option<(Document, parts::Parts)> {
    let mut tell = |at: &At<'_>, message: String| faults.tell(at, message);
    let mut check = Check::new(&mut tell);
    let known: Vec<&str> = fields::NAMES.into_iter().chain(parts::NAMES).collect();
    let map = check.map(value, &At::Root, &known)?;
    let head = fields::read(map, &mut check);
    if let Some(named) = head.slug.filter(|named| named != slug) {
        let message = format!("The address says `{slug}`, the body `{named}`; a move is `POST …/move`.");
        check.fault(&At::Name(&At::Root, "slug"), message);
    }
    if map.given("title").is_none() {
        check.fault(&At::Name(&At::Root, "title"), "An article needs a `title`.");
    }
    let parts = parts::read(map, &mut check);
    let document = Document {
        slug: slug.clone(),
        locale: head.locale,
        title: head.title.unwrap_or_default(),
        questions: head.questions,
        summary: head.summary,
        topics: head.topics,
        source: head.source,
        related: head.related,
        lead: Vec::new(),
        sections: Vec::new(),
    };
    Some((document, parts))
}
