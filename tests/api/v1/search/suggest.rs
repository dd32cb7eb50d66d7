//! Suggestions: titles and questions that complete what was typed.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::harness::{App, article};

async fn suggested(app: &App, typed: &str) -> Vec<String> {
    let path = format!("/v1/search/suggest?q={}", utf8_percent_encode(typed, NON_ALPHANUMERIC));
    let list = app.get(&path).await.ok();
    list["data"].as_array().unwrap().iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_better_way_of_finding_comes_first() {
    let app = App::empty().await;
    app.publish(&article("a", "title: 术后康复指南\nquestions: [多久能上班？, 要不要吃药]", "文。")).await;
    app.publish(&article("b", "title: 饮食：术后康复期", "文。")).await;
    app.publish(&article("c", "title: 关于术后康复", "文。")).await;
    assert_eq!(suggested(&app, "術後").await, ["术后康复指南", "饮食：术后康复期", "关于术后康复"]);
    assert_eq!(suggested(&app, "shuhoukf").await, Vec::<String>::new());
    // In the order of what they sound like: kangfuqi, kangfuzhinan.
    assert_eq!(suggested(&app, "shuhouk").await, ["饮食：术后康复期", "术后康复指南"]);
    assert_eq!(suggested(&app, "shkf").await, ["饮食：术后康复期", "术后康复指南"]);
    for typed in ["shu hou k", "shu'hou'k", "shuhou-k"] {
        assert_eq!(suggested(&app, typed).await.len(), 2, "{typed}");
    }
    assert_eq!(suggested(&app, "多久").await, ["多久能上班？"]);
    assert_eq!(suggested(&app, "吃药").await, ["要不要吃药"]);
    assert_eq!(suggested(&app, "饮食，术").await, ["饮食：术后康复期"]);
    let list = app.get("/v1/search/suggest?q=%E8%A6%81%E4%B8%8D&limit=1").await.ok();
    let expected = serde_json::json!({"text": "要不要吃药", "kind": "question", "slug": "a", "url": "/v1/articles/a"});
    assert_eq!(list["data"][0], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_follow_what_is_published() {
    let app = App::empty().await;
    app.publish(&article("a", "title: 术后康复", "文。")).await;
    assert_eq!(suggested(&app, "术").await, ["术后康复"]);
    app.publish(&article("a", "title: 运动康复", "文。")).await;
    assert_eq!(suggested(&app, "术").await, Vec::<String>::new());
    assert_eq!(suggested(&app, "运").await, ["运动康复"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_title_and_question_of_the_library_completes_itself() {
    let app = App::library().await;
    let list = app.get("/v1/articles?limit=100").await.ok();
    for card in list["data"].as_array().unwrap() {
        let texts = std::iter::once(&card["title"]).chain(card["questions"].as_array().unwrap());
        for text in texts.map(|text| text.as_str().unwrap()) {
            let typed: String = text.chars().take(4).collect();
            let found = suggested(&app, &typed).await;
            assert!(found.iter().any(|suggestion| suggestion == text), "{typed}: {found:?}");
        }
    }
    let limited = app.get("/v1/search/suggest?q=%E5%B9%B2&limit=2").await.ok();
    assert_eq!(limited["data"].as_array().unwrap().len(), 2);
}
