//! `lectern import`, `export` and `check`: whole libraries in and out.

use std::{io::IsTerminal, path::PathBuf};

use clap::Args;
use indicatif::ProgressBar;

use super::{Settings, database::with_database, misuse, print};
use crate::{
    content::Slug,
    db::Db,
    error::Error,
    transfer::{export, file, import, report},
};

/// What to bring in, and how.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Article files (.md), folders, and captured pages (plain text)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Publish what is imported; drafts otherwise
    #[arg(long)]
    publish: bool,
    /// Take the site's name and call to action from captured pages
    #[arg(long)]
    site: bool,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The address of the one file that is imported [default: from the file]
    #[arg(long, value_name = "SLUG")]
    slug: Option<Slug>,
}

impl Import {
    /// `false` where a file has faults.
    pub(super) fn run(self, settings: &Settings) -> Result<bool, Error> {
        let Import { paths, publish, site, dry_run, slug } = self;
        if slug.is_some() && (paths.len() != 1 || paths.iter().any(|path| path.is_dir())) {
            misuse("--slug goes with one file");
        }
        let files = listed(&paths)?;
        let options = import::Options { publish, site, dry_run, slug };
        with_database(settings, async |database| import_files(database, &files, &options).await)
    }
}

/// Where to write to.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The folder to write to; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Export {
    pub(super) fn run(self, settings: &Settings) -> Result<bool, Error> {
        with_database(settings, async |database| {
            let exported = export::run(&Db::for_command(database)?, &self.folder).await?;
            print(&report::exported(exported, &self.folder));
            Ok(true)
        })
    }
}

/// What to read.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Article files, folders, and captured pages
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Check {
    /// `false` where a file has faults.
    pub(super) fn run(self) -> Result<bool, Error> {
        Ok(check(&listed(&self.paths)?))
    }
}

fn listed(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let files = file::list(paths).map_err(|e| Error::internal("a path cannot be read", e))?;
    if files.is_empty() {
        return Err(Error::internal(
            "nothing to read",
            "the folders hold no article file (.md) and no captured page (.txt)",
        ));
    }
    Ok(files)
}

async fn import_files(database: &str, files: &[PathBuf], options: &import::Options) -> Result<bool, Error> {
    let db = Db::for_command(database)?;
    let bar =
        if std::io::stderr().is_terminal() { ProgressBar::new(files.len() as u64) } else { ProgressBar::hidden() };
    let mut summary = report::Summary::new(options.dry_run);
    let work = import::run(&db, files, options, |done| {
        bar.inc(1);
        let text = summary.file(&done);
        bar.suspend(|| print(&text));
    });
    // What is under way is rolled back, and the private Postgres stopped, as at any end.
    tokio::select! {
        result = work => result?,
        () = interrupted() => return Err(Error::Internal("interrupted; what was reported is done".into())),
    }
    bar.finish_and_clear();
    print(&summary.end());
    Ok(summary.failed() == 0)
}

fn check(files: &[PathBuf]) -> bool {
    let mut summary = report::Check::default();
    for path in files {
        let content = file::load(path).and_then(|bytes| file::read(path, &bytes, None));
        print(&summary.file(path, &content));
    }
    print(&summary.end());
    summary.failed() == 0
}

/// Ends when somebody wants the command to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => _ = signal.recv().await,
        // Without a handler the signal ends the process by itself.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}
