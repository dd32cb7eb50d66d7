//! Links to drafts: for one article, for a time, for nobody to keep.

use reqwest::Method;
use serde_json::json;

use super::desk::Desk;
use crate::harness::Reply;

async fn open(desk: &Desk, url: &str) -> Reply {
    desk.app.send(Method::GET, url, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_the_draft_and_never_the_published_text() {
    let desk = Desk::empty().await;
    desk.save("a", "公开的。").await;
    desk.save("b", "乙。").await;
    desk.publish("a").await;
    desk.save("a", "未公开的，见[乙](b.md)。\n\n## 节\n\n新的一节。").await;
    let link = desk.post("a/preview", &json!({"expires_in": 3600})).await.ok();
    let (url, page) = (link["url"].as_str().unwrap(), link["page_url"].as_str().unwrap());
    let before = desk.app.get("/v1/articles/a").await.ok();

    let shown = open(&desk, url).await;
    assert_eq!(shown.header("cache-control"), "no-store");
    assert!(!shown.headers.contains_key("etag") && !shown.headers.contains_key("surrogate-key"));
    let shown = shown.ok();
    assert!(shown["lead"]["html"].as_str().unwrap().contains("未公开的"), "{shown}");
    assert_eq!((&shown["revision"], &shown["sections"][0]["number"]), (&json!(2), &json!("1")));
    let text = open(&desk, &format!("{url}&format=text&include=sections")).await.ok();
    assert!(text["lead"]["text"].as_str().unwrap().contains("未公开的"), "{text}");
    let page = open(&desk, page).await;
    assert_eq!((page.status.as_u16(), page.header("cache-control")), (200, "no-store"));
    assert!(page.text().contains("未公开的"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));

    // Nothing of it stays behind.
    assert_eq!(desk.app.get("/v1/articles/a").await.ok(), before);
    assert_eq!(desk.status("/v1/articles/b").await, 404);
    // It follows the draft, and ends with it.
    desk.save("a", "又改了。").await;
    assert!(open(&desk, url).await.text().contains("又改了"));
    desk.publish("a").await;
    assert_eq!(open(&desk, url).await.status, 404, "there is no draft, and the published text is not shown for it");
    assert_eq!(desk.post("a/preview", &json!({})).await.status, 404);
    let fixed = desk.post("a/preview", &json!({"revision": 2})).await.ok();
    assert!(open(&desk, fixed["url"].as_str().unwrap()).await.text().contains("未公开的"));
    assert_eq!(desk.post("a/preview", &json!({"revision": 9})).await.status, 404);
    desk.delete("a").await;
    assert_eq!(open(&desk, fixed["url"].as_str().unwrap()).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_does_not_hold_is_403() {
    let desk = Desk::empty().await;
    desk.save("a", "文。").await;
    desk.publish("a").await;
    desk.save("a", "稿。").await;
    desk.save("b", "别的稿。").await;
    let link = async |slug: &str, seconds: u32| {
        desk.post(&format!("{slug}/preview"), &json!({"expires_in": seconds})).await.ok()["url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (a, b) = (link("a", 60).await, link("b", 60).await);
    let (path, token) = a.split_once("?token=").unwrap();
    let (other, _) = b.split_once('?').unwrap();
    let mut changed = token.to_owned();
    changed.replace_range(30..31, if &token[30..31] == "A" { "B" } else { "A" });
    let wrong = [
        path.to_owned(),
        format!("{path}?token="),
        format!("{path}?token={changed}"),
        format!("{path}?token=%20"),
        format!("{other}?token={token}"),
    ];
    for url in wrong {
        for url in [url.clone(), url.replacen('?', "/page?", 1)] {
            let reply = open(&desk, &url).await;
            assert_eq!(reply.status, 403, "{url}");
            assert!(!reply.text().contains("文。"));
        }
    }
    let short = link("a", 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(open(&desk, &short).await.status, 403, "it has expired");
    for seconds in [0, 2_592_001] {
        assert_eq!(desk.post("a/preview", &json!({"expires_in": seconds})).await.status, 422, "{seconds}");
    }
    assert_eq!(open(&desk, &format!("{a}&colour=blue")).await.status, 400);
}
