use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use actix_web::{
    App,
    http::Method,
    test::{TestRequest, call_service, init_service, read_body},
};

use super::*;

/// A sample: name, labels, value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Parses an exposition strictly (`OpenMetrics` 1.0): each family occurs once, with HELP and TYPE before its samples;
/// each sample belongs to its family and occurs once; the text ends with `# EOF`.
fn parse(text: &str) -> (BTreeMap<String, String>, Vec<Sample>) {
    let mut types = BTreeMap::new();
    let (mut helped, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut current = String::new();
    let mut samples = Vec::new();
    let body = text.strip_suffix("# EOF\n").expect("`# EOF` is missing");
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match kind {
                "HELP" => {
                    assert!(rest.ends_with('.') && !rest.ends_with(".."), "{line}");
                    assert!(helped.insert(name.to_owned()), "{name} occurs twice");
                }
                "TYPE" => {
                    assert!(helped.contains(name), "{name} has no HELP");
                    types.insert(name.to_owned(), rest.to_owned());
                    name.clone_into(&mut current);
                }
                "UNIT" => assert!(name == current && name.ends_with(&format!("_{rest}")), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(seen.insert(name.to_owned()), "{name} occurs twice");
        let (name, labels) = match name.split_once('{') {
            Some((name, labels)) => (name, parse_labels(labels.strip_suffix('}').unwrap())),
            None => (name, BTreeMap::new()),
        };
        let suffix = name.strip_prefix(current.as_str()).unwrap_or_else(|| panic!("{line} is not of {current}"));
        let allowed: &[_] = match types[&current].as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("{other}"),
        };
        assert!(allowed.contains(&suffix), "{line}");
        samples.push((name.to_owned(), labels, value.parse().unwrap()));
    }
    (types, samples)
}

fn parse_labels(mut text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").unwrap();
        let mut value = String::new();
        let mut chars = rest.chars();
        loop {
            match chars.next().unwrap() {
                '"' => break,
                '\\' => value.push(chars.next().map(|c| if c == 'n' { '\n' } else { c }).unwrap()),
                c => value.push(c),
            }
        }
        assert_eq!(labels.insert(name.to_owned(), value), None, "{name} occurs twice");
        text = chars.as_str();
        text = text.strip_prefix(',').unwrap_or(text);
    }
    labels
}

fn values(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
    let has = |sample: &&Sample| {
        sample.0 == name && labels.iter().all(|(key, value)| sample.1.get(*key).is_some_and(|v| v == value))
    };
    samples.iter().filter(has).map(|sample| sample.2).collect()
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let found = values(samples, name, labels);
    assert_eq!(found.len(), 1, "{name} {labels:?}");
    found[0]
}

#[track_caller]
fn assert_is(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
}

#[test]
fn every_metric_is_rendered() {
    let metrics = Metrics::new();
    let article = metrics.route("/v1/articles/{slug}");
    article.observe(&Method::GET, 200, Duration::from_micros(50), 12_000);
    article.observe(&Method::GET, 200, Duration::from_micros(51), 12_000);
    article.observe(&Method::GET, 304, Duration::from_millis(3), 0);
    article.observe(&Method::HEAD, 200, Duration::from_secs(6), 0);
    metrics.unknown_route().observe(&Method::GET, 404, Duration::from_micros(9), 300);
    metrics.cache.hits.inc();
    metrics.cache.misses.inc_by(2);
    metrics.cache.stale.inc_by(3);
    metrics.cache.refused.inc_by(4);
    metrics.cache.bytes.set(1 << 20);
    metrics.subscriber.following.set(1);
    metrics.pool("read").in_use.set(7);
    metrics.pool("read").timeouts.inc();
    metrics.pool("write").size.set(2);
    metrics.observe_publication_delay(Duration::from_millis(20));
    metrics.observe_publication_delay(Duration::from_secs(61));
    metrics.at_scrape(|metrics| {
        metrics.cache.entries.set(5);
        raise(&metrics.database.statements, 41);
    });

    let (types, samples) = parse(&metrics.render());
    let assert_sample = |name, labels: &[(&str, &str)], expected| assert_is(value(&samples, name, labels), expected);
    let route = ("route", "/v1/articles/{slug}");
    assert_sample("lectern_http_requests_total", &[route, ("method", "GET"), ("status", "200")], 2.0);
    assert_sample("lectern_http_requests_total", &[route, ("method", "GET"), ("status", "304")], 1.0);
    assert_sample("lectern_http_requests_total", &[route, ("method", "HEAD"), ("status", "200")], 1.0);
    assert_sample("lectern_http_requests_total", &[("route", "unknown"), ("status", "404")], 1.0);
    assert_sample("lectern_http_response_bytes_total", &[route], 24_000.0);
    assert_sample("lectern_http_request_duration_seconds_count", &[route], 4.0);
    assert_sample("lectern_http_request_duration_seconds_sum", &[route], 6.003_101);
    let buckets: Vec<_> = samples.iter().filter(|sample| sample.0.ends_with("duration_seconds_bucket")).collect();
    let buckets: Vec<_> = buckets.into_iter().filter(|sample| sample.1["route"] == route.1).collect();
    let bounds: Vec<f64> =
        buckets.iter().map(|sample| sample.1["le"].replace("+Inf", "inf").parse().unwrap()).collect();
    assert_eq!(bounds.len(), 17);
    assert!(bounds.is_sorted() && bounds[16].is_infinite());
    assert_is(bounds[0], 0.000_05);
    assert_is(bounds[15], 5.0);
    let counts: Vec<_> = buckets.iter().map(|sample| sample.2).collect();
    assert_eq!(counts, [1., 2., 2., 2., 2., 2., 3., 3., 3., 3., 3., 3., 3., 3., 3., 3., 4.]);

    assert_sample("lectern_cache_requests_total", &[("outcome", "hit")], 1.0);
    assert_sample("lectern_cache_requests_total", &[("outcome", "miss")], 2.0);
    assert_sample("lectern_cache_requests_total", &[("outcome", "stale")], 3.0);
    assert_sample("lectern_cache_refused_fills_total", &[], 4.0);
    assert_sample("lectern_cache_size_bytes", &[], 1_048_576.0);
    assert_sample("lectern_cache_entries", &[], 5.0);
    assert_sample("lectern_follower_following", &[], 1.0);
    assert_sample("lectern_database_statements_total", &[], 41.0);
    assert_sample("lectern_pool_connections_in_use", &[("pool", "read")], 7.0);
    assert_sample("lectern_pool_timeouts_total", &[("pool", "read")], 1.0);
    assert_sample("lectern_pool_connections", &[("pool", "write")], 2.0);
    assert_sample("lectern_publication_delay_seconds_count", &[], 2.0);
    assert_sample("lectern_publication_delay_seconds_sum", &[], 61.02);
    assert_sample("lectern_publication_delay_seconds_bucket", &[("le", "60.0")], 1.0);
    assert_sample("lectern_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    assert!(value(&samples, "process_start_time_seconds", &[]) > 1.7e9);
    assert!(value(&samples, "process_resident_memory_bytes", &[]) > 1e6);
    for name in ["http_rate_limited_requests", "cache_evictions", "cache_invalidated_entries"] {
        assert_eq!(types[&format!("lectern_{name}")], "counter");
    }
    for name in ["cache_changes_applied", "follower_reconnects", "database_slow_statements"] {
        assert_eq!(types[&format!("lectern_{name}")], "counter");
    }
    assert_eq!(types["lectern_follower_sequence"], "gauge");
}

#[test]
fn concurrent_observations_are_all_counted() {
    let metrics = Metrics::new();
    let route = metrics.route("/v1");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    route.observe(&Method::GET, 200, Duration::from_micros(10), 3);
                    route.observe(&Method::GET, 503, Duration::from_secs(9), 0);
                }
            });
        }
    });
    let (_, samples) = parse(&metrics.render());
    for status in ["200", "503"] {
        assert_is(value(&samples, "lectern_http_requests_total", &[("status", status)]), 80_000.0);
    }
    assert_is(value(&samples, "lectern_http_response_bytes_total", &[]), 240_000.0);
    assert_is(value(&samples, "lectern_http_request_duration_seconds_count", &[]), 160_000.0);
}

#[test]
fn unused_service_renders_every_description() {
    let (types, samples) = parse(&Metrics::new().render());
    assert_eq!(types["lectern_http_requests"], "counter");
    assert_eq!(values(&samples, "lectern_http_requests_total", &[]), Vec::<f64>::new());
    assert_is(value(&samples, "lectern_publication_delay_seconds_count", &[]), 0.0);
}

#[test]
fn label_values_are_escaped() {
    let metrics = Metrics::new();
    let pattern = "/\"} 1\n# EOF\n\\{x}";
    metrics.route(pattern).observe(&Method::GET, 200, Duration::ZERO, 0);
    let (_, samples) = parse(&metrics.render());
    assert_is(value(&samples, "lectern_http_requests_total", &[("route", pattern)]), 1.0);
}

#[test]
fn raise_never_lowers_a_counter() {
    let counter = Counter::default();
    raise(&counter, 5);
    raise(&counter, 3);
    assert_eq!(counter.get(), 5);
}

#[actix_web::test]
async fn metrics_endpoint_responds_as_openmetrics_and_is_not_cached() {
    let metrics = web::Data::new(Metrics::new());
    metrics.rate_limited.inc_by(3);
    let app = init_service(App::new().app_data(metrics).service(read_metrics)).await;
    let answer = call_service(&app, TestRequest::get().uri("/metrics").to_request()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers().get(header::CONTENT_TYPE).unwrap(), MEDIA_TYPE);
    assert_eq!(answer.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
    let text = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
    assert_is(value(&parse(&text).1, "lectern_http_rate_limited_requests_total", &[]), 3.0);
}
