//! Import of files as drafts or published articles.
//!
//! Invariants: a file is imported completely or not at all; an error in one does not affect the others; unchanged
//! content makes no revision; the report has every line of a captured page; memory grows with the number of files, not
//! with their content.

use std::path::{Path, PathBuf};

use super::file::{self, Captured, Content, Targets};
use crate::{
    capture::Page,
    content::{Document, Related, Slug, Warning, outline, site::Pin},
    db::Db,
    error::Error,
    publishing::{
        Author, PublishTx,
        drafts::{self, Outcome, Precondition, Saved},
    },
};

/// The number of files in a transaction. A commit waits for the disk; until then others cannot publish.
pub const BATCH: usize = 32;

/// The options of an import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Publish the articles; else they are saved as drafts.
    pub publish: bool,
    /// Take the site's name and call to action from captured pages.
    pub site: bool,
    /// Report the effect, and change nothing.
    pub dry_run: bool,
    /// The slug of the article, for an import of one file.
    pub slug: Option<Slug>,
}

/// The result for one file.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// The effect, or all errors.
    pub result: Result<Done, Vec<Warning>>,
}

/// The effect of a file.
#[derive(Debug, Clone)]
pub enum Done {
    /// An article file was saved.
    Article {
        /// The article.
        article: Imported,
        /// The parts of the text that were changed or dropped.
        warnings: Vec<Warning>,
    },
    /// A captured page was saved.
    Page {
        /// The article.
        article: Imported,
        /// The page: its lines, guesses and damage.
        page: Box<Page>,
        /// The lines of related reading for which no article has that title.
        unknown_titles: Vec<u32>,
        /// `true` if the name or the call to action of the site changed.
        site_changed: bool,
    },
    /// The site and its topics were set.
    Site {
        /// `true` if anything changed.
        changed: bool,
        /// The result for the pins.
        pins: Pins,
    },
}

/// The result for the pins of a site file.
#[derive(Debug, Clone)]
pub enum Pins {
    /// Not set: only published articles can be pinned, so a dry run and an import of drafts set none.
    Skipped,
    /// Set.
    Set {
        /// `true` if anything changed.
        changed: bool,
    },
    /// Not set, because of errors.
    Refused(Vec<Warning>),
}

/// An article that was imported.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The slug.
    pub slug: Slug,
    /// The number of the revision.
    pub revision: i32,
    /// The effect of the save.
    pub outcome: Outcome,
    /// `true` if the import published it.
    pub published: bool,
    /// The number of sections of all levels.
    pub sections: usize,
}

impl Done {
    /// Returns whether anything changed.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        let changed = |article: &Imported| article.outcome != Outcome::Unchanged || article.published;
        match self {
            Done::Article { article, .. } => changed(article),
            Done::Page { article, site_changed, .. } => changed(article) || *site_changed,
            Done::Site { changed, pins } => *changed || matches!(pins, Pins::Set { changed: true }),
        }
    }
}

/// Imports `files`, and calls `report` for each in order, after its commit; for the site file last, because its pins name
/// articles.
///
/// Errors: the database. The errors in a file are in its report.
pub async fn run(
    db: &Db,
    files: &[PathBuf],
    options: &Options,
    mut report: impl FnMut(FileReport) + Send,
) -> Result<(), Error> {
    let author = Author::local("import");
    let mut targets = Targets::default();
    let mut pinned = None;
    for batch in files.chunks(BATCH) {
        let read: Vec<_> = batch.iter().map(|path| (path.clone(), read(path, options, &mut targets))).collect();
        let work = async |tx: &mut PublishTx| import_batch(tx, &read, options).await;
        let reports = if options.dry_run {
            PublishTx::dry_run(db, &author, work).await?
        } else {
            PublishTx::run(db, &author, work).await?.0
        };
        for (done, (_, content)) in reports.into_iter().zip(&read) {
            match (&done.result, content) {
                (Ok(Done::Site { changed, .. }), Ok(Content::Site(file))) if options.publish && !options.dry_run => {
                    pinned = Some((done.path, *changed, file.pins.clone()));
                }
                _ => report(done),
            }
        }
    }
    if let Some((path, changed, pins)) = pinned {
        let pins = set_pins(db, &author, &pins).await?;
        report(FileReport { path, result: Ok(Done::Site { changed, pins }) });
    }
    Ok(())
}

fn read(path: &Path, options: &Options, targets: &mut Targets) -> Result<Content, Vec<Warning>> {
    let bytes = file::load(path)?;
    let content = file::read(path, &bytes, options.slug.as_ref())?;
    targets.add(path, &content)?;
    Ok(content)
}

type ReadFile = (PathBuf, Result<Content, Vec<Warning>>);

async fn import_batch(tx: &mut PublishTx, files: &[ReadFile], options: &Options) -> Result<Vec<FileReport>, Error> {
    let mut reports = Vec::with_capacity(files.len());
    for (path, content) in files {
        let result = match content {
            Err(faults) => Err(faults.clone()),
            // An error in one file does not undo the others.
            Ok(content) => tx
                .savepoint(async |tx| import_file(tx, content, options).await)
                .await
                .map(Ok)
                .or_else(|error| faults_of(error).map(Err))?,
        };
        reports.push(FileReport { path: path.clone(), result });
    }
    Ok(reports)
}

/// Returns the errors in a file; a database error stays an `Err`.
fn faults_of(error: Error) -> Result<Vec<Warning>, Error> {
    match error {
        Error::InvalidContent(faults) => Ok(faults.into_iter().map(|fault| file::fault(fault.detail)).collect()),
        Error::Conflict(message) | Error::NotFound(message) => Ok(vec![file::fault(message)]),
        other => Err(other),
    }
}

async fn import_file(tx: &mut PublishTx, content: &Content, options: &Options) -> Result<Done, Error> {
    match content {
        Content::Article { document, warnings } => {
            let article = save(tx, document, options).await?;
            Ok(Done::Article { article, warnings: warnings.clone() })
        }
        Content::Page(captured) => import_page(tx, captured, options).await,
        Content::Site(file) => {
            let site_changed = tx.set_site(&file.site).await?;
            let topics_changed = tx.set_topics(&file.topics).await?;
            Ok(Done::Site { changed: site_changed || topics_changed, pins: Pins::Skipped })
        }
    }
}

async fn save(tx: &mut PublishTx, document: &Document, options: &Options) -> Result<Imported, Error> {
    let sections = outline::entries(&document.sections).len();
    let slug = document.slug.clone();
    let Saved { id, revision, outcome, .. } = tx.save_draft(document.clone(), &Precondition::Any).await?;
    let published = options.publish && tx.publish(id, revision).await?.is_some();
    Ok(Imported { slug, revision, outcome, published, sections })
}

async fn import_page(tx: &mut PublishTx, captured: &Captured, options: &Options) -> Result<Done, Error> {
    let mut document = captured.document.clone();
    let mut unknown_titles = Vec::new();
    for link in captured.titles() {
        match drafts::find_by_title(tx.connection(), &link.title).await? {
            Some(article) => document.related.push(Related::Article { article, reason: None }),
            None => unknown_titles.push(link.line),
        }
    }
    let article = save(tx, &document, options).await?;
    let (name, call_to_action) = (captured.page.site_name.as_deref(), captured.page.call_to_action.as_deref());
    let site_changed = options.site && tx.set_captured_site(name, call_to_action).await?;
    Ok(Done::Page { article, page: Box::new(captured.page.clone()), unknown_titles, site_changed })
}

async fn set_pins(db: &Db, author: &Author, pins: &[Pin]) -> Result<Pins, Error> {
    match PublishTx::run(db, author, async |tx| tx.set_pins(pins).await).await {
        Ok((changed, _)) => Ok(Pins::Set { changed }),
        Err(error) => faults_of(error).map(Pins::Refused),
    }
}
