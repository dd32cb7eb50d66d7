//! The history: everything that was ever saved, and what changed.

use reqwest::Method;
use serde_json::{Value, json};

use super::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn the_history_keeps_everything_and_brings_it_back() {
    let desk = Desk::empty().await;
    for text in ["第一稿。", "第二稿。", "第三稿。"] {
        desk.save("a", &format!("## 节 {{#x}}\n\n{text}")).await;
    }
    desk.post("a/publish", &json!({"revision": 2})).await.ok();
    let list = desk.get("/manage/v1/articles/a/revisions").await.ok();
    let rows: Vec<_> = list["data"].as_array().unwrap().iter().map(|row| (&row["revision"], &row["state"])).collect();
    assert_eq!(rows, [(&json!(3), &json!("draft")), (&json!(2), &json!("live")), (&json!(1), &json!("past"))]);
    assert!(list["data"][0]["saved_by"] == "test" && list["data"][0]["saved_at"].as_str().unwrap().ends_with('Z'));
    let page = desk.get("/manage/v1/articles/a/revisions?limit=2").await.ok();
    let cursor = page["page"]["next_cursor"].as_str().unwrap();
    let rest = desk.get(&format!("/manage/v1/articles/a/revisions?limit=2&cursor={cursor}")).await.ok();
    assert_eq!(rest["data"][0]["revision"], 1);

    let first = desk.get("/manage/v1/articles/a/revisions/1").await.ok();
    assert!(first["content"]["markdown"].as_str().unwrap().contains("第一稿"), "{first}");
    for number in ["0", "4", "-1", "1.0", "99999999999", "x"] {
        assert_eq!(desk.get(&format!("/manage/v1/articles/a/revisions/{number}")).await.status, 404, "{number}");
    }
    let restored = desk.post("a/revisions/1/restore", &json!({})).await.ok();
    assert_eq!((&restored["revision"], &restored["state"]), (&json!(4), &json!("draft")));
    assert_eq!(restored["hash"], first["hash"]);
    let again = desk.post("a/revisions/1/restore", &json!({})).await.ok();
    assert_eq!((&again["revision"], &again["outcome"]), (&json!(4), &json!("unchanged")));
    assert_eq!(desk.app.get("/v1/articles/a").await.ok()["revision"], 2, "readers see what they saw");
    assert_eq!(desk.post("a/revisions/9/restore", &json!({})).await.status, 404);
    let stale = ("if-match", "\"3-x\"");
    let path = "/manage/v1/articles/a/revisions/1/restore";
    assert_eq!(desk.app.call(Method::POST, path, Some(&desk.key), &[stale], None).await.status, 412);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_tells_of_sections_and_words() {
    let desk = Desk::empty().await;
    let first =
        "## 甲 {#x}\n\n每日一次，饭后服用。\n\n## 乙 {#y}\n\n乙文。\n\n## 戊 {#v}\n\n戊文。\n\n## 丙 {#z}\n\n丙文。";
    desk.save("a", first).await;
    desk.publish("a").await;
    let second = "## 丙 {#z}\n\n丙文。\n\n## 甲 {#x}\n\n每日两次，饭后服用。\n\n## 戊 {#v}\n\n戊文。\n\n## 丁 {#w}\n\n新写的一节。";
    desk.save("a", second).await;
    let diff = desk.get("/manage/v1/articles/a/diff").await.ok();
    assert_eq!((&diff["from"]["revision"], &diff["to"]["revision"]), (&json!(1), &json!(2)));
    let statuses = |anchor: &str| -> Value {
        let sections = diff["sections"].as_array().unwrap();
        let one = sections.iter().find(|s| s["after"]["anchor"] == anchor || s["before"]["anchor"] == anchor);
        one.map_or(Value::Null, |one| one["statuses"].clone())
    };
    assert_eq!(statuses("x"), json!(["changed"]), "{diff}");
    assert_eq!(statuses("y"), json!(["removed"]), "{diff}");
    assert_eq!(statuses("w"), json!(["added"]), "{diff}");
    assert_eq!(statuses("z"), json!(["moved"]), "{diff}");
    let same = desk.get("/manage/v1/articles/a/diff?from=1&to=1").await.ok();
    assert_eq!((&same["fields"], &same["sections"]), (&json!([]), &json!([])));
    assert_eq!(desk.get("/manage/v1/articles/a/diff?from=7").await.status, 404);
    assert_eq!(desk.get("/manage/v1/articles/a/diff?from=x").await.status, 400);
}
