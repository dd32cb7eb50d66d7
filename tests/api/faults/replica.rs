//! A replica that lags behind the change log of the primary.

use diesel_async::SimpleAsyncConnection;
use lectern::{
    app,
    db::{Db, Settings},
};

use super::{connect, listener::sibling};
use crate::harness::{App, article, library_database, publish};

/// Its responses are delivered but not cached, because no later change would invalidate them, and they have no
/// `Last-Modified`. Once the replica has caught up, its responses are cached.
#[tokio::test(flavor = "multi_thread")]
async fn responses_of_a_lagging_replica_are_not_cached() {
    let url = library_database().await;
    publish(&Db::for_command(&url).unwrap(), &article("a", "", "## 甲\n\n一段。")).await;
    let replica = format!("{url}_replica");
    let (name, copy) = (url.rsplit_once('/').unwrap().1, replica.rsplit_once('/').unwrap().1);
    let mut admin = connect(&sibling(&url, "postgres")).await;
    // A copy waits until the last connection has gone.
    for _ in 0..100 {
        if admin.batch_execute(&format!("create database {copy} template {name}")).await.is_ok() {
            break;
        }
    }
    let primary = connect(&url).await;
    let (writer, lagging) = (Db::for_command(&url).unwrap(), Db::for_command(&replica).unwrap());
    let app = App::with(&Settings { url, replicas: vec![replica], connections: 2 }, app::Settings::default());
    app.catch_up_with(&primary).await;
    assert_eq!(app.revision("a").await, (1, "miss".to_owned()));
    assert_eq!(
        app.revision("a").await,
        (1, "hit".to_owned()),
        "a replica that is not behind is as good as the primary"
    );

    let revised = article("a", "", "## 甲\n\n新的一段。");
    publish(&writer, &revised).await;
    app.catch_up_with(&primary).await;
    let page = "/v1/articles/a?include=toc,sections";
    for path in [page, "/v1/articles", "/v1/articles/a/related", "/v1/articles/nothing"] {
        for _ in 0..3 {
            let reply = app.get_now(path).await;
            assert!(!reply.headers.contains_key("last-modified"), "{path}: {}", reply.header("last-modified"));
            if path != "/v1/articles/nothing" {
                assert_eq!((reply.status.as_u16(), super::cache_result(&reply)), (200, "miss".to_owned()), "{path}");
            }
        }
    }
    assert_eq!(app.revision("a").await, (1, "miss".to_owned()), "it shows what it has");
    let entries = app.cache.counts().entries;

    publish(&lagging, &revised).await;
    assert_eq!(app.revision("a").await, (2, "miss".to_owned()));
    let kept = app.get_now(page).await;
    assert_eq!(super::cache_result(&kept), "hit");
    assert!(kept.headers.contains_key("last-modified"));
    assert_eq!(app.cache.counts().entries, entries + 1, "nothing of the time before was kept");
}
