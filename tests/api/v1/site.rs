//! The site and the topics.

use crate::harness::App;

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
