//! Clients that disconnect or arrive in numbers while the publishing lock is taken.

use std::time::Instant;

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;

use super::{Client, PROMPT_LIMIT, connect, number, until};
use crate::harness::{App, Body, article};

/// The key of the publishing lock: "publish" in ASCII.
pub const LOCK: i64 = 0x0070_7562_6c69_7368;

/// The number of write connections that wait for the publishing lock.
pub const WAITING: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'lectern write' and wait_event = 'advisory'";

/// The number of write connections that hold the publishing lock.
pub const HOLDING: &str = "select count(*) from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and datname = current_database() and application_name = 'lectern write'";

/// The client is reset while its write waits for the lock. The transaction gets the lock later, with nobody to end it: its
/// connection must be closed and not returned to the pool, or the lock would never be released.
#[tokio::test(flavor = "multi_thread")]
async fn disconnected_writer_releases_the_publishing_lock() {
    let app = App::empty().await;
    let key = app.key("write").await;
    // Healthy connections come first in the pool's queue.
    let good = (app.db.write().await.unwrap(), app.db.write().await.unwrap(), app.db.write().await.unwrap());
    drop((good, app.db.write().await.unwrap()));
    let (mut holder, mut watch) = (connect(&app.database).await, connect(&app.database).await);
    holder.batch_execute(&format!("begin; select pg_advisory_xact_lock({LOCK})")).await.unwrap();
    let file = article("gone", "", "文。");
    for waiting in 1..=2 {
        let mut client = Client::connect(app.address()).await;
        let head = format!(
            "PUT /manage/v1/articles/gone HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: text/markdown\r\ncontent-length: {}\r\n\r\n",
            file.len()
        );
        client.send(head.as_bytes()).await;
        client.send(file.as_bytes()).await;
        until("a writer that waits", async || number(&mut watch, WAITING).await == waiting).await;
        client.reset();
    }
    // The service has noticed the resets.
    until("a service that is free", async || app.db.write_pool().used == 0).await;
    let began = Instant::now();
    holder.batch_execute("rollback").await.unwrap();
    until("the end of both transactions", async || number(&mut watch, WAITING).await == 0).await;
    let body = Some(Body::markdown(&article("next", "", "文。")));
    let next = app.call(Method::PUT, "/manage/v1/articles/next", Some(&key), &[], body).await;
    assert_eq!(next.status, 201, "{}", next.text());
    assert!(began.elapsed() < PROMPT_LIMIT, "it waited {:?}", began.elapsed());
    assert_eq!(number(&mut watch, HOLDING).await, 0);
}

/// A preview link can be opened any number of times; only one preview at a time may take a connection from the writers.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_previews_use_one_write_connection() {
    let app = std::sync::Arc::new(App::empty().await);
    let key = app.key("write,read_drafts").await;
    let put = async |slug: &str| {
        let body = Some(Body::markdown(&article(slug, "", "文。")));
        let reply = app.call(Method::PUT, &format!("/manage/v1/articles/{slug}"), Some(&key), &[], body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
    };
    put("a").await;
    let link = app.call(Method::POST, "/manage/v1/articles/a/preview", Some(&key), &[], None).await.ok();
    let url = link["url"].as_str().unwrap();
    let (mut holder, mut watch) = (connect(&app.database).await, connect(&app.database).await);
    holder.batch_execute(&format!("begin; select pg_advisory_xact_lock({LOCK})")).await.unwrap();
    let previews: Vec<_> = (0..12)
        .map(|_| {
            let (app, url) = (std::sync::Arc::clone(&app), url.to_owned());
            tokio::spawn(async move { app.send(Method::GET, &url, &[]).await.status })
        })
        .collect();
    until("a preview that waits", async || number(&mut watch, WAITING).await == 1).await;
    // The other previews wait without a connection, so that editors' reads have one.
    let read = app.call(Method::GET, "/manage/v1/articles/a", Some(&key), &[], None).await;
    assert_eq!(read.status, 200);
    assert_eq!(number(&mut watch, WAITING).await, 1);
    holder.batch_execute("rollback").await.unwrap();
    put("b").await;
    for preview in previews {
        assert_eq!(preview.await.unwrap(), 200);
    }
}
