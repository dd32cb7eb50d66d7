//! What every request shares: refusals, problems, health. What happens when the database goes away is in `faults`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use lectern::error::Kind;
use reqwest::Method;
use serde_json::Value;

use crate::harness::App;

/// Sends bytes as they are, and returns status line, headers and body.
fn raw(app: &App, request: &[u8]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(app.base.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // A server may refuse before it has read all.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, head.to_lowercase(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem() {
    let app = App::library().await;
    let long = format!("/v1/articles/{}", "a".repeat(5000));
    for (path, status, kind) in [
        ("/v1/articles?sort=popular", 400, "invalid-parameter"),
        ("/v1/articles?cursor=AAAA", 400, "invalid-parameter"),
        ("/v1/articles/%00", 400, "malformed-request"),
        ("/v1/articles/stem%00cell", 400, "malformed-request"),
        ("/v1/articles/%zz", 400, "malformed-request"),
        ("/v1/articles/%", 400, "malformed-request"),
        ("/v1/articles/%e5%b9", 400, "malformed-request"),
        ("/v1/articles?topic=%00", 400, "malformed-request"),
        ("/v1/articles?topic=%ff", 400, "malformed-request"),
        ("/v1/articles/STEM-CELL-INFUSION", 404, "not-found"),
        ("/v1/articles/%E5%B9%B2", 404, "not-found"),
        ("/v1/articles/no-such-article", 404, "not-found"),
        ("/v1/articles/01980000-0000-7000-8000-000000000000", 404, "not-found"),
        ("/v1/articles/", 404, "not-found"),
        ("/v2", 404, "not-found"),
        ("/nothing/here", 404, "not-found"),
        ("/docs/nothing.js", 404, "not-found"),
        (&long, 404, "not-found"),
    ] {
        let refused = raw(&app, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes());
        assert_eq!(refused.0, status, "{path}: {}", refused.2);
        assert!(refused.1.contains("content-type: application/problem+json"), "{path}");
        let problem: Value = serde_json::from_str(&refused.2).unwrap();
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{path}");
        assert!(problem["detail"].as_str().unwrap().len() > 20, "{path}: {problem}");
    }
    // A body of 10 MiB to an address that takes none.
    let mut large =
        b"POST /v1/articles HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10485760\r\n\r\n".to_vec();
    large.extend(vec![b'x'; 10 << 20]);
    let (status, head, body) = raw(&app, &large);
    assert_eq!(status, 413, "{head}");
    assert!(body.contains("/problems/content-too-large"));
    assert_eq!(app.get("/v1/articles/stem-cell-infusion").await.status, 200, "the service goes on");
}

/// What a request is refused for does not depend on what is in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_on_a_hit_too() {
    let app = App::library().await;
    for path in ["/v1/site", "/v1/articles/no-such-article"] {
        app.get(path).await;
        app.get(path).await;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 99999999\r\n\r\n");
        assert_eq!(raw(&app, request.as_bytes()).0, 413, "{path}");
    }
}

/// A cursor's digest is no secret: what it holds must not reach the database unchecked.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_cursor_is_refused() {
    use lectern::http::pagination::cursor;
    let app = App::library().await;
    let id = "01980000-0000-7000-8000-000000000000";
    let path = "/v1/articles/stem-cell-infusion";
    let of = app.get(path).await.ok()["id"].as_str().unwrap().to_owned();
    let search = "/v1/search 药 None None";
    // Far beyond every passage: what is there is looked for, not what could be.
    let top = 9_000_000_000_000_000_i64;
    let hot = "/v1/recommendations/hot Week None";
    let list = |sort: &str| format!("/v1/articles {sort} None None None None");
    for (path, forged) in [
        ("/v1/topics?", cursor("/v1/topics", &"a\0")),
        ("/v1/articles?sort=title&", cursor(&list("Title"), &("a\0", id))),
        ("/v1/articles?", cursor(&list("NewestFirst"), &("-262000-01-01T00:00:00Z", id))),
        ("/v1/articles?", cursor(&list("NewestFirst"), &("yesterday", id))),
        ("/v1/recommendations/hot?", cursor(hot, &(2, i64::MAX, id, 1))),
        ("/v1/recommendations/hot?", cursor(hot, &(2, i64::MIN, id, 1))),
        ("/v1/recommendations/hot?", cursor(hot, &(1, i64::MAX, id, i64::MAX))),
        (&format!("{path}/related?"), cursor("related", &(1, 1.0, 0.0, "a\0", &of))),
        (&format!("{path}/related?"), cursor("related", &(1, 1.0, 0.0, "a", id))),
        ("/v1/search?q=药&", cursor(search, &(-1, top, 0, 0.5, 0))),
        ("/v1/search?q=药&", cursor(search, &(0, "a", 0, 0.5, 0))),
        ("/v1/search?q=药物&", cursor(search, &(0, top, 0, 0.5, 0))),
    ] {
        let refused = app.get(&format!("{path}cursor={}", forged.unwrap())).await;
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.json()["errors"][0]["parameter"], "cursor");
    }
    // The names of the lists above are those of today: a position that can be is taken.
    for (path, good) in [
        ("/v1/articles?sort=title&", cursor(&list("Title"), &("a", id))),
        ("/v1/articles?", cursor(&list("NewestFirst"), &("2026-01-01T00:00:00Z", id))),
        ("/v1/recommendations/hot?", cursor(hot, &(2, 5, id, 1))),
        ("/v1/recommendations/hot?", cursor(hot, &(2, 5e-324, id, 1))),
        ("/v1/recommendations/hot?", cursor(hot, &(3, 1e16, id, 1))),
        ("/v1/recommendations/hot?", cursor(hot, &(3, -1e16, id, 1))),
        (&format!("{path}/related?"), cursor("related", &(1, 1.0, 0.0, "a", &of))),
        ("/v1/search?q=药&", cursor(search, &(0, top, 0, 0.5, 0))),
        ("/v1/search?q=药&", cursor(search, &(9, top, 0, 0.5, 0))),
        ("/v1/search?q=药&", cursor(search, &(2, -top, top, -5.0, -top))),
        ("/v1/search?q=药&", cursor(search, &(2, 0, None::<i64>, 1e16, 5))),
    ] {
        assert_eq!(app.get(&format!("{path}cursor={}", good.unwrap())).await.status, 200, "{path}");
    }
}

/// RFC 9110 section 5.6.7: the two obsolete forms of dates are understood.
#[tokio::test(flavor = "multi_thread")]
async fn obsolete_dates_are_dates() {
    let app = App::library().await;
    app.catch_up().await;
    for date in ["Fri, 01 Jan 2100 00:00:00 GMT", "Tuesday, 01-Jan-69 00:00:00 GMT", "Fri Jan  1 00:00:00 2100"] {
        let fresh = app.send(Method::GET, "/v1/site", &[("if-modified-since", date)]).await;
        assert_eq!(fresh.status, 304, "{date}");
    }
    let nonsense = app.send(Method::GET, "/v1/site", &[("if-modified-since", "tomorrow")]).await;
    assert_eq!(nonsense.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_problem_is_explained() {
    let app = App::empty().await;
    let list = app.get("/problems").await.text();
    for kind in Kind::ALL {
        let path = format!("/problems/{}", kind.name);
        assert!(list.contains(&path));
        let page = app.get(&path).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains(kind.help.split('`').next().unwrap()));
    }
    assert_eq!(app.get("/problems/nothing").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requests_id_is_kept_if_it_is_one() {
    let app = App::empty().await;
    let kept = app.send(Method::GET, "/v1", &[("x-request-id", "abc-123")]).await;
    assert_eq!(kept.header("x-request-id"), "abc-123");
    let long = "a".repeat(65);
    for bad in ["a b", "<x>", &long] {
        let replaced = app.send(Method::GET, "/v1", &[("x-request-id", bad)]).await;
        assert_eq!(replaced.header("x-request-id").len(), 36);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_loads_nothing_from_other_hosts() {
    let app = App::empty().await;
    for path in ["/docs", "/docs/swagger-ui.css"] {
        assert_eq!(app.send(Method::POST, path, &[]).await.status, 405, "{path}");
    }
    let page = app.get("/docs").await.text();
    assert!(page.contains("swagger") && !page.contains("<script>"));
    for (place, _) in page.match_indices("src=\"").chain(page.match_indices("href=\"")) {
        let target = page[place..].split('"').nth(1).unwrap();
        assert!(!target.contains("//"), "{target}");
        let file = app.get(target).await;
        assert_eq!(file.status, 200, "{target}");
    }
    assert!(app.get("/docs/swagger-initializer.js").await.text().contains("/openapi.json"));
}
