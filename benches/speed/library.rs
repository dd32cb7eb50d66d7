//! The Postgres of a run, with a library of a given size in each database.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use diesel::{QueryableByName, sql_query, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use lectern::{
    db::{
        Db,
        embedded::{EmbeddedPostgres, Options},
        migrate,
    },
    transfer::library,
};
use tokio::runtime::Runtime;

use crate::{Failure, machine::find_program, settings::SLUGS};

/// A Postgres without durability, which no measured work depends on.
pub struct Store {
    runtime: Runtime,
    server: EmbeddedPostgres,
    folder: PathBuf,
}

/// A library in a database of its own.
pub struct Library {
    pub url: String,
    pub articles: u64,
    /// The slugs to request, spread over all articles.
    pub slugs: Vec<String>,
    /// The number of clones among them, which are `article-n` for n = 1, 1 + step, ….
    pub clones: u64,
    pub step: u64,
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Returns the rows of a query with one text column named `value`.
pub async fn texts(connection: &mut AsyncPgConnection, query: &str) -> Result<Vec<String>, Failure> {
    let rows: Vec<Value> = sql_query(query).load(connection).await?;
    Ok(rows.into_iter().map(|row| row.value).collect())
}

impl Store {
    /// Starts Postgres in `folder`, on this process's core. The data is deleted at the end unless `is_kept`.
    pub fn start(folder: &Path, is_kept: bool) -> Result<Store, Failure> {
        let folder = folder.join("postgres");
        let server = EmbeddedPostgres::start_with(&folder, Options { durable: false })?;
        // The child's input ends with this process, even if that is killed; then the child stops the server.
        let wait =
            r#"cat; kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")" && sleep 1; [ "$1" = true ] || rm -rf "$0""#;
        let mut child = Command::new("sh");
        child.args(["-c", wait]).arg(&folder).arg(is_kept.to_string());
        child.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Box::leak(Box::new(child.process_group(0).spawn()?));
        // Migrations need a multi-threaded runtime.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Store { runtime, server, folder })
    }

    /// Returns the address of a database.
    pub fn url(&self, database: &str) -> Result<String, Failure> {
        let url = self.server.url();
        let server = url.strip_suffix("/lectern").ok_or("the address of the embedded Postgres has an unknown form")?;
        Ok(format!("{server}/{database}"))
    }

    pub fn block_on<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.runtime.block_on(work)
    }

    /// Creates a database with `articles` published articles.
    pub fn library(&self, articles: u64) -> Result<Library, Failure> {
        eprintln!("loading {articles} articles");
        self.block_on(self.load(articles))
    }

    async fn load(&self, articles: u64) -> Result<Library, Failure> {
        let name = format!("articles_{articles}");
        let mut admin = AsyncPgConnection::establish(&self.url("postgres")?).await?;
        admin.batch_execute(&format!("create database {name}")).await?;
        let url = self.url(&name)?;
        migrate::run(&url).await?;
        let mut connection = AsyncPgConnection::establish(&url).await?;
        let bundled = library::load(&Db::for_command(&url)?).await? as u64;
        connection.batch_execute(&format!("set bench.articles = {articles}")).await?;
        let clone = include_str!("clones.sql");
        connection.transaction(async |connection| connection.batch_execute(clone).await).await?;
        clean(&mut connection).await?;

        let clones = (SLUGS - bundled).min(articles - bundled);
        let step = (articles - bundled) / clones;
        let mut slugs: Vec<String> = (0..clones).map(|n| format!("article-{}", 1 + n * step)).collect();
        let originals = "select slug as value from articles where slug !~ '^article-[0-9]+$' order by slug";
        slugs.extend(texts(&mut connection, originals).await?);
        Ok(Library { url, articles, slugs, clones, step })
    }

    /// Returns a program of the server's installation, or one of that name on `PATH`.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let server = fs::read_link(format!("/proc/{}/exe", self.pid()?)).ok()?;
        Some(server.with_file_name(name)).filter(|program| program.is_file()).or_else(|| find_program(name))
    }

    /// Returns the postmaster's process id.
    pub fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        pid.lines().next()?.trim().parse().ok()
    }

    pub fn version(&self) -> Result<String, Failure> {
        self.query(&self.url("postgres")?, "select current_setting('server_version') as value")
            .map(|rows| rows.concat())
    }

    /// Runs a query with one text column named `value`.
    pub fn query(&self, url: &str, query: &str) -> Result<Vec<String>, Failure> {
        self.block_on(async { texts(&mut AsyncPgConnection::establish(url).await?, query).await })
    }
}

/// Does what Postgres would otherwise do during a measurement.
pub async fn clean(connection: &mut AsyncPgConnection) -> Result<(), Failure> {
    // Two statements, because a batch is a transaction and vacuum must not run in one.
    connection.batch_execute("vacuum analyze").await?;
    Ok(connection.batch_execute("checkpoint").await?)
}
