//! The plain text of a captured web page → [`Page`]: its site name, call to action, title, lead, sections and link
//! lists, and an account of every line.
//!
//! Nothing is dropped in silence: every line that is not blank has one entry in [`Page::lines`] that says where its
//! text stands, or why it is not used. Text that looks damaged is reported in [`Page::damage`] and kept as it is.

mod boilerplate;
mod damage;
mod decode;
mod head;
mod lines;
mod links;
mod tree;

use std::fmt;

use serde::Serialize;

use crate::content::{Block, Document, Locale, Related, Section, Slug, Source, Warning};

/// The largest page that is read, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most lines that are not blank in a page that is read: what is more is no article, and would cost many times its
/// size in memory.
pub const MAX_LINES: usize = 50_000;
/// The most damaged places that are named one by one.
pub const MAX_REMARKS: usize = 1_000;

/// Why a file is not a captured page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageError {
    /// It has this many bytes, more than [`MAX_BYTES`].
    TooLarge(usize),
    /// It has more than [`MAX_LINES`] lines that are not blank.
    TooManyLines,
    /// It is this, and not plain text.
    NotText(&'static str),
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "the file has {bytes} bytes; a page has at most {MAX_BYTES}"),
            Self::TooManyLines => write!(f, "the file has more than {MAX_LINES} lines that are not blank"),
            Self::NotText(what) => write!(f, "the file is {what}, not the plain text of a page"),
        }
    }
}

impl std::error::Error for PageError {}

/// How a page was encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// GB18030, which has all of GBK and GB2312.
    Gb18030,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Gb18030 => "GB18030",
        })
    }
}

/// A line under `相关阅读` or `热门推荐`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkLine {
    /// The line, counted from 1 over the file.
    pub line: u32,
    /// What the link is called, without the bullet or number before it; the address where the line has nothing else.
    pub title: String,
    /// The absolute `http` or `https` address, if one is printed.
    pub url: Option<String>,
}

/// What became of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineUse {
    /// The line, counted from 1 over the file.
    pub line: u32,
    /// Its text: trimmed, without the characters that no text can hold.
    pub text: String,
    /// What it is.
    pub role: Role,
}

/// What a line is in a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The name of the site.
    SiteName,
    /// The call to action.
    CallToAction,
    /// The title, whole.
    Title,
    /// A paragraph before the first heading.
    Lead,
    /// A heading.
    Heading {
        /// The number of its section, by position ("2.1").
        number: String,
        /// The numbering that was printed, taken off the section's title.
        label: Option<String>,
    },
    /// A paragraph of a section.
    Paragraph {
        /// The number of the section.
        section: String,
    },
    /// An item of an ordered list, whose number is the list's and no longer in the text.
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
        /// Why not.
        why: &'static str,
    },
}

/// A captured page, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How the file was encoded.
    pub encoding: Encoding,
    /// The name of the site that stands before the title.
    pub site_name: Option<String>,
    /// The call to action that stands before the title (免费在线咨询).
    pub call_to_action: Option<String>,
    /// The title, the whole line; `None` where the page has none.
    pub title: Option<String>,
    /// The questions that the title is made of, each with its marks as printed.
    pub questions: Vec<String>,
    /// The blocks before the first heading.
    pub lead: Vec<Block>,
    /// The sections.
    pub sections: Vec<Section>,
    /// The lines under `相关阅读`.
    pub related: Vec<LinkLine>,
    /// The lines under `热门推荐`.
    pub hot: Vec<LinkLine>,
    /// One entry for every line that is not blank, in order.
    pub lines: Vec<LineUse>,
    /// Where the text looks damaged, in order; at most [`MAX_REMARKS`] and one that counts the rest.
    pub damage: Vec<Warning>,
}

/// Reads a captured page, in time linear in its length.
pub fn read(bytes: &[u8]) -> Result<Page, PageError> {
    if bytes.len() > MAX_BYTES {
        return Err(PageError::TooLarge(bytes.len()));
    }
    let decoded = decode::decode(bytes)?;
    let mut damage = Vec::new();
    if decoded.damaged {
        let message = format!("some bytes are not valid {}; “\u{FFFD}” stands in their place", decoded.encoding);
        damage.push(Warning { line: None, column: None, message });
    }
    let lines = lines::lines(&decoded.text, MAX_LINES, &mut damage).ok_or(PageError::TooManyLines)?;
    let mut roles: Vec<Option<Role>> = vec![None; lines.len()];

    let head = head::read(&lines, &mut roles);
    let tails = links::tails(&lines, head.end, &mut roles);
    boilerplate::foot(&lines, head.end, &mut roles);
    boilerplate::contents(&lines, head.end, &mut roles);
    let tree = tree::build(&lines, &mut roles);

    let mut uses = Vec::with_capacity(lines.len());
    for (line, role) in lines.into_iter().zip(roles) {
        // The tree gives every line a role that had none before.
        let role = role.unwrap_or(Role::NotUsed { why: "no place was found for it" });
        if !matches!(role, Role::NotUsed { .. }) && damage.len() <= MAX_REMARKS {
            damage::find(line.number, line.raw, &mut damage);
        }
        uses.push(LineUse { line: line.number, text: line.text, role });
    }
    damage.sort();
    damage.dedup();
    if damage.len() > MAX_REMARKS {
        damage.truncate(MAX_REMARKS);
        let message = format!("there are more damaged places than the {MAX_REMARKS} above");
        damage.push(Warning { line: None, column: None, message });
    }
    Ok(Page {
        encoding: decoded.encoding,
        site_name: head.site_name,
        call_to_action: head.call_to_action,
        questions: head.title.as_deref().map(head::questions).unwrap_or_default(),
        title: head.title,
        lead: tree.lead,
        sections: tree.sections,
        related: tails.related,
        hot: tails.hot,
        lines: uses,
        damage,
    })
}

impl Page {
    /// The article that the page makes; `None` if it has no title, which an article cannot be without.
    ///
    /// The site name becomes the name of the source. Related lines with an address become related reading; those
    /// without one are left to the caller, who may know an article of that title.
    #[must_use]
    pub fn into_document(self, slug: Slug, locale: Locale) -> Option<Document> {
        let related = self.related.into_iter().filter_map(|link| {
            let LinkLine { title, url, .. } = link;
            url.map(|url| Related::External { url, title, reason: None })
        });
        Some(Document {
            slug,
            locale,
            title: self.title?,
            questions: self.questions,
            summary: None,
            topics: Vec::new(),
            source: self.site_name.map(|name| Source { name, url: None, captured_at: None }),
            related: related.collect(),
            lead: self.lead,
            sections: self.sections,
        })
    }
}

#[cfg(test)]
mod tests;
