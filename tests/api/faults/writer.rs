//! A client that goes away while it writes leaves nothing behind that others would wait for.

use std::time::Instant;

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;

use super::{Client, PROMPT, connect, number, until};
use crate::harness::{App, Body, article};

/// The key of the publishing lock: "publish" in ASCII.
pub const LOCK: i64 = 0x0070_7562_6c69_7368;

/// Writers that wait for their turn.
pub const WAITING: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'lectern write' and wait_event = 'advisory'";

/// Writers that have their turn, or had it and say nothing more.
pub const HOLDING: &str = "select count(*) from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and datname = current_database() and application_name = 'lectern write'";

/// The client is reset while its write waits for its turn. When the turn comes, nobody is there to end the transaction: its
/// connection must be closed, and not lent to the next, or everybody would wait for a lock that nobody gives back.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_while_it_writes_holds_up_nobody() {
    let app = App::empty().await;
    let key = app.key("write").await;
    // Connections that nobody used badly come first in the queue.
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
        client.vanish();
    }
    // The service has noticed, and let go of what they were doing.
    until("a service that is free", async || app.db.write_pool().used == 0).await;
    let began = Instant::now();
    holder.batch_execute("rollback").await.unwrap();
    until("turns that are over", async || number(&mut watch, WAITING).await == 0).await;
    let body = Some(Body::markdown(&article("next", "", "文。")));
    let next = app.call(Method::PUT, "/manage/v1/articles/next", Some(&key), &[], body).await;
    assert_eq!(next.status, 201, "{}", next.text());
    assert!(began.elapsed() < PROMPT, "it waited {:?}", began.elapsed());
    assert_eq!(number(&mut watch, HOLDING).await, 0);
}

/// Whoever has a link can open it as often as they like: of all who do, one at a time takes a turn from the writers.
#[tokio::test(flavor = "multi_thread")]
async fn many_previews_take_one_turn_at_a_time() {
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
    // Nobody of the others gets as far while it waits: a read of editors has a connection, and a writer the next turn.
    let read = app.call(Method::GET, "/manage/v1/articles/a", Some(&key), &[], None).await;
    assert_eq!(read.status, 200);
    assert_eq!(number(&mut watch, WAITING).await, 1);
    holder.batch_execute("rollback").await.unwrap();
    put("b").await;
    for preview in previews {
        assert_eq!(preview.await.unwrap(), 200);
    }
}
