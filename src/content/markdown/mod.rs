//! Article files: reads Markdown under YAML front matter into a [`Document`], and writes it.
//!
//! The Markdown is CommonMark 0.31 with tables, `~~strikethrough~~`, footnotes, GitHub's alerts, heading attributes
//! `{#anchor}`, and emphasis that works beside Chinese punctuation. [`read`] returns the document that [`write()`] wrote.
//!
//! - Raw HTML becomes text.
//! - A link with an unsafe address ([`Href`](super::Href)) becomes its text, followed by the address.
//! - A line break in a paragraph becomes a space, or nothing between two Chinese characters.
//! - A single `~` is literal, because Chinese text uses it for ranges (3~5 天).
//! - A heading in a list or quote becomes a paragraph in bold.
//! - A footnote moves to the end of the section that refers to it first.

mod block;
mod escape;
mod footnote;
mod front_matter;
mod inline;
mod inline_writer;
mod limits;
mod section;
#[cfg(test)]
pub(super) mod tests;
mod tilde;
mod write;

use super::{Block, Document, Parsed, Slug, Warning, bounded::Bounded, text};

pub(super) use block::{paragraph, tightness};
pub(super) use footnote::is_label;
pub(super) use inline::normalize;
pub(super) use section::MAX_HEADING;
pub use write::{blocks, file_blocks, write};
pub(super) use write::{body as write_body, push_heading};

/// The largest size of an article file, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The deepest nesting of lists, quotes, callouts and footnotes. A list takes four levels of JSON, and `serde_json` reads 127
/// levels of a stored article, sections and inlines included.
pub const MAX_NESTING: usize = 24;
/// The largest number of sections of an article.
pub const MAX_SECTIONS: usize = 2000;

/// Errors or warnings about an article file.
pub(super) type Warnings = Bounded<Warning>;

/// Reads an article file. `default_slug`, the name of the file, replaces a missing slug if it is valid.
///
/// Errors: all errors of the file by line, at most 200.
pub fn read(file: &str, default_slug: Option<&str>) -> Result<Parsed<Warning>, Vec<Warning>> {
    let mut errors = Warnings::default();
    if file.len() > MAX_BYTES {
        errors.add(None, None, format!("The file is longer than {MAX_BYTES} bytes; split it."));
        return Err(errors.items);
    }
    let mut warnings = Warnings::default();
    let (file, removed) = text::clean(file);
    if removed > 0 {
        warnings.add(None, None, removed_characters(removed));
    }
    let parts = front_matter::split(&file).map_err(|error| vec![error])?;
    let fields = parts.yaml.map(|yaml| front_matter::read(yaml, &mut errors)).unwrap_or_default();
    let body = read_body(parts.body, parts.body_line, fields.title.is_none(), &mut errors, &mut warnings);

    let slug = fields.slug.or_else(|| default_slug.and_then(|name| name.parse::<Slug>().ok()));
    if slug.is_none() && !errors.mention("slug") {
        errors.add(Some(1), None, "The front matter has no `slug`; add the address of the article.");
    }
    let title = fields.title.or(body.title);
    if title.is_none() && !errors.mention("title") {
        let message = "The front matter has no `title`; add one, or begin the text with its only `# heading`.";
        errors.add(Some(1), None, message);
    }
    match (slug, title) {
        (Some(slug), Some(title)) if errors.count() == 0 => Ok(Parsed {
            document: Document {
                slug,
                locale: fields.locale,
                title,
                questions: fields.questions,
                summary: fields.summary,
                topics: fields.topics,
                source: fields.source,
                related: fields.related,
                lead: body.lead,
                sections: body.sections,
            },
            warnings: warnings.sorted(),
        }),
        _ => Err(errors.sorted()),
    }
}

/// Returns the warning about characters that were removed from Markdown.
pub(super) fn removed_characters(count: usize) -> String {
    format!("{count} control or other forbidden characters were removed.")
}

/// Reads a clean text as the body of a file after line `first_line`.
pub(super) fn read_body(
    text: &str,
    first_line: u32,
    want_title: bool,
    errors: &mut Warnings,
    warnings: &mut Warnings,
) -> section::Body {
    limits::check(text, first_line, errors)
        .map(|()| section::read(text, first_line, want_title, errors, warnings))
        .unwrap_or_default()
}

impl Warnings {
    fn add(&mut self, line: Option<u32>, column: Option<u32>, message: impl Into<String>) {
        self.push(|| Warning { line, column, message: message.into() });
    }

    /// Returns true if an error about a field exists, so that the field is not reported as missing too.
    fn mention(&self, field: &str) -> bool {
        let name = format!("`{field}`");
        self.items.iter().any(|error| error.message.contains(&name) || error.message.contains("YAML"))
    }

    /// Returns the items by line, followed by the number of omitted items.
    pub(super) fn sorted(mut self) -> Vec<Warning> {
        self.items.sort();
        self.finish(|message| Warning { line: None, column: None, message })
    }
}
