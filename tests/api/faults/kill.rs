//! Kills the service while it publishes: readers get complete revisions in order, and the change log has each publication
//! once.
//!
//! The number of kills is fixed, and their moments are fractions of a publication's measured time, so the test takes as
//! many steps on a slow machine as on a fast one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Text},
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    connect, number,
    proxy::Proxy,
    retry_until_in_time, until,
    writer::{HOLDING, LOCK, WAITING},
};
use crate::{
    cli::Service,
    harness::{self, App, article},
};

/// Lives of the service, each ended by SIGKILL; `LECTERN_TEST_KILLS=1000` for a longer run.
const KILLS: u32 = 30;

/// Acknowledged publications of the longest life. Lives with 0, 1 and 2 take turns: the first publication of a process is
/// slower than the others, because it opens connections.
const LONGEST_LIFE: usize = 2;

/// A row of the change log, with the number of saved revisions that have its number and hash.
#[derive(QueryableByName)]
struct Entry {
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Text)]
    hash: String,
    #[diesel(sql_type = BigInt)]
    saved: i64,
}

/// Returns an article file that names its version in every part, and whose related article depends on it.
fn file(version: usize) -> String {
    let front = format!("title: 第{version}版\nsummary: 第{version}版\nrelated:\n- article: {}", related(version));
    article("a", &front, &format!("第{version}版。\n\n## 节 {{#s}}\n\n第{version}版。"))
}

fn related(version: usize) -> String {
    format!("near-{}", version % 3)
}

/// Asserts that all parts of an article are of one version; returns its revision.
fn assert_complete(article: &Value) -> i64 {
    let title = article["title"].as_str().unwrap();
    let version: usize = title.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    let parts = [&article["summary"], &article["lead"]["html"], &article["sections"][0]["html"]];
    assert!(parts.iter().all(|part| part.as_str().unwrap().contains(title)), "{article}");
    assert_eq!(article["related"]["data"][0]["slug"], related(version), "{article}");
    article["revision"].as_i64().unwrap()
}

/// Reads the article until `is_done`; returns the number of reads.
async fn read_until(app: &App, is_done: &AtomicBool) -> u64 {
    let (mut last, mut reads) = (0, 0);
    while !AtomicBool::load(is_done, Ordering::Relaxed) {
        let revision = assert_complete(&app.send(Method::GET, "/v1/articles/a", &[]).await.ok());
        assert!(revision >= last, "revision {revision} was read after {last}");
        (last, reads) = (revision, reads + 1);
        // Leaves the processor to the service that is killed.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    reads
}

/// The publications that the change log has.
const PUBLICATIONS: &str = "select count(*) from changes where slug = 'a'";

/// A client of the services that the test kills, and the publications that were acknowledged.
struct Publisher {
    database: String,
    key: String,
    version: usize,
    acknowledged: Vec<i64>,
}

impl Publisher {
    /// Saves the next version and returns its revision.
    async fn save(&mut self, service: &Service) -> i64 {
        self.version += 1;
        let put = Client::new().put(format!("{}/manage/v1/articles/a", service.base)).bearer_auth(&self.key);
        let put = put.header("if-match", "*").header("content-type", "text/markdown").body(file(self.version));
        let saved = put.send().await.unwrap();
        assert_eq!(saved.status(), StatusCode::OK);
        saved.json::<Value>().await.unwrap()["revision"].as_i64().unwrap()
    }

    /// Publishes a revision; it is acknowledged once the future is ready.
    async fn publish(&mut self, service: &Service, revision: i64) {
        let post = Client::new().post(format!("{}/manage/v1/articles/a/publish", service.base)).bearer_auth(&self.key);
        let published = post.json(&json!({"revision": revision})).send().await.unwrap();
        assert_eq!(published.status(), StatusCode::OK);
        published.bytes().await.unwrap();
        self.acknowledged.push(revision);
    }

    /// Saves and publishes the next version and returns the time that it took.
    async fn save_and_publish(&mut self, service: &Service) -> Duration {
        let began = Instant::now();
        let revision = self.save(service).await;
        self.publish(service, revision).await;
        began.elapsed()
    }

    /// Kills the service while a publication waits for the publishing lock.
    async fn kill_before_commit(&mut self) {
        let service = start(&self.database);
        let revision = self.save(&service).await;
        let (mut holder, mut watch) = (connect(&self.database).await, connect(&self.database).await);
        holder.batch_execute(&format!("begin; select pg_advisory_xact_lock({LOCK})")).await.unwrap();
        tokio::select! {
            () = self.publish(&service, revision) => panic!("published without the lock"),
            () = until("a publication that waits", async || number(&mut watch, WAITING).await == 1) => {}
        }
        kill(service);
        holder.batch_execute("rollback").await.unwrap();
        // Postgres notices the death of its client when it answers.
        let over = async || number(&mut watch, WAITING).await + number(&mut watch, HOLDING).await == 0;
        until("the end of the transaction", over).await;
    }

    /// Kills the service after the commit and before the acknowledgement, which waits for the change log; the proxy delays
    /// that. `None` if the service gave up waiting before the commit was seen.
    async fn kill_after_commit(&mut self) -> Option<()> {
        let proxy = Proxy::to(&self.database, "lectern listen").await;
        let service = start(&proxy.url());
        let revision = self.save(&service).await;
        let mut watch = connect(&self.database).await;
        let before = number(&mut watch, PUBLICATIONS).await;
        proxy.withhold();
        let killed = tokio::select! {
            () = self.publish(&service, revision) => None,
            () = until("a commit", async || number(&mut watch, PUBLICATIONS).await > before) => Some(()),
        };
        kill(service);
        killed
    }
}

fn start(database: &str) -> Service {
    Service::start(&["--database-url", database])
}

/// Sends SIGKILL, so that no handler runs.
fn kill(mut service: Service) {
    service.child.kill().unwrap();
    service.child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_service_leaves_complete_revisions_and_a_gapless_log() {
    let kills = std::env::var("LECTERN_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let reader = Arc::new(App::on(harness::empty_database().await));
    for n in 0..3 {
        reader.publish(&article(&related(n), "", "文。")).await;
    }
    reader.publish(&file(0)).await;
    let key = reader.key("write,publish").await;
    let mut publisher = Publisher { database: reader.database.clone(), key, version: 0, acknowledged: Vec::new() };

    // Another instance serves readers all the time.
    let is_done = Arc::new(AtomicBool::new(false));
    let reads = tokio::spawn({
        let (reader, is_done) = (Arc::clone(&reader), Arc::clone(&is_done));
        async move { read_until(&reader, &is_done).await }
    });

    let began = Instant::now();
    publisher.kill_before_commit().await;
    assert_eq!(assert_log(&reader, &publisher.acknowledged).await, 0);
    retry_until_in_time(async |_| publisher.kill_after_commit().await).await;
    let unacknowledged = assert_log(&reader, &publisher.acknowledged).await - publisher.acknowledged.len();
    assert_eq!(unacknowledged, 1);

    // The time of a life's first, second and third publication, as it was measured last.
    let mut times = [Duration::ZERO; LONGEST_LIFE + 1];
    let service = start(&publisher.database);
    for time in &mut times {
        *time = publisher.save_and_publish(&service).await;
    }
    kill(service);
    let (mut interrupted, mut completed) = (0, 0);
    for life in 0..kills {
        let service = start(&publisher.database);
        let last = life as usize % times.len();
        for time in &mut times[..last] {
            *time = publisher.save_and_publish(&service).await;
        }
        // From the first moment, at which nothing is done, to a little after the expected end.
        let moment = times[last].mul_f64(1.2 * f64::from(life) / f64::from(kills));
        match timeout(moment, publisher.save_and_publish(&service)).await {
            Ok(time) => (times[last], completed) = (time, completed + 1),
            Err(_) => interrupted += 1,
        }
        kill(service);
        assert_log(&reader, &publisher.acknowledged).await;
    }
    is_done.store(true, Ordering::Relaxed);
    let reads = reads.await.unwrap();
    let log = assert_log(&reader, &publisher.acknowledged).await;
    let (acknowledged, elapsed) = (publisher.acknowledged.len(), began.elapsed());
    eprintln!("{kills} kills in {elapsed:?}: {interrupted} before an acknowledgement, {completed} after it");
    eprintln!("{acknowledged} of {log} publications acknowledged, {reads} reads; a publication takes {times:?}");
    assert!(interrupted > 0, "no kill came before an acknowledgement");
}

/// Asserts that the change log and the published tables have what was acknowledged; returns the number of publications.
async fn assert_log(reader: &App, acknowledged: &[i64]) -> usize {
    let published = assert_complete(&reader.get("/v1/articles/a").await.ok());
    let sql = "
        select sequence, c.revision::bigint as revision, c.hash, (
            select count(*) from revisions as r
            where r.document_id = c.article_id and r.number = c.revision and r.hash = c.hash
        ) as saved
        from changes as c where c.slug = 'a' order by sequence";
    let mut connection = connect(&reader.database).await;
    let log: Vec<Entry> = diesel::sql_query(sql).load(&mut connection).await.unwrap();
    // The three related articles came first.
    assert!(
        log.iter().zip(4..).all(|(entry, sequence)| entry.sequence == sequence),
        "a sequence is missing or doubled"
    );
    assert!(log.is_sorted_by(|a, b| a.revision < b.revision), "a revision was published twice, or out of order");
    assert!(log.iter().all(|entry| entry.saved == 1 && !entry.hash.is_empty()), "a published revision was not saved");
    assert_eq!(log.last().unwrap().revision, published, "readers get another revision than the newest of the log");
    for revision in acknowledged {
        assert!(
            log.iter().any(|entry| entry.revision == *revision),
            "revision {revision} was acknowledged and is lost"
        );
    }
    // The first version was published before the service started.
    log.len() - 1
}
