//! Cached responses over HTTP: keys, encodings, validators, invalidation, common headers.

use std::io::Read;

use lectern::{app, db::Settings};
use reqwest::Method;

use crate::harness::{App, Reply, article};

fn served(reply: &Reply) -> &str {
    reply.header("server-timing").split(',').next().unwrap().trim_start_matches("cache;desc=")
}

/// A header that need not be there.
fn optional<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn second_response_is_an_identical_hit() {
    let app = App::library().await;
    for path in ["/v1/articles/stem-cell-infusion", "/v1/articles", "/v1/topics", "/", "/openapi.json", "/v1/site"] {
        let first = app.get(path).await;
        assert_eq!(served(&first), "miss", "{path}");
        assert!(first.header("server-timing").contains("compute;dur="), "{path}");
        let before = app.db.read_statements();
        let second = app.send(Method::GET, path, &[]).await;
        assert_eq!(served(&second), "hit", "{path}");
        assert_eq!(app.db.read_statements(), before, "{path}");
        assert_eq!(first.body, second.body, "{path}");
        for name in
            ["etag", "last-modified", "cache-control", "surrogate-key", "content-type", "content-length", "vary"]
        {
            assert_eq!(first.header(name), second.header(name), "{path}: {name}");
        }
        let head = app.send(Method::HEAD, path, &[]).await;
        assert_eq!((served(&head), head.header("content-length")), ("hit", second.header("content-length")), "{path}");
    }
    // Errors come from memory too, each with its own request id.
    let nowhere = "/v1/articles/no-such-article";
    let first = app.get(nowhere).await;
    let before = app.db.read_statements();
    let second = app.send(Method::GET, nowhere, &[("x-request-id", "mine")]).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (404, 404));
    assert_eq!(app.db.read_statements(), before);
    assert_eq!(second.json()["request_id"], "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn uris_with_one_meaning_share_an_entry() {
    let app = App::library().await;
    let first = app.get("/v1/articles?topic=stem-cells&sort=title").await;
    let before = app.db.read_statements();
    for same in [
        "/v1/articles?sort=title&topic=stem-cells",
        "/v1/articles?limit=20&sort=title&topic=stem-cells",
        "/v1/articles?topic=stem%2Dcells&sort=t%69tle",
        "/v1/%61rticles?topic=stem-cells&sort=title&limit=020",
    ] {
        for _ in 0..2 {
            let again = app.send(Method::GET, same, &[]).await;
            assert_eq!((served(&again), again.header("etag")), ("hit", first.header("etag")), "{same}");
        }
    }
    assert_eq!(app.db.read_statements(), before, "none of them was computed");
    // The link to the next page is canonical too.
    let page = app.get("/v1/articles?limit=2&sort=published_at").await;
    let swapped = app.send(Method::GET, "/v1/articles?sort=published_at&limit=2", &[]).await;
    assert_eq!(page.header("link"), swapped.header("link"));
    assert!(page.header("link").contains("limit=2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_encoding_has_its_own_etag_and_the_same_body() {
    let app = App::library().await;
    let path = "/v1/articles/stem-cell-infusion";
    let plain = app.get(path).await;
    assert_eq!(optional(&plain, "content-encoding"), "");
    let decode = |coding: &str, body: &[u8]| {
        let mut text = Vec::new();
        match coding {
            "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut text),
            "zstd" => zstd::Decoder::new(body).unwrap().read_to_end(&mut text),
            _ => flate2::read::GzDecoder::new(body).read_to_end(&mut text),
        }
        .unwrap();
        text
    };
    let mut etags = vec![plain.header("etag").to_owned()];
    for coding in ["br", "zstd", "gzip"] {
        let coded = app.send_encoded(path, coding, None).await;
        assert_eq!(coded.header("content-encoding"), coding);
        assert!(coded.body.len() < plain.body.len() / 2, "{coding}: {} bytes", coded.body.len());
        assert_eq!(decode(coding, &coded.body), plain.body, "{coding}");
        assert_eq!(coded.header("vary"), "Accept-Encoding");
        let etag = coded.header("etag").to_owned();
        assert!(!etags.contains(&etag) && etag.starts_with('"'), "{etag}");
        let known = app.send_encoded(path, coding, Some(&etag)).await;
        assert_eq!((known.status.as_u16(), known.header("etag")), (304, &*etag));
        // An ETag of one encoding does not match another.
        assert_eq!(app.send_encoded(path, coding, Some(&etags[0])).await.status, 200);
        etags.push(etag);
    }
    assert_eq!(optional(&app.send_encoded(path, "br;q=0, identity", None).await, "content-encoding"), "");
    assert_eq!(optional(&app.send_encoded("/v1", "br", None).await, "content-encoding"), "", "too small to compress");
    assert_eq!(app.send_encoded("/openapi.json", "br", None).await.header("content-encoding"), "br");
}

#[tokio::test(flavor = "multi_thread")]
async fn publication_invalidates_exactly_the_responses_that_show_it() {
    let app = App::empty().await;
    let a = app.publish(&article("a", "topics: [x]", "甲文。")).await;
    app.publish(&article("b", "topics: [y]", "乙文。")).await;
    app.publish(&article("c", "topics: [z]", "丙文，见[乙](b.md)。")).await;
    let shows_a = [
        "/v1/articles/a",
        "/v1/articles",
        "/v1/articles/a/sections",
        "/v1/articles?topic=x",
        "/v1/topics",
        "/v1/topics/x",
        "/",
        "/read/a",
        // Every page shows the hot list.
        "/read/b",
    ];
    let others = [
        "/v1/articles/b",
        "/v1/articles/c",
        "/v1/articles/b/sections",
        "/v1/articles?topic=y",
        "/v1/topics/y",
        "/v1",
        "/docs",
    ];
    for path in shows_a.iter().chain(&others) {
        app.get(path).await;
        assert_eq!(served(&app.get(path).await), "hit", "{path}");
    }
    app.publish(&article("a", "topics: [x]", "甲文改了。")).await;
    app.catch_up().await;
    for path in others {
        assert_eq!(served(&app.get(path).await), "hit", "{path}");
    }
    for path in shows_a {
        assert_eq!(served(&app.get(path).await), "miss", "{path}");
    }
    // So does a withdrawal; and a publication invalidates cached errors.
    let text = app.get("/v1/articles/a").await.text();
    assert!(text.contains("甲文改了"), "{text}");
    app.write(async |tx| tx.withdraw(a, "不再有效").await).await.unwrap();
    for _ in 0..2 {
        assert_eq!(app.get("/v1/articles/a").await.status, 410);
        assert_eq!(app.get("/v1/articles/d").await.status, 404);
    }
    app.publish(&article("a", "topics: [x]", "甲文又来。")).await;
    app.publish(&article("d", "", "丁文。")).await;
    assert_eq!(app.get("/v1/articles/a").await.status, 200);
    assert_eq!(app.get("/v1/articles/d").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn last_modified_is_the_change_of_the_shown_content() {
    let app = App::library().await;
    let path = "/v1/articles/type-1-diabetes";
    let before = app.get(path).await.header("last-modified").to_owned();
    assert!(!before.is_empty());
    app.publish(&article("unrelated", "topics: [something-else]", "文。")).await;
    assert_eq!(app.get(path).await.header("last-modified"), before);
    assert_eq!(app.send(Method::GET, path, &[("if-modified-since", &before)]).await.status, 304);
    let list = app.get("/v1/articles").await;
    assert_ne!(list.header("last-modified"), before, "the list did change");
    assert_eq!(app.send(Method::GET, "/v1/articles", &[("if-modified-since", &before)]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_has_security_headers() {
    let app = App::library().await;
    for path in ["/v1/articles", "/v1/articles/nothing", "/", "/docs", "/health/live", "/metrics", "/nothing"] {
        for _ in 0..2 {
            let reply = app.get(path).await;
            assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
            if ["/", "/docs"].contains(&path) {
                assert_eq!(reply.header("referrer-policy"), "strict-origin-when-cross-origin", "{path}");
            }
            assert!(reply.header("content-security-policy").contains("default-src 'none'"), "{path}");
            assert!(!reply.header("x-request-id").is_empty(), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limited_client_gets_429_with_retry_after() {
    let app = App::limited("3/60").await;
    for left in [2, 1, 0] {
        let within = app.get("/v1/articles").await;
        assert_eq!(within.status, 200);
        assert_eq!(within.header("ratelimit-policy"), "\"default\";q=3;w=60");
        assert!(
            within.header("ratelimit").starts_with(&format!("\"default\";r={left};t=")),
            "{}",
            within.header("ratelimit")
        );
    }
    // For a hit, a miss and a 404 alike.
    for path in ["/v1/articles", "/v1/topics", "/nothing"] {
        let refused = app.get(path).await;
        assert_eq!(refused.status, 429, "{path}");
        assert_eq!(refused.json()["type"], "/problems/rate-limited");
        let wait: u32 = refused.header("retry-after").parse().unwrap();
        assert!((1..=20).contains(&wait), "{wait}");
        assert!(refused.header("ratelimit").starts_with("\"default\";r=0;t="));
    }
    for probe in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(app.get(probe).await.status, 200, "{probe}");
    }
    let free = App::library().await;
    assert_eq!(optional(&free.get("/v1").await, "ratelimit"), "", "loopback is free unless a rate is set");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_changes_are_counted() {
    let app = App::library().await;
    for path in
        ["/v1/topics", "/v1/topics", "/v1/topics", "/v1/articles/heart-disease", "/v1/articles/none", "/nowhere"]
    {
        app.get(path).await;
    }
    app.publish(&article("new", "", "文。")).await;
    app.get("/v1/topics").await;
    let text = app.get("/metrics").await.text();
    for line in [
        r#"lectern_http_requests_total{route="/v1/topics",method="GET",status="200"} 4"#,
        r#"lectern_http_requests_total{route="/v1/articles/{slug}",method="GET",status="404"} 1"#,
        r#"lectern_http_requests_total{route="unknown",method="GET",status="404"} 1"#,
        r#"lectern_cache_requests_total{outcome="hit"} 2"#,
        r#"lectern_cache_requests_total{outcome="miss"} 3"#,
        "lectern_cache_changes_applied_total 1",
        "lectern_follower_following 1",
        "lectern_publication_delay_seconds_count 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
    assert!(!text.contains("heart-disease"), "no client path is a label");
}

/// A 404 leaves pipelined statements unread; they must not make later statements look slow.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connection_does_not_count_as_a_slow_statement() {
    let databases = Settings { url: crate::harness::library_database().await, replicas: Vec::new(), connections: 1 };
    let app = App::with(&databases, app::Settings::default());
    for n in 0..20 {
        assert_eq!(app.get(&format!("/v1/articles/nothing-{n}")).await.status, 404);
    }
    tokio::time::sleep(lectern::db::SLOW + std::time::Duration::from_millis(50)).await;
    app.get("/v1/articles?limit=3").await.ok();
    app.get("/v1/articles?limit=4").await.ok();
    assert_eq!(app.db.slow_statements(), 0);
}
