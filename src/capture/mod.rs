//! Reads a captured web page, HTML or the plain text of a browser, as a [`Page`]: its metadata, title, lead, sections
//! and link lists, and an account of every line.
//!
//! Nothing is dropped silently: every line or block that is not blank has one entry in [`Page::lines`] that says where
//! its text went, or why it is not used. Text that looks damaged is reported in [`Page::damage`] and not changed.

mod boilerplate;
mod damage;
mod decode;
mod guess;
mod head;
mod html;
mod lines;
mod links;
mod mhtml;
mod page;
mod region;
pub mod report;
mod text;
mod tree;

use std::fmt;

pub use page::{Confidence, Encoding, Format, Guess, LineUse, LinkLine, Page, PageMetadata, Role};

use crate::content::Warning;
use lines::Line;

/// The largest page that is read, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The largest web archive (MHTML) that is read, in bytes; its page must be within [`MAX_BYTES`].
pub const MAX_ARCHIVE_BYTES: usize = 16 * 1024 * 1024;
/// The maximum number of nonblank lines or blocks of a page. A longer file is not an article, and would use many times
/// its size in memory.
pub const MAX_LINES: usize = 50_000;
/// The maximum number of damaged passages that are reported individually.
pub const MAX_WARNINGS: usize = 1_000;

/// The reason that a file is not a captured page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageError {
    /// It has this many bytes, more than [`MAX_BYTES`].
    TooLarge(usize),
    /// It has more than [`MAX_LINES`] lines that are not blank.
    TooManyLines,
    /// It has more elements than an HTML page may have.
    TooManyElements,
    /// It is this, and neither HTML nor plain text.
    NotText(&'static str),
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "The file has {bytes} bytes; a page can have {MAX_BYTES} at most."),
            Self::TooManyLines => write!(f, "The page has more than {MAX_LINES} lines; save the article alone."),
            Self::TooManyElements => {
                write!(f, "The page has more than {} elements; save the article alone.", html::MAX_NODES)
            }
            Self::NotText(what) => write!(f, "The file is {what}; expected HTML or plain text."),
        }
    }
}

impl std::error::Error for PageError {}

/// Reads a captured page in HTML, MHTML or plain text, in time linear in its length.
pub fn read(bytes: &[u8]) -> Result<Page, PageError> {
    match mhtml::page(bytes) {
        Some(part) if bytes.len() <= MAX_ARCHIVE_BYTES => html(&part.bytes, part.charset.as_deref(), part.url),
        _ if bytes.len() > MAX_BYTES => Err(PageError::TooLarge(bytes.len())),
        _ if html::is_html(bytes) => html(bytes, None, None),
        _ => text::read(&decode::text(bytes)?),
    }
}

/// Reads a captured page in HTML.
pub fn read_html(bytes: &[u8]) -> Result<Page, PageError> {
    match mhtml::page(bytes) {
        Some(_) => read(bytes),
        None => html(bytes, None, None),
    }
}

/// Reads a web archive (MHTML). Errors: it has no readable page in HTML.
pub fn read_archive(bytes: &[u8]) -> Result<Page, PageError> {
    match mhtml::page(bytes) {
        None => Err(PageError::NotText("an archive without a page that can be read")),
        Some(_) => read(bytes),
    }
}

fn html(bytes: &[u8], charset: Option<&str>, url: Option<String>) -> Result<Page, PageError> {
    if bytes.len() > MAX_BYTES {
        return Err(PageError::TooLarge(bytes.len()));
    }
    html::read(&decode::html(bytes, charset)?, url)
}

/// Pairs every line with its role, and looks for damage in those that are used.
fn account(lines: Vec<Line<'_>>, roles: Vec<Option<Role>>, damage: &mut Vec<Warning>) -> Vec<LineUse> {
    let mut uses = Vec::with_capacity(lines.len());
    for (line, role) in lines.into_iter().zip(roles) {
        // The tree gives every line a role that had none before.
        let role = role.unwrap_or(Role::NotUsed { why: NO_ROLE });
        if !matches!(role, Role::NotUsed { .. }) && damage.len() <= MAX_WARNINGS {
            damage::find(line.number, &line.raw, damage);
        }
        uses.push(LineUse { line: line.number, text: line.text, role });
    }
    damage.sort();
    damage.dedup();
    if damage.len() > MAX_WARNINGS {
        damage.truncate(MAX_WARNINGS);
        let message = format!("there are more damaged passages than the {MAX_WARNINGS} above");
        damage.push(Warning { line: None, column: None, message });
    }
    uses
}

const NO_ROLE: &str = "no role was found";

#[cfg(test)]
mod tests;
