//! The site, the topics and the pins: what is put is what everybody reads, on every instance, at once.

use reqwest::Method;
use serde_json::{Value, json};

use super::desk::Desk;
use crate::harness::{App, Body, Reply, article, openapi_document};

const SITE: &str = "/manage/v1/site";
const PINS: &str = "/manage/v1/recommendations/pins";

impl Desk {
    async fn set(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
        self.app.call(Method::PUT, path, Some(&self.key), headers, Some(Body::json(body))).await
    }

    /// Saves an article with this front matter.
    async fn save_with(&self, slug: &str, front_matter: &str) {
        assert_eq!(self.put(slug, &article(slug, front_matter, "文。"), None).await.status, 201);
    }

    async fn drop(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.app.call(Method::DELETE, path, Some(&self.key), headers, None).await
    }

    /// The latest acts in the audit, the latest last: what was done, to what, and what there is to tell of it.
    async fn acts(&self, count: i64) -> Vec<(String, Option<String>, Option<String>)> {
        let mut connection = self.app.db.write().await.unwrap();
        let acts = lectern::publishing::audit::list(&mut connection, None, None, count).await.unwrap();
        assert!(acts.iter().all(|act| act.author == "test" && act.key_id.is_some()), "{acts:?}");
        acts.into_iter().rev().map(|act| (act.action.to_string(), act.subject, act.detail)).collect()
    }
}

/// A service with the bundled library, an editor, and another instance on the same database.
async fn library() -> (Desk, App) {
    let app = App::library().await;
    let other = App::on(app.database.clone());
    (Desk::at(app).await, other)
}

fn faults(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.status, 422, "{}", reply.text());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = reply.json()["errors"].as_array().unwrap().clone();
    errors.iter().map(|error| (text(&error["pointer"]), text(&error["detail"]))).collect()
}

fn pointers(reply: &Reply) -> Vec<String> {
    faults(reply).into_iter().map(|(pointer, _)| pointer).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_is_what_was_put_on_every_instance() {
    let (desk, other) = library().await;
    let public = other.get("/v1/site").await.ok();
    let (page, front) = (other.get("/read/heart-disease").await.text(), other.get("/").await.text());

    let read = desk.get(SITE).await;
    let etag = read.header("etag").to_owned();
    let mut site = read.ok();
    assert_eq!(site["name"], public["name"]);
    // What the public API answers can be put, and changes nothing.
    let same = desk.set(SITE, &public, &[("if-match", &etag)]).await;
    assert_eq!(same.header("etag"), etag);
    assert_eq!(same.ok(), site);
    assert_eq!(other.get("/v1/site").await.ok(), public);

    site["name"] = json!("新的名字");
    site["call_to_action"] = json!({"label": "新的邀请", "url": "https://example.org/\"<x"});
    site["disclaimer"] = Value::Null;
    let put = desk.set(SITE, &site, &[]).await;
    let new = put.header("etag").to_owned();
    assert_ne!(new, etag);
    site["call_to_action"]["url"] = json!("https://example.org/%22%3Cx");
    assert_eq!(put.ok(), site);
    let again = desk.get(SITE).await;
    assert_eq!((again.header("etag"), again.json()), (new.as_str(), site.clone()));
    let mut shown = other.get("/v1/site").await.ok();
    assert!(shown["updated_at"].as_str() > public["updated_at"].as_str());
    shown.as_object_mut().unwrap().remove("updated_at");
    assert_eq!(shown, site);
    for (path, before) in [("/read/heart-disease", page), ("/", front)] {
        assert!(!before.contains("新的邀请") && other.get(path).await.text().contains("新的邀请"), "{path}");
    }
    assert_eq!(desk.acts(1).await, [("put_site".to_owned(), None, None)]);

    // The editor who read it before comes late; one who thinks that there is none does, too.
    for condition in [("if-match", etag.as_str()), ("if-match", &format!("W/{new}")), ("if-none-match", "*")] {
        let late = desk.set(SITE, &json!({"name": "别的"}), &[condition]).await;
        assert_eq!((late.status.as_u16(), late.header("etag")), (412, new.as_str()), "{condition:?}");
    }
    assert_eq!(desk.get(SITE).await.ok(), site);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_begins_somewhere() {
    let desk = Desk::empty().await;
    assert_eq!(desk.get(SITE).await.status, 404);
    assert_eq!(desk.app.get("/v1/site").await.status, 404);
    assert_eq!(desk.set(SITE, &json!({"name": "站"}), &[("if-match", "*")]).await.status, 412);
    let least = desk.set(SITE, &json!({"name": "站"}), &[("if-none-match", "*")]).await.ok();
    assert_eq!(least["locale"], "zh-Hans");
    assert_eq!(desk.app.get("/v1/site").await.ok()["name"], "站");
    assert_eq!(desk.get(PINS).await.ok(), json!({"pins": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_a_body_are_told_at_once() {
    let (desk, _) = library().await;
    let before = desk.get(SITE).await.ok();
    let long = "长".repeat(5_001);
    let bad = json!({"name": " ", "description": long, "license": {"name": "a", "url": "/a"}, "colour": 1});
    let refused = desk.set(SITE, &bad, &[]).await;
    assert_eq!(
        faults(&refused)[1..],
        [
            ("/name", "`name` is empty."),
            ("/description", "`description` is longer than 5000 characters."),
            ("/license/url", "`license: url` must be an absolute http or https address."),
        ]
        .map(|(pointer, detail)| (pointer.to_owned(), detail.to_owned()))
    );
    assert_eq!(pointers(&refused)[0], "/colour");
    assert_eq!(desk.get(SITE).await.ok(), before);

    let topic = desk.set("/manage/v1/topics/a", &json!({"slug": "b", "description": 3}), &[]).await;
    assert_eq!(pointers(&topic), ["/slug", "/name", "/description"]);
    assert_eq!(desk.set("/manage/v1/topics/A_B", &json!({"name": "a"}), &[]).await.status, 404);
    assert_eq!(desk.app.get("/v1/topics/a").await.status, 404);

    for (path, body) in [(SITE, "{"), (PINS, "{\"pins\":[]}}"), ("/manage/v1/topics/a", "\u{0}")] {
        let body = Some(Body::of("application/json", body));
        assert_eq!(desk.app.call(Method::PUT, path, Some(&desk.key), &[], body).await.status, 400, "{path}");
        let form = Some(Body::of("application/x-www-form-urlencoded", "name=a"));
        assert_eq!(desk.app.call(Method::PUT, path, Some(&desk.key), &[], form).await.status, 415, "{path}");
        assert_eq!(desk.set(&format!("{path}?colour=blue"), &json!({}), &[]).await.status, 400, "{path}");
    }
}

/// Every public GET of the description, with what `{slug}` and `{ref}` can be; and the pages.
fn reads() -> Vec<String> {
    let paths = openapi_document()["paths"].as_object().unwrap();
    let gets = paths.iter().filter(|(path, item)| {
        item.get("get").is_some() && (path.starts_with("/v1") || path.starts_with("/read/") || *path == "/")
    });
    let mut reads: Vec<String> = gets
        .map(|(path, _)| {
            let slug = if path.starts_with("/v1/topics") { "cardiology" } else { "heart-disease" };
            let query = if path.starts_with("/v1/search") { "?q=%E5%BF%83%E8%84%8F" } else { "" };
            path.replace("{slug}", slug).replace("{ref}", "1") + query
        })
        .collect();
    let queries = [
        "/v1/articles?topic=cardiology",
        "/v1/articles?sort=title&limit=100",
        "/v1/articles/heart-disease?include=toc,sections,related,hot",
        "/v1/articles/heart-disease?fields=topics",
        "/v1/recommendations/hot?topic=cardiology",
    ];
    reads.extend(queries.map(str::to_owned));
    assert!(reads.iter().all(|path| !path.contains('{')), "{reads:?}");
    reads
}

/// Whatever shows the name of a topic shows the new one after a renaming, although every instance had the old one in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_topic_is_nowhere_called_what_it_was() {
    let (desk, other) = library().await;
    // A name that no text has, and a neighbour that shares nothing but the topic.
    let topic = "/manage/v1/topics/cardiology";
    desk.set(topic, &json!({"name": "旧旧的名"}), &[]).await.ok();
    desk.save_with("neighbour", "topics: [cardiology]").await;
    desk.publish("neighbour").await;
    let mut reads = reads();
    reads.extend(["/v1/articles/neighbour", "/v1/articles/neighbour/related", "/read/neighbour"].map(str::to_owned));

    let mut showing = Vec::new();
    for path in &reads {
        let before = other.get(path).await;
        assert_eq!(before.status, 200, "{path}");
        if before.text().contains("旧旧的名") {
            showing.push(path);
        }
    }
    assert!(showing.len() > 12, "{showing:?}");
    desk.set(topic, &json!({"name": "新新的名"}), &[]).await.ok();
    for path in &reads {
        let after = other.get(path).await.text();
        assert!(!after.contains("旧旧的名"), "{path}");
        assert_eq!(after.contains("新新的名"), showing.contains(&path), "{path}");
    }
    let put = |name: &str| ("put_topic".to_owned(), Some("cardiology".to_owned()), Some(name.to_owned()));
    assert_eq!(desk.acts(1).await, [put("新新的名")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_comes_and_goes() {
    let (desk, other) = library().await;
    let path = "/manage/v1/topics/sleep";
    for unknown in ["/v1/topics/sleep", "/v1/topics/rest"] {
        assert_eq!(other.get(unknown).await.status, 404);
    }
    assert_eq!(other.get("/v1/topics").await.ok()["data"].as_array().unwrap().len(), 9);
    assert_eq!(desk.get(path).await.status, 404);
    assert_eq!(desk.drop(path, &[]).await.status, 404);
    assert_eq!(desk.set(path, &json!({"name": "睡眠"}), &[("if-match", "*")]).await.status, 412);
    let made = desk.set(path, &json!({"name": "睡眠"}), &[("if-none-match", "*")]).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (201, path));
    let etag = made.header("etag").to_owned();
    assert_eq!(made.json(), json!({"slug": "sleep", "name": "睡眠", "description": null}));
    assert_eq!(other.get("/v1/topics/sleep").await.ok()["name"], "睡眠");
    assert_eq!(other.get("/v1/topics").await.ok()["data"].as_array().unwrap().len(), 10);
    // What the public API answers can be put.
    let same = desk.set(path, &other.get("/v1/topics/sleep").await.ok(), &[("if-match", &etag)]).await;
    assert_eq!((same.status.as_u16(), same.header("etag")), (200, etag.as_str()));
    let late = desk.set(path, &json!({"name": "别的"}), &[("if-none-match", "*")]).await;
    assert_eq!((late.status.as_u16(), late.header("etag")), (412, etag.as_str()));

    // A draft may name it; a published article holds it.
    desk.save_with("nap", "topics: [sleep]").await;
    assert_eq!(desk.drop(path, &[("if-match", "\"other\"")]).await.status, 412);
    assert_eq!(desk.drop(path, &[("if-match", &etag)]).await.status, 204);
    assert_eq!(desk.acts(1).await, [("delete_topic".to_owned(), Some("sleep".to_owned()), Some("睡眠".to_owned()))]);
    assert_eq!(desk.get(path).await.status, 404);
    assert_eq!(other.get("/v1/topics/sleep").await.status, 404);
    assert_eq!(other.get("/v1/topics").await.ok()["data"].as_array().unwrap().len(), 9);
    desk.publish("nap").await;
    assert_eq!(desk.get(path).await.ok()["name"], "sleep");
    assert_eq!(desk.set(path, &json!({"name": "睡眠"}), &[]).await.status, 200);
    let held = desk.drop(path, &[]).await;
    assert_eq!(held.status, 409);
    assert!(held.json()["detail"].as_str().unwrap().contains("`nap`"), "{}", held.text());
    desk.post("nap/withdraw", &json!({"reason": "错"})).await.ok();
    assert_eq!(desk.drop(path, &[]).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_lead_the_hot_list_of_every_instance() {
    let (desk, other) = library().await;
    let hot = async |count: usize| {
        let list = other.get("/v1/recommendations/hot").await.ok();
        let items = list["data"].as_array().unwrap().clone();
        let shown = |item: &Value| (item["slug"].clone(), item["why"]["source"].clone(), item["why"]["reason"].clone());
        items.iter().take(count).map(shown).collect::<Vec<_>>()
    };
    let before = desk.get(PINS).await;
    let etag = before.header("etag").to_owned();
    assert!(!before.ok()["pins"].as_array().unwrap().is_empty() && hot(1).await[0].1 == "pinned");
    let embedded = "/v1/articles/immune-regulation?include=hot&fields=hot";
    other.get(embedded).await.ok();

    desk.post("heart-disease/move", &json!({"slug": "heart"})).await.ok();
    let new = json!({"pins": [{"article": "heart-disease", "reason": "先读"}, {"article": "stem-cell-infusion"}]});
    let put = desk.set(PINS, &new, &[("if-match", &etag)]).await;
    let present = put.header("etag").to_owned();
    let shown =
        json!({"pins": [{"article": "heart", "reason": "先读"}, {"article": "stem-cell-infusion", "reason": null}]});
    assert_eq!(put.ok(), shown);
    assert_eq!(desk.get(PINS).await.ok(), shown);
    let pinned = |slug: &str, reason: Value| (json!(slug), json!("pinned"), reason);
    assert_eq!(hot(2).await, [pinned("heart", json!("先读")), pinned("stem-cell-infusion", Value::Null)]);
    assert_eq!(hot(3).await[2].1, "recent");
    assert_eq!(other.get(embedded).await.ok()["hot"]["data"][0]["slug"], "heart");
    let detail = Some("heart-disease, stem-cell-infusion".to_owned());
    assert_eq!(desk.acts(1).await, [("put_pins".to_owned(), None, detail)]);
    for condition in [("if-match", etag.as_str()), ("if-none-match", "*")] {
        let late = desk.set(PINS, &json!({"pins": []}), &[condition]).await;
        assert_eq!((late.status.as_u16(), late.header("etag")), (412, present.as_str()), "{condition:?}");
    }

    desk.save("a-draft", "文。").await;
    desk.save("gone", "文。").await;
    desk.publish("gone").await;
    desk.post("gone/withdraw", &json!({"reason": "错"})).await.ok();
    let bad = json!({"pins": [
        {"article": "heart"}, {"article": "a-draft"}, {"article": "gone"}, {"article": "heart-disease"}, {"article": "no-such"},
    ]});
    let refused = desk.set(PINS, &bad, &[]).await;
    assert_eq!(
        faults(&refused),
        [
            ("/pins/1/article", "There is no published article `a-draft`. Publish it first, or remove the pin."),
            ("/pins/2/article", "The article `gone` is not published any more. Remove the pin."),
            (
                "/pins/3/article",
                "The article `heart-disease` is pinned already, maybe under another slug. Remove one of the two pins."
            ),
            ("/pins/4/article", "There is no published article `no-such`. Publish it first, or remove the pin."),
        ]
        .map(|(pointer, detail)| (pointer.to_owned(), detail.to_owned()))
    );
    // What the body says wrong and what the library lacks, together.
    let bad = json!({"pins": [{"article": "X"}, {"article": "heart"}, {"article": "heart"}, {"article": "gone", "reason": 1}], "more": 1});
    let mut told = pointers(&desk.set(PINS, &bad, &[]).await);
    told.sort();
    assert_eq!(told, ["/more", "/pins/0/article", "/pins/2/article", "/pins/3/article", "/pins/3/reason"]);
    assert_eq!(pointers(&desk.set(PINS, &json!([{"article": "heart"}]), &[]).await), [""]);
    assert_eq!(desk.get(PINS).await.ok(), shown);

    assert_eq!(desk.set(PINS, &json!({"pins": []}), &[]).await.ok(), json!({"pins": []}));
    assert_eq!(hot(1).await[0].1, "recent");
}
