//! The invariants of the cache, each as a forced order of events.

use chrono::{DateTime, TimeDelta};

use super::{fill::Fill, get::Lookup, *};
use crate::{db, error::Error};

/// A representation that is its text.
#[derive(Debug)]
struct Text(String);

impl Representation for Text {
    fn weight(&self) -> usize {
        self.0.len()
    }

    fn set_last_modified(&mut self, _: DateTime<Utc>) {}
}

type Result = std::result::Result<Entry<Text>, Error>;

fn at(sequence: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(sequence)
}

fn position(sequence: i64) -> LogPosition {
    LogPosition { sequence, at: Some(at(sequence)) }
}

fn change(sequence: i64, tags: &[&str]) -> Change {
    Change { sequence, tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), at: at(sequence) }
}

/// Returns a cache that follows a log at position 10.
fn with_settings(settings: Settings) -> Arc<Cache<Text>> {
    let databases =
        db::Settings { url: "postgres://127.0.0.1:1/none".to_owned(), replicas: Vec::new(), connections: 1 };
    let cache = Arc::new(Cache::new(settings, Db::new(&databases).unwrap(), |_| {}));
    cache.reset(position(10));
    cache.set_state(State::Following);
    cache
}

fn cache(bytes: usize) -> Arc<Cache<Text>> {
    with_settings(Settings { bytes, stale_if_error: Duration::from_secs(3600) })
}

fn entry(result: std::result::Result<Payload, Error>) -> Result {
    Entry::new(result, |payload| Text(String::from_utf8(payload.body.to_vec()).unwrap()))
}

fn page(text: &str, tags: &[&str]) -> Result {
    entry(Ok(Payload::bytes("text/plain", text.to_owned()).tagged(tags.iter().copied())))
}

fn key<'a>(uri: &'a str, raw_uri: &'a str) -> Key<'a> {
    Key { uri, raw_uri, stored: false }
}

fn start(cache: &Arc<Cache<Text>>, uri: &str) -> Fill<Text> {
    match cache.look_up(key(uri, uri)) {
        Lookup::New(fill, _) => fill,
        Lookup::Pending(_) => panic!("another fill for {uri} runs"),
        Lookup::Hit(..) => panic!("{uri} is cached"),
    }
}

fn fill(cache: &Arc<Cache<Text>>, uri: &str, text: &str, tags: &[&str]) {
    start(cache, uri).complete(page(text, tags), true);
}

fn is_cached(cache: &Cache<Text>, uri: &str) -> bool {
    cache.find(uri).is_some()
}

#[test]
fn change_invalidates_exactly_the_entries_with_its_tags() {
    let cache = cache(1 << 20);
    fill(&cache, "/a", "a", &["article:a", "topic:t"]);
    fill(&cache, "/b", "b", &["article:b", "topic:t"]);
    fill(&cache, "/list", "list", &["articles"]);
    cache.apply(vec![change(11, &["article:a", "articles"])]);
    assert!(!is_cached(&cache, "/a") && !is_cached(&cache, "/list") && is_cached(&cache, "/b"));
    cache.apply(vec![change(12, &["nothing"]), change(13, &["topic:t"])]);
    assert!(!is_cached(&cache, "/b"));
    assert_eq!(cache.position(), Some(position(13)));
    let counts = cache.counts();
    assert_eq!((counts.entries, counts.bytes, counts.invalidated, counts.changes), (0, 0, 3, 3));
}

/// Read, change, fill: in this order the response is older than the change.
#[test]
fn fill_that_started_before_a_change_is_not_stored_after_it() {
    let cache = cache(1 << 20);
    let (stale, other) = (start(&cache, "/a"), start(&cache, "/b"));
    cache.apply(vec![change(11, &["article:a"])]);
    stale.complete(page("old", &["article:a"]), true);
    other.complete(page("b", &["article:b"]), true);
    assert!(!is_cached(&cache, "/a"), "older than the change");
    assert!(is_cached(&cache, "/b"), "the change is not about it");
    assert_eq!(cache.counts().refused_fills, 1);
    fill(&cache, "/a", "new", &["article:a"]);
    assert!(is_cached(&cache, "/a"));
}

#[test]
fn request_does_not_wait_for_a_fill_older_than_a_known_change() {
    let cache = cache(1 << 20);
    let old = start(&cache, "/a");
    assert!(matches!(cache.look_up(key("/a", "/a")), Lookup::Pending(_)), "both know the same changes");
    cache.apply(vec![change(11, &["article:a"])]);
    let new = start(&cache, "/a");
    new.complete(page("new", &["article:a"]), true);
    old.complete(page("old", &["article:a"]), true);
    let (found, _) = cache.find("/a").unwrap();
    assert_eq!(found.outcome.as_ref().unwrap().0, "new", "the older fill does not replace the newer one");
}

#[test]
fn fill_knows_that_a_change_invalidated_the_entry() {
    let cache = cache(1 << 20);
    let first = start(&cache, "/a");
    assert!(!first.registration.was_invalidated);
    first.complete(page("old", &["article:a"]), true);
    cache.apply(vec![change(11, &["article:a"])]);
    let second = start(&cache, "/a");
    assert!(second.registration.was_invalidated);
    drop(second);
    assert!(!start(&cache, "/a").registration.was_invalidated, "once");
    fill(&cache, "/a", "new", &["article:a"]);
    cache.reset(position(20));
    assert!(!start(&cache, "/a").registration.was_invalidated, "not known after a reset");
}

#[test]
fn fill_older_than_the_remembered_changes_is_not_stored() {
    let cache = cache(1 << 20);
    let old = start(&cache, "/a");
    cache.apply((11..3000).map(|sequence| change(sequence, &["other"])).collect());
    old.complete(page("old", &["article:a"]), true);
    assert!(!is_cached(&cache, "/a"), "it is not known whether a change carried its tag");
}

#[test]
fn reset_to_another_log_drops_everything() {
    let cache = cache(1 << 20);
    fill(&cache, "/a", "a", &["article:a"]);
    let old = start(&cache, "/b");
    // A restored database: its log is shorter than before.
    cache.reset(position(5));
    assert!(!is_cached(&cache, "/a"));
    old.complete(page("b", &["article:b"]), true);
    assert!(!is_cached(&cache, "/b"), "it was computed from another log");
    fill(&cache, "/b", "b", &["article:b"]);
    cache.apply(vec![change(6, &["article:b"])]);
    assert!(!is_cached(&cache, "/b"));
}

#[test]
fn nothing_is_served_or_stored_while_the_log_is_not_followed() {
    let cache = cache(1 << 20);
    fill(&cache, "/a", "a", &["article:a"]);
    let built_in = entry(Ok(Payload::bytes("text/plain", "x").tagged(["index"]).immutable()));
    start(&cache, "/v1").complete(built_in, true);
    cache.set_state(State::Lost);
    assert!(!is_cached(&cache, "/a") && is_cached(&cache, "/v1"), "an immutable entry stays valid");
    fill(&cache, "/b", "b", &["article:b"]);
    assert!(cache.find_stale("/a").is_some(), "served if the database cannot be reached");
    cache.set_state(State::Unreachable);
    assert!(!is_cached(&cache, "/a"), "reads may work although the subscription is lost");
    cache.trust.record_read(false);
    assert_eq!(cache.find("/a").unwrap().1, CacheStatus::Stale);
    cache.trust.record_read(true);
    assert!(!is_cached(&cache, "/a"));
    cache.trust.record_read(false);
    assert!(!is_cached(&cache, "/b"), "a fill without a subscription was not stored");
    // Following again: the missed changes come first.
    cache.apply(vec![change(11, &["article:a"])]);
    cache.set_state(State::Following);
    assert!(!is_cached(&cache, "/a"));
}

#[test]
fn stale_entries_are_served_for_a_bounded_time() {
    let cache = with_settings(Settings { bytes: 1 << 20, stale_if_error: Duration::ZERO });
    fill(&cache, "/a", "a", &["article:a"]);
    cache.set_state(State::Unreachable);
    cache.trust.record_read(false);
    assert!(!is_cached(&cache, "/a"));
    assert!(cache.find_stale("/a").is_none());
}

#[test]
fn one_key_is_one_entry_for_all_raw_uris() {
    let cache = cache(1 << 20);
    fill(&cache, "/a?sort=title", "a", &["articles"]);
    for n in 0..100 {
        let raw_uri = format!("/a?sort=title&limit=20&{n}");
        assert!(!is_cached(&cache, &raw_uri));
        assert!(matches!(cache.look_up(key("/a?sort=title", &raw_uri)), Lookup::Hit(_, CacheStatus::Hit)));
    }
    assert_eq!(cache.counts().entries, 1);
    assert!(is_cached(&cache, "/a?sort=title&limit=20&0"));
    assert!(!is_cached(&cache, "/a?sort=title&limit=20&99"), "the raw URIs of one entry are bounded");
    cache.apply(vec![change(11, &["articles"])]);
    assert!(!is_cached(&cache, "/a?sort=title") && !is_cached(&cache, "/a?sort=title&limit=20&0"));
    assert_eq!(cache.counts().bytes, 0);
}

/// Entries that are requested again stay; a flood of single requests, pages or errors, passes by.
#[test]
fn flood_of_made_up_addresses_evicts_no_requested_entry() {
    let cache = cache(1 << 20);
    let text = "x".repeat(2000);
    let real: Vec<_> = (0..100).map(|n| format!("/real/{n}")).collect();
    for key in &real {
        fill(&cache, key, &text, &["articles"]);
        assert!(is_cached(&cache, key));
    }
    for n in 0..20_000 {
        let not_found = entry(Err(Error::NotFound("nothing is here".into())));
        start(&cache, &format!("/made-up/{n}")).complete(not_found, true);
        let query = format!("/real/0?updated_since={n}");
        fill(&cache, &query, &text, &["articles"]);
        if n % 50 == 0 {
            // Readers go on meanwhile.
            for key in &real {
                assert!(is_cached(&cache, key), "{key} was evicted after {n}");
            }
        }
        assert!(cache.counts().bytes <= 1 << 20);
    }
    assert!(cache.counts().evicted > 10_000);
    assert!(cache.counts().entries < 1000);
}

#[test]
fn too_large_entry_is_not_stored_and_a_zero_limit_stores_nothing() {
    let small = cache(1 << 20);
    fill(&small, "/large", &"x".repeat(1 << 17), &["articles"]);
    assert!(!is_cached(&small, "/large"));
    let off = cache(0);
    let first = start(&off, "/a");
    let second = start(&off, "/a");
    first.complete(page("a", &["articles"]), true);
    second.complete(page("a", &["articles"]), true);
    assert!(!is_cached(&off, "/a"));
}

#[test]
fn waiting_request_is_woken_if_the_fill_ends_without_a_result() {
    let cache = cache(1 << 20);
    let running = start(&cache, "/a");
    let Lookup::Pending(mut waiting) = cache.look_up(key("/a", "/a")) else { panic!("no fill runs") };
    drop(running);
    let woken = futures_util::FutureExt::now_or_never(waiting.wait_for(Option::is_some));
    assert!(matches!(woken, Some(Err(_))));
    drop(start(&cache, "/a"));
}

/// Entries, raw URIs and tags, filled and invalidated at random.
#[test]
fn random_fills_and_changes_leave_nothing_behind() {
    let cache = cache(1 << 18);
    let mut rng = fastrand::Rng::with_seed(7);
    let mut sequence = 10;
    for _ in 0..20_000 {
        let uri = format!("/{}", rng.u32(..400));
        if rng.u8(..10) == 0 {
            sequence += 1;
            let tag = format!("topic:{}", rng.u32(..40));
            cache.apply(vec![change(sequence, &[&tag])]);
        } else if let Lookup::New(fill, _) = cache.look_up(key(&uri, &format!("{uri}?{}", rng.u8(..20)))) {
            let tags = [format!("topic:{}", rng.u32(..40)), format!("topic:{}", rng.u32(..40))];
            let text = "x".repeat(rng.usize(..4000));
            fill.complete(page(&text, &[&tags[0], &tags[1]]), true);
        }
        assert!(cache.counts().bytes <= 1 << 18);
    }
    sequence += 1;
    let all: Vec<String> = (0..40).map(|n| format!("topic:{n}")).collect();
    cache.apply(vec![change(sequence, &all.iter().map(String::as_str).collect::<Vec<_>>())]);
    let counts = cache.counts();
    assert_eq!((counts.entries, counts.bytes), (0, 0));
    assert!(cache.uri_index.is_empty(), "a raw URI leads to no entry");
}

#[tokio::test]
async fn wait_for_returns_after_the_change_has_invalidated_entries() {
    let cache = cache(1 << 20);
    fill(&cache, "/a", "old", &["x"]);
    let waiting = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move {
            cache.wait_for(11, Duration::from_secs(60)).await;
            is_cached(&cache, "/a")
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    cache.apply(vec![change(11, &["x"])]);
    assert!(!waiting.await.unwrap());
    // No wait for a change that is applied, nor for one that cannot become known.
    let began = Instant::now();
    cache.wait_for(11, Duration::from_secs(60)).await;
    cache.set_state(State::Lost);
    cache.wait_for(99, Duration::from_secs(1)).await;
    assert!(began.elapsed() < Duration::from_secs(60));
}
