//! The site, the topics, and the pages for people.

use crate::house::{App, article};

#[tokio::test(flavor = "multi_thread")]
async fn the_site_has_a_disclaimer_and_the_topics_their_counts() {
    let app = App::library().await;
    let site = app.get("/v1/site").await.ok();
    assert!(site["disclaimer"].as_str().unwrap().chars().count() > 60);
    assert!(site["call_to_action"]["label"].is_string() && site["license"]["url"].is_string());
    let topics = app.get("/v1/topics").await.ok();
    assert_eq!(topics["data"].as_array().unwrap().len(), 9);
    for topic in topics["data"].as_array().unwrap() {
        let slug = topic["slug"].as_str().unwrap();
        let articles = app.get(&format!("/v1/articles?topic={slug}&limit=100")).await.ok();
        assert_eq!(topic["articles"].as_u64().unwrap(), articles["data"].as_array().unwrap().len() as u64, "{slug}");
        assert_eq!(&app.get(&format!("/v1/topics/{slug}")).await.ok(), topic);
    }
    assert_eq!(app.get("/v1/topics/no-such-topic").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_for_people_run_nothing_and_escape_everything() {
    let app = App::library().await;
    app.publish(&article(
        "trap",
        "title: '<script>alert(1)</script>'",
        "<img src=x onerror=alert(1)>\n\n[x](javascript:alert(1))",
    ))
    .await;
    for (path, text) in
        [("/", "干细胞回输"), ("/read/stem-cell-infusion", "组织修复与再生"), ("/read/trap", "&lt;script&gt;")]
    {
        let page = app.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        let html = page.text();
        assert!(html.contains(text), "{path}");
        for trap in ["<script", "<img src=x", "javascript:\"", "href=\"http://"] {
            assert!(!html.contains(trap), "{path}: {trap}");
        }
    }
    // A person's links lead to pages.
    let html = app.get("/read/stem-cell-infusion").await.text();
    assert!(html.contains("href=\"/read/check-registration") && !html.contains("/v1/articles/"));
    assert_eq!(app.get("/read/nothing").await.status, 404);
}
