//! Cache fills that are older than a change, and simultaneous misses.

use std::time::Duration;

use diesel_async::AsyncPgConnection;
use lectern::{
    app,
    db::{Db, Settings},
};
use reqwest::Method;
use serde_json::json;
use tokio::time::timeout;

use super::{
    Client, Locked, cache_result, check_in_time, connect, number, proxy::Proxy, retry_until_in_time, status, until,
};
use crate::harness::{App, Body, article, library_database, publish};

/// A statement has read the old revision and its response is withheld; then a new one is published and invalidates the
/// cache; then the response is delivered. Only requests from before the change may get it.
#[tokio::test(flavor = "multi_thread")]
async fn response_older_than_a_change_is_not_cached() {
    let url = library_database().await;
    let proxy = Proxy::to(&url, "lectern read").await;
    // With one connection, its statements are already prepared when the order matters.
    let app = App::with(&Settings { url: proxy.url(), replicas: Vec::new(), connections: 1 }, app::Settings::default());
    let (mine, writer) = (connect(&url).await, Db::for_command(&url).unwrap());
    // With and without a second request before the old response is delivered.
    for again in [true, false] {
        overtake(&app, &proxy, (&mine, &writer), again).await;
    }
}

async fn overtake(app: &App, proxy: &Proxy, (mine, writer): (&AsyncPgConnection, &Db), again: bool) {
    retry_until_in_time(async |n| {
        let slug = format!("a-{n}-{again}");
        publish(writer, &article(&slug, "", "## 甲\n\n一段。")).await;
        app.catch_up_with(mine).await;
        app.revision("stem-cell-infusion").await;
        let refused = app.cache.counts().refused_fills;

        let (before, path) = (proxy.count(), format!("/v1/articles/{slug}?include=toc,sections"));
        proxy.withhold();
        let (first, ()) = tokio::join!(app.get_now(&path), async {
            proxy.wait_for_withheld(before).await;
            publish(writer, &article(&slug, "", "## 甲\n\n新的一段。")).await;
            app.catch_up_with(mine).await;
            if !again {
                proxy.deliver();
                return;
            }
            // The second request waits for the connection, not for the old fill.
            let (second, ()) = tokio::join!(app.get_now(&path), async {
                let waits = async || app.db.read_pool().waiting == 1;
                until("a request that waits for the connection", waits).await;
                proxy.deliver();
            });
            if second.status == 200 {
                assert_eq!(second.ok()["revision"], 2, "asked after the change was known");
            }
        });
        for _ in 0..2 {
            assert_eq!(app.revision(&slug).await.0, 2, "the old answer was kept");
        }
        check_in_time(first.status.as_u16())?;
        assert_eq!(first.ok()["revision"], 1, "it was read before");
        // A second fill replaces the first, which then is not counted as refused.
        assert_eq!(app.cache.counts().refused_fills, refused + u64::from(!again));
        assert_eq!(app.revision(&slug).await, (2, "hit".to_owned()));
        Some(())
    })
    .await;
}

/// A write is acknowledged only after its instance has invalidated the old response, even if the notification is late.
#[tokio::test(flavor = "multi_thread")]
async fn write_is_acknowledged_after_invalidation_on_the_same_instance() {
    let url = library_database().await;
    let proxy = Proxy::to(&url, "lectern listen").await;
    let databases = Settings { url: proxy.url(), replicas: Vec::new(), connections: 4 };
    let app = App::with(&databases, app::Settings::default());
    let key = app.key("read_drafts,write,publish").await;
    // The first request with a key is slow, because it initialises state for the others.
    app.call(Method::GET, "/manage/v1/articles", Some(&key), &[], None).await.ok();
    let writer = Db::for_command(&url).unwrap();
    retry_until_in_time(async |n| {
        let (slug, mine) = (format!("a-{n}"), connect(&url).await);
        publish(&writer, &article(&slug, "", "旧的一段。")).await;
        app.catch_up_with(&mine).await;
        let path = format!("/v1/articles/{slug}");
        assert!(app.get_now(&path).await.text().contains("旧的一段"));
        proxy.withhold();
        let withdraw = format!("/manage/v1/articles/{slug}/withdraw");
        let body = Body::json(&json!({"reason": "过时。"}));
        let mut change = Box::pin(app.call(Method::POST, &withdraw, Some(&key), &[], Some(body)));
        let early = timeout(Duration::from_millis(600), &mut change).await;
        let before = app.get_now(&path).await.status;
        proxy.deliver();
        assert!(early.is_err() && before == 200, "it was answered while the old one was still in memory");
        check_in_time(change.await.status.as_u16())?;
        assert_eq!(app.get_now(&path).await.status, 410);
        Some(())
    })
    .await;
}

/// Simultaneous misses of one entry are computed once, even if the client that caused the fill disconnects.
#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_misses_share_one_fill() {
    let url = library_database().await;
    let app = App::with(&Settings { url: url.clone(), replicas: Vec::new(), connections: 1 }, app::Settings::default());
    let (mut mine, writer) = (connect(&url).await, Db::for_command(&url).unwrap());
    for n in 0..9 {
        publish(&writer, &article(&format!("a-{n}"), "", "## 甲\n\n一段。")).await;
    }
    app.catch_up_with(&mine).await;
    let related = |n: usize| format!("/v1/articles/a-{n}/related");
    assert_eq!(app.get_now(&related(8)).await.status, 200);
    let before = app.db.statements();
    assert_eq!(app.get_now("/v1/articles/stem-cell-infusion/related").await.status, 200);
    let one = app.db.statements() - before;
    assert!(one > 0);

    retry_until_in_time(async |n| {
        let mut locked = Locked::table(&url, "links").await;
        let before = app.db.statements();
        let first = Client::request(app.address(), &related(n)).await;
        locked.wait_for_waiters(1).await;
        let mut others = Vec::new();
        for _ in 0..20 {
            others.push(Client::request(app.address(), &related(n)).await);
        }
        // There is one worker, so it has read the other requests before it responds to this one.
        assert_eq!(app.get_now("/health/live").await.status, 200);
        first.reset();
        assert_eq!(app.get_now("/health/live").await.status, 200);
        locked.release().await;
        let mut misses = 0;
        for client in &mut others {
            let head = client.response_head().await;
            check_in_time(status(&head))?;
            misses += usize::from(head.contains("cache;desc=miss"));
        }
        assert_eq!(app.db.statements() - before, one, "{misses} waited");
        if misses < 2 {
            return None;
        }
        let kept = app.get_now(&related(n)).await;
        assert_eq!(cache_result(&kept), "hit");
        Some(())
    })
    .await;

    // All clients disconnect: the fill is completed and cached.
    retry_until_in_time(async |_| {
        let path = "/v1/articles/stem-cell-infusion/related?limit=3";
        let entries = app.cache.counts().entries;
        let mut locked = Locked::table(&url, "links").await;
        let only = Client::request(app.address(), path).await;
        locked.wait_for_waiters(1).await;
        only.reset();
        assert_eq!(app.get_now("/health/live").await.status, 200);
        locked.release().await;
        let mut waits = 0;
        until("the end of the computation", async || {
            waits += 1;
            app.cache.counts().entries > entries || waits > 400
        })
        .await;
        let next = app.get_now(path).await;
        (cache_result(&next) == "hit").then_some(())
    })
    .await;
    assert_eq!(number(&mut mine, "select count(*) from pg_locks where not granted").await, 0);
}
