//! Article files: Markdown under YAML front matter → [`Document`], and back.
//!
//! The Markdown is CommonMark 0.31 with tables, `~~strikethrough~~`, footnotes, GitHub's alerts, heading attributes
//! `{#anchor}`, and emphasis that works beside Chinese punctuation. What [`write()`] makes of a document, [`read`] turns
//! into the same document.
//!
//! - Raw HTML is text: it is shown as it was written.
//! - A link that may not be one ([`Href`](super::Href)) becomes its text, with the address behind it.
//! - A line break in a paragraph is a space, or nothing between two Chinese characters.
//! - A single `~` is itself, as Chinese text uses it for ranges (3~5 天).
//! - A heading in a list or quote is no section but a paragraph in bold.
//! - A footnote stands at the end of the section that refers to it first.

mod block;
mod escape;
mod footnote;
mod front_matter;
mod guard;
mod inline;
mod running;
mod section;
#[cfg(test)]
pub(super) mod tests;
mod write;

use super::{Block, Document, Slug, Warning, text};

pub(super) use block::{paragraph, tightness};
pub(super) use footnote::is_label;
pub(super) use inline::tidy;
pub(super) use section::MAX_HEADING;
pub use write::{blocks, file_blocks, write};
pub(super) use write::{body as write_body, links_to_files, push_heading};

/// The greatest size of an article file, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How deep lists, quotes, callouts and footnotes may stand in each other: a list costs four levels of JSON, and the readers of
/// stored articles take 127 of them, sections and running text included.
pub const MAX_NESTING: usize = 24;
/// How many sections an article may have.
pub const MAX_SECTIONS: usize = 2000;
/// How many faults or remarks are told of one file.
pub(super) const MAX_REMARKS: usize = 200;

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The document.
    pub document: Document,
    /// What an editor should look at: what could not be kept as it was written.
    pub remarks: Vec<Warning>,
}

/// Reads an article file. `default_slug` is taken where the front matter names none; callers give the file's name.
///
/// Errors: everything that makes the file invalid, at most 200 of them, in the order of their lines.
pub fn read(file: &str, default_slug: Option<&str>) -> Result<Read, Vec<Warning>> {
    let mut faults = Faults::default();
    if file.len() > MAX_BYTES {
        faults.push(None, None, format!("The file is longer than {MAX_BYTES} bytes."));
        return Err(faults.list);
    }
    let mut remarks = Faults::default();
    let (file, removed) = text::clean(file);
    if removed > 0 {
        let message =
            format!("{removed} characters that may not stand in a text were left out (control characters and such).");
        remarks.push(None, None, message);
    }
    let parts = front_matter::split(&file).map_err(|fault| vec![fault])?;
    let head = parts.yaml.map(|yaml| front_matter::read(yaml, &mut faults)).unwrap_or_default();
    let body = read_body(parts.body, parts.body_line, head.title.is_none(), &mut faults, &mut remarks);

    let slug = head.slug.or_else(|| default_slug.and_then(|name| name.parse::<Slug>().ok()));
    if slug.is_none() && !faults.has("slug") {
        faults.push(Some(1), None, "The front matter needs a `slug`: the article's address.");
    }
    let title = head.title.or(body.title);
    if title.is_none() && !faults.has("title") {
        let message = "The front matter needs a `title`, or the text a single `# heading` that stands first.";
        faults.push(Some(1), None, message);
    }
    match (slug, title) {
        (Some(slug), Some(title)) if faults.list.is_empty() => Ok(Read {
            document: Document {
                slug,
                locale: head.locale,
                title,
                questions: head.questions,
                summary: head.summary,
                topics: head.topics,
                source: head.source,
                related: head.related,
                lead: body.lead,
                sections: body.sections,
            },
            remarks: remarks.sorted(),
        }),
        _ => Err(faults.sorted()),
    }
}

/// Reads a clean text as the body of a file that begins behind line `first_line`.
pub(super) fn read_body(
    text: &str,
    first_line: u32,
    want_title: bool,
    faults: &mut Faults,
    remarks: &mut Faults,
) -> section::Body {
    guard::check(text, first_line, faults)
        .map(|()| section::read(text, first_line, want_title, faults, remarks))
        .unwrap_or_default()
}

/// What was found wrong or noteworthy, bounded however much there is of it.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) list: Vec<Warning>,
    more: usize,
}

impl Faults {
    fn push(&mut self, line: Option<u32>, column: Option<u32>, message: impl Into<String>) {
        if self.list.len() < MAX_REMARKS {
            self.list.push(Warning { line, column, message: message.into() });
        } else {
            self.more += 1;
        }
    }

    /// Whether more will only be counted.
    fn is_full(&self) -> bool {
        self.list.len() >= MAX_REMARKS
    }

    /// Whether a fault of this field is known already, so that it is not told a second time as missing.
    fn has(&self, field: &str) -> bool {
        let name = format!("`{field}`");
        self.list.iter().any(|fault| fault.message.contains(&name) || fault.message.contains("YAML"))
    }

    /// All of them in the order of their lines, and behind them how many more there are.
    pub(super) fn sorted(mut self) -> Vec<Warning> {
        self.list.sort();
        if self.more > 0 {
            let message = format!("There are {} more of these.", self.more);
            self.list.push(Warning { line: None, column: None, message });
        }
        self.list
    }
}
