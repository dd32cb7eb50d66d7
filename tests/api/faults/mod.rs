//! What goes wrong around the service, and what it promises then: a database that is gone, frozen, full or behind, clients
//! that are slow or many, a stop while it works.
//!
//! Orders are forced with locks, signals and a proxy, and what was forced is looked at before the next step; nothing is
//! taken to have happened because time has passed.

mod clients;
mod kill;
mod listener;
mod memory;
mod outage;
mod proxy;
mod replica;
mod stop;
mod writer;

use std::time::{Duration, Instant};

use diesel::{QueryableByName, sql_types::BigInt};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use lectern::db::change_log::{self, ChangeSubscriber};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{App, Reply};

/// What is promised within a second must be there within this; it is less than any other limit that could end the wait.
const PROMPT: Duration = Duration::from_millis(1800);

/// How long anything may take that is promised without a time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something holds, not for ever.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A connection past the service, as another program would have one.
async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url).await.unwrap()
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The number that a statement answers.
async fn number(connection: &mut AsyncPgConnection, sql: &str) -> i64 {
    let row: Number = diesel::sql_query(format!("select ({sql})::bigint as n")).get_result(connection).await.unwrap();
    row.n
}

/// Statements of readers that wait for a lock in a database.
const WAITING: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'lectern read' and wait_event_type = 'Lock'";

/// A table that nobody can read.
struct Locked {
    holder: AsyncPgConnection,
    /// Inside the holder's transaction the statistics stand still.
    watch: AsyncPgConnection,
}

impl Locked {
    async fn table(url: &str, table: &str) -> Locked {
        let (mut holder, watch) = (connect(url).await, connect(url).await);
        holder.batch_execute(&format!("begin; lock table {table} in access exclusive mode")).await.unwrap();
        Locked { holder, watch }
    }

    /// Waits until so many statements of readers wait for it.
    async fn keeps_waiting(&mut self, count: i64) {
        until("statements that wait", async || number(&mut self.watch, WAITING).await == count).await;
    }

    async fn release(mut self) {
        self.holder.batch_execute("rollback").await.unwrap();
    }
}

impl App {
    /// A GET that waits for nothing.
    async fn ask(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[]).await
    }

    /// A GET that must be refused at once, because there is no database to answer from.
    async fn ask_in_vain(&self, path: &str) {
        let asked = Instant::now();
        let reader = [("accept", "text/html")];
        let away = self.send(Method::GET, path, if path == "/" { &reader } else { &[] }).await;
        assert_eq!(away.status, 503, "{path}: {}", away.text());
        assert!(asked.elapsed() < PROMPT, "{path}: {:?}", asked.elapsed());
        assert!(away.header("retry-after").parse::<u32>().unwrap() > 0);
        if path == "/" {
            assert!(away.text().contains("服务正在恢复"), "{}", away.text());
        } else {
            assert_eq!(away.json()["type"], "/problems/unavailable");
        }
        assert!(!away.text().contains("sock") && !away.text().contains("refused"), "{}", away.text());
    }

    /// The number of a published revision as the service tells it, and how the answer came about.
    async fn revision(&self, slug: &str) -> (i64, String) {
        let reply = self.ask(&format!("/v1/articles/{slug}?include=toc,sections")).await;
        let how = way(&reply);
        (reply.ok()["revision"].as_i64().unwrap(), how)
    }

    /// Waits until the service knows the change that is the newest in the log of `connection`.
    async fn knows_newest(&self, connection: &AsyncPgConnection) {
        let newest = change_log::newest(connection).await.unwrap().sequence;
        let known = async || self.cache.position().is_some_and(|position| position.sequence >= newest);
        until("a change that becomes known", known).await;
    }

    /// The host and port.
    fn address(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }
}

/// How an answer came about: `hit`, `miss` or `stale`.
fn way(reply: &Reply) -> String {
    let timing = reply.header("server-timing");
    timing.trim_start_matches("cache;desc=").split(',').next().unwrap_or_default().to_owned()
}

/// A connection of a client that does as it likes.
struct Client(TcpStream);

impl Client {
    async fn connect(address: &str) -> Client {
        Client(TcpStream::connect(address).await.unwrap())
    }

    /// A client that asks for something and does not read yet.
    async fn asks(address: &str, path: &str) -> Client {
        let mut client = Client::connect(address).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
        client
    }

    /// Goes away as a program does that is killed: the connection is reset. One that is only closed still wants its answer.
    fn vanish(self) {
        self.0.set_zero_linger().unwrap();
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The head of the next answer, in small letters; its body is read too. Empty where the connection ended without one.
    async fn answer(&mut self) -> String {
        let read = async {
            let mut got = Vec::new();
            let end = loop {
                if let Some(end) = got.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                    break end;
                }
                if self.0.read_buf(&mut got).await.unwrap_or(0) == 0 {
                    return String::from_utf8_lossy(&got).to_lowercase();
                }
            };
            let head = String::from_utf8_lossy(&got[..end]).to_lowercase();
            let length =
                head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
            while got.len() < end + 4 + length.unwrap_or(0_usize) && self.0.read_buf(&mut got).await.unwrap_or(0) > 0 {}
            head
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap()
    }
}

/// The status in the head of an answer; 0 where there is none.
fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// Whether an answer that was held back for less than the service waits is there: `None` where it waited too long.
fn in_time_or_late(status: u16) -> Option<()> {
    assert!(matches!(status, 200 | 503), "{status}: neither an answer nor the word that it is late");
    (status == 200).then_some(())
}

/// Tries again what only proves something if it is quick: the service gives the database less than a second, and on a busy
/// machine the steps of a test may take longer. `None` says that an attempt proves nothing.
async fn in_time<T>(mut attempt: impl AsyncFnMut(usize) -> Option<T>) -> T {
    for n in 0..8 {
        if let Some(done) = attempt(n).await {
            return done;
        }
    }
    panic!("the machine is too busy to try this");
}
