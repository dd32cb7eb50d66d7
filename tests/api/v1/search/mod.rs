//! Search: what is found, in which order, and what is shown of it.

mod relevance;
mod suggest;

use std::collections::HashSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    harness::{App, article},
    manage::desk::Desk,
};

/// The address of a search.
pub fn address(query: &str, more: &str) -> String {
    format!("/v1/search?q={}{more}", utf8_percent_encode(query, NON_ALPHANUMERIC))
}

/// All hits of a query, page by page; each page's address is the one that the page before named.
pub async fn all(app: &App, query: &str, more: &str) -> Vec<Value> {
    let mut hits = Vec::new();
    let mut path = address(query, more);
    loop {
        let page = app.get(&path).await.ok();
        hits.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["page"]["next_cursor"].as_str() else { return hits };
        path = format!("{}&cursor={cursor}", address(query, more));
        assert!(hits.len() < 10_000, "{query}: the pages have no end");
    }
}

/// A hit as "slug number".
pub fn place(hit: &Value) -> String {
    let number = hit["section"]["number"].as_str().unwrap_or("-");
    format!("{} {number}", hit["article"]["slug"].as_str().unwrap())
}

async fn places(app: &App, query: &str) -> Vec<String> {
    app.get(&address(query, "")).await.ok()["data"].as_array().unwrap().iter().map(place).collect()
}

fn snippet(hit: &Value) -> String {
    let piece = |piece: &Value| {
        let text = piece["text"].as_str().unwrap();
        if piece["match"].as_bool().unwrap() { format!("[{text}]") } else { text.to_owned() }
    };
    hit["snippet"].as_array().unwrap().iter().map(piece).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn title_then_heading_then_text_then_most_of_it() {
    let app = App::empty().await;
    let file = |slug: &str, title: &str, body: &str| article(slug, &format!("title: {title}"), body);
    app.publish(&file("text", "别的", "## 甲 {#a}\n\n前面。术后康复很重要。后面。")).await;
    app.publish(&file("heading", "别的", "## 甲 {#a}\n\n文。\n\n### 術後康復 {#b}\n\n文。")).await;
    app.publish(&article("question", "title: 别的\nquestions: [术后康复要多久]", "## 甲 {#a}\n\n文。")).await;
    app.publish(&file("title", "术后康复", "导语。\n\n## 甲 {#a}\n\n文。\n\n## 乙 {#b}\n\n文。")).await;
    let found = places(&app, "术后康复").await;
    assert_eq!(found, ["title 1", "heading 1.1", "question 1", "text 1"]);

    let hits = all(&app, "术后康复", "").await;
    let shown: Vec<_> = hits.iter().map(snippet).collect();
    assert_eq!(shown, ["[术后康复]", "[術後康復]", "[术后康复]要多久", "[术后康复]很重要。后面。"]);
    let scores: Vec<_> = hits.iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
    assert_eq!(hits[1]["section"], serde_json::json!({"number": "1.1", "anchor": "b", "title": "術後康復"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_words_may_stand_in_title_and_section() {
    let app = App::empty().await;
    app.publish(&article("a", "title: 糖尿病", "## 饮食 {#diet}\n\n少糖。\n\n## 运动 {#sport}\n\n散步，注意饮食。"))
        .await;
    app.publish(&article("b", "title: 高血压", "## 饮食 {#diet}\n\n少盐。")).await;
    // Both words first; what has one of two comes last.
    let found = places(&app, "糖尿病 饮食").await;
    assert_eq!(found[..2], ["a 1", "a 2"]);
    assert_eq!(found[2..].iter().collect::<HashSet<_>>().len(), 1, "{found:?}");
    assert!(found.contains(&"b 1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_finds_what_has_most_of_it() {
    let app = App::empty().await;
    app.publish(&article("less", "title: 别的", "## 甲 {#a}\n\n这里讲饮食。")).await;
    app.publish(&article("most", "title: 别的", "## 甲 {#a}\n\n这里讲康复训练与饮食。")).await;
    app.publish(&article("none", "title: 别的", "## 甲 {#a}\n\n这里讲别的。")).await;
    assert_eq!(places(&app, "术后康复训练要怎么安排饮食呢").await[0], "most 1");
    assert_eq!(places(&app, "“术后康复训练”要怎么安排饮食呢").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_meaning_has_one_answer_and_one_place_in_memory() {
    let app = App::library().await;
    let first = app.get(&address("幹細胞  ＣＡＲ－Ｔ", "")).await;
    for same in ["干细胞 CAR-T", " 干细胞 car-t ", "干细胞\u{3000}ＣＡＲ－Ｔ"] {
        let reply = app.get(&address(same, "&limit=20")).await;
        assert_eq!(reply.header("etag"), first.header("etag"), "{same}");
        assert_eq!(reply.header("server-timing"), "cache;desc=hit", "{same}");
    }
    assert!(first.json()["data"].as_array().is_some_and(|hits| !hits.is_empty()));
    assert_eq!(first.header("surrogate-key"), "articles topics");
}

#[tokio::test(flavor = "multi_thread")]
async fn page_by_page_it_is_the_same_list() {
    let app = App::library().await;
    for query in ["干细胞", "药", "移植 感染", "干细胞治疗糖尿病有效吗", "“造血干细胞”", "gxb"]
    {
        let whole: Vec<_> = all(&app, query, "&limit=100").await.iter().map(place).collect();
        let paged: Vec<_> = all(&app, query, "&limit=3").await.iter().map(place).collect();
        assert_eq!(paged, whole, "{query}");
        assert_eq!(whole.iter().collect::<HashSet<_>>().len(), whole.len(), "{query}: one came twice");
        assert!(!whole.is_empty(), "{query}");
    }
    let cursor = app.get(&address("干细胞", "&limit=3")).await.ok()["page"]["next_cursor"].as_str().unwrap().to_owned();
    let foreign = app.get(&address("移植", &format!("&cursor={cursor}"))).await;
    assert_eq!(foreign.status, 400);
    // The cursor belongs to what is meant, however it is written.
    app.get(&address("幹細胞", &format!("&cursor={cursor}"))).await.ok();
}

/// More passages of a class than are compared at once: the newest portion first, then the next; each once.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_class_comes_in_portions() {
    let app = App::empty().await;
    let sections = |n: usize| -> String {
        let section = |place: usize| format!("## 节 {{#s{place}}}\n\n{}康复", "字".repeat((place * n) % 7));
        (0..150).map(section).collect::<Vec<_>>().join("\n\n")
    };
    for n in 1..=3 {
        app.publish(&article(&format!("a{n}"), "title: 别的", &sections(n))).await;
    }
    let hits = all(&app, "康复", "&limit=100").await;
    assert_eq!(hits.len(), 450);
    let places: Vec<_> = hits.iter().map(place).collect();
    assert_eq!(places.iter().collect::<HashSet<_>>().len(), 450);
    let newest = |hit: &Value| hit["article"]["slug"] != "a1";
    assert!(hits[..200].iter().all(newest), "the newest 200 come first");
    for portion in [&hits[..200], &hits[200..400], &hits[400..]] {
        let scores: Vec<_> = portion.iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    }
    // What is published between two pages shifts none of them.
    let page = app.get(&address("康复", "&limit=100")).await.ok();
    app.publish(&article("a4", "title: 别的", &sections(4))).await;
    let cursor = page["page"]["next_cursor"].as_str().unwrap();
    let next = app.get(&address("康复", &format!("&limit=100&cursor={cursor}"))).await.ok();
    let next: Vec<_> = next["data"].as_array().unwrap().iter().map(place).collect();
    assert_eq!(next, places[100..200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_and_locale_leave_the_rest_out() {
    let app = App::empty().await;
    app.publish(&article("a", "title: 康复\ntopics: [x, y]", "文。")).await;
    app.publish(&article("b", "title: 康复\ntopics: [y]\nlocale: zh-Hant", "文。")).await;
    let with = async |more: &str| -> Vec<String> { all(&app, "康复", more).await.iter().map(place).collect() };
    assert_eq!(with("").await, ["b -", "a -"]);
    assert_eq!(with("&topic=x").await, ["a -"]);
    assert_eq!(with("&topic=y").await.len(), 2);
    assert_eq!(with("&topic=none").await, Vec::<String>::new());
    assert_eq!(with("&locale=zh-Hant").await, ["b -"]);
    assert_eq!(with("&topic=y&locale=zh-Hans").await, ["a -"]);
    // An article without sections is a hit without one.
    assert_eq!(all(&app, "康复", "&topic=x").await[0]["section"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_queries_are_answered() {
    let app = App::library().await;
    for nothing in ["🙂", "，。！？", "!!!", "&|!()<->:*", "''\\", "\"\"", "“”", "\u{200B}", "%", "- - -"] {
        let found = app.get(&address(nothing, "")).await.ok();
        assert_eq!(found["data"].as_array().unwrap().len(), 0, "{nothing}");
        app.get(&format!("/v1/search/suggest?q={}", utf8_percent_encode(nothing, NON_ALPHANUMERIC))).await.ok();
    }
    for query in [
        "干细胞 & 移植",
        "干细胞 | !移植",
        "干细胞:*",
        "'干细胞'",
        "干\\细",
        "干细胞 <-> 移植",
        "a'b\\c:d",
        "药🙂",
        "\"干细胞",
        "干细胞\"",
        "1",
        "a",
        "的",
        "T:干细 #1:0",
        "null",
        "'; drop table passages; --",
    ] {
        app.get(&address(query, "")).await.ok();
    }
    let long = "干".repeat(200);
    app.get(&address(&long, "")).await.ok();
    app.get(&address(&"干 ".repeat(100), "")).await.ok();
    app.get(&address(&"a b c d e f g h ".repeat(12), "")).await.ok();
    let refused = [
        "/v1/search".to_owned(),
        address("", ""),
        address("  \u{3000}\u{85}\u{A0}\u{1}\u{7F}", ""),
        address(&"干".repeat(201), ""),
    ];
    for path in refused.into_iter().chain([address(&"a".repeat(10_000), "")]) {
        let reply = app.get(&path).await;
        assert_eq!(reply.status, 400, "{}", &path[..path.len().min(60)]);
        assert_eq!(reply.json()["errors"][0]["parameter"], "q");
    }
}

/// Long sections are compared in smaller portions: each page is answered in time, and no hit is lost between two.
#[tokio::test(flavor = "multi_thread")]
async fn long_sections_come_in_smaller_portions() {
    let app = App::empty().await;
    let long = |n: usize| format!("## 节 {{#s{n}}}\n\n{}", "the cells are given to a patient ".repeat(600));
    app.publish(&article("long", "title: 别的", &(0..30).map(long).collect::<Vec<_>>().join("\n\n"))).await;
    let hits = all(&app, "cells given", "&limit=4").await;
    assert_eq!(hits.len(), 30);
    assert_eq!(hits.iter().map(place).collect::<HashSet<_>>().len(), 30);
    let scores: Vec<_> = hits.iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
    assert!(scores.windows(2).all(|two| (two[0] - two[1]).abs() < 1e-9), "all are alike: {scores:?}");
}

/// What is shown is a part of the original, and what is marked stands there.
#[tokio::test(flavor = "multi_thread")]
async fn snippets_are_parts_of_the_original() {
    let app = App::library().await;
    for query in ["免疫", "造血干细胞移植", "T细胞", "临床试验 对照", "1型糖尿病"] {
        for hit in all(&app, query, "&limit=100").await.iter().take(60) {
            let slug = hit["article"]["slug"].as_str().unwrap();
            let anchor = hit["section"]["anchor"].as_str().unwrap();
            let section = app.get(&format!("/v1/articles/{slug}/sections/{anchor}?format=text")).await.ok();
            let whole = app.get(&format!("/v1/articles/{slug}?format=text")).await.ok();
            assert_eq!(section["number"], hit["section"]["number"]);
            let shown: String =
                hit["snippet"].as_array().unwrap().iter().map(|p| p["text"].as_str().unwrap()).collect();
            let mut texts =
                vec![&section["text"], &section["title"], &whole["lead"]["text"], &whole["title"], &whole["summary"]];
            texts.extend(whole["questions"].as_array().unwrap());
            assert!(
                texts.iter().filter_map(|text| text.as_str()).any(|text| text.contains(&shown)),
                "{query}: {shown} is not in {slug} {anchor}"
            );
            assert!(shown.chars().count() <= 120);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_of_a_title_finds_it_and_what_is_like_it() {
    let app = App::empty().await;
    app.publish(&article("a", "title: 免疫调节与细胞", "## 甲 {#a}\n\n文。")).await;
    app.publish(&article("b", "title: 别的", "## 免疫调节 {#a}\n\n文。")).await;
    app.publish(&article("c", "title: mytj", "## 甲 {#a}\n\n文。")).await;
    for query in ["mianyitiaojie", "mianyi tiaojie", "Miǎnyì tiáojié", "mian'yi'tiao'jie", "mianyitiaoj"] {
        assert_eq!(places(&app, query).await[..2], ["a 1", "b 1"], "{query}");
    }
    let found = places(&app, "mytj").await;
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), 3);
    assert_eq!(found[0], "c 1", "what stands there as it is written comes first: {found:?}");
    // Within the title, too; but no two letters.
    assert_eq!(places(&app, "tjyxb").await[0], "a 1");
    assert_eq!(places(&app, "my").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn publications_and_withdrawals_are_found_at_once() {
    let desk = Desk::empty().await;
    let hits = async || places(&desk.app, "术后康复").await;
    assert_eq!(hits().await, Vec::<String>::new());
    desk.save("a", "## 甲 {#x}\n\n术后康复。\n\n## 乙 {#y}\n\n文。").await;
    assert_eq!(hits().await, Vec::<String>::new(), "a draft is found by nobody");
    desk.publish("a").await;
    assert_eq!(hits().await, ["a 1"]);
    desk.save("a", "## 乙 {#y}\n\n文。\n\n## 甲 {#x}\n\n术后康复。").await;
    desk.publish("a").await;
    assert_eq!(hits().await, ["a 2"]);
    desk.save("a", "## 乙 {#y}\n\n文。").await;
    desk.publish("a").await;
    assert_eq!(hits().await, Vec::<String>::new());
    desk.save("a", "## 甲 {#x}\n\n术后康复。").await;
    desk.publish("a").await;
    desk.post("a/move", &serde_json::json!({"slug": "b"})).await.ok();
    assert_eq!(hits().await, ["b 1"]);
    desk.post("b/withdraw", &serde_json::json!({"reason": "更正"})).await.ok();
    assert_eq!(hits().await, Vec::<String>::new());
}

/// A publication that changes one section writes one passage anew.
#[tokio::test(flavor = "multi_thread")]
async fn what_stays_as_it_is_is_not_written_again() {
    let desk = Desk::empty().await;
    desk.save("a", "## 甲 {#x}\n\n一。\n\n## 乙 {#y}\n\n二。\n\n## 丙 {#z}\n\n三。").await;
    desk.publish("a").await;
    let written = async || -> Vec<String> {
        use diesel_async::RunQueryDsl;
        #[derive(diesel::QueryableByName)]
        struct Line {
            #[diesel(sql_type = diesel::sql_types::Text)]
            line: String,
        }
        let mut connection = desk.app.db.read().await.unwrap();
        let rows: Vec<Line> =
            diesel::sql_query("select concat(anchor, ' ', xmin) as line from passages order by place")
                .load(&mut connection)
                .await
                .unwrap();
        rows.into_iter().map(|row| row.line).collect()
    };
    let before = written().await;
    desk.save("a", "## 甲 {#x}\n\n一。\n\n## 乙 {#y}\n\n另外。\n\n## 丙 {#z}\n\n三。").await;
    desk.publish("a").await;
    let after = written().await;
    let same: Vec<_> = before.iter().zip(&after).map(|(a, b)| a == b).collect();
    assert_eq!(same, [true, false, true]);
}
