//! Files of a library: finding, reading and parsing them.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    io,
    path::{Path, PathBuf},
};

use crate::{
    capture::{self, LinkLine, Page},
    content::{Document, Slug, Warning, markdown},
};

mod site;

pub use site::SiteFile;

/// The name of the file that describes the site.
pub const SITE_FILE: &str = "site.yaml";

/// The content of a file.
#[derive(Debug, Clone)]
pub enum Content {
    /// An article file.
    Article {
        /// The article.
        document: Box<Document>,
        /// The parts of the text that were changed or dropped.
        warnings: Vec<Warning>,
    },
    /// A captured page.
    Page(Box<Captured>),
    /// The site, its topics and its pins.
    Site(Box<SiteFile>),
}

/// A captured page as an article, and what was left out or guessed.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The article.
    pub document: Document,
    /// The page, without the text of the article.
    pub page: Page,
}

impl Captured {
    /// Returns the related links without an address: titles, which may be those of articles.
    pub fn titles(&self) -> impl Iterator<Item = &LinkLine> {
        self.page.related.iter().filter(|link| link.url.is_none())
    }
}

/// The targets of the files of one run. Two files with one target would undo each other at every import.
#[derive(Debug, Default)]
pub struct Targets(HashMap<Option<Slug>, PathBuf>);

impl Targets {
    /// Adds the target of the file at `path`. Errors: an earlier file has the same target.
    pub fn add(&mut self, path: &Path, content: &Content) -> Result<(), Vec<Warning>> {
        // The site has no slug.
        let slug = match content {
            Content::Article { document, .. } => Some(&document.slug),
            Content::Page(captured) => Some(&captured.document.slug),
            Content::Site(_) => None,
        };
        match self.0.entry(slug.cloned()) {
            Entry::Vacant(free) => {
                free.insert(path.to_owned());
                Ok(())
            }
            Entry::Occupied(taken) => {
                let first = taken.get().display();
                Err(vec![fault(match slug {
                    Some(slug) => format!("The slug `{slug}` is that of {first} too."),
                    None => format!("The site is described by {first} too."),
                })])
            }
        }
    }
}

/// Reads the bytes of the file at `path`. Errors: it is larger than the limit.
pub fn load(path: &Path) -> Result<Vec<u8>, Vec<Warning>> {
    let unreadable = |e: std::io::Error| vec![fault(format!("The file cannot be read: {e}"))];
    let size = path.metadata().map_err(unreadable)?.len();
    if size > capture::MAX_ARCHIVE_BYTES as u64 {
        return Err(vec![fault(format!("The file has {size} bytes; the limit is {}.", capture::MAX_ARCHIVE_BYTES))]);
    }
    std::fs::read(path).map_err(unreadable)
}

/// Parses the bytes of the file at `path`; `slug` replaces its slug, if it is given.
///
/// `site.yaml` is the site; `.md` and `.markdown`, and whatever begins with `---`, are article files; everything else
/// is a captured page. Errors: all errors at once.
pub fn read(path: &Path, bytes: &[u8], slug: Option<&Slug>) -> Result<Content, Vec<Warning>> {
    if is_site(path) {
        return Ok(Content::Site(Box::new(SiteFile::read(bytes)?)));
    }
    if is_article(path) || bytes.starts_with(b"---\n") || bytes.starts_with(b"---\r\n") {
        return article(path, bytes, slug);
    }
    captured(path, bytes, slug)
}

fn article(path: &Path, bytes: &[u8], slug: Option<&Slug>) -> Result<Content, Vec<Warning>> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = bytes[..e.valid_up_to()].split(|b| *b == b'\n').count();
        vec![Warning {
            line: u32::try_from(line).ok(),
            column: None,
            message: "The article file is not UTF-8. Save it as UTF-8.".into(),
        }]
    })?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut read = markdown::read(text.strip_prefix('\u{feff}').unwrap_or(text), stem.as_deref())?;
    if let Some(slug) = slug {
        read.document.slug = slug.clone();
    }
    Ok(Content::Article { document: Box::new(read.document), warnings: read.warnings })
}

fn captured(path: &Path, bytes: &[u8], slug: Option<&Slug>) -> Result<Content, Vec<Warning>> {
    let page = read_page(path, bytes)?;
    Ok(Content::Page(Box::new(article_of(page, slug, path)?)))
}

/// Makes an article of a captured page. Its slug is `slug`, or derived from the title or the name of the file.
///
/// Errors: the page has no title, or no slug can be derived.
pub fn article_of(mut page: Page, slug: Option<&Slug>, path: &Path) -> Result<Captured, Vec<Warning>> {
    let untitled = || vec![fault("The page has no title.".into())];
    let title = page.title.as_deref().ok_or_else(untitled)?;
    // Scripts without a romanisation here give no slug; the name of the file may.
    let from_name = || Slug::derive(&path.file_stem()?.to_string_lossy());
    let slug = slug.cloned().or_else(|| Slug::derive(title)).or_else(from_name);
    let slug =
        slug.ok_or_else(|| vec![fault("No slug can be derived from the title; choose one with --slug.".into())])?;
    let document = page.take_document(slug).ok_or_else(untitled)?;
    Ok(Captured { document, page })
}

/// Reads a captured page. The extensions of HTML and MHTML decide over the content.
///
/// Errors: the file is not a page of this type.
pub fn read_page(path: &Path, bytes: &[u8]) -> Result<Page, Vec<Warning>> {
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
    let page = match extension.to_str() {
        Some("html" | "htm") => capture::read_html(bytes),
        Some("mhtml" | "mht") => capture::read_archive(bytes),
        _ => capture::read(bytes),
    };
    page.map_err(|e| vec![fault(e.to_string())])
}

/// Returns an error without a line.
pub(super) fn fault(message: String) -> Warning {
    Warning { line: None, column: None, message }
}

fn is_site(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == SITE_FILE)
}

/// Returns whether a file in a folder is a captured page.
fn is_page(path: &Path) -> bool {
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
    ["txt", "html", "htm", "mhtml", "mht"].iter().any(|known| extension == *known)
}

fn is_article(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md" || extension == "markdown")
}

/// Lists the files in `paths`, each once. A folder means the site file, article files and captured pages in and below
/// it, by name. The site file comes first, so that topics have their names from the start; of several, the outermost.
///
/// Errors: a path that is neither a file nor a folder.
pub fn list(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let failed = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let kind = path.metadata().map_err(failed)?;
        if kind.is_dir() {
            let mut found = Vec::new();
            below(path, &mut found)?;
            found.sort_by_key(|path| {
                let depth = is_site(path).then(|| path.components().count());
                (depth.unwrap_or(usize::MAX), path.clone())
            });
            files.extend(found);
        } else if kind.is_file() {
            files.push(path.clone());
        } else {
            // A pipe or a device may never end.
            return Err(failed(io::Error::other("neither a file nor a folder")));
        }
    }
    let mut seen = HashSet::new();
    files.retain(|path| seen.insert(path.clone()));
    Ok(files)
}

fn below(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        // Links to folders are not followed: they may form a loop.
        if entry.file_type()?.is_dir() {
            below(&path, into)?;
        } else if path.is_file() && (is_article(&path) || is_site(&path) || is_page(&path)) {
            into.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn page_beyond_the_limits_of_an_article_file_is_imported_with_a_warning() {
        let mut text = "示例网站\n免费在线咨询\n干细胞是什么？\n干细胞能够自我更新。\n\n相关阅读 更多+\n".to_owned();
        for (links, warned) in [(100, false), (101, true)] {
            while text.matches("https://").count() < links {
                let n = text.len();
                let _ = writeln!(text, "资料{n} https://example.org/{n}");
            }
            let Ok(Content::Page(page)) = read(Path::new("page.txt"), text.as_bytes(), None) else { panic!("{links}") };
            assert_eq!(page.document.related.len(), links);
            assert_eq!(
                page.page.damage.iter().any(|warning| warning.message.contains("export")),
                warned,
                "{:?}",
                page.page.damage
            );
        }
    }
}
