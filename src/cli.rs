//! Commands, flags, their variables and defaults, in one declaration. Nothing else reads the environment.

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
    net::TcpListener,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Args, CommandFactory, Parser, Subcommand};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use indicatif::ProgressBar;

use crate::{
    content::Slug,
    db::{self, Db, migrate, private::PrivatePostgres},
    error::Error,
    http::{cache::entry::Lifetimes, client::TrustedProxies, limit::Limit, tls},
    logging, openapi, server,
    transfer::{export, file, import, library, report},
};

/// A content API for long-form, sectioned health articles, Chinese first.
#[derive(Debug, Parser)]
#[command(name = "lectern", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: Settings,
}

/// Where the data is.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The Postgres to use [default: a private one in the data folder, started and stopped with the service]
    #[arg(long, env = "DATABASE_URL", global = true, value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Replicas for reads, separated by commas
    #[arg(
        long,
        env = "DATABASE_READ_URL",
        global = true,
        value_name = "URLS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    database_read_url: Vec<String>,
    /// The folder of the private Postgres [default: /var/lib/lectern as root, else ~/.local/share/lectern]
    #[arg(long, env = "LECTERN_DATA_DIR", global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The form of the log: lines for people, or a JSON object a line
    #[arg(long, env = "LECTERN_LOG_FORMAT", global = true, value_enum, default_value = "plain")]
    log_format: logging::Form,
}

/// How answers are kept and delivered.
#[derive(Debug, Clone, Args)]
struct Delivery {
    /// The most memory for finished answers, in MiB; 0 keeps none
    #[arg(long, env = "LECTERN_CACHE_MB", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    cache_mb: u32,
    /// For how many seconds other caches may take an answer for fresh
    #[arg(long, env = "LECTERN_MAX_AGE", value_name = "SECONDS", default_value_t = 60)]
    max_age: u32,
    /// For how many seconds past that they may answer with it while they fetch a newer one
    #[arg(long, env = "LECTERN_STALE_WHILE_REVALIDATE", value_name = "SECONDS", default_value_t = 600)]
    stale_while_revalidate: u32,
    /// For how many seconds past that they may answer with it while the service is slow or gone; for as long the service
    /// itself answers from memory while its database is gone
    #[arg(long, env = "LECTERN_STALE_IF_ERROR", value_name = "SECONDS", default_value_t = 86_400)]
    stale_if_error: u32,
}

/// Who asks, and who watches.
#[derive(Debug, Clone, Args)]
struct Clients {
    /// How many requests a client may send in how many seconds, or `off` [default: 1200/60, and as many as it likes from
    /// loopback]
    #[arg(long, env = "LECTERN_RATE_LIMIT", value_name = "REQUESTS/SECONDS")]
    rate_limit: Option<Limit>,
    /// Addresses and networks whose word is taken for who the client is, separated by commas
    #[arg(
        long,
        env = "LECTERN_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    trusted_proxies: TrustedProxies,
    /// An address of its own for `/metrics` [default: beside everything else]
    #[arg(long, env = "LECTERN_METRICS_LISTEN", value_name = "ADDRESS", value_parser = address)]
    metrics_listen: Option<String>,
}

/// How the service proves who it is.
#[derive(Debug, Clone, Args)]
struct Identity {
    /// A certificate and those that it leans on, in PEM; with it the service speaks HTTPS, HTTP/2 included [default: none]
    #[arg(long, env = "LECTERN_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<OsString>,
    /// The private key of the certificate, in PEM and not encrypted [default: none]
    #[arg(long, env = "LECTERN_TLS_KEY", value_name = "FILE")]
    tls_key: Option<OsString>,
}

impl Identity {
    /// What the files say; `None` for plain HTTP.
    fn read(&self) -> Result<Option<rustls::ServerConfig>, Error> {
        // A variable that is set to nothing is not set; clap's `requires` would count it.
        let given = |file: &Option<OsString>| file.as_ref().filter(|file| !file.is_empty()).map(PathBuf::from);
        match (given(&self.tls_cert), given(&self.tls_key)) {
            (Some(certificate), Some(key)) => tls::read(&certificate, &key).map(Some),
            (None, None) => Ok(None),
            (Some(_), None) => misuse("--tls-cert needs --tls-key"),
            (None, Some(_)) => misuse("--tls-key needs --tls-cert"),
        }
    }
}

impl Delivery {
    fn settings(&self, workers: Option<u16>, clients: &Clients) -> server::Settings {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        server::Settings {
            workers: workers.map(usize::from),
            signals: true,
            cache_bytes: self.cache_mb as usize * 1024 * 1024,
            lifetimes: Lifetimes {
                max_age: seconds(self.max_age),
                stale_while_revalidate: seconds(self.stale_while_revalidate),
                stale_if_error: seconds(self.stale_if_error),
            },
            rate_limit: clients.rate_limit.unwrap_or_default(),
            trusted_proxies: clients.trusted_proxies.clone(),
            tls: None,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Serve {
        /// The address to listen on; port 0 takes a free one
        #[arg(long, env = "LECTERN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
        listen: String,
        /// How many threads answer requests [default: one a core]
        #[arg(long, env = "LECTERN_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
        workers: Option<u16>,
        #[command(flatten)]
        delivery: Delivery,
        #[command(flatten)]
        clients: Clients,
        #[command(flatten)]
        identity: Identity,
    },
    /// Bring article files, folders of them, and captured pages in
    Import {
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
    },
    /// Write the published articles as files that import turns into the same articles
    Export {
        /// The folder to write to; made if it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Read files as import would, and tell their faults, without a database
    Check {
        /// Article files, folders, and captured pages
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Bring the database up to date
    Migrate,
    /// Print the OpenAPI document as JSON
    Openapi {
        /// Compare the files under openapi/ with the code, and print nothing
        #[arg(long)]
        check: bool,
        /// Write the files under openapi/
        #[arg(long, conflicts_with = "check")]
        write: bool,
    },
}

/// Parses the command line, runs the command, and prints its error.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let log = logging::init(cli.settings.log_format);
    let result = cli.command.run(&cli.settings);
    // What was logged comes before what ends it.
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
    /// Runs the command; `false` where it did what it should and found fault.
    fn run(self, settings: &Settings) -> Result<bool, Error> {
        match self {
            Command::Serve { listen, workers, delivery, clients, identity } => {
                let started = server::Settings { tls: identity.read()?, ..delivery.settings(workers, &clients) };
                let metrics = clients.metrics_listen.as_deref();
                with_database(settings, async |database| serve(database, settings, (&listen, metrics), &started).await)
            }
            Command::Import { paths, publish, site, dry_run, slug } => {
                if slug.is_some() && (paths.len() != 1 || paths.iter().any(|path| path.is_dir())) {
                    misuse("--slug goes with one file");
                }
                let files = listed(&paths)?;
                let options = import::Options { publish, site, dry_run, slug };
                with_database(settings, async |database| import_files(database, &files, &options).await)
            }
            Command::Export { folder } => with_database(settings, async |database| {
                let exported = export::run(&mut AsyncPgConnection::establish(database).await?, &folder).await?;
                print(&report::exported(exported, &folder));
                Ok(true)
            }),
            Command::Check { paths } => Ok(check(&listed(&paths)?)),
            Command::Migrate => with_database(settings, async |_| Ok(true)),
            Command::Openapi { check, write } => describe(check, write),
        }
    }
}

/// Ends with what clap says of a misuse, and its code.
fn misuse(why: &str) -> ! {
    log::logger().flush();
    Cli::command().error(clap::error::ErrorKind::ArgumentConflict, why).exit()
}

/// An address to listen on: a host and a port.
fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').and_then(|(host, port)| port.parse::<u16>().ok().filter(|_| !host.is_empty()));
    port.map(|_| text.to_owned()).ok_or_else(|| "expected a host and a port, such as 127.0.0.1:8080".to_owned())
}

/// Writes to stdout; a reader that went away, as `| head` does, is no error.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Runs `work` with the URL of a database that is up to date, on a runtime of its own.
fn with_database(settings: &Settings, work: impl AsyncFnOnce(&str) -> Result<bool, Error>) -> Result<bool, Error> {
    let unusable = |e: db::private::PrivateError| Error::internal("the private Postgres", e);
    // A variable that is set to nothing, as compose files do, is not set.
    let given = settings.database_url.clone().filter(|url| !url.is_empty());
    let private = if given.is_some() {
        None
    } else {
        let folder = settings.data_dir.clone().map_or_else(db::private::default_data_dir, Ok).map_err(unusable)?;
        log::info!("using the private Postgres in {}", folder.display());
        Some(Arc::new(PrivatePostgres::start(&folder).map_err(unusable)?))
    };
    let url = given.or_else(|| private.as_ref().map(|private| private.url())).unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Error::internal("the runtime cannot start", e))?;
    let result = runtime.block_on(async {
        for version in migrate::run(&url).await? {
            log::info!("migrated the database to {version}");
        }
        if let Some(private) = &private {
            tokio::spawn(keep_running(Arc::clone(private)));
        }
        work(&url).await
    });
    // Ends the watch, and waits for what it is doing.
    drop(runtime);
    if let Some(private) = private.and_then(Arc::into_inner) {
        private.stop().map_err(unusable)?;
    }
    result
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

/// Starts the private Postgres again whenever it died.
async fn keep_running(private: Arc<PrivatePostgres>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let watched = Arc::clone(&private);
        match tokio::task::spawn_blocking(move || watched.ensure_running()).await {
            Ok(Ok(true)) => log::warn!("the private Postgres had died, and was started again"),
            Ok(Ok(false)) => {}
            Ok(Err(e)) => log::error!("the private Postgres died and cannot be started: {e}"),
            Err(_) => return,
        }
    }
}

async fn serve(
    database: &str,
    settings: &Settings,
    (listen, metrics): (&str, Option<&str>),
    started: &server::Settings,
) -> Result<bool, Error> {
    let mut connection = AsyncPgConnection::establish(database).await?;
    let loaded = library::load(&mut connection).await?;
    if loaded > 0 {
        log::info!("published the bundled library: {loaded} articles");
    }
    let rebuilt = crate::publishing::publish::rebuild(&mut connection).await?;
    if rebuilt > 0 {
        log::info!("rendered {rebuilt} articles anew");
    }
    drop(connection);

    let bind = |listen: &str| {
        let unusable = |e: std::io::Error| Error::internal("the service cannot listen", format!("{listen}: {e}"));
        let listener = TcpListener::bind(listen).map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        Ok::<_, Error>((listener, address))
    };
    let (listener, address) = bind(listen)?;
    let (metrics, metrics_address) = metrics.map(bind).transpose()?.unzip();
    let replicas = settings.database_read_url.iter().filter(|url| !url.is_empty()).cloned().collect();
    let db = Db::new(&db::Settings { url: database.to_owned(), replicas, connections: db::CONNECTIONS })?;
    let running = server::start(listener, metrics, &db, started)?;
    running.followed(Duration::from_secs(1)).await;
    // What was logged before comes before.
    log::logger().flush();
    let base = format!("{}://{address}", if started.tls.is_some() { "https" } else { "http" });
    eprintln!("listening on {base}");
    eprintln!("  reader   {base}/");
    eprintln!("  docs     {base}/docs");
    if let Some(address) = metrics_address {
        eprintln!("  metrics  http://{address}/metrics");
    }
    eprintln!("  article  {base}/v1/articles/{}", library::FIRST_ARTICLE);
    running.ended().await?;
    Ok(true)
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
    let mut connection = AsyncPgConnection::establish(database).await?;
    let bar =
        if std::io::stderr().is_terminal() { ProgressBar::new(files.len() as u64) } else { ProgressBar::hidden() };
    let mut summary = report::Summary::new(options.dry_run);
    let work = import::run(&mut connection, files, options, |done| {
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

fn describe(check: bool, write: bool) -> Result<bool, Error> {
    let files = openapi::Files::of(&openapi::document())?;
    if !check && !write {
        print(&files.json);
        return Ok(true);
    }
    let mut same = true;
    for (name, text) in files.named() {
        let path = PathBuf::from("openapi").join(name);
        if write {
            std::fs::write(&path, text)
                .map_err(|e| Error::internal("the file cannot be written", format!("{}: {e}", path.display())))?;
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
            eprintln!("{} is not what the code says: run `lectern openapi --write`", path.display());
            same = false;
        }
    }
    Ok(same)
}
