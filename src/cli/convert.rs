//! `lectern convert`: a captured page as an article file or JSON, with a report.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::print;
use crate::{
    capture::{self, Page, report},
    content::{Block, Document, Section, Slug, Warning, markdown, text},
    error::Error,
    transfer::file::{self, Captured},
};

/// Options of `lectern convert`.
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// The page: HTML (.html, .htm, .mhtml) or plain text; `-` reads it from standard input
    #[arg(value_name = "PAGE")]
    page: PathBuf,
    /// The form of the article
    #[arg(long, value_enum, default_value = "markdown")]
    to: Form,
    /// Write the report as JSON
    #[arg(long)]
    json: bool,
    /// The address of the article [default: derived from the title]
    #[arg(long, value_name = "SLUG")]
    slug: Option<Slug>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// An article file
    Markdown,
    /// The article with its text and the report as one JSON object
    Json,
}

/// An article with the plain text of its sections.
#[derive(Serialize)]
struct Article<'a> {
    slug: &'a Slug,
    title: &'a str,
    questions: &'a [String],
    lead: Option<Text>,
    sections: Vec<SectionText<'a>>,
    report: &'a Page,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct SectionText<'a> {
    label: Option<&'a str>,
    title: &'a str,
    level: usize,
    text: String,
    children: Vec<SectionText<'a>>,
}

impl Convert {
    /// Returns `false` if the page cannot be an article.
    pub(super) fn run(self) -> Result<bool, Error> {
        let read = load(&self.page).and_then(|bytes| {
            let name = if is_stdin(&self.page) { Path::new("page") } else { &self.page };
            let page = file::read_page(name, &bytes)?;
            file::article_of(page, self.slug.as_ref(), name)
        });
        let Captured { document, page } = match read {
            Ok(captured) => captured,
            Err(errors) => {
                for error in &errors {
                    eprintln!("{}: {error}", self.page.display());
                }
                return Ok(false);
            }
        };
        let json = |value: &dyn Fn() -> serde_json::Result<String>| {
            value().map_err(|e| Error::internal("the article has no JSON", e))
        };
        if self.json {
            eprintln!("{}", json(&|| serde_json::to_string(&page))?);
        } else {
            eprint!("{}{}", report::lines(&page.lines, &[]), report::doubts(&page));
        }
        match self.to {
            Form::Markdown => print(&markdown::write(&document))?,
            Form::Json => print(&format!("{}\n", json(&|| serde_json::to_string(&article(&document, &page)))?))?,
        }
        Ok(true)
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn load(path: &Path) -> Result<Vec<u8>, Vec<Warning>> {
    if !is_stdin(path) {
        return file::load(path);
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(capture::MAX_ARCHIVE_BYTES).unwrap_or(u64::MAX);
    std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes).map_err(|e| {
        vec![Warning { line: None, column: None, message: format!("Standard input cannot be read: {e}") }]
    })?;
    Ok(bytes)
}

fn article<'a>(document: &'a Document, page: &'a Page) -> Article<'a> {
    let lead = |blocks: &[Block]| (!blocks.is_empty()).then(|| Text { text: words(blocks) });
    Article {
        slug: &document.slug,
        title: &document.title,
        questions: &document.questions,
        lead: lead(&document.lead),
        sections: sections(&document.sections, 1),
        report: page,
    }
}

/// Returns the plain text of blocks; an image has none.
fn words(blocks: &[Block]) -> String {
    let blocks: Vec<Block> = blocks.iter().filter(|block| !matches!(block, Block::Image { .. })).cloned().collect();
    text::blocks(&blocks)
}

fn sections(sections: &[Section], level: usize) -> Vec<SectionText<'_>> {
    let mut list = Vec::with_capacity(sections.len());
    for Section { label, title, blocks, children, .. } in sections {
        let children = self::sections(children, level + 1);
        list.push(SectionText { label: label.as_deref(), title, level, text: words(blocks), children });
    }
    list
}
