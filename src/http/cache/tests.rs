//! The promises of the cache, each as a forced order of events.

use chrono::{DateTime, TimeDelta};

use super::*;
use crate::http::{Payload, encoding::ContentEncoding};

fn at(sequence: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(sequence)
}

fn change(sequence: i64, tags: &[&str]) -> Change {
    Change { sequence, tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), at: at(sequence) }
}

/// A cache of so many bytes that follows a log that stands at 10.
fn cache(bytes: usize) -> Arc<Cache> {
    let settings = Settings { bytes, stale_if_error: Duration::from_secs(3600) };
    let cache = Arc::new(Cache::new(settings, Arc::default()));
    cache.reset(LogPosition { sequence: 10, at: Some(at(10)) });
    cache.set_state(State::Following);
    cache
}

fn entry(cache: &Cache, result: Result<Payload, Error>) -> Computed {
    let cache_control = entry::Lifetimes::default().cache_control();
    Entry::new(result, "/v1/x", cache.metrics.route("/v1/x"), &cache_control).map(Arc::new)
}

fn page(cache: &Cache, text: &str, tags: &[&str]) -> Computed {
    entry(cache, Ok(Payload::bytes("text/plain", text.to_owned()).tagged(tags.iter().copied())))
}

fn lead(cache: &Arc<Cache>, key: &str) -> Fill {
    match cache.begin(key, key) {
        Lookup::Lead(flight, _) => flight,
        Lookup::Join(_) => panic!("somebody else computes {key}"),
        Lookup::Known(..) => panic!("{key} is known"),
    }
}

fn fill(cache: &Arc<Cache>, key: &str, text: &str, tags: &[&str]) {
    lead(cache, key).land(page(cache, text, tags), true, key);
}

fn is_known(cache: &Cache, key: &str) -> bool {
    cache.find(key).is_some()
}

#[test]
fn a_change_drops_exactly_what_carries_its_tags() {
    let cache = cache(1 << 20);
    fill(&cache, "/a", "a", &["article:a", "topic:t"]);
    fill(&cache, "/b", "b", &["article:b", "topic:t"]);
    fill(&cache, "/list", "list", &["articles"]);
    cache.apply(vec![change(11, &["article:a", "articles"])]);
    assert!(!is_known(&cache, "/a") && !is_known(&cache, "/list") && is_known(&cache, "/b"));
    cache.apply(vec![change(12, &["nothing"]), change(13, &["topic:t"])]);
    assert!(!is_known(&cache, "/b"));
    assert_eq!(cache.position(), Some(LogPosition { sequence: 13, at: Some(at(13)) }));
    let counts = cache.counts();
    assert_eq!((counts.entries, counts.bytes, counts.invalidated, counts.changes), (0, 0, 3, 3));
}

/// Rule 4: read, change, fill; in this order the answer is older than the change and is not kept.
#[test]
fn what_was_read_before_a_change_is_not_kept_after_it() {
    let cache = cache(1 << 20);
    let (stale, other) = (lead(&cache, "/a"), lead(&cache, "/b"));
    cache.apply(vec![change(11, &["article:a"])]);
    stale.land(page(&cache, "old", &["article:a"]), true, "/a");
    other.land(page(&cache, "b", &["article:b"]), true, "/b");
    assert!(!is_known(&cache, "/a"), "older than the change");
    assert!(is_known(&cache, "/b"), "the change is not about it");
    assert_eq!(cache.counts().refused, 1);
    fill(&cache, "/a", "new", &["article:a"]);
    assert!(is_known(&cache, "/a"));
}

/// Who comes after a change does not wait for what was begun before it.
#[test]
fn nobody_joins_a_computation_that_is_older_than_a_known_change() {
    let cache = cache(1 << 20);
    let old = lead(&cache, "/a");
    assert!(matches!(cache.begin("/a", "/a"), Lookup::Join(_)), "the same moment, the same answer");
    cache.apply(vec![change(11, &["article:a"])]);
    let new = lead(&cache, "/a");
    new.land(page(&cache, "new", &["article:a"]), true, "/a");
    old.land(page(&cache, "old", &["article:a"]), true, "/a");
    let (found, _) = cache.find("/a").unwrap();
    assert_eq!(body(&found), "new", "what was overtaken does not come back");
}

/// Whoever computes knows that what others kept is old.
#[test]
fn a_computation_knows_that_a_change_overtook_what_memory_had() {
    let cache = cache(1 << 20);
    let first = lead(&cache, "/a");
    assert!(!first.overtakes());
    first.land(page(&cache, "old", &["article:a"]), true, "/a");
    cache.apply(vec![change(11, &["article:a"])]);
    let second = lead(&cache, "/a");
    assert!(second.overtakes());
    drop(second);
    assert!(!lead(&cache, "/a").overtakes(), "once");
    fill(&cache, "/a", "new", &["article:a"]);
    cache.reset(LogPosition { sequence: 20, at: None });
    assert!(!lead(&cache, "/a").overtakes(), "nobody knows");
}

fn body(entry: &Entry) -> String {
    use actix_web::{body::to_bytes, test::TestRequest};
    let Outcome::Page(page) = &entry.outcome else { panic!("no page") };
    let request = TestRequest::get().to_http_request();
    let response = page.answer(request.head(), ContentEncoding::Identity).unwrap();
    let bytes = futures_util::FutureExt::now_or_never(to_bytes(response.into_body())).unwrap().unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_computation_from_before_the_remembered_changes_is_not_kept() {
    let cache = cache(1 << 20);
    let old = lead(&cache, "/a");
    cache.apply((11..3000).map(|sequence| change(sequence, &["other"])).collect());
    old.land(page(&cache, "old", &["article:a"]), true, "/a");
    assert!(!is_known(&cache, "/a"), "nobody remembers whether a change was about it");
}

#[test]
fn another_log_begins_everything_anew() {
    let cache = cache(1 << 20);
    fill(&cache, "/a", "a", &["article:a"]);
    let of_before = lead(&cache, "/b");
    // A database that was restored: its log is shorter than what was known.
    cache.reset(LogPosition { sequence: 5, at: Some(at(5)) });
    assert!(!is_known(&cache, "/a"));
    of_before.land(page(&cache, "b", &["article:b"]), true, "/b");
    assert!(!is_known(&cache, "/b"), "it was computed from another log");
    fill(&cache, "/b", "b", &["article:b"]);
    cache.apply(vec![change(6, &["article:b"])]);
    assert!(!is_known(&cache, "/b"));
}

#[test]
fn nothing_is_trusted_or_kept_while_the_log_is_not_followed() {
    let cache = cache(1 << 20);
    fill(&cache, "/a", "a", &["article:a"]);
    let built_in = entry(&cache, Ok(Payload::bytes("text/plain", "x").tagged(["index"]).built_in()));
    lead(&cache, "/v1").land(built_in, true, "/v1");
    cache.set_state(State::Lost);
    assert!(!is_known(&cache, "/a") && is_known(&cache, "/v1"), "what only the program changes is known all the same");
    fill(&cache, "/b", "b", &["article:b"]);
    assert!(cache.last_resort("/a").is_some(), "better than nothing");
    cache.set_state(State::Unreachable);
    assert!(!is_known(&cache, "/a"), "that nobody can listen does not mean that nobody can read");
    cache.read_ended(false);
    assert_eq!(cache.find("/a").unwrap().1, CacheStatus::Stale);
    cache.read_ended(true);
    assert!(!is_known(&cache, "/a"));
    cache.read_ended(false);
    assert!(!is_known(&cache, "/b"), "what was computed meanwhile was not kept");
    // Back again: what was missed comes first.
    cache.apply(vec![change(11, &["article:a"])]);
    cache.set_state(State::Following);
    assert!(!is_known(&cache, "/a"));
}

#[test]
fn what_nobody_can_confirm_is_served_for_a_bounded_time() {
    let settings = Settings { bytes: 1 << 20, stale_if_error: Duration::ZERO };
    let cache = Arc::new(Cache::new(settings, Arc::default()));
    cache.reset(LogPosition { sequence: 10, at: Some(at(10)) });
    cache.set_state(State::Following);
    fill(&cache, "/a", "a", &["article:a"]);
    cache.set_state(State::Unreachable);
    cache.read_ended(false);
    assert!(!is_known(&cache, "/a"));
    assert!(cache.last_resort("/a").is_none());
}

#[test]
fn one_address_is_one_entry_however_it_is_spelled() {
    let cache = cache(1 << 20);
    fill(&cache, "/a?sort=title", "a", &["articles"]);
    for n in 0..100 {
        let spelled = format!("/a?sort=title&limit=20&{n}");
        assert!(!is_known(&cache, &spelled));
        assert!(matches!(cache.begin("/a?sort=title", &spelled), Lookup::Known(_, CacheStatus::Hit)));
    }
    assert_eq!(cache.counts().entries, 1);
    assert!(is_known(&cache, "/a?sort=title&limit=20&0"));
    assert!(!is_known(&cache, "/a?sort=title&limit=20&99"), "the spellings of one entry are bounded");
    cache.apply(vec![change(11, &["articles"])]);
    assert!(!is_known(&cache, "/a?sort=title") && !is_known(&cache, "/a?sort=title&limit=20&0"));
    assert_eq!(cache.counts().bytes, 0);
}

/// What is asked for again and again stays; a flood of what is asked for once, answers or refusals, passes by.
#[test]
fn made_up_addresses_push_out_nothing_real() {
    let cache = cache(1 << 20);
    let text = "x".repeat(2000);
    let real: Vec<_> = (0..100).map(|n| format!("/real/{n}")).collect();
    for key in &real {
        fill(&cache, key, &text, &["articles"]);
        assert!(is_known(&cache, key));
    }
    for n in 0..20_000 {
        let nowhere = entry(&cache, Err(Error::NotFound("nothing is here".into())));
        lead(&cache, &format!("/made-up/{n}")).land(nowhere, true, &format!("/made-up/{n}"));
        let query = format!("/real/0?updated_since={n}");
        fill(&cache, &query, &text, &["articles"]);
        if n % 50 == 0 {
            // Readers go on reading meanwhile.
            for key in &real {
                assert!(is_known(&cache, key), "{key} was pushed out after {n}");
            }
        }
        assert!(cache.counts().bytes <= 1 << 20);
    }
    assert!(cache.counts().evicted > 10_000);
    assert!(cache.counts().entries < 1000);
}

#[test]
fn an_answer_that_is_too_large_is_not_kept_and_a_limit_of_nothing_keeps_nothing() {
    let small = cache(1 << 20);
    fill(&small, "/large", &"x".repeat(1 << 17), &["articles"]);
    assert!(!is_known(&small, "/large"));
    let off = cache(0);
    let first = lead(&off, "/a");
    let second = lead(&off, "/a");
    first.land(page(&off, "a", &["articles"]), true, "/a");
    second.land(page(&off, "a", &["articles"]), true, "/a");
    assert!(!is_known(&off, "/a"));
}

#[test]
fn who_waits_is_told_even_if_the_computation_ends_without_a_result() {
    let cache = cache(1 << 20);
    let flight = lead(&cache, "/a");
    let Lookup::Join(mut waiting) = cache.begin("/a", "/a") else { panic!("nobody computes") };
    drop(flight);
    let told = futures_util::FutureExt::now_or_never(waiting.wait_for(Option::is_some));
    assert!(matches!(told, Some(Err(_))));
    drop(lead(&cache, "/a"));
}

/// Entries, spellings and tags, filled and dropped at random, against a model that keeps everything.
#[test]
fn nothing_is_left_behind() {
    let cache = cache(1 << 18);
    let mut rng = fastrand::Rng::with_seed(7);
    let mut sequence = 10;
    for _ in 0..20_000 {
        let key = format!("/{}", rng.u32(..400));
        if rng.u8(..10) == 0 {
            sequence += 1;
            let tag = format!("topic:{}", rng.u32(..40));
            cache.apply(vec![change(sequence, &[&tag])]);
        } else if let Lookup::Lead(flight, _) = cache.begin(&key, &format!("{key}?{}", rng.u8(..20))) {
            let tags = [format!("topic:{}", rng.u32(..40)), format!("topic:{}", rng.u32(..40))];
            let text = "x".repeat(rng.usize(..4000));
            flight.land(page(&cache, &text, &[&tags[0], &tags[1]]), true, &key);
        }
        assert!(cache.counts().bytes <= 1 << 18);
    }
    sequence += 1;
    let all: Vec<String> = (0..40).map(|n| format!("topic:{n}")).collect();
    cache.apply(vec![change(sequence, &all.iter().map(String::as_str).collect::<Vec<_>>())]);
    let counts = cache.counts();
    assert_eq!((counts.entries, counts.bytes), (0, 0));
    assert!(cache.front.is_empty(), "a spelling leads to nothing");
}

#[tokio::test]
async fn who_waits_for_a_change_waits_until_it_has_dropped_what_it_makes_stale() {
    let cache = cache(1 << 20);
    fill(&cache, "/a", "old", &["x"]);
    let waiting = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move {
            cache.reached(11, Duration::from_secs(60)).await;
            is_known(&cache, "/a")
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    cache.apply(vec![change(11, &["x"])]);
    assert!(!waiting.await.unwrap());
    // What is known already is waited for by nobody; nor is what cannot be known.
    let began = Instant::now();
    cache.reached(11, Duration::from_secs(60)).await;
    cache.set_state(State::Lost);
    cache.reached(99, Duration::from_secs(1)).await;
    assert!(began.elapsed() < Duration::from_secs(60));
}
