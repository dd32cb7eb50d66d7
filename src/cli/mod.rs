//! Commands, flags, environment variables and defaults. Nothing else reads the environment.
//!
//! - `serve`: the service.
//! - `files`: import, export and check.
//! - `convert`: a captured page as an article.
//! - `keys`: API keys.
//! - `database`: the database of a command.

mod convert;
mod database;
mod files;
mod keys;
mod serve;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand};

use self::{
    convert::Convert,
    database::with_database,
    files::{Check, Export, Import},
    keys::Keys,
    serve::Serve,
};
use crate::{app, error::Error, logging, openapi};

/// A content API for long-form, sectioned health articles, Chinese first.
#[derive(Debug, Parser)]
#[command(name = "lectern", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: Settings,
}

/// Flags of all commands.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The Postgres database [default: an embedded Postgres in the data folder, started and stopped with the service]
    #[arg(long, env = "DATABASE_URL", global = true, value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Read replicas, separated by commas
    #[arg(
        long,
        env = "DATABASE_READ_URL",
        global = true,
        value_name = "URLS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    database_read_url: Vec<String>,
    /// The data folder of the embedded Postgres [default: /var/lib/lectern as root, else ~/.local/share/lectern]
    #[arg(long, env = "LECTERN_DATA_DIR", global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The log format: lines for people, or a JSON object a line
    #[arg(long, env = "LECTERN_LOG_FORMAT", global = true, value_enum, default_value = "plain")]
    log_format: logging::Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Serve(Serve),
    /// Import article files, folders of them, and captured pages
    Import(Import),
    /// Convert a captured page to an article file, without a database
    Convert(Convert),
    /// Write the published articles as files, from which import makes the same articles
    Export(Export),
    /// Check files as import would read them, without a database
    Check(Check),
    /// Create, list and revoke API keys
    #[command(subcommand)]
    Keys(Keys),
    /// Run the pending migrations of the database
    Migrate,
    /// Print the OpenAPI document as JSON
    Openapi {
        /// Compare the files under openapi/ with the code instead of printing
        #[arg(long)]
        check: bool,
        /// Write the files under openapi/ instead of printing
        #[arg(long, conflicts_with = "check")]
        write: bool,
    },
}

/// Parses the command line, runs the command, and prints its error.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // An empty variable, as compose files set it, counts as unset.
    let filter = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    let log = logging::init(cli.settings.log_format, filter.as_deref().unwrap_or("info"));
    let result = cli.command.run(&cli.settings);
    // Flushes the log before the error is printed.
    drop(log);
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lectern: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    /// Runs the command; returns `false` if it completed and found errors in its input.
    fn run(self, settings: &Settings) -> Result<bool, Error> {
        match self {
            Command::Serve(serve) => serve.run(settings),
            Command::Import(import) => import.run(settings),
            Command::Convert(convert) => convert.run(),
            Command::Export(export) => export.run(settings),
            Command::Check(check) => check.run(),
            Command::Keys(keys) => keys.run(settings),
            Command::Migrate => with_database(settings, async |_| Ok(true)),
            Command::Openapi { check, write } => write_openapi(check, write),
        }
    }
}

/// Exits with a usage error, as clap does.
fn misuse(why: &str) -> ! {
    log::logger().flush();
    Cli::command().error(clap::error::ErrorKind::ArgumentConflict, why).exit()
}

/// Writes to stdout. A closed pipe, as with `| head`, is not an error.
fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::internal("stdout cannot be written", e)),
        _ => Ok(()),
    }
}

fn write_openapi(check: bool, write: bool) -> Result<bool, Error> {
    let files = openapi::Files::of(&app::document())?;
    if !check && !write {
        print(&files.json)?;
        return Ok(true);
    }
    let mut is_current = true;
    for (name, text) in files.named() {
        let path = PathBuf::from("openapi").join(name);
        if write {
            std::fs::write(&path, text)
                .map_err(|e| Error::internal("a file cannot be written", format!("{}: {e}", path.display())))?;
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
            eprintln!("{} differs from the code: run `lectern openapi --write`", path.display());
            is_current = false;
        }
    }
    Ok(is_current)
}
