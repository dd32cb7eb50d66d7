//! Keys: shown once, stored as digests, of use until they are revoked or expire, and counted each by itself.

use std::time::Duration;

use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use lectern::{
    app,
    db::{self, change_log::State},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::desk::Desk;
use crate::harness::{App, Body, Reply, empty_database};

const KEYS: &str = "/manage/v1/keys";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    text: String,
}

/// A value that SQL gives as text.
async fn text(app: &App, sql: &str) -> String {
    let row = diesel::sql_query(format!("select ({sql})::text as text"));
    row.get_result::<Row>(&mut app.db.write().await.unwrap()).await.unwrap().text
}

async fn run(app: &App, sql: &str) {
    app.db.write().await.unwrap().batch_execute(sql).await.unwrap();
}

async fn ask(app: &App, key: &str) -> Reply {
    app.call(Method::GET, KEYS, Some(key), &[], None).await
}

impl Desk {
    async fn make(&self, body: &Value) -> Reply {
        self.app.call(Method::POST, KEYS, Some(&self.key), &[], Some(Body::json(body))).await
    }

    async fn made(&self, name: &str, scopes: &[&str]) -> (String, Value) {
        let made = self.make(&json!({"name": name, "scopes": scopes})).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        (made["key"].as_str().unwrap().to_owned(), made)
    }

    async fn revoke(&self, id: &str) -> Reply {
        self.app.call(Method::DELETE, &format!("{KEYS}/{id}"), Some(&self.key), &[], None).await
    }
}

/// What a key answers that lets nobody in; the reason.
fn refused(reply: &Reply) -> String {
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    reply.json()["detail"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_stored_as_a_digest() {
    let desk = Desk::empty().await;
    let (key, made) = desk.made(" 编辑部 CMS ", &["publish", "write", "write"]).await;
    assert_eq!(made["name"], "编辑部 CMS");
    assert_eq!(made["scopes"], json!(["write", "publish"]));
    assert_eq!(made["created_by"], "test");
    assert_eq!(made["prefix"], key[..11]);
    assert_eq!(
        (&made["expires_at"], &made["last_used_at"], &made["revoked_at"]),
        (&json!(null), &json!(null), &json!(null))
    );
    let secret = &key[11..43];
    for table in ["keys", "audit", "changes", "secrets"] {
        let rows = text(&desk.app, &format!("select coalesce(json_agg(t)::text, '') from {table} t")).await;
        assert!(!rows.contains(secret), "{table}: {rows}");
    }
    let digest = format!("select digest = sha256('{key}') from keys where prefix = '{}'", &key[..11]);
    assert_eq!(text(&desk.app, &digest).await, "true");
    let list = desk.get(KEYS).await;
    assert!(!list.text().contains(secret));
    assert!(list.json()["data"][0].get("key").is_none());
    assert_eq!(list.json()["data"][0]["id"], made["id"]);
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_by_page_the_newest_first() {
    let desk = Desk::empty().await;
    let mut made = vec![desk.key[..11].to_owned()];
    for n in 0..4 {
        made.push(desk.made(&format!("k{n}"), &["write"]).await.1["prefix"].as_str().unwrap().to_owned());
    }
    made.reverse();
    let (mut seen, mut path) = (Vec::new(), format!("{KEYS}?limit=2"));
    loop {
        let page = desk.get(&path).await;
        let list = page.json();
        let prefixes = list["data"].as_array().unwrap().iter().map(|key| key["prefix"].as_str().unwrap().to_owned());
        seen.extend(prefixes);
        let Some(cursor) = list["page"]["next_cursor"].as_str() else {
            assert!(!page.headers.contains_key("link"));
            break;
        };
        path = format!("{KEYS}?limit=2&cursor={cursor}");
        assert_eq!(page.header("link"), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!(seen, made);
    assert_eq!(desk.get(&format!("{KEYS}?limit=0")).await.status, 400);
    assert_eq!(desk.get(&format!("{KEYS}?cursor=AAAAAAAAAAAAAAAA")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_is_told_all_its_faults() {
    let desk = Desk::empty().await;
    let all = json!({"name": "\u{202E}x", "scopes": ["write", "everything", ""], "expires_at": "2020-01-01T00:00:00Z"});
    let long = json!({"name": "名".repeat(101), "scopes": [], "expires_at": "soon"});
    for (body, pointers) in [
        (all, vec!["/name", "/scopes/1", "/scopes/2", "/expires_at"]),
        (long, vec!["/name", "/scopes", "/expires_at"]),
        (json!({}), vec!["/name", "/scopes"]),
        (json!({"name": " ", "scopes": ["admin"]}), vec!["/name"]),
        (json!({"name": "a\nb", "scopes": ["admin"]}), vec!["/name"]),
        (json!({"name": "a", "scopes": "admin"}), vec!["/scopes"]),
        (json!({"name": "a", "scopes": ["admin"], "expires": null}), vec!["/expires"]),
        (json!({"name": "a", "scopes": vec!["x"; 1000]}), (0..20).map(|_| "").collect()),
    ] {
        let reply = desk.make(&body).await;
        assert_eq!(reply.status, 422, "{body}");
        let errors = reply.json()["errors"].as_array().unwrap().clone();
        assert_eq!(errors.len(), pointers.len(), "{errors:?}");
        for (error, pointer) in errors.iter().zip(pointers) {
            assert!(error["pointer"].as_str().unwrap().starts_with(pointer), "{error} is not at {pointer}");
        }
        if body["scopes"][1] == "everything" {
            assert!(errors[1]["detail"].as_str().unwrap().contains("read_drafts, write, publish, admin"), "{errors:?}");
        }
    }
    let plain = Some(Body::of("text/plain", "{}"));
    assert_eq!(desk.app.call(Method::POST, KEYS, Some(&desk.key), &[], plain).await.status, 415);
    assert_eq!(text(&desk.app, "select count(*) from keys").await, "1", "none of them was made");

    let later = desk.make(&json!({"name": "a", "scopes": ["admin"], "expires_at": "2999-01-31T08:00:00+08:00"})).await;
    assert_eq!((later.status.as_u16(), &later.json()["expires_at"]), (201, &json!("2999-01-31T00:00:00Z")));
    for far in ["9999-12-31T23:59:60Z", "9999-12-31T23:59:59-10:00"] {
        let refused = desk.make(&json!({"name": "a", "scopes": ["admin"], "expires_at": far})).await;
        assert_eq!(refused.status, 422, "{far}: RFC 3339 cannot write it in UTC");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_key_that_holds_lets_anybody_in() {
    let desk = Desk::empty().await;
    let app = &desk.app;
    let with = async |authorization: &str| {
        let reply = app.call(Method::GET, KEYS, None, &[("authorization", authorization)], None).await;
        refused(&reply)
    };
    refused(&app.call(Method::GET, KEYS, None, &[], None).await);
    for none in ["", "Bearer", "Basic bGs6eA==", &desk.key] {
        assert!(with(none).await.contains("Bearer lk_"), "{none}");
    }
    for mistyped in
        ["Bearer x".to_owned(), format!("Bearer {}x", desk.key), format!("Bearer {}", desk.key.to_uppercase())]
    {
        assert!(with(&mistyped).await.contains("checksum"), "{mistyped}");
    }
    assert_eq!(
        app.call(Method::GET, KEYS, None, &[("authorization", &format!("bearer  {}", desk.key))], None).await.status,
        200
    );

    let (gone, _) = desk.made("gone", &["admin"]).await;
    run(app, "delete from keys where name = 'gone'").await;
    assert_eq!(refused(&ask(app, &gone).await), "the key does not exist");
    let (expired, made) = desk.made("expired", &["admin"]).await;
    assert_eq!(ask(app, &expired).await.status, 200);
    run(app, "update keys set expires_at = clock_timestamp() where name = 'expired'").await;
    assert_eq!(refused(&ask(app, &expired).await), "the key has expired; ask for a new one");
    // What is stored lets nobody in, nor does the beginning of a key with another's end.
    let digest = text(app, "select encode(digest, 'hex') from keys where name = 'test'").await;
    refused(&ask(app, &digest).await);
    run(app, &format!("update keys set prefix = 'x' where id = '{}'", made["id"].as_str().unwrap())).await;
    run(app, &format!("update keys set prefix = '{}' where name = 'test'", &expired[..11])).await;
    assert_eq!(refused(&ask(app, &expired).await), "the key does not exist");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_lets_nobody_in_on_any_instance() {
    let desk = Desk::empty().await;
    let other = App::on(desk.app.database.clone());
    let (key, made) = desk.made("editor", &["admin"]).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(ask(&other, &key).await.status, 200);
    assert_eq!(desk.revoke(id).await.status, 204);
    assert_eq!(refused(&ask(&other, &key).await), "the key was revoked; ask for a new one");
    assert_eq!(refused(&ask(&desk.app, &key).await), "the key was revoked; ask for a new one");
    let listed = desk.get(KEYS).await.json()["data"][0].clone();
    assert!(listed["revoked_at"].is_string());
    assert_eq!(desk.revoke(id).await.status, 204);
    assert_eq!(desk.get(KEYS).await.json()["data"][0], listed, "the second time changes nothing");
    assert_eq!(text(&desk.app, "select count(*) from audit where action = 'revoke_key'").await, "1");
    for unknown in ["0198c0de-0000-7000-8000-000000000000", "nonsense", made["prefix"].as_str().unwrap()] {
        assert_eq!(desk.revoke(unknown).await.status, 404, "{unknown}");
    }

    // A key may revoke itself, the last one too.
    let own = desk.get(KEYS).await.json()["data"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.revoke(&own).await.status, 204);
    refused(&desk.get(KEYS).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_says_when_a_key_was_used_last() {
    let desk = Desk::empty().await;
    let (key, _) = desk.made("editor", &["write"]).await;
    let used = async || desk.get(KEYS).await.json()["data"][0]["last_used_at"].clone();
    assert_eq!(used().await, json!(null));
    assert_eq!(ask(&desk.app, &key).await.status, 403);
    let first = used().await;
    assert!(first.is_string(), "it was used, whatever it was refused");
    ask(&desk.app, &key).await;
    assert_eq!(used().await, first, "within a minute it is not written again");
    run(&desk.app, "update keys set last_used_at = last_used_at - interval '2 minutes'").await;
    ask(&desk.app, &key).await;
    assert!(used().await.as_str() >= first.as_str());
}

/// A service that counts at this rate, once it knows the keys that there are.
async fn limited(database: &str, rate: &str) -> App {
    let databases = db::Settings { url: database.to_owned(), replicas: Vec::new(), connections: 4 };
    let app = App::with(&databases, app::Settings { rate_limit: rate.parse().unwrap(), ..app::Settings::default() });
    until(async || app.cache.state() == State::Following).await;
    app
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come");
}

/// The status of a read of the public API with this key.
async fn status(app: &App, key: Option<&str>) -> u16 {
    app.call(Method::GET, "/v1", key, &[], None).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_behind_one_address_have_quotas_of_their_own() {
    let desk = Desk::at(App::on(empty_database().await)).await;
    let (a, made) = desk.made("a", &["read_drafts"]).await;
    let (b, _) = desk.made("b", &["read_drafts"]).await;
    let app = limited(&desk.app.database, "3/3600").await;
    for left in ["r=2;", "r=1;", "r=0;"] {
        let reply = app.call(Method::GET, "/v1", Some(&a), &[], None).await;
        assert!(reply.header("ratelimit").contains(left), "{}", reply.header("ratelimit"));
    }
    let refused = app.call(Method::GET, "/v1", Some(&a), &[], None).await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    // Under `/manage` it is the same key; the other one, and the address, are others.
    assert_eq!(ask(&app, &a).await.status, 429);
    assert_eq!(ask(&app, &b).await.status, 403);
    assert_eq!(status(&app, Some(&b)).await, 200);
    assert_eq!(status(&app, None).await, 200);
    // Keys that are made up, mistyped or expired share what is left of the address.
    let made_up = format!("{}x", &a[..49]);
    for (key, expected) in [(made_up.as_str(), 200), ("lk_", 200), (&made_up, 429), (&b.to_uppercase(), 429)] {
        assert_eq!(status(&app, Some(key)).await, expected, "{key}");
    }
    assert_eq!(status(&app, Some(&b)).await, 200);
    assert_eq!(status(&app, Some(&b)).await, 429);

    // A key that is made while it runs becomes known, and one that is revoked falls back to the address.
    let (c, _) = desk.made("c", &["read_drafts"]).await;
    until(async || status(&app, Some(&c)).await == 200).await;
    let fresh = limited(&desk.app.database, "3/3600").await;
    for expected in [200, 200, 200, 429] {
        assert_eq!(status(&fresh, Some(&a)).await, expected);
    }
    assert_eq!(desk.revoke(made["id"].as_str().unwrap()).await.status, 204);
    until(async || status(&fresh, Some(&a)).await == 200).await;
    let spent = fresh.call(Method::GET, "/v1", None, &[], None).await;
    assert!(spent.header("ratelimit").contains("r=1;"), "it was the address: {}", spent.header("ratelimit"));
}
