//! Related reading and the hot list.

use lectern::content::search::terms;
use serde_json::Value;

use crate::harness::{App, article, document};

/// Each item as "source: slug or url".
fn items(list: &Value) -> Vec<String> {
    let item = |item: &Value| {
        format!(
            "{}: {}",
            item["why"]["source"].as_str().unwrap(),
            item["slug"].as_str().unwrap_or_else(|| item["url"].as_str().unwrap())
        )
    };
    list["data"].as_array().unwrap().iter().map(item).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_item_says_why_and_stands_once() {
    let app = App::empty().await;
    app.publish(&article("both", "", "文。")).await;
    app.publish(&article("linked", "", "文。")).await;
    app.publish(&article("back", "", "见[本文](main.md)。")).await;
    app.publish(&article("near", "topics: [t1, t2]", "文。")).await;
    app.publish(&article("far", "topics: [t1, t3, t4]", "文。")).await;
    app.publish(&article("alien", "topics: [t9]", "文。")).await;
    let front = "topics: [t1, t2]\nrelated:\n  - article: both\n    reason: 先读这篇\n  - article: not-published\n  - url: https://example.org/guide\n    title: 指南\n    reason: 更多资料\n  - article: main";
    app.publish(&article("main", front, "见[甲](linked.md)、[乙](both.md)、[自己](main.md)、[无](nowhere.md)。")).await;
    let list = app.get("/v1/articles/main/related").await.ok();
    let expected = [
        "editorial: both",
        "editorial: https://example.org/guide",
        "linked: linked",
        "linked_from: back",
        "shared_topics: near",
        "shared_topics: far",
    ];
    assert_eq!(items(&list), expected);
    assert_eq!(
        list["data"].as_array().unwrap().iter().map(|item| item["position"].as_i64().unwrap()).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!(list["data"][0]["why"]["reason"], "先读这篇");
    assert_eq!((list["data"][1]["kind"].as_str(), &list["data"][1]["slug"]), (Some("external"), &Value::Null));
    // Jaccard's index of the topics: 2 of 2, 1 of 4.
    let score = |place: usize| list["data"][place]["why"]["score"].as_f64().unwrap();
    assert!((score(4) - f64::midpoint(1.0, likeness("near", "main"))).abs() < 1e-6);
    assert!((score(5) - f64::midpoint(0.25, likeness("far", "main"))).abs() < 1e-6);
    assert_eq!(list["data"][4]["why"]["reason"], "t1、t2");

    // Page by page it is the same list; the article's own part leads into it.
    let mut walked = Vec::new();
    let mut path = "/v1/articles/main/related?limit=1".to_owned();
    loop {
        let page = app.get(&path).await.ok();
        walked.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["page"]["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/articles/main/related?limit=1&cursor={cursor}");
    }
    assert_eq!(Value::from(walked), list["data"]);
    for n in 0..4 {
        app.publish(&article(&format!("more-{n}"), "topics: [t1]", "文。")).await;
    }
    let part = app.get("/v1/articles/main").await.ok()["related"].clone();
    let rest = app.get(part["more"].as_str().unwrap()).await.ok();
    let whole = app.get("/v1/articles/main/related").await.ok();
    let joined: Vec<_> =
        part["data"].as_array().unwrap().iter().chain(rest["data"].as_array().unwrap()).cloned().collect();
    assert_eq!(Value::from(joined), whole["data"]);
    assert_eq!(app.get("/v1/articles/alien").await.ok()["related"]["more"], Value::Null);
}

/// The likeness of two small articles, by its documented formula.
fn likeness(one: &str, other: &str) -> f64 {
    let signature = |slug: &str| terms::index(&document(&article(slug, "", "文。"))).signature;
    let (one, other) = (signature(one), signature(other));
    let equal: u32 = one.iter().zip(&other).map(|(a, b)| (a ^ b).count_zeros()).sum();
    (2.0 * f64::from(equal) / 512.0 - 1.0).max(0.0)
}

/// Of those that share as many topics, the more alike comes first; the list is one statement.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_alike_comes_before_what_is_not() {
    let app = App::empty().await;
    let titled = |slug: &str, title: &str| article(slug, &format!("title: {title}\ntopics: [t]"), "文。");
    app.publish(&titled("nearest", "心脏手术后的康复")).await;
    app.publish(&titled("near", "心脏手术前的准备")).await;
    app.publish(&titled("other", "高血压患者的饮食")).await;
    app.publish(&titled("main", "心脏手术后的康复与训练")).await;
    let list = app.get("/v1/articles/main/related").await.ok();
    assert_eq!(items(&list), ["shared_topics: nearest", "shared_topics: near", "shared_topics: other"]);
    let before = app.db.statements();
    let page = app.get("/v1/articles/main/related?limit=1").await.ok();
    assert_eq!(app.db.statements() - before, 2, "one for the list, one of the test's own");
    // The cursor is the article's alone.
    let cursor = page["page"]["next_cursor"].as_str().unwrap();
    assert_eq!(app.get(&format!("/v1/articles/near/related?limit=1&cursor={cursor}")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_lead_the_hot_list_and_the_newest_follow() {
    let app = App::library().await;
    let list = app.get("/v1/recommendations/hot?limit=100").await.ok();
    let found = items(&list);
    assert_eq!(found.len(), 13);
    assert_eq!(found[..2], ["pinned: stem-cell-infusion", "pinned: check-registration"]);
    assert!(found[2..].iter().all(|item| item.starts_with("recent: ")), "{found:?}");
    assert!(list["data"][0]["why"]["reason"].is_string());
    for limit in [1, 2, 3, 5] {
        let mut walked = Vec::new();
        let mut path = format!("/v1/recommendations/hot?limit={limit}");
        loop {
            let page = app.get(&path).await.ok();
            walked.extend(page["data"].as_array().unwrap().clone());
            let Some(cursor) = page["page"]["next_cursor"].as_str() else {
                break;
            };
            path = format!("/v1/recommendations/hot?limit={limit}&cursor={cursor}");
        }
        assert_eq!(Value::from(walked), list["data"], "{limit} a page");
    }
    let cardiology = items(&app.get("/v1/recommendations/hot?topic=cardiology&window=24h").await.ok());
    assert_eq!(cardiology, ["recent: heart-disease"]);
    assert_eq!(app.get("/v1/recommendations/hot?window=1y").await.status, 400);
    let hot = app.get("/v1/articles/heart-disease?include=hot").await.ok()["hot"].clone();
    let rest = app.get(&format!("{}&limit=100", hot["more"].as_str().unwrap())).await.ok();
    let joined: Vec<_> =
        hot["data"].as_array().unwrap().iter().chain(rest["data"].as_array().unwrap()).cloned().collect();
    assert_eq!(Value::from(joined), list["data"]);
}
