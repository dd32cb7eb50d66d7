//! Views: who is counted, and what becomes of the counts.
//!
//! - `hot`: the list that is ordered by them

mod hot;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use lectern::{
    app,
    db::Settings,
    publishing::views::{Intervals, roll_up},
};
use reqwest::Method;
use uuid::Uuid;

use crate::harness::{App, Body, Reply, article, empty_database};

const FAST: Intervals = Intervals { flush: Duration::from_millis(50), refresh: Duration::from_millis(100) };

/// Nothing happens by itself.
const NEVER: Intervals = Intervals { flush: Duration::from_secs(3600), refresh: Duration::from_secs(3600) };

/// A service behind a proxy that it trusts.
fn start(database: &str, views: Intervals) -> App {
    let settings = app::Settings { views, trusted_proxies: "127.0.0.1".parse().unwrap(), ..app::Settings::default() };
    App::with(&Settings { url: database.to_owned(), replicas: Vec::new(), connections: 4 }, settings)
}

/// A view by the reader of this number.
async fn view(app: &App, slug: &str, reader: u8) -> Reply {
    let address = format!("192.0.2.{reader}");
    app.send(Method::POST, &format!("/v1/articles/{slug}/views"), &[("x-forwarded-for", &address)]).await
}

#[derive(QueryableByName, Debug, Clone, PartialEq)]
struct Bucket {
    #[diesel(sql_type = SqlUuid)]
    article_id: Uuid,
    #[diesel(sql_type = Text)]
    span: String,
    #[diesel(sql_type = Timestamptz)]
    starts_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url).await.unwrap()
}

async fn buckets(url: &str) -> Vec<Bucket> {
    diesel::sql_query("select * from views order by article_id, starts_at, span")
        .load(&mut connect(url).await)
        .await
        .unwrap()
}

async fn counted(url: &str) -> i64 {
    buckets(url).await.iter().map(|bucket| bucket.count).sum()
}

/// Puts views of an article in a bucket that began so long ago.
async fn read_before(url: &str, id: Uuid, span: &str, ago: &str, count: i64) {
    let sql = format!(
        "insert into views values ('{id}', date_trunc('{span}', now() - interval '{ago}', 'UTC'), '{span}', {count})"
    );
    connect(url).await.batch_execute(&sql).await.unwrap();
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} did not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_counts_once_and_others_for_themselves() {
    let app = start(&empty_database().await, FAST);
    let id = app.publish(&article("one", "", "文。")).await;
    for reader in [1, 2, 2, 1, 3] {
        let answer = view(&app, "one", reader).await;
        assert_eq!(answer.status, 204);
        assert_eq!((answer.header("cache-control"), answer.body.len()), ("no-store", 0));
    }
    let forwarded = ("x-forwarded-for", "192.0.2.1");
    app.send(Method::POST, "/v1/articles/one/views", &[forwarded, ("user-agent", "another")]).await;
    // By its id it is the same article; a body changes nothing.
    app.send(Method::POST, &format!("/v1/articles/{id}/views"), &[forwarded]).await;
    let body = Some(Body::of("text/plain", "x".repeat(60_000)));
    assert_eq!(app.call(Method::POST, "/v1/articles/one/views", None, &[forwarded], body).await.status, 204);
    let body = Some(Body::of("text/plain", "x".repeat(70_000)));
    assert_eq!(app.call(Method::POST, "/v1/articles/one/views", None, &[forwarded], body).await.status, 413);
    until("four views", async || counted(&app.database).await == 4).await;
    // Reading is no view.
    app.get("/v1/articles/one").await.ok();
    tokio::time::sleep(Duration::from_millis(150)).await;
    let found = buckets(&app.database).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].article_id, found[0].span.as_str(), found[0].count), (id, "hour", 4));
    assert_eq!(found[0].starts_at.timestamp() % 3600, 0);
    let stored = format!("{found:?}");
    assert!(!stored.contains("192.0.2"), "{stored}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_and_what_moved_counts() {
    let app = start(&empty_database().await, FAST);
    let id = app.publish(&article("one", "", "文。")).await;
    for name in ["none", "Not%20a%20slug", "01a2060e-ccb5-71cc-bcd1-874300893086"] {
        assert_eq!(view(&app, name, 1).await.status, 404, "{name}");
        assert_eq!(view(&app, name, 1).await.status, 404, "{name}, from memory");
    }
    assert_eq!(app.send(Method::POST, "/v1/articles/one/views?colour=blue", &[]).await.status, 400);
    let wrong = app.get("/v1/articles/one/views").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, "POST"));

    assert_eq!(view(&app, "one", 1).await.status, 204);
    app.write(async |tx| tx.move_article(id, &"two".parse().unwrap()).await).await.unwrap();
    app.catch_up().await;
    assert_eq!(view(&app, "one", 2).await.status, 204);
    assert_eq!(view(&app, "two", 3).await.status, 204);
    assert_eq!(view(&app, "two", 2).await.status, 204, "once, by whatever slug");
    until("three views", async || counted(&app.database).await == 3).await;

    app.write(async |tx| tx.withdraw(id, "修订中。").await).await.unwrap();
    app.catch_up().await;
    for name in ["one", "two"] {
        let answer = view(&app, name, 4).await;
        assert_eq!((answer.status.as_u16(), answer.json()["detail"].as_str()), (410, Some("修订中。")));
    }
    app.publish(&article("two", "", "文。改。")).await;
    app.catch_up().await;
    assert_eq!(view(&app, "two", 5).await.status, 204);
    until("another view", async || counted(&app.database).await == 4).await;
}

/// The way of what is known is a short one, and nobody can tell.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_view_and_the_next_are_answered_alike() {
    let app = start(&empty_database().await, NEVER);
    app.publish(&article("one", "", "文。")).await;
    app.catch_up().await;
    let headers = |reply: &Reply| {
        let told = reply.headers.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
        told.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect::<BTreeMap<_, _>>()
    };
    let statements = app.db.statements();
    let first = view(&app, "one", 1).await;
    assert_eq!(app.db.statements(), statements + 1);
    let next = view(&app, "one", 2).await;
    assert_eq!(app.db.statements(), statements + 1);
    assert_eq!((first.status, headers(&first)), (next.status, headers(&next)));
    // What is known as a thing is no answer to who reads.
    assert_eq!(app.get("/v1/articles/one/views").await.status, 405);
    app.handle.stop(true).await;
    until("both views", async || counted(&app.database).await == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_tell() {
    let app = App::library().await;
    let path = "/v1/articles/stem-cell-infusion/views";
    let origin = ("origin", "https://example.org");
    let answer = app.send(Method::POST, path, &[origin, ("content-type", "text/plain;charset=UTF-8")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (204, "*"));
    let asks = ("access-control-request-method", "POST");
    let allowed = app.send(Method::OPTIONS, path, &[origin, asks]).await;
    assert_eq!((allowed.status.as_u16(), allowed.header("access-control-allow-methods")), (204, "POST"));
    let others = app.send(Method::OPTIONS, "/v1/articles/stem-cell-infusion", &[origin, asks]).await;
    assert_eq!(others.header("access-control-allow-methods"), "GET, HEAD");
}

/// No statement on the way of a view, and one for all that were counted.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_is_written_in_one_statement_at_the_stop() {
    let app = start(&empty_database().await, NEVER);
    for slug in ["one", "two"] {
        app.publish(&article(slug, "", "文。")).await;
    }
    app.catch_up().await;
    for slug in ["one", "two"] {
        assert_eq!(view(&app, slug, 0).await.status, 204);
    }
    let before = app.db.statements();
    for reader in 1..40 {
        for slug in ["one", "two"] {
            assert_eq!(view(&app, slug, reader).await.status, 204);
        }
    }
    assert_eq!(app.db.statements(), before);
    assert_eq!(counted(&app.database).await, 0);
    app.handle.stop(true).await;
    until("all views", async || counted(&app.database).await == 80).await;
    assert_eq!(app.db.statements(), before + 1);
    assert_eq!(buckets(&app.database).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_no_view() {
    let app = start(&empty_database().await, FAST);
    app.publish(&article("one", "", "文。")).await;
    app.catch_up().await;
    assert_eq!(view(&app, "one", 1).await.status, 204);
    until("the first view", async || counted(&app.database).await == 1).await;
    let name = app.database.rsplit_once('/').unwrap().1.split('?').next().unwrap().to_owned();
    let mut admin = connect(&app.database.replace(&format!("/{name}"), "/postgres")).await;
    let shut = format!(
        "alter database {name} allow_connections false;
         select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    );
    admin.batch_execute(&shut).await.unwrap();
    for reader in 2..10 {
        assert_eq!(view(&app, "one", reader).await.status, 204, "{reader}: known before the outage");
    }
    assert_eq!(view(&app, "unknown", 1).await.status, 503);
    tokio::time::sleep(Duration::from_millis(300)).await;
    admin.batch_execute(&format!("alter database {name} allow_connections true")).await.unwrap();
    until("all views", async || counted(&app.database).await == 9).await;
    assert_eq!(buckets(&app.database).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_buckets_are_added_up_and_nothing_is_lost() {
    let app = start(&empty_database().await, NEVER);
    let (one, two) = (app.publish(&article("one", "", "文。")).await, app.publish(&article("two", "", "文。")).await);
    for hours in 0..100 {
        read_before(&app.database, one, "hour", &format!("{hours} hours"), 1 + hours % 3).await;
        read_before(&app.database, two, "hour", &format!("{hours} hours"), 1).await;
    }
    for days in 5..90 {
        read_before(&app.database, one, "day", &format!("{days} days"), 2).await;
    }
    let before = counted(&app.database).await;
    let now = Utc::now();
    roll_up(&app.db, now).await.unwrap();
    let found = buckets(&app.database).await;
    assert_eq!(found.iter().map(|bucket| bucket.count).sum::<i64>(), before);
    for bucket in &found {
        let age = now - bucket.starts_at;
        match bucket.span.as_str() {
            "hour" => assert!(age < TimeDelta::hours(48 + 25), "{bucket:?}"),
            "day" => {
                assert!(age > TimeDelta::hours(48) && age < TimeDelta::days(64), "{bucket:?}");
                assert_eq!(bucket.starts_at.timestamp() % 86_400, 0);
            }
            _ => assert_eq!(bucket.starts_at, DateTime::UNIX_EPOCH),
        }
    }
    for span in ["hour", "day", "ever"] {
        assert!(found.iter().any(|bucket| bucket.span == span && bucket.article_id == one), "{span}");
    }
    // A second time there is nothing to do, and a late count joins its day.
    roll_up(&app.db, now).await.unwrap();
    assert_eq!(buckets(&app.database).await, found);
    read_before(&app.database, two, "hour", "99 hours", 7).await;
    roll_up(&app.db, now).await.unwrap();
    let again = buckets(&app.database).await;
    assert_eq!(again.iter().map(|bucket| bucket.count).sum::<i64>(), before + 7);
    assert_eq!(again.len(), found.len());
}
