//! The service is killed at random moments while it publishes: readers see whole revisions in order, whatever was under way,
//! and the log has every publication once.

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
use diesel_async::RunQueryDsl;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::connect;
use crate::{
    cli::Service,
    harness::{self, App, article},
};

/// How many publications are made; `LECTERN_TEST_PUBLICATIONS=1000` for a longer run.
const PUBLICATIONS: usize = 150;

/// An entry of the log, and how often a revision of its number with its hash was saved.
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

/// A text whose every part names its number; the editor's choice of related reading changes with it.
fn file(n: usize) -> String {
    let front = format!("title: 第{n}版\nsummary: 第{n}版\nrelated:\n- article: {}", near(n));
    article("a", &front, &format!("第{n}版。\n\n## 节 {{#s}}\n\n第{n}版。"))
}

fn near(n: usize) -> String {
    format!("near-{}", n % 3)
}

/// Holds an article against what it says of itself, and gives its revision.
fn whole(article: &Value) -> i64 {
    let title = article["title"].as_str().unwrap();
    let n: usize = title.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    let parts = [&article["summary"], &article["lead"]["html"], &article["sections"][0]["html"]];
    assert!(parts.iter().all(|part| part.as_str().unwrap().contains(title)), "{article}");
    assert_eq!(article["related"]["data"][0]["slug"], near(n), "{article}");
    article["revision"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_leaves_whole_revisions_and_a_log_without_gap() {
    let wanted = std::env::var("LECTERN_TEST_PUBLICATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(PUBLICATIONS);
    let reader = Arc::new(App::on(harness::empty_database().await));
    for n in 0..3 {
        reader.publish(&article(&near(n), "", "文。")).await;
    }
    reader.publish(&file(0)).await;
    let key = reader.key("write,publish").await;

    // Another instance answers all the while.
    let done = Arc::new(AtomicBool::new(false));
    let reading = tokio::spawn({
        let (reader, done) = (Arc::clone(&reader), Arc::clone(&done));
        async move {
            let (mut last, mut reads) = (0, 0);
            while !AtomicBool::load(&done, Ordering::Relaxed) {
                let revision = whole(&reader.send(Method::GET, "/v1/articles/a", &[]).await.ok());
                assert!(revision >= last, "revision {revision} came after {last}");
                (last, reads) = (revision, reads + 1);
            }
            reads
        }
    });

    let began = Instant::now();
    let mut chance = fastrand::Rng::with_seed(4);
    let (mut kills, mut n) = (0, 0);
    let mut acknowledged: Vec<i64> = Vec::new();
    while acknowledged.len() < wanted {
        let mut service = Service::start(&["--database-url", &reader.database]);
        let life = Duration::from_millis(chance.u64(5..300));
        let writing = async {
            while acknowledged.len() < wanted {
                n += 1;
                let Some(revision) = publish(&service.base, &key, n).await else { return };
                acknowledged.push(revision);
            }
        };
        if tokio::time::timeout(life, writing).await.is_err() {
            kills += 1;
        }
        // SIGKILL: nothing of it can end what it began.
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        hold(&reader, &acknowledged).await;
    }
    done.store(true, Ordering::Relaxed);
    let reads = reading.await.unwrap();
    eprintln!("{wanted} publications, killed {kills} times, {reads} reads, {:?}", began.elapsed());
    assert!(kills > 0, "it was never killed");
}

/// Saves and publishes text `n`; gives the revision, or `None` where the service went away.
async fn publish(base: &str, key: &str, n: usize) -> Option<i64> {
    let client = Client::new();
    let url = format!("{base}/manage/v1/articles/a");
    let put = client.put(&url).bearer_auth(key).header("if-match", "*").header("content-type", "text/markdown");
    let saved = put.body(file(n)).send().await.ok()?;
    assert_eq!(saved.status(), StatusCode::OK);
    let revision = saved.json::<Value>().await.ok()?["revision"].as_i64().unwrap();
    let post = client.post(format!("{url}/publish")).bearer_auth(key).json(&json!({"revision": revision}));
    let published = post.send().await.ok()?;
    assert_eq!(published.status(), StatusCode::OK);
    published.bytes().await.ok()?;
    Some(revision)
}

/// Holds the log and the public half against what was acknowledged.
async fn hold(reader: &App, acknowledged: &[i64]) {
    let shown = whole(&reader.get("/v1/articles/a").await.ok());
    let sql = "
        select sequence, c.revision::bigint as revision, c.hash, (
            select count(*) from revisions as r
            where r.document_id = c.article_id and r.number = c.revision and r.hash = c.hash
        ) as saved
        from changes as c where c.slug = 'a' order by sequence";
    let mut connection = connect(&reader.database).await;
    let log: Vec<Entry> = diesel::sql_query(sql).load(&mut connection).await.unwrap();
    // What came before the article was the three others.
    assert!(log.iter().zip(4..).all(|(entry, sequence)| entry.sequence == sequence), "a gap or a doubling");
    assert!(log.is_sorted_by(|a, b| a.revision < b.revision), "a revision was published twice, or out of order");
    assert!(log.iter().all(|entry| entry.saved == 1 && !entry.hash.is_empty()), "published, but never saved");
    assert_eq!(log.last().unwrap().revision, shown, "readers see what the log says last");
    for revision in acknowledged {
        assert!(log.iter().any(|entry| entry.revision == *revision), "{revision} was acknowledged, and is lost");
    }
}
