//! Everything that requests share: errors, problems, policies. Outages of the database are in `faults`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use lectern::error::ProblemType;
use reqwest::Method;
use serde_json::Value;

use crate::harness::App;

/// Sends raw bytes, and returns status, headers and body.
fn raw(app: &App, request: &[u8]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(app.base.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The server may respond before it has read all.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, head.to_lowercase(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_a_problem() {
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
    // A body of 10 MiB where none is expected.
    let mut large =
        b"POST /v1/articles HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10485760\r\n\r\n".to_vec();
    large.extend(vec![b'x'; 10 << 20]);
    let (status, head, body) = raw(&app, &large);
    assert_eq!(status, 413, "{head}");
    assert!(body.contains("/problems/content-too-large"));
    assert_eq!(app.get("/v1/articles/stem-cell-infusion").await.status, 200, "the service goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_body_gets_413_on_a_hit_too() {
    let app = App::library().await;
    for path in ["/v1/site", "/v1/articles/no-such-article"] {
        app.get(path).await;
        app.get(path).await;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 99999999\r\n\r\n");
        assert_eq!(raw(&app, request.as_bytes()).0, 413, "{path}");
    }
}

/// The digest of a cursor is no secret, so its content must be checked before it reaches the database.
#[tokio::test(flavor = "multi_thread")]
async fn forged_cursor_gets_400() {
    use lectern::http::pagination::cursor;
    let app = App::library().await;
    let id = "01980000-0000-7000-8000-000000000000";
    let path = "/v1/articles/stem-cell-infusion";
    let of = app.get(path).await.ok()["id"].as_str().unwrap().to_owned();
    let search = "/v1/search 药 None None";
    // Far beyond every passage.
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
    // Valid positions are accepted, so the list names above are right.
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

/// The two obsolete date formats of RFC 9110 section 5.6.7.
#[tokio::test(flavor = "multi_thread")]
async fn obsolete_date_formats_are_parsed() {
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
async fn every_problem_type_has_a_page() {
    let app = App::empty().await;
    let list = app.get("/problems").await.text();
    for kind in ProblemType::ALL {
        let path = format!("/problems/{}", kind.name);
        assert!(list.contains(&path));
        let page = app.get(&path).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains(kind.help.split('`').next().unwrap()));
    }
    assert_eq!(app.get("/problems/nothing").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn valid_request_id_is_returned_and_another_replaced() {
    let app = App::empty().await;
    let returned = app.send(Method::GET, "/v1", &[("x-request-id", "abc-123")]).await;
    assert_eq!(returned.header("x-request-id"), "abc-123");
    let long = "a".repeat(65);
    for bad in ["a b", "<x>", &long] {
        let replaced = app.send(Method::GET, "/v1", &[("x-request-id", bad)]).await;
        assert_eq!(replaced.header("x-request-id").len(), 36);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_loads_nothing_from_other_hosts() {
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

/// The router decodes letters of a path, and so must the look-up of its policy.
#[tokio::test(flavor = "multi_thread")]
async fn encoded_path_has_the_policy_of_its_route() {
    let app = App::library().await;
    let managed = raw(&app, b"GET /%6Danage/v1/articles HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(managed.0, 401);
    assert!(managed.1.contains("cache-control: no-store"), "{}", managed.1);
    let wrong_method = raw(&app, b"PATCH /%6Danage/v1/articles/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(wrong_method.0, 405);
    assert!(wrong_method.1.contains("allow: get, head, put, delete"), "{}", wrong_method.1);
    let public = raw(&app, b"GET /%76%31/site HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(public.0, 200);
    assert!(public.1.contains("access-control-allow-origin: *"), "{}", public.1);
}
