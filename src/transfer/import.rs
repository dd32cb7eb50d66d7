//! Files → drafts or published articles, with an account of what became of each.
//!
//! What must hold: a file is imported whole or not at all; a fault in one does not keep the others out; content that is
//! there already makes no revision; every line of a captured page is accounted for; memory grows with the names of the
//! files, and not with what they hold.

use std::path::{Path, PathBuf};

use super::file::{self, Captured, Content, Seen};
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

/// How many files are committed together: a commit waits for the disk, and the publishing lock is held until it.
pub const BATCH: usize = 32;

/// How to import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Publish what was imported; a draft otherwise.
    pub publish: bool,
    /// Take the site's name and call to action from captured pages.
    pub site: bool,
    /// Find out what would be done, and do nothing.
    pub dry_run: bool,
    /// The address of the one file that is imported.
    pub slug: Option<Slug>,
}

/// What became of one file.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// What was done, or all faults.
    pub result: Result<Done, Vec<Warning>>,
}

/// What was done with a file.
#[derive(Debug, Clone)]
pub enum Done {
    /// An article file was saved.
    Article {
        /// The article.
        article: Imported,
        /// What its editor should look at.
        remarks: Vec<Warning>,
    },
    /// A captured page was saved.
    Page {
        /// The article.
        article: Imported,
        /// The page: its lines, guesses and damage.
        page: Box<Page>,
        /// The lines that name an article which is not here.
        unknown_titles: Vec<u32>,
        /// Whether the site took its name or call to action.
        site_changed: bool,
    },
    /// The site and its topics were set.
    Site {
        /// Whether that changed anything.
        changed: bool,
        /// What became of the pins.
        pins: Pins,
    },
}

/// What became of the pins of the site file.
#[derive(Debug, Clone)]
pub enum Pins {
    /// They are what they were: only published articles can be pinned, so a trial and an import of drafts set none.
    Left,
    /// They are what the file says.
    Set {
        /// Whether that changed anything.
        changed: bool,
    },
    /// They are what they were, because of these faults.
    Refused(Vec<Warning>),
}

/// An article that was imported.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its address.
    pub slug: Slug,
    /// Its revision.
    pub revision: i32,
    /// What was done.
    pub outcome: Outcome,
    /// Whether the import published it.
    pub published: bool,
    /// Its sections, those below others included.
    pub sections: usize,
}

impl Done {
    /// Whether anything is other than it was before.
    #[must_use]
    pub fn changed(&self) -> bool {
        let article = |article: &Imported| article.outcome != Outcome::Unchanged || article.published;
        match self {
            Done::Article { article: one, .. } => article(one),
            Done::Page { article: one, site_changed, .. } => article(one) || *site_changed,
            Done::Site { changed, pins } => *changed || matches!(pins, Pins::Set { changed: true }),
        }
    }
}

/// Imports `files`, and calls `report` for each in order, after its commit; for the site file last, because its pins name
/// articles.
///
/// Errors: the database. The faults of a file are in its report.
pub async fn run(
    db: &Db,
    files: &[PathBuf],
    options: &Options,
    mut report: impl FnMut(FileReport) + Send,
) -> Result<(), Error> {
    let author = Author::local("import");
    let mut seen = Seen::default();
    let mut pinned = None;
    for batch in files.chunks(BATCH) {
        let read: Vec<_> = batch.iter().map(|path| (path.clone(), read(path, options, &mut seen))).collect();
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

fn read(path: &Path, options: &Options, seen: &mut Seen) -> Result<Content, Vec<Warning>> {
    let bytes = file::load(path)?;
    let content = file::read(path, &bytes, options.slug.as_ref())?;
    seen.note(path, &content)?;
    Ok(content)
}

type ReadFile = (PathBuf, Result<Content, Vec<Warning>>);

async fn import_batch(tx: &mut PublishTx, files: &[ReadFile], options: &Options) -> Result<Vec<FileReport>, Error> {
    let mut reports = Vec::with_capacity(files.len());
    for (path, content) in files {
        let result = match content {
            Err(faults) => Err(faults.clone()),
            // A fault in one file does not undo the others.
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

/// Returns the faults of a file; an error of the database stays an error.
fn faults_of(error: Error) -> Result<Vec<Warning>, Error> {
    match error {
        Error::InvalidContent(faults) => Ok(faults.into_iter().map(|fault| file::fault(fault.detail)).collect()),
        Error::Conflict(message) | Error::NotFound(message) => Ok(vec![file::fault(message)]),
        other => Err(other),
    }
}

async fn import_file(tx: &mut PublishTx, content: &Content, options: &Options) -> Result<Done, Error> {
    match content {
        Content::Article { document, remarks } => {
            let article = save(tx, document, options).await?;
            Ok(Done::Article { article, remarks: remarks.clone() })
        }
        Content::Page(captured) => import_page(tx, captured, options).await,
        Content::Site(file) => {
            let site_changed = tx.set_site(&file.site).await?;
            let topics_changed = tx.set_topics(&file.topics).await?;
            Ok(Done::Site { changed: site_changed || topics_changed, pins: Pins::Left })
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
