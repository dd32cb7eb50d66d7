//! `lectern import`, `export` and `check`.

use std::{io::IsTerminal, path::PathBuf};

use clap::Args;

use super::{Settings, database::with_database, misuse, print};
use crate::{
    content::Slug,
    db::Db,
    error::Error,
    transfer::{export, file, import, report},
};

/// Flags of `import`.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Article files (.md), folders, and captured pages (plain text)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Publish the imported articles; without it they are drafts
    #[arg(long)]
    publish: bool,
    /// Take the site's name and call to action from captured pages
    #[arg(long)]
    site: bool,
    /// Report the changes without making them
    #[arg(long)]
    dry_run: bool,
    /// The slug of the article, for a single file [default: from the file]
    #[arg(long, value_name = "SLUG")]
    slug: Option<Slug>,
}

impl Import {
    /// Returns `false` if a file has errors.
    pub(super) fn run(self, settings: &Settings) -> Result<bool, Error> {
        let Import { paths, publish, site, dry_run, slug } = self;
        if slug.is_some() && (paths.len() != 1 || paths.iter().any(|path| path.is_dir())) {
            misuse("--slug needs exactly one file");
        }
        let files = list_files(&paths)?;
        let options = import::Options { publish, site, dry_run, slug };
        with_database(settings, async |database| import_files(database, &files, &options).await)
    }
}

/// Flags of `export`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The folder to write to; created if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Export {
    pub(super) fn run(self, settings: &Settings) -> Result<bool, Error> {
        with_database(settings, async |database| {
            let exported = export::run(&Db::for_command(database)?, &self.folder).await?;
            print(&report::exported(exported, &self.folder))?;
            Ok(true)
        })
    }
}

/// Flags of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Article files, folders, and captured pages
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Check {
    /// Returns `false` if a file has errors.
    pub(super) fn run(self) -> Result<bool, Error> {
        check(&list_files(&self.paths)?)
    }
}

fn list_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let files = file::list(paths).map_err(|e| Error::internal("a path cannot be read", e))?;
    if files.is_empty() {
        return Err(Error::internal(
            "nothing to read",
            "the folders have no article file (.md) and no captured page (.txt)",
        ));
    }
    Ok(files)
}

async fn import_files(database: &str, files: &[PathBuf], options: &import::Options) -> Result<bool, Error> {
    let db = Db::for_command(database)?;
    let mut progress = Progress { done: 0, total: files.len(), is_shown: std::io::stderr().is_terminal() };
    let mut summary = report::Summary::new(options.dry_run);
    let mut printed = Ok(());
    let work = import::run(&db, files, options, |done| {
        progress.clear();
        let report = print(&summary.file(&done));
        if printed.is_ok() {
            printed = report;
        }
        progress.advance();
    });
    // The running transaction is rolled back, and the embedded Postgres stopped, as at any end.
    tokio::select! {
        result = work => result?,
        () = interrupted() => return Err(Error::Internal("interrupted; the reported files are imported".into())),
    }
    progress.clear();
    printed?;
    print(&summary.end())?;
    Ok(summary.failed() == 0)
}

/// A counter on the last line of a terminal.
struct Progress {
    done: usize,
    total: usize,
    is_shown: bool,
}

impl Progress {
    fn advance(&mut self) {
        self.done += 1;
        if self.is_shown {
            eprint!("{} of {} files", self.done, self.total);
        }
    }

    /// Erases the line, so that other output does not mix with it.
    fn clear(&self) {
        if self.is_shown {
            eprint!("\r\x1b[K");
        }
    }
}

fn check(files: &[PathBuf]) -> Result<bool, Error> {
    let mut summary = report::Check::default();
    for path in files {
        let content = file::load(path).and_then(|bytes| file::read(path, &bytes, None));
        print(&summary.file(path, &content))?;
    }
    print(&summary.end())?;
    Ok(summary.failed() == 0)
}

/// Waits for a signal that ends the command.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => _ = signal.recv().await,
        // Without a handler the signal ends the process itself.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}
