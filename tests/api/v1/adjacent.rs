//! The articles before and after one in a topic.

use serde_json::Value;

use crate::harness::{App, article};

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_stand_as_in_the_list_of_the_topic() {
    let app = App::library().await;
    for topic in ["stem-cells", "safety", "cardiology"] {
        let list = app.get(&format!("/v1/articles?topic={topic}&limit=100")).await.ok();
        let cards = list["data"].as_array().unwrap();
        for (place, card) in cards.iter().enumerate() {
            let slug = card["slug"].as_str().unwrap();
            let beside = app.get(&format!("/v1/articles/{slug}/adjacent?topic={topic}")).await.ok();
            assert_eq!(beside["topic"]["slug"], topic);
            assert_eq!(beside["previous"], place.checked_sub(1).map_or(Value::Null, |at| cards[at].clone()), "{slug}");
            assert_eq!(beside["next"], cards.get(place + 1).cloned().unwrap_or(Value::Null), "{slug}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_topic_unless_given_and_only_its_own() {
    let app = App::empty().await;
    app.publish(&article("a", "topics: [x, y]", "文。")).await;
    app.publish(&article("b", "topics: [y]", "文。")).await;
    app.publish(&article("c", "", "文。")).await;
    let beside = app.get("/v1/articles/a/adjacent").await.ok();
    assert_eq!((&beside["topic"]["slug"], &beside["previous"]), (&Value::from("x"), &Value::Null));
    let beside = app.get("/v1/articles/a/adjacent?topic=y").await.ok();
    assert_eq!(beside["previous"]["slug"], "b");
    let alone = app.get("/v1/articles/c/adjacent").await.ok();
    assert_eq!(alone, serde_json::json!({"topic": null, "previous": null, "next": null}));
    // There it has no place, until it comes to the topic.
    assert_eq!(app.get("/v1/articles/b/adjacent?topic=x").await.status, 404);
    app.publish(&article("b", "topics: [y, x]", "文。")).await;
    assert_eq!(app.get("/v1/articles/b/adjacent?topic=x").await.ok()["next"]["slug"], "a");
    app.publish(&article("b", "topics: [y]", "文。")).await;
    // What comes to the topic is beside it at once.
    app.publish(&article("d", "topics: [x]", "文。")).await;
    assert_eq!(app.get("/v1/articles/a/adjacent").await.ok()["previous"]["slug"], "d");
}
