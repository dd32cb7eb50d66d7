//! What is kept of an answer that a change overtook, and who computes when many ask at once.

use std::time::Duration;

use diesel_async::AsyncPgConnection;
use lectern::{
    app,
    db::{Db, Settings},
};
use reqwest::Method;
use serde_json::json;
use tokio::time::timeout;

use super::{Client, Locked, connect, in_time, in_time_or_late, number, proxy::Proxy, status, until, way};
use crate::harness::{App, Body, article, library_database, publish};

/// Rule 4 in a forced order: a statement has read the old revision and its answer is on the way; the new one is published,
/// and the service knows of it; the answer arrives. Who asked before may have it. Nobody else does.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_change_overtakes_is_not_kept() {
    let url = library_database().await;
    let proxy = Proxy::to(&url, "lectern read").await;
    // One connection, so that its statements are prepared before the order matters.
    let app = App::with(&Settings { url: proxy.url(), replicas: Vec::new(), connections: 1 }, app::Settings::default());
    let (mine, writer) = (connect(&url).await, Db::for_command(&url).unwrap());
    // With and without somebody who asks again before the old answer has arrived.
    for again in [true, false] {
        overtake(&app, &proxy, (&mine, &writer), again).await;
    }
}

async fn overtake(app: &App, proxy: &Proxy, (mine, writer): (&AsyncPgConnection, &Db), again: bool) {
    in_time(async |n| {
        let slug = format!("a-{n}-{again}");
        publish(writer, &article(&slug, "", "## 甲\n\n一段。")).await;
        app.knows_newest(mine).await;
        app.revision("stem-cell-infusion").await;
        let refused = app.cache.counts().refused_fills;

        let (before, path) = (proxy.count(), format!("/v1/articles/{slug}?include=toc,sections"));
        proxy.keep_back();
        let (first, ()) = tokio::join!(app.ask(&path), async {
            proxy.has_kept_back(before).await;
            publish(writer, &article(&slug, "", "## 甲\n\n新的一段。")).await;
            app.knows_newest(mine).await;
            if !again {
                proxy.hand_out();
                return;
            }
            // Who asks now does not wait for the answer that is on its way, but for the connection.
            let (second, ()) = tokio::join!(app.ask(&path), async {
                let waits = async || app.db.read_pool().waiting == 1;
                until("a request that waits for the connection", waits).await;
                proxy.hand_out();
            });
            if second.status == 200 {
                assert_eq!(second.ok()["revision"], 2, "asked after the change was known");
            }
        });
        for _ in 0..2 {
            assert_eq!(app.revision(&slug).await.0, 2, "the old answer was kept");
        }
        in_time_or_late(first.status.as_u16())?;
        assert_eq!(first.ok()["revision"], 1, "it was read before");
        // Where another computation has taken its place, it is not even judged.
        assert_eq!(app.cache.counts().refused_fills, refused + u64::from(!again));
        assert_eq!(app.revision(&slug).await, (2, "hit".to_owned()));
        Some(())
    })
    .await;
}

/// Who changes something is answered when this instance answers by it, however late it is told of the change.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_answered_when_what_it_makes_stale_is_dropped() {
    let url = library_database().await;
    let proxy = Proxy::to(&url, "lectern listen").await;
    let databases = Settings { url: proxy.url(), replicas: Vec::new(), connections: 4 };
    let app = App::with(&databases, app::Settings::default());
    let key = app.key("read_drafts,write,publish").await;
    // The first request with a key takes a while: what it needs is made for all that follow.
    app.call(Method::GET, "/manage/v1/articles", Some(&key), &[], None).await.ok();
    let writer = Db::for_command(&url).unwrap();
    in_time(async |n| {
        let (slug, mine) = (format!("a-{n}"), connect(&url).await);
        publish(&writer, &article(&slug, "", "旧的一段。")).await;
        app.knows_newest(&mine).await;
        let path = format!("/v1/articles/{slug}");
        assert!(app.ask(&path).await.text().contains("旧的一段"));
        proxy.keep_back();
        let withdraw = format!("/manage/v1/articles/{slug}/withdraw");
        let body = Body::json(&json!({"reason": "过时。"}));
        let mut change = Box::pin(app.call(Method::POST, &withdraw, Some(&key), &[], Some(body)));
        let early = timeout(Duration::from_millis(600), &mut change).await;
        let before = app.ask(&path).await.status;
        proxy.hand_out();
        assert!(early.is_err() && before == 200, "it was answered while the old one was still in memory");
        in_time_or_late(change.await.status.as_u16())?;
        assert_eq!(app.ask(&path).await.status, 410);
        Some(())
    })
    .await;
}

/// However many ask at once for what is not in memory, it is computed once; also when the one for whom it was begun goes
/// away.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_are_one_computation() {
    let url = library_database().await;
    let app = App::with(&Settings { url: url.clone(), replicas: Vec::new(), connections: 1 }, app::Settings::default());
    let (mut mine, writer) = (connect(&url).await, Db::for_command(&url).unwrap());
    for n in 0..9 {
        publish(&writer, &article(&format!("a-{n}"), "", "## 甲\n\n一段。")).await;
    }
    app.knows_newest(&mine).await;
    let related = |n: usize| format!("/v1/articles/a-{n}/related");
    assert_eq!(app.ask(&related(8)).await.status, 200);
    let before = app.db.statements();
    assert_eq!(app.ask("/v1/articles/stem-cell-infusion/related").await.status, 200);
    let one = app.db.statements() - before;
    assert!(one > 0);

    in_time(async |n| {
        let mut locked = Locked::table(&url, "links").await;
        let before = app.db.statements();
        let first = Client::asks(app.address(), &related(n)).await;
        locked.keeps_waiting(1).await;
        let mut others = Vec::new();
        for _ in 0..20 {
            others.push(Client::asks(app.address(), &related(n)).await);
        }
        // There is one worker, and it takes things in turn: when it answers this, it has read those.
        assert_eq!(app.ask("/health/live").await.status, 200);
        first.vanish();
        assert_eq!(app.ask("/health/live").await.status, 200);
        locked.release().await;
        let mut misses = 0;
        for client in &mut others {
            let head = client.answer().await;
            in_time_or_late(status(&head))?;
            misses += usize::from(head.contains("cache;desc=miss"));
        }
        assert_eq!(app.db.statements() - before, one, "{misses} waited");
        if misses < 2 {
            return None;
        }
        let kept = app.ask(&related(n)).await;
        assert_eq!(way(&kept), "hit");
        Some(())
    })
    .await;

    // All go away: what was begun is brought to its end, and kept for who comes next.
    in_time(async |_| {
        let path = "/v1/articles/stem-cell-infusion/related?limit=3";
        let entries = app.cache.counts().entries;
        let mut locked = Locked::table(&url, "links").await;
        let only = Client::asks(app.address(), path).await;
        locked.keeps_waiting(1).await;
        only.vanish();
        assert_eq!(app.ask("/health/live").await.status, 200);
        locked.release().await;
        let mut waits = 0;
        until("the end of the computation", async || {
            waits += 1;
            app.cache.counts().entries > entries || waits > 400
        })
        .await;
        let next = app.ask(path).await;
        (way(&next) == "hit").then_some(())
    })
    .await;
    assert_eq!(number(&mut mine, "select count(*) from pg_locks where not granted").await, 0);
}
