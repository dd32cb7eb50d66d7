use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use actix_web::http::header;
use governor::clock::FakeRelativeClock;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

type Still = Limiter<FakeRelativeClock>;

fn limiter(limit: &str, proxies: &str) -> (Still, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    let limit = if limit.is_empty() { Limit::Standard } else { limit.parse().unwrap() };
    (Limiter::with_clock(limit, proxies.parse().unwrap(), clock.clone()), clock)
}

fn ask(limiter: &Still, peer: &str) -> Decision {
    ask_from(limiter, peer.parse::<IpAddr>().unwrap())
}

fn ask_from(limiter: &Still, peer: impl Into<IpAddr>) -> Decision {
    limiter.check(Some((peer.into(), 40_000).into()), &HeaderMap::new())
}

fn forwarded(limiter: &Still, peer: &str, field: &'static str) -> Decision {
    let mut headers = HeaderMap::new();
    headers.append(header::X_FORWARDED_FOR, HeaderValue::from_static(field));
    limiter.check(Some((peer.parse::<IpAddr>().unwrap(), 40_000).into()), &headers)
}

/// `RateLimit` and `RateLimit-Policy`.
fn told(verdict: &Decision) -> (String, String) {
    let (Decision::Within(allowance) | Decision::Refused(allowance)) = verdict else { panic!("{verdict:?}") };
    let mut headers = HeaderMap::new();
    allowance.write_to(&mut headers);
    let text = |name| headers.get(name).unwrap().to_str().unwrap().to_owned();
    (text(RATE_LIMIT), text(RATE_LIMIT_POLICY))
}

fn is_within(verdict: &Decision) -> bool {
    matches!(verdict, Decision::Within(_))
}

fn is_refused(verdict: &Decision) -> bool {
    matches!(verdict, Decision::Refused(_))
}

#[test]
fn a_rate_is_two_numbers_within_bounds() {
    for text in ["1/1", "600/60", "1000000/86400"] {
        assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
    }
    assert_eq!("007/060".parse::<Rate>().unwrap(), Rate::new(7, 60).unwrap());
    assert_eq!(Rate::default().to_string(), "1200/60");
    for text in [
        "",
        "/",
        "600",
        "600/",
        "/60",
        "0/60",
        "600/0",
        "-1/60",
        "+600/60",
        "600/+60",
        " 600/60",
        "600 / 60",
        "600/60/1",
        "600/60s",
        "6e2/60",
        "600,60",
        "1000001/60",
        "1/86401",
        "4294967297/60",
        "99999999999999999999/60",
        "６００/60",
        "off",
    ] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
}

#[test]
fn a_limit_is_a_rate_or_off() {
    assert_eq!("off".parse(), Ok(Limit::Off));
    assert_eq!("2/3".parse(), Ok(Limit::Set(Rate::new(2, 3).unwrap())));
    assert_eq!(Limit::default(), Limit::Standard);
    for text in ["", "OFF", "none", "0", "0/0"] {
        let why = text.parse::<Limit>().unwrap_err();
        assert!(why.ends_with("; or off"), "{why}");
    }
}

#[test]
fn the_headers_say_what_is_left() {
    let (limiter, clock) = limiter("3/60", "");
    let policy = || "\"default\";q=3;w=60".to_owned();
    assert_eq!(told(&ask(&limiter, "192.0.2.1")), ("\"default\";r=2;t=20".into(), policy()));
    assert_eq!(told(&ask(&limiter, "192.0.2.1")), ("\"default\";r=1;t=40".into(), policy()));
    // Nothing is left: the next one comes after 20 seconds, not after 60.
    assert_eq!(told(&ask(&limiter, "192.0.2.1")), ("\"default\";r=0;t=20".into(), policy()));
    clock.advance(Duration::from_millis(7300));
    let refused = ask(&limiter, "192.0.2.1");
    assert_eq!(told(&refused), ("\"default\";r=0;t=13".into(), policy()));
    let Decision::Refused(allowance) = refused else { panic!("{refused:?}") };
    assert_eq!(allowance.retry_after(), 13);
    clock.advance(Duration::from_secs(12));
    assert!(is_refused(&ask(&limiter, "192.0.2.1")));
    clock.advance(Duration::from_secs(1));
    assert!(is_within(&ask(&limiter, "192.0.2.1")));
    clock.advance(Duration::from_mins(2));
    assert_eq!(told(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=2;t=20");
}

#[test]
fn fast_rates_are_told_in_whole_seconds() {
    let (limiter, _) = limiter("1000000/1", "");
    assert_eq!(told(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=999999;t=1");
    let (limiter, _) = self::limiter("1/86400", "");
    assert_eq!(told(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=0;t=86400");
    assert_eq!(told(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=0;t=86400");
}

#[test]
fn clients_are_counted_apart() {
    let (limiter, _) = limiter("1/60", "");
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1", "::1", "127.0.0.1"] {
        assert!(is_within(&ask(&limiter, client)), "{client}");
        assert!(is_refused(&ask(&limiter, client)), "{client}");
    }
}

#[test]
fn a_client_has_all_addresses_of_its_64_and_mapped_is_ipv4() {
    let (limiter, _) = limiter("1/60", "");
    assert!(is_within(&ask(&limiter, "2001:db8:1:2::1")));
    assert!(is_refused(&ask(&limiter, "2001:db8:1:2:ffff:ffff:ffff:ffff")));
    assert!(is_within(&ask(&limiter, "2001:db8:1:3::1")));
    assert!(is_within(&ask(&limiter, "::ffff:192.0.2.1")));
    assert!(is_refused(&ask(&limiter, "192.0.2.1")));
}

#[test]
fn loopback_is_free_unless_a_rate_is_set() {
    let (standard, _) = limiter("", "");
    for client in ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(ask(&standard, client), Decision::Free, "{client}");
    }
    assert_eq!(told(&ask(&standard, "192.0.2.1")).1, "\"default\";q=1200;w=60");
    assert_eq!(standard.check(None, &HeaderMap::new()), Decision::Free);

    let (set, _) = limiter("1/60", "");
    assert!(is_within(&ask(&set, "127.0.0.1")));
    assert!(is_refused(&ask(&set, "127.0.0.1")));
    assert_eq!(set.check(None, &HeaderMap::new()), Decision::Free);

    let (off, _) = limiter("off", "");
    assert_eq!(ask(&off, "192.0.2.1"), Decision::Free);
}

#[test]
fn loopback_is_the_client_and_not_the_proxy() {
    let (trusted, _) = limiter("", "127.0.0.1,10.0.0.0/8");
    assert!(is_within(&forwarded(&trusted, "127.0.0.1", "192.0.2.1")));
    // What the client made up stands left of what the proxy added.
    assert!(is_within(&forwarded(&trusted, "127.0.0.1", "127.0.0.1, 192.0.2.1")));
    assert_eq!(forwarded(&trusted, "127.0.0.1", "127.0.0.2"), Decision::Free);
    assert_eq!(forwarded(&trusted, "127.0.0.1", "unknown"), Decision::Free);
    assert!(is_within(&forwarded(&trusted, "10.0.0.1", "unknown")));
    // Nobody said that 192.0.2.1 may speak for others.
    assert!(is_within(&forwarded(&trusted, "192.0.2.1", "127.0.0.1")));

    let (untrusted, _) = limiter("", "");
    assert_eq!(forwarded(&untrusted, "127.0.0.1", "192.0.2.1"), Decision::Free);
}

#[test]
fn an_untrusted_client_cannot_be_somebody_new_each_time() {
    let (limiter, _) = limiter("2/60", "127.0.0.1");
    assert!(is_within(&forwarded(&limiter, "192.0.2.1", "198.51.100.1")));
    assert!(is_within(&forwarded(&limiter, "192.0.2.1", "198.51.100.2")));
    assert!(is_refused(&forwarded(&limiter, "192.0.2.1", "198.51.100.3")));
    assert!(is_refused(&forwarded(&limiter, "127.0.0.1", "198.51.100.4, 192.0.2.1")));
    // Nor can it spend what is another's.
    assert!(is_within(&ask(&limiter, "198.51.100.1")));
}

fn key(token: &str, seconds: Option<u64>) -> LiveKey {
    LiveKey { digest: Sha256::digest(token).into(), lasts: seconds.map(Duration::from_secs) }
}

fn admit(limiter: &Still, keys: &[LiveKey]) {
    limiter.rule.as_ref().unwrap().keys.admit(keys);
}

fn with_key(limiter: &Still, peer: &str, authorization: &str) -> Decision {
    let mut headers = HeaderMap::new();
    headers.append(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
    limiter.check(Some((peer.parse::<IpAddr>().unwrap(), 40_000).into()), &headers)
}

#[test]
fn a_key_is_counted_by_itself_wherever_it_comes_from() {
    let (limiter, _) = limiter("2/60", "");
    admit(&limiter, &[key("lk_a", None), key("lk_b", None)]);
    assert_eq!(told(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")).0, "\"default\";r=1;t=30");
    assert!(is_within(&with_key(&limiter, "198.51.100.1", "bearer  lk_a ")));
    assert!(is_refused(&with_key(&limiter, "192.0.2.2", "Bearer lk_a")));
    // Neither another key nor the address has spent anything.
    assert_eq!(told(&with_key(&limiter, "192.0.2.1", "Bearer lk_b")).0, "\"default\";r=1;t=30");
    assert_eq!(told(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=1;t=30");
}

#[test]
fn what_is_no_key_makes_nobody_another_client() {
    let (limiter, _) = limiter("3/60", "");
    admit(&limiter, &[key("lk_a", None), key(&"k".repeat(65), None)]);
    let long = format!("Bearer {}", "k".repeat(65));
    for (n, other) in ["Bearer lk_b", "Basic lk_a", "lk_a", "Bearer", "", &long].into_iter().enumerate() {
        let verdict = with_key(&limiter, "192.0.2.1", other);
        assert_eq!(is_within(&verdict), n < 3, "{other}: {verdict:?}");
    }
    assert!(is_within(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")));
}

#[test]
fn a_key_counts_until_it_expires_or_is_revoked() {
    let (limiter, clock) = limiter("1/3600", "");
    admit(&limiter, &[key("lk_a", Some(60)), key("lk_b", None)]);
    for key in ["Bearer lk_a", "Bearer lk_b"] {
        assert!(is_within(&with_key(&limiter, "192.0.2.1", key)));
        assert!(is_refused(&with_key(&limiter, "192.0.2.1", key)));
    }
    // Another look at the same keys gives nobody a new quota.
    admit(&limiter, &[key("lk_a", Some(60)), key("lk_b", None)]);
    assert!(is_refused(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")));
    clock.advance(Duration::from_secs(60));
    assert!(is_within(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")), "by address");
    assert!(is_refused(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")), "by address");
    admit(&limiter, &[]);
    assert!(is_within(&with_key(&limiter, "192.0.2.2", "Bearer lk_b")), "by address");
    assert!(is_refused(&ask(&limiter, "192.0.2.2")));
}

#[test]
fn a_key_on_this_machine_is_as_free_as_the_machine() {
    let (standard, _) = limiter("", "");
    admit(&standard, &[key("lk_a", None)]);
    assert_eq!(with_key(&standard, "127.0.0.1", "Bearer lk_a"), Decision::Free);
    assert!(is_within(&with_key(&standard, "192.0.2.1", "Bearer lk_a")));
    let (off, _) = limiter("off", "");
    assert_eq!(with_key(&off, "192.0.2.1", "Bearer lk_a"), Decision::Free);
}

/// A million networks of one provider, at a moment that does not pass.
#[test]
fn a_million_addresses_neither_grow_the_table_nor_shut_out_others() {
    let (limiter, clock) = limiter("10/60", "");
    for _ in 0..10 {
        ask(&limiter, "192.0.2.1");
    }
    for _ in 0..5 {
        ask(&limiter, "192.0.2.2");
    }
    assert!(is_refused(&ask(&limiter, "192.0.2.1")));

    let network = |n: u32| Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(n) << 64 | 1);
    let admitted = (0..1_000_000).filter(|&n| is_within(&ask_from(&limiter, network(n)))).count();
    // All places but the two that others had, and the ten requests that the provider has for all who found none.
    assert_eq!(admitted, CLIENTS - 2 + 10);

    // Who was there before is neither forgotten nor shut out.
    assert!(is_refused(&ask(&limiter, "192.0.2.1")));
    assert_eq!(told(&ask(&limiter, "192.0.2.2")).0, "\"default\";r=4;t=36");
    // Newcomers of other providers are let in; one in 4096 may share its state with that provider by chance.
    let elsewhere = |n: u16| Ipv4Addr::from_bits(u32::from(n) << 16 | 0x4000_0001);
    let admitted = (0..1000).filter(|&n| is_within(&ask_from(&limiter, elsewhere(n)))).count();
    assert!(admitted >= 980, "{admitted}");

    // What counts no more makes room: every newcomer has a place of its own again.
    clock.advance(Duration::from_mins(1));
    for n in 2_000_000..2_005_000 {
        assert_eq!(told(&ask_from(&limiter, network(n))).0, "\"default\";r=9;t=6");
    }
}

/// As time passes, far more clients than there are places each find one.
#[test]
fn clients_that_come_and_go_need_no_sweeping() {
    let (limiter, clock) = limiter("60/60", "");
    for n in 0..100_000_u32 {
        if n % 100 == 0 {
            clock.advance(Duration::from_millis(20));
        }
        let verdict = ask_from(&limiter, Ipv4Addr::from_bits(0x0b00_0000 + n));
        assert_eq!(told(&verdict).0, "\"default\";r=59;t=1");
    }
}

#[test]
fn threads_share_one_count() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (limiter, _) = limiter("1000/60", "");
    shared(&limiter);
    shared(&Limiter::new(Limit::Standard, TrustedProxies::default()));
    let admitted = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    admitted.fetch_add(u32::from(is_within(&ask(&limiter, "192.0.2.1"))), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 1000);
}

#[test]
fn a_neighbourhood_is_a_16_or_a_32() {
    let of = |text: &str| Client::of(text.parse().unwrap()).neighbourhood();
    assert_eq!(of("192.0.2.1"), of("192.0.255.255"));
    assert_ne!(of("192.0.2.1"), of("192.1.2.1"));
    assert_eq!(of("2001:db8::1"), of("2001:db8:ffff:ffff::1"));
    assert_ne!(of("2001:db8::1"), of("2001:db9::1"));
    let apart: HashSet<_> = ["192.0.2.1", "::1", "2001:db8::", "127.0.0.1"].map(of).into();
    assert_eq!(apart.len(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_rate_that_reads_back_or_refused(text in "\\PC{0,12}|[0-9+/. -]{0,12}|[0-9]{1,7}/[0-9]{1,6}") {
        if let Ok(rate) = text.parse::<Rate>() {
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
            prop_assert!((1..=Rate::MOST_REQUESTS).contains(&rate.requests.get()));
            prop_assert!((1..=Rate::MOST_SECONDS).contains(&rate.seconds.get()));
        }
    }

    #[test]
    fn every_rate_that_can_be_named_works(requests in 1..=Rate::MOST_REQUESTS, seconds in 1..=Rate::MOST_SECONDS) {
        let rule = Rule::new(Rate::new(requests, seconds).unwrap(), false, FakeRelativeClock::default());
        let verdict = rule.check(Client::of(Ipv4Addr::LOCALHOST.into()));
        let Decision::Within(allowance) = verdict else { return Err(TestCaseError::fail("the first is let in")) };
        prop_assert_eq!(allowance.remaining, requests - 1);
        prop_assert!((1..=seconds).contains(&allowance.seconds));
    }

    #[test]
    fn no_more_than_the_rate_and_waiting_is_enough(
        (requests, seconds) in (1_u32..40, 1_u32..100),
        steps in proptest::collection::vec((0_u64..4000, 1..30), 1..40),
    ) {
        let clock = FakeRelativeClock::default();
        let rate = Rate::new(requests, seconds).unwrap();
        let rule = Rule::new(rate, false, clock.clone());
        let client = Client::of(Ipv4Addr::LOCALHOST.into());
        let (mut elapsed, mut admitted, mut refused) = (Duration::ZERO, 0_u32, None);
        for (pause, count) in steps {
            let pause = Duration::from_millis(pause);
            clock.advance(pause);
            elapsed += pause;
            for _ in 0..count {
                refused = match rule.check(client) {
                    Decision::Within(allowance) => {
                        admitted += 1;
                        prop_assert!(allowance.remaining < requests);
                        prop_assert!((1..=seconds).contains(&allowance.seconds));
                        None
                    }
                    Decision::Refused(allowance) => {
                        prop_assert_eq!(allowance.remaining, 0);
                        prop_assert!((1..=whole_seconds(rate.interval())).contains(&allowance.retry_after()));
                        Some(allowance)
                    }
                    Decision::Free => return Err(TestCaseError::fail("nobody is free")),
                };
            }
            let back = elapsed.as_nanos() / rate.interval().as_nanos();
            prop_assert!(u128::from(admitted) <= u128::from(requests) + back);
        }
        if let Some(allowance) = refused {
            clock.advance(Duration::from_secs(allowance.retry_after().into()));
            prop_assert!(matches!(rule.check(client), Decision::Within(_)));
        }
    }

    #[test]
    fn what_is_said_to_remain_is_let_in(requests in 1_u32..60, spent in 1_u32..60, pause in 0_u64..60_000) {
        let clock = FakeRelativeClock::default();
        let rule = Rule::new(Rate::new(requests, 60).unwrap(), false, clock.clone());
        let client = Client::of(Ipv4Addr::LOCALHOST.into());
        for _ in 0..spent {
            rule.check(client);
        }
        clock.advance(Duration::from_millis(pause));
        if let Decision::Within(allowance) = rule.check(client) {
            for _ in 0..allowance.remaining {
                prop_assert!(matches!(rule.check(client), Decision::Within(_)));
            }
            prop_assert!(matches!(rule.check(client), Decision::Refused(_)));
        }
    }

    /// After `t` seconds without a request the whole quota is there.
    #[test]
    fn the_quota_is_back_when_it_is_said_to_be(requests in 2_u32..60, spent in 1_u32..59) {
        let clock = FakeRelativeClock::default();
        let rule = Rule::new(Rate::new(requests, 60).unwrap(), false, clock.clone());
        let client = Client::of(Ipv4Addr::LOCALHOST.into());
        for _ in 1..spent.min(requests - 1) {
            rule.check(client);
        }
        let Decision::Within(allowance) = rule.check(client) else { return Err(TestCaseError::fail("all are let in")) };
        clock.advance(Duration::from_secs(allowance.seconds.into()));
        let Decision::Within(fresh) = rule.check(client) else { return Err(TestCaseError::fail("it is let in")) };
        prop_assert_eq!(fresh.remaining, requests - 1);
    }
}
