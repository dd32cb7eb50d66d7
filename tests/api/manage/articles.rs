//! Drafts: whole, seen by nobody, never overwritten unseen.

use reqwest::Method;
use serde_json::{Value, json};

use super::desk::Desk;
use crate::harness::{Body, article};
use lectern::content::markdown::MAX_NESTING;

const PATH: &str = "/manage/v1/articles/a";

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_made_read_and_updated_on_its_condition() {
    let desk = Desk::empty().await;
    let made = desk.put("a", &article("a", "", "## 甲 {#x}\n\n甲文。"), None).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.header("location"), PATH);
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!((&made.json()["outcome"], &made.json()["revision"]), (&json!("created"), &json!(1)));
    let first = made.header("etag").to_owned();

    // Nothing of it is public, and no other origin may ask.
    assert_eq!(desk.status("/v1/articles/a").await, 404);
    assert_eq!(desk.app.get("/v1/articles").await.ok()["data"], json!([]));
    assert!(!made.headers.contains_key("access-control-allow-origin"));
    let preflight = [("origin", "https://example.org"), ("access-control-request-method", "PUT")];
    assert_eq!(desk.app.send(Method::OPTIONS, PATH, &preflight).await.status, 405);

    let next = article("a", "", "## 甲 {#x}\n\n甲文，改了。");
    let unsaid = desk.put("a", &next, None).await;
    assert_eq!((unsaid.status.as_u16(), unsaid.header("etag")), (428, &*first));
    let updated = desk.put("a", &next, Some(&first)).await;
    assert_eq!((updated.status.as_u16(), &updated.json()["outcome"]), (200, &json!("updated")));
    let second = updated.header("etag").to_owned();
    let late = desk.put("a", &article("a", "", "## 甲 {#x}\n\n别人的话。"), Some(&first)).await;
    assert_eq!((late.status.as_u16(), late.header("etag")), (412, &*second), "the present state is told");
    for known in [format!("W/{second}"), "\"other\"".into(), second.trim_matches('"').to_owned()] {
        assert_eq!(desk.put("a", &next, Some(&known)).await.status, 412, "{known}");
    }
    let again = desk.put("a", &next, Some(&format!("\"x\", {second}"))).await;
    assert_eq!((&again.json()["outcome"], &again.json()["revision"]), (&json!("unchanged"), &json!(2)));
    assert_eq!(again.header("etag"), second);
    assert_eq!(desk.put("b", &article("b", "", "文。"), Some(&second)).await.status, 412, "there is nothing to match");
    assert_eq!(desk.get("/manage/v1/articles/b").await.status, 404);
    let only_new = [("if-none-match", "*")];
    let body = || Some(Body::markdown(&next));
    let taken = desk.app.call(Method::PUT, PATH, Some(&desk.key), &only_new, body()).await;
    assert_eq!(taken.status, 412);
    // Both conditions must hold, and an empty one is none.
    for both in [[("if-match", "*"), ("if-none-match", "*")], [("if-match", &*second), ("if-none-match", &*second)]] {
        assert_eq!(desk.app.call(Method::PUT, PATH, Some(&desk.key), &both, body()).await.status, 412, "{both:?}");
    }
    let empty = [("if-match", "")];
    assert_eq!(desk.app.call(Method::PUT, PATH, Some(&desk.key), &empty, body()).await.status, 400);
    // Conditions are for changes: what is read is not kept, and so is never the same as before.
    assert_eq!(desk.app.call(Method::GET, PATH, Some(&desk.key), &only_new, None).await.status, 200);

    let read = desk.get(PATH).await;
    assert_eq!(read.header("etag"), second);
    let by_id = desk.get(&format!("/manage/v1/articles/{}", read.json()["id"].as_str().unwrap())).await;
    assert_eq!(by_id.json(), read.json());
    desk.publish("a").await;
    assert_eq!(desk.get(PATH).await.header("etag"), second, "a publication changes nothing that was written");
}

/// What is read can be put back, in every form, and is the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_can_be_put_back() {
    let desk = Desk::empty().await;
    let front = "questions: [一问？, 二问？]\nsummary: 摘要\ntopics: [t]\nsource: { name: 来源, url: 'https://example.org/' }\nrelated:\n- { article: b, reason: 先读 }\n- { url: 'https://example.org/x', title: 外部 }";
    let body = "导言，**重要**，见[乙](b.md#x)[^1]。\n\n## 一、甲 {#x}\n\n> [!NOTE] 说明\n> 注意。\n\n### 1. 子\n\n| 甲 | 乙 |\n| --- | :-: |\n| 1 | `2` |\n\n[^1]: 脚注。";
    let made = desk.put("a", &article("a", front, body), None).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let etag = made.header("etag");
    for form in ["whole", "markdown", "blocks", "file"] {
        let read = desk.get(&format!("{PATH}?format={form}")).await;
        assert_eq!(read.header("etag"), etag);
        let back = match form {
            "file" => Body::markdown(&read.text()),
            _ => Body::json(&read.json()["content"]),
        };
        let put = desk.app.call(Method::PUT, PATH, Some(&desk.key), &[("if-match", etag)], Some(back)).await;
        assert_eq!(put.status, 200, "{form}: {}", put.text());
        assert_eq!(put.json()["outcome"], "unchanged", "{form}");
    }
    let json = json!({"title": "丙", "sections": [{"title": "节", "markdown": "文。"}]});
    let new = desk.app.call(Method::PUT, "/manage/v1/articles/c", Some(&desk.key), &[], Some(Body::json(&json))).await;
    assert_eq!(new.status, 201, "{}", new.text());
    desk.publish("c").await;
    assert_eq!(desk.app.get("/v1/articles/c/sections/1").await.ok()["html"], "<p>文。</p>\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_a_text_come_back_at_once_with_their_places() {
    let desk = Desk::empty().await;
    let file = "---\nslug: b\ntitle: 题\ncolour: red\nlocale: '?'\n---\n文。\n\n## 甲 {#x}\n\n## 乙 {#x}\n";
    let refused = desk.put("a", file, None).await;
    assert_eq!(refused.status, 422);
    let errors = refused.json()["errors"].as_array().unwrap().clone();
    assert!(errors.len() >= 3, "{errors:?}");
    assert!(errors.iter().all(|error| error["pointer"] == "" && error["line"].is_u64()), "{errors:?}");
    assert!(errors.iter().any(|error| error["line"] == 4 && error["detail"].as_str().unwrap().contains("colour")));
    assert!(errors.iter().any(|error| error["line"] == 11), "{errors:?}");

    let other = desk.put("a", "---\nslug: b\ntitle: 题\n---\n文。", None).await;
    assert_eq!(other.status, 422);
    assert!(other.json()["errors"][0]["detail"].as_str().unwrap().contains("move"), "{}", other.text());
    let body = json!({"title": "", "colour": 1, "sections": [{"title": "甲", "blocks": [{"type": "ode"}]}]});
    let refused = desk.app.call(Method::PUT, PATH, Some(&desk.key), &[], Some(Body::json(&body))).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let errors = refused.json()["errors"].clone();
    let pointers: Vec<_> = errors.as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    for pointer in ["/title", "/colour", "/sections/0/blocks/0"] {
        assert!(pointers.iter().any(|told| told.starts_with(pointer)), "{pointer}: {errors}");
    }
    assert_eq!(desk.get(PATH).await.status, 404, "what is refused leaves nothing");
}

/// The deepest text that is taken can be stored, published and read in every form.
#[tokio::test(flavor = "multi_thread")]
async fn the_deepest_text_is_read_as_any_other() {
    let desk = Desk::empty().await;
    let file = |depth: usize| {
        let lists: String = (0..depth).flat_map(|n| ["  ".repeat(n), "- 甲\n".to_owned()]).collect();
        article(
            "a",
            "",
            &format!("# 1\n\n## 2\n\n### 3\n\n#### 4\n\n##### 5\n\n###### 6\n\n{lists}\n  [**_`深`_**](b.md)\n"),
        )
    };
    let made = desk.put("a", &file(MAX_NESTING), None).await;
    assert_eq!(made.status, 201, "{}", made.text());
    desk.publish("a").await;
    for form in ["html", "markdown", "text", "blocks"] {
        desk.app.get(&format!("/v1/articles/a?format={form}")).await.ok();
        desk.get(&format!("{PATH}?format={}", if form == "html" || form == "text" { "file" } else { form })).await;
    }
    let blocks = desk.get(&format!("{PATH}?format=blocks")).await.ok()["content"].clone();
    let headers = [("if-match", made.header("etag"))];
    let put = desk.app.call(Method::PUT, PATH, Some(&desk.key), &headers, Some(Body::json(&blocks))).await;
    assert_eq!((put.status.as_u16(), &put.json()["outcome"]), (200, &json!("unchanged")));
    assert_eq!(desk.put("b", &file(MAX_NESTING + 1), None).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_cannot_be_are_refused_as_what_they_are() {
    let desk = Desk::empty().await;
    let put = async |body: Option<Body>| {
        let reply = desk.app.call(Method::PUT, PATH, Some(&desk.key), &[], body).await;
        reply.status.as_u16()
    };
    assert_eq!(put(Some(Body::of("text/rtf", "a"))).await, 415);
    assert_eq!(put(Some(Body::of("text/html", "<p>"))).await, 422, "a page without a title");
    assert_eq!(put(None).await, 415);
    assert_eq!(put(Some(Body::of("application/json", "{\"title\":"))).await, 400);
    assert_eq!(put(Some(Body::of("application/json", "[]"))).await, 422);
    assert_eq!(put(Some(Body::of("text/markdown", vec![0xFF, 0xFE, b'a']))).await, 422);
    assert_eq!(put(Some(Body::of("text/markdown", "a".repeat(5 << 20)))).await, 413);
    assert_eq!(put(Some(Body::of("application/json", " ".repeat(9 << 20)))).await, 413);
    assert_eq!(put(Some(Body::of("text/markdown; charset=utf-8", "---\ntitle: 题\n---\n文。"))).await, 201);
    for path in ["/manage/v1/articles/A%20B", "/manage/v1/articles/%E6%B1%89", "/manage/v1/articles/a--b"] {
        let reply =
            desk.app.call(Method::PUT, path, Some(&desk.key), &[], Some(Body::markdown("---\ntitle: 题\n---\n"))).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_listed_by_when_they_were_saved() {
    let desk = Desk::empty().await;
    for slug in ["a", "b", "c"] {
        desk.save(slug, "文。").await;
    }
    desk.publish("a").await;
    desk.save("b", "新文。").await;
    let slugs = |list: &Value| {
        list["data"].as_array().unwrap().iter().map(|row| row["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let list = async |query: &str| desk.get(&format!("/manage/v1/articles{query}")).await.ok();
    assert_eq!(slugs(&list("").await), ["b", "c", "a"]);
    assert_eq!(slugs(&list("?state=live").await), ["a"]);
    assert_eq!(slugs(&list("?state=draft").await), ["b", "c"]);
    let next = desk.get("/manage/v1/articles?limit=2").await.header("link").to_owned();
    assert!(next.starts_with("</manage/v1/articles?limit=2&cursor=") && next.ends_with("; rel=\"next\""), "{next}");
    let first = list("?limit=2").await;
    assert_eq!(slugs(&first), ["b", "c"]);
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    let second = list(&format!("?limit=2&cursor={cursor}")).await;
    assert_eq!((slugs(&second), &second["page"]["next_cursor"]), (vec!["a".to_owned()], &Value::Null));
    assert_eq!(desk.get(&format!("/manage/v1/articles?state=live&cursor={cursor}")).await.status, 400);
    assert_eq!(desk.get("/manage/v1/articles?state=gone").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_and_what_was_public_keeps_its_addresses() {
    let desk = Desk::empty().await;
    desk.save("draft", "文。").await;
    assert_eq!(desk.delete("draft").await.status, 204);
    assert_eq!(desk.get("/manage/v1/articles/draft").await.status, 404, "never published: nothing was here");
    assert_eq!(desk.delete("draft").await.status, 404);
    assert_eq!(desk.save("draft", "另一篇。").await["revision"], 1, "the slug is free");

    let id = desk.save("a", "## 节 {#x}\n\n文。").await["id"].clone();
    desk.publish("a").await;
    let stale = desk.app.call(Method::DELETE, PATH, Some(&desk.key), &[("if-match", "\"1-x\"")], None).await;
    assert_eq!(stale.status, 412);
    let writer = desk.app.key("write").await;
    assert_eq!(desk.app.call(Method::DELETE, PATH, Some(&writer), &[], None).await.status, 403, "readers see it");
    assert_eq!(desk.delete("a").await.status, 204);
    for path in ["/v1/articles/a", "/v1/articles/a/sections/x"] {
        assert_eq!(desk.status(path).await, 410, "{path}");
    }
    assert_eq!(desk.get(PATH).await.status, 410);
    assert_eq!(desk.get("/manage/v1/articles").await.ok()["data"].as_array().unwrap().len(), 1);
    assert_eq!(desk.post("a/publish", &json!({})).await.status, 410);

    // It comes back as itself, history included.
    let back = desk.put("a", &article("a", "", "## 节 {#x}\n\n文。"), None).await;
    assert_eq!((back.status.as_u16(), &back.json()["id"], &back.json()["revision"]), (201, &id, &json!(2)));
    assert_eq!(desk.status("/v1/articles/a").await, 410);
    desk.publish("a").await;
    assert_eq!(desk.status("/v1/articles/a/sections/x").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn page_in_html_becomes_a_draft_with_remarks_about_guesses() {
    let desk = Desk::empty().await;
    let html = include_str!("../../fixtures/pages/article.html");
    let put = async |slug: &str, html: &'static str| {
        let body = Body::of("text/html; charset=utf-8", html);
        desk.app.call(Method::PUT, &format!("/manage/v1/articles/{slug}"), Some(&desk.key), &[], Some(body)).await
    };
    let saved = put("cord-blood", html).await;
    assert_eq!(saved.status, 201, "{}", saved.text());
    let read = desk.get("/manage/v1/articles/cord-blood?format=file").await.text();
    assert!(read.contains("## 一、脐带血从哪里来") && !read.contains("网友评论"), "{read}");
    let refused = put("empty", "<p></p>").await;
    assert_eq!(refused.status, 422, "{}", refused.text());
}
