//! The audit: who did what, for good.

use std::collections::BTreeSet;

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use serde_json::{Value, json};

use super::desk::Desk;
use crate::harness::{Body, article};

const AUDIT: &str = "/manage/v1/audit";

impl Desk {
    /// Sends a body, which must be taken.
    async fn tell(&self, method: Method, path: &str, body: &Value) -> Value {
        let path = format!("/manage/v1/{path}");
        let reply = self.app.call(method, &path, Some(&self.key), &[], Some(Body::json(body))).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.text());
        if reply.body.is_empty() { Value::Null } else { reply.json() }
    }

    /// The acts as they are told, the oldest first: what was done, to what, to which revision, what else.
    async fn told(&self, query: &str) -> Vec<Value> {
        let list = self.get(&format!("{AUDIT}?limit=100{query}")).await.ok();
        list["data"].as_array().unwrap().iter().rev().cloned().collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_act_leaves_its_entry() {
    let desk = Desk::empty().await;
    let (post, put, delete) = (Method::POST, Method::PUT, Method::DELETE);
    let later = json!({"revision": 2, "at": "2999-01-01T00:00:00Z"});
    desk.save("a", "第一稿。").await;
    desk.publish("a").await;
    desk.save("a", "第二稿。").await;
    desk.tell(post.clone(), "articles/a/publish", &later).await;
    desk.tell(delete.clone(), "articles/a/schedule", &json!({})).await;
    desk.tell(post.clone(), "articles/a/preview", &json!({})).await;
    desk.tell(post.clone(), "articles/a/revisions/1/restore", &json!({})).await;
    desk.tell(put.clone(), "recommendations/pins", &json!({"pins": [{"article": "a", "reason": null}]})).await;
    desk.tell(post.clone(), "articles/a/move", &json!({"slug": "b"})).await;
    desk.tell(post.clone(), "articles/b/withdraw", &json!({"reason": "不再有效。"})).await;
    let id = desk.get("/manage/v1/articles/b").await.ok()["id"].clone();
    assert_eq!(desk.delete("b").await.status, 204);
    let site = json!({"name": "站", "description": null, "locale": "zh-Hans", "call_to_action": null, "license": null,
        "attribution": null, "disclaimer": null});
    desk.tell(put.clone(), "site", &site).await;
    desk.tell(put.clone(), "topics/t", &json!({"name": "题", "description": null})).await;
    desk.tell(delete.clone(), "topics/t", &json!({})).await;
    let key = desk.tell(post, "keys", &json!({"name": "k", "scopes": ["write"]})).await;
    desk.tell(delete, &format!("keys/{}", key["id"].as_str().unwrap()), &json!({})).await;

    let all = desk.told("").await;
    let short: Vec<Value> = all
        .iter()
        .map(|entry| json!([entry["action"], entry["subject"], entry["revision"], entry["detail"]]))
        .collect();
    let prefix = &key["prefix"];
    let own = &desk.key[..11];
    let link = short[6][3].clone();
    assert!(link.as_str().unwrap().starts_with("until "), "{link}");
    let expected = [
        json!(["create_key", own, null, "test: read_drafts, write, publish, admin"]),
        json!(["save", "a", 1, null]),
        json!(["publish", "a", 1, null]),
        json!(["save", "a", 2, null]),
        json!(["schedule", "a", 2, "2999-01-01T00:00:00Z"]),
        json!(["unschedule", "a", 2, null]),
        json!(["preview", "a", 2, link]),
        json!(["restore", "a", 3, "revision 1"]),
        json!(["put_pins", null, null, "a"]),
        json!(["move", "b", null, "a"]),
        json!(["withdraw", "b", 1, "不再有效。"]),
        json!(["delete", "b", null, null]),
        json!(["put_site", null, null, null]),
        json!(["put_topic", "t", null, "题"]),
        json!(["delete_topic", "t", null, "题"]),
        json!(["create_key", prefix, null, "k: write"]),
        json!(["revoke_key", prefix, null, "k"]),
    ];
    for (told, expected) in short.iter().zip(&expected) {
        assert_eq!(told, expected);
    }
    assert_eq!(short.len(), expected.len());

    // Who, and in what order.
    let holder = desk.get("/manage/v1/keys").await.ok()["data"][1]["id"].clone();
    for (place, entry) in (1..).zip(&all) {
        assert_eq!(entry["sequence"], place);
        assert_eq!(entry["author"], "test");
        assert_eq!(entry["key_id"], if place == 1 { json!(null) } else { holder.clone() }, "{entry}");
        assert!(entry["at"].as_str().unwrap().ends_with('Z'));
        let of_article = !["create_key", "revoke_key", "put_pins", "put_site", "put_topic", "delete_topic"]
            .contains(&entry["action"].as_str().unwrap());
        assert_eq!(entry["article_id"], if of_article { id.clone() } else { json!(null) }, "{entry}");
    }
    // Of one article, and of one that is not there.
    let of_one = desk.told(&format!("&article={}", id.as_str().unwrap())).await;
    assert_eq!(of_one.len(), 10);
    assert!(of_one.iter().all(|entry| entry["article_id"] == id));
    assert!(desk.told("&article=0198c0de-0000-7000-8000-000000000000").await.is_empty());
    assert_eq!(desk.get(&format!("{AUDIT}?article=b")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_read_by_page_and_a_cursor_holds_for_its_article() {
    let desk = Desk::empty().await;
    for n in 0..5 {
        desk.save("a", &format!("第{n}稿。")).await;
        desk.save("b", &format!("第{n}稿。")).await;
    }
    let id = desk.get("/manage/v1/articles/a").await.ok()["id"].as_str().unwrap().to_owned();
    let (mut seen, mut path) = (Vec::new(), format!("{AUDIT}?article={id}&limit=2"));
    let mut cursor = String::new();
    loop {
        let page = desk.get(&path).await;
        let list = page.json();
        seen.extend(list["data"].as_array().unwrap().iter().map(|entry| entry["revision"].as_i64().unwrap()));
        // What comes meanwhile moves nothing.
        desk.save("a", &format!("又{}。", seen.len())).await;
        let Some(next) = list["page"]["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
        let link = page.header("link");
        path = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap().to_owned();
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    assert_eq!(desk.get(&format!("{AUDIT}?limit=2&cursor={cursor}")).await.status, 400);
}

/// Postgres itself holds it, for whoever has the service's account too.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_never_changes_and_never_goes() {
    let desk = Desk::empty().await;
    assert_eq!(desk.put("a", &article("a", "", "文。"), None).await.status, 201);
    let before = desk.told("").await;
    assert_eq!(before.len(), 2);
    for sql in [
        "update audit set author = 'nobody'",
        "update audit set detail = '' where sequence = 1",
        "delete from audit",
        "delete from audit where sequence = 1",
        "truncate audit",
    ] {
        let refused = desk.app.db.write().await.unwrap().batch_execute(sql).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
    assert_eq!(desk.told("").await, before);
    let actions: BTreeSet<&str> = before.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["create_key", "save"].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_leaves_no_entry() {
    let desk = Desk::empty().await;
    desk.save("a", "文。").await;
    desk.publish("a").await;
    let before = desk.told("").await.len();
    desk.save("a", "文。").await;
    assert_eq!(desk.put("b", "---\nslug: b\n---\n", None).await.status, 422);
    assert_eq!(desk.post("a/publish", &json!({"revision": 9})).await.status, 404);
    assert_eq!(desk.tell(Method::DELETE, "articles/a/schedule", &json!({})).await["revision"], 1);
    assert_eq!(desk.told("").await.len(), before);
}
