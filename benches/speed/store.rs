//! The databases of a run: a Postgres of its own, and a library of a given size in each database.

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
        embedded::{Options, PrivatePostgres},
        migrate,
    },
    transfer::library,
};
use tokio::runtime::Runtime;

use crate::{Failure, settings::SLUGS};

const CLONES: &str = include_str!("clones.sql");

/// A Postgres without durability, which is not what is measured: only reads and small writes are.
pub struct Store {
    /// What talks to it. Everything else here waits for one thing at a time.
    runtime: Runtime,
    server: PrivatePostgres,
    folder: PathBuf,
}

/// A library in a database of its own.
#[derive(Clone)]
pub struct Library {
    pub url: String,
    pub articles: u64,
    /// The slugs to walk through, spread over the whole of it.
    pub slugs: Vec<String>,
    /// The clones among them are `article-n` for every n of `1, 1 + step, …`, this many.
    pub clones: u64,
    pub step: u64,
}

#[derive(QueryableByName)]
struct Slug {
    #[diesel(sql_type = Text)]
    slug: String,
}

impl Store {
    /// Starts it in `folder`, on the core that this process is on. What is in it is there the next time if it is to be kept.
    pub fn start(folder: &Path, keep: bool) -> Result<Store, Failure> {
        let folder = folder.join("postgres");
        let server = PrivatePostgres::start_with(&folder, Options { durable: false })?;
        // Should this process be ended before it can stop the server: this child waits for the end of its input, which comes
        // with our end however that is, and then stops the server.
        let wait = r#"cat; kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")" && sleep 1; [ "$1" ] || rm -rf "$0""#;
        let mut child = Command::new("sh");
        child
            .args(["-c", wait])
            .arg(&folder)
            .arg(if keep { "keep" } else { "" })
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Box::leak(Box::new(child.process_group(0).spawn()?));
        // Migrations need a runtime with threads.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Store { runtime, server, folder })
    }

    /// Where a database is.
    pub fn url(&self, database: &str) -> Result<String, Failure> {
        let url = self.server.url();
        let stem = url.strip_suffix("/lectern").ok_or("the address of the private Postgres has another form")?;
        Ok(format!("{stem}/{database}"))
    }

    /// Waits for `work`.
    pub fn wait<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.runtime.block_on(work)
    }

    /// A new database with `articles` published articles.
    pub fn library(&self, articles: u64) -> Result<Library, Failure> {
        self.wait(self.load(articles))
    }

    async fn load(&self, articles: u64) -> Result<Library, Failure> {
        let name = format!("articles_{articles}");
        let mut admin = AsyncPgConnection::establish(&self.url("postgres")?).await?;
        admin.batch_execute(&format!("create database {name}")).await?;
        let url = self.url(&name)?;
        migrate::run(&url).await?;
        let bundled = library::load(&Db::for_command(&url)?).await? as u64;
        let mut connection = AsyncPgConnection::establish(&url).await?;
        connection.batch_execute(&format!("set bench.articles = {articles}")).await?;
        connection.transaction(async |connection| connection.batch_execute(CLONES).await).await?;
        // Now, so that it does not come in the middle of a measurement; not in a transaction.
        connection.batch_execute("vacuum analyze").await?;
        connection.batch_execute("checkpoint").await?;

        let clones = (SLUGS - bundled).min(articles - bundled);
        let step = (articles - bundled) / clones;
        let originals = sql_query("select slug from articles where slug !~ '^article-[0-9]+$' order by slug");
        let originals: Vec<Slug> = originals.load(&mut connection).await?;
        let mut slugs: Vec<String> = (0..clones).map(|place| format!("article-{}", 1 + place * step)).collect();
        slugs.extend(originals.into_iter().map(|row| row.slug));
        Ok(Library { url, articles, slugs, clones, step })
    }

    /// A program that comes with the server, or one of that name on `PATH`.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let server = fs::read_link(format!("/proc/{}/exe", self.pid()?)).ok()?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = server.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
        folders.map(|folder| folder.join(name)).find(|program| program.is_file())
    }

    /// The process of the server, which all its others come from.
    pub fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        pid.lines().next()?.trim().parse().ok()
    }

    /// What the server says of its version.
    pub fn version(&self) -> Result<String, Failure> {
        let query = "select current_setting('server_version') as slug";
        Ok(self.slugs(&self.url("postgres")?, query)?.concat())
    }

    /// The slugs of all articles.
    pub fn all_slugs(&self, library: &Library) -> Result<Vec<String>, Failure> {
        self.slugs(&library.url, "select slug from articles order by slug")
    }

    fn slugs(&self, url: &str, query: &str) -> Result<Vec<String>, Failure> {
        self.wait(async {
            let rows: Vec<Slug> = sql_query(query).load(&mut AsyncPgConnection::establish(url).await?).await?;
            Ok(rows.into_iter().map(|row| row.slug).collect())
        })
    }
}
