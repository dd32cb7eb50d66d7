use chrono::TimeDelta;

use super::*;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const A: Uuid = Uuid::from_u128(1);
const B: Uuid = Uuid::from_u128(2);

#[test]
fn repeated_view_counts_once_for_a_while() {
    let counter = ViewCounter::default();
    let view = |minute| counter.count(ip("192.0.2.1"), b"browser", A, at(minute));
    assert!(view(0));
    assert!(!view(1) && !view(9));
    // In the next generation the previous one is still compared with.
    assert!(!view(11) && !view(19));
    assert!(view(21), "a view after two generations counts again");
    assert!(!view(22));
    let hour = at(0).timestamp() / 3600;
    assert_eq!(counter.take(), [HourlyCount { article: A, hour, count: 2 }]);
    assert!(counter.take().is_empty());
}

#[test]
fn other_readers_and_articles_count_separately() {
    let counter = ViewCounter::default();
    let view = |address: &str, agent: &str, article| counter.count(ip(address), agent.as_bytes(), article, at(0));
    assert!(view("192.0.2.1", "x", A));
    assert!(view("192.0.2.1", "y", A));
    assert!(view("192.0.2.2", "x", A));
    assert!(view("192.0.2.1", "x", B));
    assert!(!view("::ffff:192.0.2.1", "x", A), "the same client over IPv6");
    assert!(view("2001:db8::1", "x", A));
    assert!(!view("2001:db8::2", "x", A), "the same /64");
    assert!(view("2001:db8:0:1::1", "x", A));
    let mut sums: Vec<_> = counter.take().into_iter().map(|sum| (sum.article, sum.count)).collect();
    sums.sort_unstable();
    assert_eq!(sums, [(A, 5), (B, 1)]);
}

#[test]
fn full_generation_is_replaced_early_and_memory_is_bounded() {
    let readers = Readers::new(100);
    let view = |n: u32| readers.is_new(IpAddr::V4(n.into()), b"", A, at(0));
    for n in 0..10_000 {
        assert!(view(n));
        assert!(!view(n), "the last reader is always recognised");
        assert!(readers.remembered() <= 200, "{}", readers.remembered());
    }
    assert!(!view(9_899 + 50));
    assert!(view(1), "forgotten early");
}

#[test]
fn long_pause_or_clock_set_back_forgets_readers() {
    let readers = Readers::new(100);
    let view = |minute| readers.is_new(ip("192.0.2.1"), b"", A, at(minute));
    assert!(view(0) && view(60) && !view(61));
    assert!(!view(30), "within the generation before");
    assert!(!view(30));
    assert!(view(41 + 10));
}

/// A reused key would make generations comparable; a visible key would let addresses be found by trying.
#[test]
fn generations_have_different_keys_and_do_not_show_them() {
    let fingerprint = || readers::Generation::new().fingerprint(&[1; 16], b"browser", A);
    assert_ne!(fingerprint(), fingerprint());
    let readers = Readers::new(10);
    readers.is_new(ip("192.0.2.1"), b"browser", A, at(0));
    let shown = format!("{readers:?}");
    assert!(!shown.contains("key") && !shown.contains("seen"), "{shown}");
}

#[test]
fn unwritten_counts_are_restored_and_bounded() {
    let counter = ViewCounter::default();
    assert!(counter.count(ip("192.0.2.1"), b"", A, at(0)));
    let sums = counter.take();
    assert!(counter.count(ip("192.0.2.2"), b"", A, at(0)));
    counter.restore(sums);
    assert_eq!(counter.take().iter().map(|sum| sum.count).sum::<i64>(), 2);

    let many = (0..300_000_u128).map(|n| HourlyCount { article: Uuid::from_u128(n), hour: 0, count: 1 });
    counter.restore(many.collect());
    // An existing count still grows.
    counter.restore(vec![HourlyCount { article: A, hour: 0, count: 5 }]);
    assert_eq!(counter.take_dropped(), 300_000 - (PARTS * MAX_COUNTS) as u64);
    assert_eq!(counter.take_dropped(), 0);
    let sums = counter.take();
    assert_eq!(sums.len(), PARTS * MAX_COUNTS);
    assert!(sums.contains(&HourlyCount { article: A, hour: 0, count: 6 }));
}

#[test]
fn concurrent_views_are_counted_once() {
    let counter = ViewCounter::default();
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let counter = &counter;
            scope.spawn(move || {
                for n in 0..1000 {
                    // Each reader views twice, from two threads.
                    counter.count(IpAddr::V4((thread / 2 * 1000 + n).into()), b"", A, at(0));
                }
            });
        }
    });
    assert_eq!(counter.take().iter().map(|sum| sum.count).sum::<i64>(), 4000);
}
