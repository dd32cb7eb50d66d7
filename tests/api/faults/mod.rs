//! The promises under faults: a database that is stopped, frozen, busy or lagging, slow and numerous clients, a stop or a
//! kill during work.
//!
//! Locks, signals and a proxy force the order of events, and each test checks that an event has happened before its next
//! step; it never relies on time for that.

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

/// The limit for what is promised within a second; it is shorter than every other timeout that could end the wait.
const PROMPT_LIMIT: Duration = Duration::from_millis(1800);

/// The limit for what is promised without a time.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Waits until a condition holds; panics after [`WAIT_LIMIT`].
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < WAIT_LIMIT, "{what}: not after {WAIT_LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Connects to the database without the service, as another program would.
async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url).await.unwrap()
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Returns the number that a query selects.
async fn number(connection: &mut AsyncPgConnection, sql: &str) -> i64 {
    let row: Number = diesel::sql_query(format!("select ({sql})::bigint as n")).get_result(connection).await.unwrap();
    row.n
}

/// The number of read connections that wait for a lock.
const WAITING: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'lectern read' and wait_event_type = 'Lock'";

/// A table lock that blocks all readers.
struct Locked {
    holder: AsyncPgConnection,
    /// A connection of its own, because statistics do not change within the holder's transaction.
    watch: AsyncPgConnection,
}

impl Locked {
    async fn table(url: &str, table: &str) -> Locked {
        let (mut holder, watch) = (connect(url).await, connect(url).await);
        holder.batch_execute(&format!("begin; lock table {table} in access exclusive mode")).await.unwrap();
        Locked { holder, watch }
    }

    /// Waits until this many read connections wait for the lock.
    async fn wait_for_waiters(&mut self, count: i64) {
        until("statements that wait", async || number(&mut self.watch, WAITING).await == count).await;
    }

    async fn release(mut self) {
        self.holder.batch_execute("rollback").await.unwrap();
    }
}

impl App {
    /// Sends a GET without waiting for the change log.
    async fn get_now(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[]).await
    }

    /// Asserts that a GET gets 503 at once.
    async fn assert_unavailable(&self, path: &str) {
        let asked = Instant::now();
        let reader = [("accept", "text/html")];
        let response = self.send(Method::GET, path, if path == "/" { &reader } else { &[] }).await;
        assert_eq!(response.status, 503, "{path}: {}", response.text());
        assert!(asked.elapsed() < PROMPT_LIMIT, "{path}: {:?}", asked.elapsed());
        assert!(response.header("retry-after").parse::<u32>().unwrap() > 0);
        if path == "/" {
            assert!(response.text().contains("服务正在恢复"), "{}", response.text());
        } else {
            assert_eq!(response.json()["type"], "/problems/unavailable");
        }
        assert!(!response.text().contains("sock") && !response.text().contains("refused"), "{}", response.text());
    }

    /// Returns the revision in an article's response, and the cache result.
    async fn revision(&self, slug: &str) -> (i64, String) {
        let reply = self.get_now(&format!("/v1/articles/{slug}?include=toc,sections")).await;
        let result = cache_result(&reply);
        (reply.ok()["revision"].as_i64().unwrap(), result)
    }

    /// Waits until the service has the newest change in the database of `connection`.
    async fn catch_up_with(&self, connection: &AsyncPgConnection) {
        let newest = change_log::newest(connection).await.unwrap().sequence;
        let known = async || self.cache.position().is_some_and(|position| position.sequence >= newest);
        until("a change that becomes known", known).await;
    }

    /// The host and port.
    fn address(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }
}

/// Returns `hit`, `miss` or `stale`.
fn cache_result(reply: &Reply) -> String {
    let timing = reply.header("server-timing");
    timing.trim_start_matches("cache;desc=").split(',').next().unwrap_or_default().to_owned()
}

/// A client that controls the bytes of its connection.
struct Client(TcpStream);

impl Client {
    async fn connect(address: &str) -> Client {
        Client(TcpStream::connect(address).await.unwrap())
    }

    /// Sends a GET and does not read yet.
    async fn request(address: &str, path: &str) -> Client {
        let mut client = Client::connect(address).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
        client
    }

    /// Resets the connection, as the kill of a client does. A connection that is only closed still gets its response.
    fn reset(self) {
        self.0.set_zero_linger().unwrap();
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Reads the next response and returns its head in lower case; empty if the connection ended before it.
    async fn response_head(&mut self) -> String {
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
        tokio::time::timeout(WAIT_LIMIT, read).await.unwrap()
    }
}

/// Returns the status in a response's head; 0 without one.
fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// Returns `None` if a response that the test delayed came after the service's timeout.
fn check_in_time(status: u16) -> Option<()> {
    assert!(matches!(status, 200 | 503), "{status}: expected 200, or 503 after the timeout");
    (status == 200).then_some(())
}

/// Repeats an attempt, at most 8 times, until it is fast enough to prove something: the service waits for the database for
/// less than a second, and the steps of a test may take longer on a busy machine. A late attempt returns `None`.
async fn retry_until_in_time<T>(mut attempt: impl AsyncFnMut(usize) -> Option<T>) -> T {
    for n in 0..8 {
        if let Some(done) = attempt(n).await {
            return done;
        }
    }
    panic!("8 attempts were too slow on this machine");
}
