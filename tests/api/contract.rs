//! The rules of the contract, tested on every operation of the published OpenAPI document.

use std::{fs, path::Path};

use lectern::openapi::Files;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Body, openapi_document, validate};

/// Returns every operation with its path and method.
fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = openapi_document()["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    all.collect()
}

/// Returns whether a path is for editors: what changes things, and what shows what is not public.
fn is_managed(path: &str) -> bool {
    path.starts_with("/manage/") || path.starts_with("/preview/")
}

fn parameters<'a>(operation: &'a Value, place: &'a str) -> impl Iterator<Item = &'a Value> {
    operation["parameters"].as_array().into_iter().flatten().filter(move |parameter| parameter["in"] == place)
}

/// Returns a path with the examples of its parameters.
fn example_path(path: &str, operation: &Value) -> String {
    let path = parameters(operation, "path").fold(path.to_owned(), |path, parameter| {
        path.replace(&format!("{{{}}}", parameter["name"].as_str().unwrap()), &example_of(parameter))
    });
    let required = parameters(operation, "query").filter(|parameter| parameter["required"] == true);
    required.fold(path, |path, parameter| with(&path, parameter["name"].as_str().unwrap(), &example_of(parameter)))
}

/// The example of a parameter as text; a list is separated by commas (`style: form`, `explode: false`).
fn example_of(parameter: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match &parameter["example"] {
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        example => text(example),
    }
}

/// Adds a query parameter to a path.
fn with(path: &str, name: &str, value: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}{name}={}", value.replace(' ', "%20"))
}

/// Returns a body of the required properties, by the examples of its schema.
fn example_body(operation: &Value) -> Option<Body> {
    let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()?;
    let schema = &openapi_document()["components"]["schemas"][schema.rsplit('/').next().unwrap()];
    let required = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
    let body = required.map(|name| (name.to_owned(), schema["properties"][name]["example"].clone()));
    Some(Body::json(&body.collect::<serde_json::Map<_, _>>().into()))
}

#[test]
fn stored_files_are_up_to_date() {
    let files = Files::of(openapi_document()).unwrap();
    for (name, text) in files.named() {
        let stored = fs::read_to_string(Path::new("openapi").join(name)).unwrap_or_default();
        assert!(stored == text, "openapi/{name} is out of date: run `lectern openapi --write`");
    }
    assert_eq!(openapi_document()["openapi"], "3.1.0");
}

#[test]
fn every_operation_has_descriptions_and_examples() {
    for (path, method, operation) in operations() {
        let at = format!("{method} {path}");
        for field in ["operationId", "summary", "description"] {
            assert!(operation[field].as_str().is_some_and(|text| !text.is_empty()), "{at}: no {field}");
        }
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{at}");
        for parameter in parameters(operation, "query").chain(parameters(operation, "path")) {
            let name = &parameter["name"];
            assert!(parameter["description"].as_str().is_some(), "{at}: {name} has no description");
            // Values that only a response gives have no example.
            if name != "cursor" && name != "ids" {
                assert!(!parameter["example"].is_null(), "{at}: {name} has no example");
            }
        }
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('4')), "{at}: no problem is documented");
        let json = answers.get("200").and_then(|answer| answer["content"].get("application/json"));
        if let Some(json) = json.filter(|_| path.starts_with("/v1")) {
            assert!(!json["example"].is_null(), "{at}: no example");
        }
    }
}

#[test]
fn operation_ids_are_unique() {
    let mut ids: Vec<_> =
        operations().iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// Every GET under `/v1`: validators, 304, HEAD, CORS, caching; its documented parameters and no others.
#[tokio::test(flavor = "multi_thread")]
async fn every_public_get_follows_http() {
    let app = App::library().await;
    for (pattern, method, operation) in operations() {
        if !pattern.starts_with("/v1") || method != "get" {
            continue;
        }
        let path = example_path(pattern, operation);
        let full = app.get(&path).await;
        assert_eq!(full.status, 200, "{path}: {}", full.text());
        assert!(full.header("cache-control").contains("max-age="), "{path}");
        assert!(full.header("cache-control").contains("stale-while-revalidate="), "{path}");
        assert!(full.header("cache-control").contains("stale-if-error="), "{path}");
        assert_eq!(full.header("vary"), "Accept-Encoding", "{path}");
        assert_eq!(full.header("access-control-allow-origin"), "*", "{path}");
        assert!(!full.header("surrogate-key").is_empty(), "{path}");
        let etag = full.header("etag");
        assert!(etag.starts_with('"'), "{path}: {etag} is weak");

        for condition in [etag.to_owned(), format!("\"other\", W/{etag}"), "*".to_owned()] {
            let known = app.send(Method::GET, &path, &[("if-none-match", &condition)]).await;
            assert_eq!(known.status, 304, "{path}");
            assert!(known.body.is_empty(), "{path}");
            assert_eq!(known.header("etag"), etag, "{path}");
        }
        let other = app.send(Method::GET, &path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(other.status, 200, "{path}");
        assert_eq!(other.header("etag"), etag, "{path}: the same bytes have the same tag");
        if pattern != "/v1" {
            let at = full.header("last-modified");
            assert_eq!(app.send(Method::GET, &path, &[("if-modified-since", at)]).await.status, 304, "{path}");
            let before = "Thu, 01 Jan 2026 00:00:00 GMT";
            assert_eq!(app.send(Method::GET, &path, &[("if-modified-since", before)]).await.status, 200, "{path}");
        }

        let head = app.send(Method::HEAD, &path, &[]).await;
        assert_eq!(head.status, 200, "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.header("etag"), etag, "{path}");
        assert_eq!(head.header("content-length"), full.body.len().to_string(), "{path}");

        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let refused = app.send(method.clone(), &path, &[]).await;
            assert_eq!(refused.status, 405, "{method} {path}");
            assert_eq!(refused.header("allow"), "GET, HEAD", "{method} {path}");
            assert_eq!(refused.json()["type"], "/problems/method-not-allowed");
        }
        let preflight = [("origin", "https://example.org"), ("access-control-request-method", "GET")];
        assert_eq!(app.send(Method::OPTIONS, &path, &preflight).await.status, 204, "{path}");
    }
}

/// Every POST under `/v1`: open to every origin, with any body or none, and never stored.
#[tokio::test(flavor = "multi_thread")]
async fn every_public_post_follows_http() {
    let app = App::library().await;
    let mut count = 0;
    for (pattern, method, operation) in operations() {
        if !pattern.starts_with("/v1") || method == "get" {
            continue;
        }
        count += 1;
        assert_eq!(method, "post", "{pattern}: only POST is known here");
        let path = example_path(pattern, operation);
        for body in [None, Some(Body::of("text/plain", "a")), Some(Body::of("application/json", "{"))] {
            let origin = [("origin", "https://example.org")];
            let answer = app.call(Method::POST, &path, None, &origin, body).await;
            assert_eq!(answer.status, 204, "{path}: {}", answer.text());
            assert_eq!((answer.body.len(), answer.header("cache-control")), (0, "no-store"), "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        }
        let refused = app.send(Method::POST, &format!("{path}?colour=blue"), &[]).await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["parameter"]),
            (400.try_into().unwrap(), &json!("colour"))
        );
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH] {
            let refused = app.send(method.clone(), &path, &[]).await;
            assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "POST"), "{method} {path}");
        }
        let preflight = [("origin", "https://example.org"), ("access-control-request-method", "POST")];
        let allowed = app.send(Method::OPTIONS, &path, &preflight).await;
        assert_eq!(allowed.header("access-control-allow-methods"), "POST", "{path}");
    }
    assert!(count > 0);
}

/// The pages and files around the API: HEAD, validators, 405, and no parameters.
#[tokio::test(flavor = "multi_thread")]
async fn every_other_get_follows_http() {
    let app = App::library().await;
    let around = operations().into_iter().filter(|(path, ..)| !path.starts_with("/v1") && !is_managed(path));
    let mut count = 0;
    for (pattern, _, operation) in around {
        count += 1;
        let path = example_path(pattern, operation);
        let full = app.get(&path).await;
        assert_eq!(full.status, 200, "{path}");
        let head = app.send(Method::HEAD, &path, &[]).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
        // Counters differ from one request to the next.
        if pattern != "/metrics" {
            assert_eq!(head.header("content-length"), full.body.len().to_string(), "{path}");
        }
        assert_eq!(app.send(Method::POST, &path, &[]).await.header("allow"), "GET, HEAD", "{path}");
        let more = app.get(&format!("{path}?colour=blue")).await;
        // Pages ignore unknown parameters, such as those of campaigns.
        if pattern == "/" || pattern.starts_with("/read/") {
            assert_eq!((more.status.as_u16(), more.header("etag")), (200, full.header("etag")), "{path}");
        } else {
            assert_eq!(more.status, 400, "{path}");
        }
        if !pattern.starts_with("/health") && pattern != "/metrics" {
            let etag = full.header("etag");
            assert_eq!(app.send(Method::GET, &path, &[("if-none-match", etag)]).await.status, 304, "{path}");
            assert!(!full.header("last-modified").is_empty(), "{path}");
        }
    }
    assert!(count > 8);
}

/// Every operation under `/manage`: nothing of a request is looked at before its key, nor before the key's scope; the scope
/// that is documented is the one that it needs, and all that it needs.
#[tokio::test(flavor = "multi_thread")]
async fn every_managed_operation_checks_key_and_scope_first() {
    const SCOPES: [&str; 4] = ["read_drafts", "write", "publish", "admin"];
    let app = App::library().await;
    let mut count = 0;
    for (pattern, method, operation) in operations().into_iter().filter(|(path, ..)| path.starts_with("/manage/")) {
        count += 1;
        let at = format!("{method} {pattern}");
        let path = example_path(pattern, operation);
        let method: Method = method.to_ascii_uppercase().parse().unwrap();
        let unreadable = || Some(Body::of("text/nonsense", "{"));
        let refused = app.call(method.clone(), &format!("{path}?colour=blue"), None, &[], unreadable()).await;
        assert_eq!(refused.status, 401, "{at}");
        assert_eq!(refused.header("www-authenticate"), "Bearer", "{at}");
        assert_eq!(refused.header("cache-control"), "no-store", "{at}");
        assert!(!refused.headers.contains_key("access-control-allow-origin"), "{at}");

        let needs: Vec<&str> = operation["security"][0]["key"]
            .as_array()
            .unwrap_or_else(|| panic!("{at} names no scope"))
            .iter()
            .map(|scope| scope.as_str().unwrap())
            .collect();
        assert!(!needs.is_empty() && needs.iter().all(|scope| SCOPES.contains(scope)), "{at}: {needs:?}");
        for scope in &needs {
            let others = SCOPES.iter().filter(|other| *other != scope).copied().collect::<Vec<_>>().join(",");
            let key = app.key(&others).await;
            let refused = app.call(method.clone(), &format!("{path}?colour=blue"), Some(&key), &[], unreadable()).await;
            assert_eq!(refused.status, 403, "{at} without {scope}");
            let detail = refused.json()["detail"].clone();
            assert!(detail.as_str().unwrap().contains(scope), "{at}: {detail} does not name {scope}");
        }
        let key = app.key(&needs.join(",")).await;
        let unknown =
            app.call(method.clone(), &format!("{path}?colour=blue"), Some(&key), &[], example_body(operation)).await;
        assert_eq!(unknown.status, 400, "{at} takes a parameter that it does not know");
        assert_eq!(unknown.json()["errors"][0]["parameter"], "colour", "{at}");
        let answer = app.call(method.clone(), &path, Some(&key), &[], example_body(operation)).await;
        let status = answer.status.as_u16();
        assert!(![401, 403, 405].contains(&status) && status < 500, "{at}: {status} {}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store", "{at}");
    }
    assert!(count > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_parameters_and_no_others_are_accepted() {
    let app = App::library().await;
    for (pattern, method, operation) in operations() {
        if !pattern.starts_with("/v1") || method != "get" {
            continue;
        }
        let path = example_path(pattern, operation);
        let mut known = Vec::new();
        for parameter in parameters(operation, "query") {
            let name = parameter["name"].as_str().unwrap();
            known.push(name);
            if !parameter["example"].is_null() {
                let value = example_of(parameter);
                let once = if parameter["required"] == true { path.clone() } else { with(&path, name, &value) };
                let answer = app.get(&once).await;
                assert_eq!(answer.status, 200, "{once}: {}", answer.text());
                let twice = app.get(&with(&once, name, &value)).await;
                assert_eq!(twice.status, 400, "{once}: {name} given twice");
            }
            if parameter["required"] == true {
                let (bare, _) = path.split_once('?').unwrap();
                assert_eq!(app.get(bare).await.status, 400, "{bare} is answered without {name}");
            }
        }
        let refused = app.get(&with(&path, "colour", "blue")).await;
        assert_eq!(refused.status, 400, "{path}");
        let fault = refused.json()["errors"][0].clone();
        assert_eq!(fault["parameter"], "colour");
        for name in known {
            assert!(fault["detail"].as_str().unwrap().contains(name), "{path}: {fault} does not name {name}");
        }
    }
}

/// The requests whose responses are the examples of the document.
const EXAMPLES: &[(&str, &str)] = &[
    ("read_index", "/v1"),
    ("read_site", "/v1/site"),
    ("list_articles", "/v1/articles?limit=1"),
    ("read_article", "/v1/articles/immune-regulation?fields=-sections,-related"),
    ("list_sections", "/v1/articles/stem-cell-infusion/sections?depth=1&format=text"),
    ("read_section", "/v1/articles/stem-cell-infusion/sections/microenvironment"),
    ("list_related", "/v1/articles/stem-cell-infusion/related?limit=2"),
    ("list_hot", "/v1/recommendations/hot?limit=3"),
    ("list_topics", "/v1/topics?limit=2"),
    ("read_topic", "/v1/topics/stem-cells"),
    ("read_adjacent", "/v1/articles/stem-cell-infusion/adjacent"),
    ("search", "/v1/search?q=%E5%B9%B2%E7%BB%86%E8%83%9E%20%E8%B4%B9%E7%94%A8&limit=2"),
    ("suggest", "/v1/search/suggest?q=%E5%B9%B2%E7%BB%86&limit=3"),
];

/// Compares without ids, times and cursors. `UPDATE_EXAMPLES=1` writes the examples that differ.
#[tokio::test(flavor = "multi_thread")]
async fn examples_are_real_responses() {
    let app = App::library().await;
    for (id, request) in EXAMPLES {
        let answer = app.get(request).await.ok();
        let path = Path::new("openapi/examples").join(format!("{id}.json"));
        let stored: Value =
            fs::read(&path).ok().and_then(|file| serde_json::from_slice(&file).ok()).unwrap_or_default();
        let is_same = stored["request"] == *request && timeless(&stored["answer"]) == timeless(&answer);
        if std::env::var_os("UPDATE_EXAMPLES").is_some() && !is_same {
            let text = serde_json::to_string_pretty(&json!({"request": request, "answer": answer})).unwrap();
            fs::write(&path, text + "\n").unwrap();
            continue;
        }
        assert_eq!(stored["request"], *request);
        assert_eq!(timeless(&stored["answer"]), timeless(&answer), "{id}: run with UPDATE_EXAMPLES=1");
    }
    let read = |(path, method, _): &(&str, &str, &Value)| path.starts_with("/v1") && *method == "get";
    let documented: Vec<_> = operations().into_iter().filter(read).collect();
    assert_eq!(documented.len(), EXAMPLES.len(), "every operation has an example: add the missing one to EXAMPLES");
}

/// Removes the values that differ from database to database.
fn timeless(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(timeless).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| {
                let changes = ["id", "published_at", "updated_at", "next_cursor"].contains(&name.as_str());
                let value = if changes && !value.is_null() { json!("…") } else { timeless(value) };
                (name.clone(), value)
            })
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn examples_of_problems_match_the_schema() {
    let answers = openapi_document()["components"]["responses"].as_object().unwrap();
    let problems = answers.values().filter_map(|answer| answer["content"].get("application/problem+json"));
    let examples: Vec<_> = problems
        .flat_map(|content| {
            let many =
                content["examples"].as_object().into_iter().flat_map(|many| many.values().map(|one| &one["value"]));
            many.chain(content.get("example"))
        })
        .collect();
    let problems = answers.values().filter(|answer| answer["content"].get("application/problem+json").is_some());
    assert_eq!(examples.len(), problems.count() + 1, "one each, and two of a bad request");
    for example in examples {
        validate("Problem", example);
    }
}
