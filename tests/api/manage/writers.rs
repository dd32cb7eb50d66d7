//! Many writers at once: every accepted revision is in the history, and none is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::sleep};

use super::desk::Desk;
use crate::harness::{Body, article};

const WRITERS: usize = 64;
const ROUNDS: usize = 2;

/// Writers that retry at the same time. If all did, each accepted save would refuse the others, and the number of requests
/// would grow with the square of [`WRITERS`].
const RETRYING: usize = 4;

/// Attempts of one save, refused ones included.
const ATTEMPTS: usize = 400;

/// The pause after a 503, which a service on a slow machine sends while many requests wait for the database.
const PAUSE: Duration = Duration::from_millis(250);

/// Each of 64 writers saves a text of its own to one article that all share, and to the articles of two others, each time
/// with the `ETag` that it read; after a 412 it reads again. Some publish. Every accepted save is a revision with exactly
/// that text, and none was overwritten unseen.
#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_lose_nothing() {
    let desk = Arc::new(Desk::empty().await);
    let retries = Arc::new(Semaphore::new(RETRYING));
    let began = Instant::now();
    let writers = (0..WRITERS).map(|writer| {
        let (desk, retries) = (Arc::clone(&desk), Arc::clone(&retries));
        tokio::spawn(async move {
            let mut accepted = Vec::new();
            let mut refused = 0;
            for round in 0..ROUNDS {
                for slug in
                    ["shared".to_owned(), format!("own-{writer}"), format!("own-{}", (writer + round + 1) % WRITERS)]
                {
                    let text = format!("{writer} 在第 {round} 轮为 {slug} 写的。");
                    let (revision, attempts) = write(&desk, &retries, &slug, &text).await;
                    accepted.push((slug.clone(), revision, text));
                    refused += attempts;
                    if (writer + round) % 4 == 0 {
                        let path = format!("/manage/v1/articles/{slug}/publish");
                        let body = Some(Body::json(&json!({"revision": revision})));
                        let reply = desk.app.call(Method::POST, &path, Some(&desk.key), &[], body).await;
                        assert_eq!(reply.status, 200, "{}", reply.text());
                    }
                }
            }
            (accepted, refused)
        })
    });
    let mut accepted: BTreeMap<String, BTreeMap<i64, String>> = BTreeMap::new();
    let mut refused = 0;
    for writer in writers.collect::<Vec<_>>() {
        let (theirs, attempts) = writer.await.unwrap();
        refused += attempts;
        for (slug, revision, text) in theirs {
            let before = accepted.entry(slug.clone()).or_default().insert(revision, text);
            assert_eq!(before, None, "two writers were told that they made revision {revision} of {slug}");
        }
    }
    let count: usize = accepted.values().map(BTreeMap::len).sum();
    eprintln!("{count} revisions by {WRITERS} writers in {:?}, {refused} attempts were refused", began.elapsed());
    assert_eq!(count, WRITERS * ROUNDS * 3);
    for (slug, revisions) in accepted {
        assert!(revisions.keys().copied().eq(1..=i64::try_from(revisions.len()).unwrap()), "{slug}: no gap");
        let history = history(&desk, &slug).await;
        assert_eq!(history, revisions.keys().copied().collect(), "{slug}");
        for (revision, text) in revisions {
            let kept = desk.get(&format!("/manage/v1/articles/{slug}/revisions/{revision}")).await.ok();
            assert_eq!(kept["content"]["markdown"].as_str().unwrap().trim(), text, "{slug} {revision}");
        }
    }
}

/// Saves a text with the `ETag` that was read until it is accepted; returns the revision and the number of refused attempts.
async fn write(desk: &Desk, retries: &Semaphore, slug: &str, text: &str) -> (i64, usize) {
    let path = format!("/manage/v1/articles/{slug}");
    let file = article(slug, "", text);
    let mut turn = None;
    for refused in 0..ATTEMPTS {
        if refused == 1 {
            turn = Some(retries.acquire().await.unwrap());
        }
        let present = desk.get(&path).await;
        let condition = match present.status.as_u16() {
            200 => ("if-match", present.header("etag").to_owned()),
            404 => ("if-none-match", "*".to_owned()),
            503 => {
                sleep(PAUSE).await;
                continue;
            }
            _ => panic!("{}", present.text()),
        };
        let headers = [(condition.0, condition.1.as_str())];
        let reply = desk.app.call(Method::PUT, &path, Some(&desk.key), &headers, Some(Body::markdown(&file))).await;
        match reply.status.as_u16() {
            200 | 201 => return (reply.json()["revision"].as_i64().unwrap(), refused),
            // Another writer was faster.
            412 => {}
            503 => sleep(PAUSE).await,
            _ => panic!("{}", reply.text()),
        }
    }
    panic!("{slug}: not accepted in {ATTEMPTS} attempts, with a turn: {}", turn.is_some())
}

async fn history(desk: &Desk, slug: &str) -> BTreeSet<i64> {
    let mut numbers = BTreeSet::new();
    let mut path = format!("/manage/v1/articles/{slug}/revisions?limit=100");
    loop {
        let page: Value = desk.get(&path).await.ok();
        numbers.extend(page["data"].as_array().unwrap().iter().map(|row| row["revision"].as_i64().unwrap()));
        let Some(cursor) = page["page"]["next_cursor"].as_str() else { return numbers };
        path = format!("/manage/v1/articles/{slug}/revisions?limit=100&cursor={cursor}");
    }
}
