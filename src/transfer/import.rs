//! Files → drafts or published articles, with an account of what became of each.
//!
//! What must hold: a file is imported whole or not at all; a fault in one does not keep the others out; content that is
//! there already makes no revision; every line of a captured page is accounted for; memory grows with the names of the
//! files, and not with what they hold.

use std::path::{Path, PathBuf};

use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::file::{self, Captured, Content, Seen, SiteFile};
use crate::{
    capture::LineUse,
    content::{Document, Related, Slug, Warning, site::Pin},
    error::Error,
    publishing::{
        Author, all_or_none,
        draft::{self, Outcome, Precondition, Saved},
        hold, publish, site,
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
        /// The encoding that it was read in.
        encoding: String,
        /// What became of every line that is not blank; titles under 相关阅读 that are no article of ours included.
        lines: Vec<LineUse>,
        /// The lines among them that name an article which is not here.
        unknown_titles: Vec<u32>,
        /// Places that look damaged.
        damage: Vec<Warning>,
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

/// Imports `files`, and tells of each what became of it, in order, once it is certain; of the site file last, because its
/// pins name articles.
///
/// Errors: the database. What a file does wrong is in its report.
pub async fn run(
    connection: &mut AsyncPgConnection,
    files: &[PathBuf],
    options: &Options,
    mut told: impl FnMut(FileReport) + Send,
) -> Result<(), Error> {
    let mut seen = Seen::default();
    let mut pinned = None;
    for batch in files.chunks(BATCH) {
        let read: Vec<_> = batch.iter().map(|path| (path.clone(), read(path, options, &mut seen))).collect();
        let reports =
            all_or_none(connection, options.dry_run, async |connection| batch_in(connection, &read, options).await)
                .await?;
        for (report, (_, content)) in reports.into_iter().zip(&read) {
            match (&report.result, content) {
                (Ok(Done::Site { changed, .. }), Ok(Content::Site(file))) if options.publish && !options.dry_run => {
                    pinned = Some((report.path, *changed, file.pins.clone()));
                }
                _ => told(report),
            }
        }
    }
    if let Some((path, changed, pins)) = pinned {
        let pins = pins_in(connection, &pins).await?;
        let result = Ok(Done::Site { changed, pins });
        told(FileReport { path, result });
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

async fn batch_in(
    connection: &mut AsyncPgConnection,
    files: &[ReadFile],
    options: &Options,
) -> Result<Vec<FileReport>, Error> {
    // Rows are locked in the order of the files, which another import may have the other way round.
    hold(connection).await?;
    let mut reports = Vec::with_capacity(files.len());
    for (path, content) in files {
        let result = match content {
            Err(faults) => Err(faults.clone()),
            // A transaction inside the batch's: what fails leaves no trace of this file, and none on the others.
            Ok(content) => connection
                .transaction(async |connection| one(connection, content, options).await)
                .await
                .map(Ok)
                .or_else(|error| faults_of(error).map(Err))?,
        };
        reports.push(FileReport { path: path.clone(), result });
    }
    Ok(reports)
}

/// What the file does wrong, as opposed to what goes wrong with the database.
fn faults_of(error: Error) -> Result<Vec<Warning>, Error> {
    match error {
        Error::InvalidContent(faults) => Ok(faults.into_iter().map(|fault| file::fault(fault.detail)).collect()),
        Error::Conflict(message) | Error::NotFound(message) => Ok(vec![file::fault(message)]),
        other => Err(other),
    }
}

async fn one(connection: &mut AsyncPgConnection, content: &Content, options: &Options) -> Result<Done, Error> {
    match content {
        Content::Article { document, remarks } => {
            let article = save(connection, document, options).await?;
            Ok(Done::Article { article, remarks: remarks.clone() })
        }
        Content::Page(captured) => page(connection, captured, options).await,
        Content::Site(file) => site_in(connection, file).await,
    }
}

async fn save(connection: &mut AsyncPgConnection, document: &Document, options: &Options) -> Result<Imported, Error> {
    let sections = crate::content::outline::entries(&document.sections).len();
    let slug = document.slug.clone();
    let Saved { id, revision, outcome, .. } =
        draft::save(connection, document.clone(), &author(), &Precondition::Whatever).await?;
    let published = options.publish && publish::publish(connection, id, revision, &author()).await?.is_some();
    Ok(Imported { slug, revision, outcome, published, sections })
}

async fn page(connection: &mut AsyncPgConnection, captured: &Captured, options: &Options) -> Result<Done, Error> {
    let mut document = captured.document.clone();
    let mut unknown_titles = Vec::new();
    for link in &captured.titles {
        match draft::titled(connection, &link.title).await? {
            Some(article) => document.related.push(Related::Article { article, reason: None }),
            None => unknown_titles.push(link.line),
        }
    }
    let article = save(connection, &document, options).await?;
    let site_changed = options.site
        && site::put_captured(connection, captured.site_name.as_deref(), captured.call_to_action.as_deref(), &author())
            .await?;
    Ok(Done::Page {
        article,
        encoding: captured.encoding.clone(),
        lines: captured.lines.clone(),
        unknown_titles,
        damage: captured.damage.clone(),
        site_changed,
    })
}

async fn site_in(connection: &mut AsyncPgConnection, file: &SiteFile) -> Result<Done, Error> {
    let site_changed = site::put_site(connection, &file.site, &author()).await?;
    let topics_changed = site::put_topics(connection, &file.topics, &author()).await?;
    Ok(Done::Site { changed: site_changed || topics_changed, pins: Pins::Left })
}

async fn pins_in(connection: &mut AsyncPgConnection, pins: &[Pin]) -> Result<Pins, Error> {
    match connection.transaction(async |connection| site::put_pins(connection, pins, &author()).await).await {
        Ok(changed) => Ok(Pins::Set { changed }),
        Err(error) => faults_of(error).map(Pins::Refused),
    }
}

/// Who imports, for the history and the audit.
fn author() -> Author {
    Author::local("import")
}
