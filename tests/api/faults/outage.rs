//! A database that is stopped, frozen, or too busy to answer.

use std::{
    fs,
    io::Read,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lectern::db::{
    Db,
    embedded::{EmbeddedPostgres, Options},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Locked, PROMPT_LIMIT, cache_result, number, until};
use crate::harness::{App, article, publish, scratch};

/// A Postgres that only this test uses.
struct Own {
    folder: PathBuf,
    server: Option<EmbeddedPostgres>,
}

impl Own {
    async fn start(name: &str) -> Own {
        let mut own = Own { folder: scratch(name), server: None };
        own.begin().await;
        lectern::db::migrate::run(&own.url()).await.unwrap();
        own
    }

    async fn begin(&mut self) {
        let folder = self.folder.clone();
        let start = move || EmbeddedPostgres::start_with(&folder, Options { durable: false }).unwrap();
        self.server = Some(tokio::task::spawn_blocking(start).await.unwrap());
    }

    async fn stop(&mut self) {
        let server = self.server.take().unwrap();
        tokio::task::spawn_blocking(move || server.stop().unwrap()).await.unwrap();
    }

    /// Runs `work` on the same data with a socket in another folder, which the service does not know.
    async fn elsewhere(&mut self, work: impl AsyncFnOnce(&str)) {
        let (here, there) = (self.folder.clone(), self.folder.with_extension("elsewhere"));
        fs::rename(&here, &there).unwrap();
        self.folder = there;
        self.begin().await;
        work(&self.url()).await;
        self.stop().await;
        fs::rename(&self.folder, &here).unwrap();
        self.folder = here;
    }

    fn url(&self) -> String {
        self.server.as_ref().unwrap().url()
    }

    /// Stops all its processes with SIGSTOP.
    fn freeze(&self) -> Frozen {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let postmaster = file.lines().next().unwrap().trim().parse().unwrap();
        let mut frozen = Frozen(Vec::new());
        // The postmaster first, because it starts the others.
        frozen.add(postmaster);
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // The parent is the second field after the name, which is in brackets (proc(5)).
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse::<i32>().ok());
            if parent == Some(postmaster) {
                frozen.add(pid);
            }
        }
        assert!(frozen.0.len() > 4, "a server is several processes: {:?}", frozen.0);
        frozen
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.server = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Stopped processes; they continue on drop.
struct Frozen(Vec<Pid>);

impl Frozen {
    fn add(&mut self, pid: i32) {
        // It may have ended meanwhile.
        if kill(Pid::from_raw(pid), Signal::SIGSTOP).is_ok() {
            self.0.push(Pid::from_raw(pid));
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            let _ = kill(*pid, Signal::SIGCONT);
        }
    }
}

const REVISED: &str = "## 甲\n\n新的一段。";

/// Paths that need the database and are not cached.
const UNCACHED: [&str; 5] = ["/v1/articles", "/v1/topics", "/v1/articles/b", "/health/ready", "/"];

/// While Postgres is stopped, cached responses are served stale and the rest gets 503 at once; afterwards the service
/// recovers by itself and applies the changes that it missed.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_database_leaves_stale_responses_and_503_until_it_returns() {
    let mut postgres = Own::start("stopped").await;
    let app = App::on(postgres.url());
    app.publish(&article("a", "", "## 甲\n\n一段。")).await;
    app.catch_up().await;
    assert_eq!(app.revision("a").await, (1, "miss".to_owned()));
    assert_eq!(app.revision("a").await, (1, "hit".to_owned()));
    assert_eq!(app.get_now("/v1/articles/nothing").await.status, 404);
    assert_eq!(app.get_now("/health/ready").await.status, 200);
    let anew = app.cache.counts().resets;

    postgres.stop().await;
    for _ in 0..3 {
        assert_eq!(app.revision("a").await, (1, "stale".to_owned()));
    }
    assert_eq!(app.get_now("/v1/articles/nothing").await.status, 404, "a refusal is an answer, too");
    for path in UNCACHED {
        app.assert_unavailable(path).await;
    }
    assert_eq!(app.get_now("/health/live").await.status, 200);
    assert_eq!(app.get_now("/v1").await.status, 200, "what needs no database goes on");

    // The service cannot see these changes, because its socket does not exist.
    postgres
        .elsewhere(async |url| {
            let db = Db::for_command(url).unwrap();
            publish(&db, &article("a", "", REVISED)).await;
            publish(&db, &article("nothing", "", REVISED)).await;
        })
        .await;
    assert_eq!(app.revision("a").await, (1, "stale".to_owned()));
    postgres.begin().await;
    until("an answer that is not stale", async || {
        let (revision, how) = app.revision("a").await;
        assert_eq!(revision == 1, how == "stale", "revision {revision} came as a {how}");
        how != "stale"
    })
    .await;
    until("readiness", async || app.get_now("/health/ready").await.status == 200).await;
    until("what is new", async || app.get_now("/v1/articles/nothing").await.status == 200).await;
    app.catch_up().await;
    assert_eq!(app.cache.counts().resets, anew, "what was missed was told from the log");
    assert_eq!(app.revision("a").await.0, 2);
    assert_eq!(app.revision("a").await, (2, "hit".to_owned()));
    for path in ["/v1/articles", "/v1/topics", "/"] {
        assert_eq!(app.get_now(path).await.status, 200, "{path}");
    }
    drop(app);
    postgres.stop().await;
}

/// A frozen database is the harder case, because no connection ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn frozen_database_leaves_stale_responses_and_503_until_it_continues() {
    let postgres = Own::start("frozen").await;
    let app = App::on(postgres.url());
    app.publish(&article("a", "", "## 甲\n\n一段。")).await;
    app.publish(&article("b", "", "## 甲\n\n一段。")).await;
    app.catch_up().await;
    assert_eq!(app.revision("a").await.0, 1);
    assert_eq!(app.get_now("/health/ready").await.status, 200);

    let frozen = postgres.freeze();
    // More requests than connections, twice: on the open connections, and when none can be opened.
    for _ in 0..2 {
        futures_util::future::join_all(UNCACHED.iter().chain(&UNCACHED).map(|path| app.assert_unavailable(path))).await;
        assert_eq!(app.get_now("/health/live").await.status, 200);
    }
    let probes = (0..12).map(|_| app.assert_unavailable("/health/ready"));
    futures_util::future::join_all(probes).await;
    until("the silence to be noticed", async || {
        let asked = Instant::now();
        let (revision, how) = app.revision("a").await;
        assert!(revision == 1 && asked.elapsed() < Duration::from_millis(500), "{how}: {:?}", asked.elapsed());
        how == "stale"
    })
    .await;
    app.assert_unavailable("/v1/articles/b").await;
    drop(frozen);

    until("readiness", async || app.get_now("/health/ready").await.status == 200).await;
    publish(&Db::for_command(&postgres.url()).unwrap(), &article("a", "", REVISED)).await;
    until("what is new", async || app.revision("a").await.0 == 2).await;
    until("an answer from memory", async || app.revision("a").await == (2, "hit".to_owned())).await;
    for path in UNCACHED {
        assert_eq!(app.get_now(path).await.status, 200, "{path}");
    }
}

/// All connections wait for a lock: later requests get 503 soon, Postgres cancels the statements, and all connections are
/// usable again after the lock.
#[tokio::test(flavor = "multi_thread")]
async fn exhausted_read_pool_gets_503_within_the_time_limit() {
    let app = App::library().await;
    app.catch_up().await;
    let kept = app.get_now("/v1/site").await;
    assert_eq!((kept.status.as_u16(), cache_result(&kept)), (200, "miss".to_owned()));
    let mut locked = Locked::table(&app.database, "articles").await;
    let paths: Vec<_> = (0..24).map(|n| format!("/v1/articles?limit={}", n + 1)).collect();
    let (first, more) = paths.split_at(4);
    let (_, ()) =
        tokio::join!(futures_util::future::join_all(first.iter().map(|path| app.assert_unavailable(path))), async {
            locked.wait_for_waiters(4).await;
            let asked = Instant::now();
            futures_util::future::join_all(more.iter().map(|path| app.assert_unavailable(path))).await;
            assert!(asked.elapsed() < PROMPT_LIMIT);
        });
    let again = app.get_now("/v1/site").await;
    assert_eq!((again.status.as_u16(), cache_result(&again)), (200, "hit".to_owned()), "memory needs no connection");
    let backends = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'lectern read'";
    let busy = number(&mut locked.watch, backends).await;
    assert!(busy <= 16, "{busy} processes of Postgres for 4 connections");
    // The lock is still held, so the statement timeout ended them.
    locked.wait_for_waiters(0).await;
    locked.release().await;
    for path in &paths {
        assert_eq!(app.get_now(path).await.status, 200, "{path}");
    }
    assert!(app.db.read_pool().waiting == 0, "nobody waits any more");
}

/// Without a database there is no service, and the command says why; also when something takes the connection and never
/// says a word.
#[test]
fn a_start_without_a_database() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("postgres://lectern@{}/lectern", silent.local_addr().unwrap());
    for url in
        ["postgres://lectern@127.0.0.1:1/lectern", "postgres://lectern@%2Fno%2Fsuch%2Ffolder/lectern", &silent_url]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--database-url", url]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let began = Instant::now();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(ended) => break ended,
                None if began.elapsed() > super::WAIT_LIMIT => {
                    child.kill().unwrap();
                    panic!("{url}: it waits for ever");
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(ended.code(), Some(1), "{url}: {said}");
        assert!(said.contains("lectern: the database cannot be reached or does not answer in time: "), "{said}");
        assert!(!said.contains("panicked") && !said.contains("listening"), "{said}");
    }
}
