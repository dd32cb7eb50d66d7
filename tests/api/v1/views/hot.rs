//! The hot list, ordered by what is read.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use lectern::{db::schema::changes, publishing::views::hot_list::refresh};
use serde_json::Value;
use uuid::Uuid;

use super::{Bucket, FAST, NEVER, buckets, connect, read_before, start, until, view};
use crate::harness::{App, article, empty_database};

/// Each item as "source: slug".
fn items(list: &Value) -> Vec<String> {
    let item =
        |item: &Value| format!("{}: {}", item["why"]["source"].as_str().unwrap(), item["slug"].as_str().unwrap());
    list["data"].as_array().unwrap().iter().map(item).collect()
}

async fn hot(app: &App, query: &str) -> Vec<String> {
    items(&app.get(&format!("/v1/recommendations/hot{query}")).await.ok())
}

async fn changes_of_hot(url: &str) -> i64 {
    changes::table.filter(changes::type_.eq("hot")).count().get_result(&mut connect(url).await).await.unwrap()
}

/// The worth of an article as `views::Window` says it, from the buckets.
fn score(buckets: &[Bucket], id: Uuid, window: TimeDelta, at: DateTime<Utc>) -> (i64, f64) {
    let mut worth = (0, 0.0);
    for bucket in buckets.iter().filter(|bucket| bucket.article_id == id && bucket.span != "ever") {
        let half = if bucket.span == "hour" { TimeDelta::minutes(30) } else { TimeDelta::hours(12) };
        let age = at - (bucket.starts_at + half);
        if age <= window {
            let half_lives = age.as_seconds_f64() / (window.as_seconds_f64() / 4.0);
            #[expect(clippy::cast_precision_loss, reason = "a handful of views")]
            let count = bucket.count as f64;
            worth = (worth.0 + bucket.count, worth.1 + count * (-half_lives).exp2());
        }
    }
    worth
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hot_list_is_ordered_by_the_formula() {
    let app = start(&empty_database().await, NEVER);
    let mut ids = BTreeMap::new();
    for (slug, topics) in [("pinned", "t"), ("old", "t"), ("new", "t"), ("few", "u"), ("steady", "u"), ("none", "u")] {
        ids.insert(slug, app.publish(&article(slug, &format!("topics: [{topics}]"), "文。")).await);
    }
    let pin = lectern::content::site::Pin { article: "pinned".parse().unwrap(), reason: None };
    app.write(async |tx| tx.set_pins(&[pin]).await).await.unwrap();
    let url = app.database.clone();
    let read = async |slug: &str, span: &str, ago: &str, count| read_before(&url, ids[slug], span, ago, count).await;
    read("pinned", "hour", "1 hour", 900).await;
    read("old", "hour", "20 hours", 50).await;
    read("old", "day", "5 days", 100).await;
    read("new", "hour", "0 hours", 10).await;
    read("few", "hour", "3 hours", 2).await;
    read("few", "day", "20 days", 1).await;
    for day in 3..29 {
        read("steady", "day", &format!("{day} days"), 20).await;
    }
    read("steady", "day", "50 days", 9000).await;
    assert_eq!(hot(&app, "").await[0], "pinned: pinned");
    assert!(hot(&app, "").await[1..].iter().all(|item| item.starts_with("recent")));

    assert!(refresh(&app.db, Duration::from_secs(60)).await.unwrap());
    let found = buckets(&app.database).await;
    for (name, window) in [("24h", TimeDelta::hours(24)), ("7d", TimeDelta::days(7)), ("30d", TimeDelta::days(30))] {
        let list = app.get(&format!("/v1/recommendations/hot?window={name}")).await.ok();
        let mut expected: Vec<(i64, f64, &str)> = Vec::new();
        let shown = list["data"].as_array().unwrap();
        let by_views: Vec<_> = shown.iter().filter(|item| item["why"]["source"] == "views").collect();
        let at: DateTime<Utc> = by_views[0]["why"]["computed_at"].as_str().unwrap().parse().unwrap();
        for (slug, id) in &ids {
            let (views, score) = score(&found, *id, window, at);
            if views >= 3 && *slug != "pinned" {
                expected.push((views, score, slug));
            }
        }
        expected.sort_by(|one, other| other.1.total_cmp(&one.1));
        assert_eq!(by_views.len(), expected.len(), "{name}: {list}");
        for (item, (views, score, slug)) in by_views.iter().zip(expected) {
            assert_eq!((item["slug"].as_str(), item["why"]["views"].as_i64()), (Some(slug), Some(views)), "{name}");
            let given = item["why"]["score"].as_f64().unwrap();
            assert!((given - score).abs() < 1e-8, "{name} {slug}: {given} {score}");
            assert_eq!(item["why"]["window"], name);
        }
        // Pins first; what is read too little, like what is not read, comes last and has no count.
        assert_eq!(shown[0]["why"]["source"], "pinned");
        assert_eq!(shown[0]["why"]["views"], Value::Null);
        let last = shown.last().unwrap();
        assert_eq!((last["why"]["source"].as_str(), &last["why"]["views"]), (Some("recent"), &Value::Null));
        assert_eq!(shown.len(), 6, "each once");
    }
    let week = ["pinned: pinned", "views: new", "views: steady", "views: old", "recent: none", "recent: few"];
    let found = hot(&app, "").await;
    assert_eq!(found[0], week[0]);
    assert_eq!(found[4..], week[4..]);
    assert_eq!(hot(&app, "?window=30d").await[4..], ["views: few", "recent: none"]);
    assert_eq!(hot(&app, "?window=24h").await[1..3], ["views: new", "views: old"]);
    let of_topic = hot(&app, "?topic=u&window=30d").await;
    assert_eq!(of_topic, ["views: steady", "views: few", "recent: none"]);
    assert_eq!(hot(&app, "?topic=t&window=24h").await, ["pinned: pinned", "views: new", "views: old"]);

    // Page by page it is the same list, and so it begins beside an article.
    for query in ["window=7d", "window=30d", "window=30d&topic=u", "window=24h&topic=t"] {
        let whole = app.get(&format!("/v1/recommendations/hot?{query}")).await.ok();
        let mut walked = Vec::new();
        let mut path = format!("/v1/recommendations/hot?{query}&limit=1");
        loop {
            let page = app.get(&path).await.ok();
            walked.extend(page["data"].as_array().unwrap().clone());
            let Some(cursor) = page["page"]["next_cursor"].as_str() else { break };
            path = format!("/v1/recommendations/hot?{query}&limit=1&cursor={cursor}");
        }
        assert_eq!(Value::from(walked), whole["data"], "{query}");
    }
    let beside = app.get("/v1/articles/none?include=hot").await.ok();
    assert_eq!(items(&beside["hot"]), hot(&app, "").await);
}

/// What nobody could tell from what it was is not told, and who goes is gone at once.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_changes_with_what_is_read_and_what_is_published() {
    let app = start(&empty_database().await, NEVER);
    let (one, two) = (app.publish(&article("one", "", "文。")).await, app.publish(&article("two", "", "文。")).await);
    read_before(&app.database, one, "hour", "2 hours", 5).await;
    read_before(&app.database, two, "hour", "2 hours", 4).await;
    let now = Duration::ZERO;
    assert!(refresh(&app.db, now).await.unwrap());
    assert_eq!(hot(&app, "").await, ["views: one", "views: two"]);
    let known = app.get("/v1/recommendations/hot").await;
    assert_eq!(changes_of_hot(&app.database).await, 1);
    assert!(refresh(&app.db, now).await.unwrap());
    assert_eq!(changes_of_hot(&app.database).await, 1, "only time went by");
    assert_eq!(app.get("/v1/recommendations/hot").await.header("etag"), known.header("etag"));
    assert!(!refresh(&app.db, Duration::from_secs(3600)).await.unwrap(), "it was computed a moment ago");

    read_before(&app.database, two, "hour", "1 hour", 4).await;
    let single = app.get("/v1/articles/one").await;
    assert!(single.header("server-timing").contains("miss"));
    assert!(refresh(&app.db, now).await.unwrap());
    assert_eq!(changes_of_hot(&app.database).await, 2);
    assert_eq!(hot(&app, "").await, ["views: two", "views: one"]);
    let kept = app.get("/v1/articles/one").await;
    assert!(kept.header("server-timing").contains("hit"), "only what shows the list is dropped");

    app.write(async |tx| tx.withdraw(two, "修订中。").await).await.unwrap();
    assert_eq!(hot(&app, "").await, ["views: one"]);
    // Its views are still there: published again, it has its place back when the list is computed next.
    app.publish(&article("two", "", "文。改。")).await;
    assert_eq!(hot(&app, "").await, ["views: one", "recent: two"]);
    assert!(refresh(&app.db, now).await.unwrap());
    assert_eq!(hot(&app, "").await, ["views: two", "views: one"]);
    // What left the window is not there for its views any more.
    let age = "update views set starts_at = starts_at - interval '40 days'";
    connect(&app.database).await.batch_execute(age).await.unwrap();
    assert!(refresh(&app.db, now).await.unwrap());
    assert_eq!(hot(&app, "?window=30d").await, ["recent: two", "recent: one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_count_together_and_one_computes() {
    let url = empty_database().await;
    let (one, other) = (start(&url, FAST), start(&url, FAST));
    for slug in ["first", "second"] {
        one.publish(&article(slug, "", "文。")).await;
    }
    for reader in 0..4 {
        assert_eq!(view(&one, "first", reader).await.status, 204);
        assert_eq!(view(&other, "second", reader).await.status, 204);
        assert_eq!(view(&other, "first", 10 + reader).await.status, 204);
    }
    for app in [&one, &other] {
        until("the order by views", async || hot(app, "").await == ["views: first", "views: second"]).await;
        let list = app.get("/v1/recommendations/hot").await;
        until("all views", async || app.get("/v1/recommendations/hot").await.json()["data"][0]["why"]["views"] == 8)
            .await;
        assert!(list.header("surrogate-key").split(' ').any(|tag| tag == "hot"));
    }
    // While one has the turn, the other computes nothing and does not wait.
    let mut connection = connect(&url).await;
    connection.batch_execute("begin; select pg_advisory_xact_lock(6844276)").await.unwrap();
    let began = Instant::now();
    assert!(!refresh(&one.db, Duration::ZERO).await.unwrap());
    assert!(began.elapsed() < Duration::from_secs(5));
}
