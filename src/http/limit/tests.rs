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

type TestLimiter = Limiter<FakeRelativeClock>;

fn limiter(limit: &str, proxies: &str) -> (TestLimiter, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    let limit = if limit.is_empty() { Limit::Standard } else { limit.parse().unwrap() };
    (Limiter::with_clock(limit, proxies.parse().unwrap(), clock.clone()), clock)
}

fn ask(limiter: &TestLimiter, peer: &str) -> Decision {
    ask_from(limiter, peer.parse::<IpAddr>().unwrap())
}

fn ask_from(limiter: &TestLimiter, peer: impl Into<IpAddr>) -> Decision {
    limiter.check(Some((peer.into(), 40_000).into()), &HeaderMap::new())
}

fn forwarded(limiter: &TestLimiter, peer: &str, field: &'static str) -> Decision {
    let mut headers = HeaderMap::new();
    headers.append(header::X_FORWARDED_FOR, HeaderValue::from_static(field));
    limiter.check(Some((peer.parse::<IpAddr>().unwrap(), 40_000).into()), &headers)
}

/// Returns `RateLimit` and `RateLimit-Policy`.
fn headers(decision: &Decision) -> (String, String) {
    let (Decision::Within(quota) | Decision::Refused(quota)) = decision else { panic!("{decision:?}") };
    let mut map = HeaderMap::new();
    quota.write_to(&mut map);
    let text = |name| map.get(name).unwrap().to_str().unwrap().to_owned();
    (text(RATE_LIMIT), text(RATE_LIMIT_POLICY))
}

fn is_within(decision: &Decision) -> bool {
    matches!(decision, Decision::Within(_))
}

fn is_refused(decision: &Decision) -> bool {
    matches!(decision, Decision::Refused(_))
}

#[test]
fn rate_is_parsed_within_bounds() {
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
fn limit_is_parsed_from_a_rate_or_off() {
    assert_eq!("off".parse(), Ok(Limit::Off));
    assert_eq!("2/3".parse(), Ok(Limit::Set(Rate::new(2, 3).unwrap())));
    assert_eq!(Limit::default(), Limit::Standard);
    for text in ["", "OFF", "none", "0", "0/0"] {
        let why = text.parse::<Limit>().unwrap_err();
        assert!(why.ends_with("; or off"), "{why}");
    }
}

#[test]
fn headers_state_the_rest_of_the_quota() {
    let (limiter, clock) = limiter("3/60", "");
    let policy = || "\"default\";q=3;w=60".to_owned();
    assert_eq!(headers(&ask(&limiter, "192.0.2.1")), ("\"default\";r=2;t=20".into(), policy()));
    assert_eq!(headers(&ask(&limiter, "192.0.2.1")), ("\"default\";r=1;t=40".into(), policy()));
    // With nothing left, the next request is admitted after 20 seconds, not after 60.
    assert_eq!(headers(&ask(&limiter, "192.0.2.1")), ("\"default\";r=0;t=20".into(), policy()));
    clock.advance(Duration::from_millis(7300));
    let refused = ask(&limiter, "192.0.2.1");
    assert_eq!(headers(&refused), ("\"default\";r=0;t=13".into(), policy()));
    let Decision::Refused(quota) = refused else { panic!("{refused:?}") };
    assert_eq!(quota.retry_after(), 13);
    clock.advance(Duration::from_secs(12));
    assert!(is_refused(&ask(&limiter, "192.0.2.1")));
    clock.advance(Duration::from_secs(1));
    assert!(is_within(&ask(&limiter, "192.0.2.1")));
    clock.advance(Duration::from_mins(2));
    assert_eq!(headers(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=2;t=20");
}

#[test]
fn headers_are_in_whole_seconds_for_any_rate() {
    let (limiter, _) = limiter("1000000/1", "");
    assert_eq!(headers(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=999999;t=1");
    let (limiter, _) = self::limiter("1/86400", "");
    assert_eq!(headers(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=0;t=86400");
    assert_eq!(headers(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=0;t=86400");
}

#[test]
fn clients_have_separate_quotas() {
    let (limiter, _) = limiter("1/60", "");
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1", "::1", "127.0.0.1"] {
        assert!(is_within(&ask(&limiter, client)), "{client}");
        assert!(is_refused(&ask(&limiter, client)), "{client}");
    }
}

#[test]
fn client_is_an_ipv6_64_and_mapped_ipv6_is_ipv4() {
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
    assert_eq!(headers(&ask(&standard, "192.0.2.1")).1, "\"default\";q=1200;w=60");
    assert_eq!(standard.check(None, &HeaderMap::new()), Decision::Free);

    let (set, _) = limiter("1/60", "");
    assert!(is_within(&ask(&set, "127.0.0.1")));
    assert!(is_refused(&ask(&set, "127.0.0.1")));
    assert_eq!(set.check(None, &HeaderMap::new()), Decision::Free);

    let (off, _) = limiter("off", "");
    assert_eq!(ask(&off, "192.0.2.1"), Decision::Free);
}

#[test]
fn loopback_exemption_applies_to_the_client_not_the_proxy() {
    let (trusted, _) = limiter("", "127.0.0.1,10.0.0.0/8");
    assert!(is_within(&forwarded(&trusted, "127.0.0.1", "192.0.2.1")));
    // The forged address is left of the one that the proxy added.
    assert!(is_within(&forwarded(&trusted, "127.0.0.1", "127.0.0.1, 192.0.2.1")));
    assert_eq!(forwarded(&trusted, "127.0.0.1", "127.0.0.2"), Decision::Free);
    assert_eq!(forwarded(&trusted, "127.0.0.1", "unknown"), Decision::Free);
    assert!(is_within(&forwarded(&trusted, "10.0.0.1", "unknown")));
    // 192.0.2.1 is not a trusted proxy.
    assert!(is_within(&forwarded(&trusted, "192.0.2.1", "127.0.0.1")));

    let (untrusted, _) = limiter("", "");
    assert_eq!(forwarded(&untrusted, "127.0.0.1", "192.0.2.1"), Decision::Free);
}

#[test]
fn untrusted_client_cannot_change_its_address() {
    let (limiter, _) = limiter("2/60", "127.0.0.1");
    assert!(is_within(&forwarded(&limiter, "192.0.2.1", "198.51.100.1")));
    assert!(is_within(&forwarded(&limiter, "192.0.2.1", "198.51.100.2")));
    assert!(is_refused(&forwarded(&limiter, "192.0.2.1", "198.51.100.3")));
    assert!(is_refused(&forwarded(&limiter, "127.0.0.1", "198.51.100.4, 192.0.2.1")));
    // Nor can it use up the quota of that address.
    assert!(is_within(&ask(&limiter, "198.51.100.1")));
}

fn key(token: &str, seconds: Option<u64>) -> LiveKey {
    LiveKey { digest: Sha256::digest(token).into(), expires_in: seconds.map(Duration::from_secs) }
}

fn with_key(limiter: &TestLimiter, peer: &str, authorization: &str) -> Decision {
    let mut headers = HeaderMap::new();
    headers.append(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
    limiter.check(Some((peer.parse::<IpAddr>().unwrap(), 40_000).into()), &headers)
}

#[test]
fn live_key_has_its_own_quota_from_any_address() {
    let (limiter, _) = limiter("2/60", "");
    limiter.replace_keys(&[key("lk_a", None), key("lk_b", None)]);
    assert_eq!(headers(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")).0, "\"default\";r=1;t=30");
    assert!(is_within(&with_key(&limiter, "198.51.100.1", "bearer  lk_a ")));
    assert!(is_refused(&with_key(&limiter, "192.0.2.2", "Bearer lk_a")));
    // The quotas of the other key and of the address are untouched.
    assert_eq!(headers(&with_key(&limiter, "192.0.2.1", "Bearer lk_b")).0, "\"default\";r=1;t=30");
    assert_eq!(headers(&ask(&limiter, "192.0.2.1")).0, "\"default\";r=1;t=30");
}

#[test]
fn invalid_key_is_counted_by_address() {
    let (limiter, _) = limiter("3/60", "");
    limiter.replace_keys(&[key("lk_a", None), key(&"k".repeat(65), None)]);
    let long = format!("Bearer {}", "k".repeat(65));
    for (n, other) in ["Bearer lk_b", "Basic lk_a", "lk_a", "Bearer", "", &long].into_iter().enumerate() {
        let decision = with_key(&limiter, "192.0.2.1", other);
        assert_eq!(is_within(&decision), n < 3, "{other}: {decision:?}");
    }
    assert!(is_within(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")));
}

#[test]
fn expired_or_revoked_key_is_counted_by_address() {
    let (limiter, clock) = limiter("1/3600", "");
    limiter.replace_keys(&[key("lk_a", Some(60)), key("lk_b", None)]);
    for key in ["Bearer lk_a", "Bearer lk_b"] {
        assert!(is_within(&with_key(&limiter, "192.0.2.1", key)));
        assert!(is_refused(&with_key(&limiter, "192.0.2.1", key)));
    }
    // Replacing the keys by the same ones restores no quota.
    limiter.replace_keys(&[key("lk_a", Some(60)), key("lk_b", None)]);
    assert!(is_refused(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")));
    clock.advance(Duration::from_secs(60));
    assert!(is_within(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")), "by address");
    assert!(is_refused(&with_key(&limiter, "192.0.2.1", "Bearer lk_a")), "by address");
    limiter.replace_keys(&[]);
    assert!(is_within(&with_key(&limiter, "192.0.2.2", "Bearer lk_b")), "by address");
    assert!(is_refused(&ask(&limiter, "192.0.2.2")));
}

#[test]
fn key_from_loopback_is_free_by_default() {
    let (standard, _) = limiter("", "");
    standard.replace_keys(&[key("lk_a", None)]);
    assert_eq!(with_key(&standard, "127.0.0.1", "Bearer lk_a"), Decision::Free);
    assert!(is_within(&with_key(&standard, "192.0.2.1", "Bearer lk_a")));
    let (off, _) = limiter("off", "");
    assert_eq!(with_key(&off, "192.0.2.1", "Bearer lk_a"), Decision::Free);
}

/// A million networks of one provider, while the clock does not advance.
#[test]
fn full_table_shuts_out_only_newcomers_of_the_same_network() {
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
    // All slots except the two in use, and the ten requests that newcomers without a slot share.
    assert_eq!(admitted, CLIENTS - 2 + 10);

    // Clients with a slot are neither forgotten nor shut out.
    assert!(is_refused(&ask(&limiter, "192.0.2.1")));
    assert_eq!(headers(&ask(&limiter, "192.0.2.2")).0, "\"default\";r=4;t=36");
    // Newcomers of other providers are admitted; one in 4096 shares a state with that provider by chance.
    let elsewhere = |n: u16| Ipv4Addr::from_bits(u32::from(n) << 16 | 0x4000_0001);
    let admitted = (0..1000).filter(|&n| is_within(&ask_from(&limiter, elsewhere(n)))).count();
    assert!(admitted >= 980, "{admitted}");

    // Slots whose time has passed are free: every newcomer gets its own again.
    clock.advance(Duration::from_mins(1));
    for n in 2_000_000..2_005_000 {
        assert_eq!(headers(&ask_from(&limiter, network(n))).0, "\"default\";r=9;t=6");
    }
}

/// More clients than slots, each admitted with its own quota as time passes.
#[test]
fn slots_are_reused_as_time_passes() {
    let (limiter, clock) = limiter("60/60", "");
    for n in 0..100_000_u32 {
        if n % 100 == 0 {
            clock.advance(Duration::from_millis(20));
        }
        let decision = ask_from(&limiter, Ipv4Addr::from_bits(0x0b00_0000 + n));
        assert_eq!(headers(&decision).0, "\"default\";r=59;t=1");
    }
}

#[test]
fn threads_share_a_quota() {
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
fn neighbourhood_is_an_ipv4_16_or_an_ipv6_32() {
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
    fn arbitrary_text_is_refused_or_round_trips_as_a_rate(text in "\\PC{0,12}|[0-9+/. -]{0,12}|[0-9]{1,7}/[0-9]{1,6}") {
        if let Ok(rate) = text.parse::<Rate>() {
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
            prop_assert!((1..=Rate::MAX_REQUESTS).contains(&rate.requests.get()));
            prop_assert!((1..=Rate::MAX_SECONDS).contains(&rate.seconds.get()));
        }
    }

    #[test]
    fn every_valid_rate_admits_a_first_request(requests in 1..=Rate::MAX_REQUESTS, seconds in 1..=Rate::MAX_SECONDS) {
        let rule = Rule::new(Rate::new(requests, seconds).unwrap(), false, FakeRelativeClock::default());
        let decision = rule.check(Client::of(Ipv4Addr::LOCALHOST.into()));
        let Decision::Within(quota) = decision else { return Err(TestCaseError::fail("the first is let in")) };
        prop_assert_eq!(quota.remaining, requests - 1);
        prop_assert!((1..=seconds).contains(&quota.seconds));
    }

    #[test]
    fn admits_at_most_the_rate_and_again_after_retry_after(
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
                    Decision::Within(quota) => {
                        admitted += 1;
                        prop_assert!(quota.remaining < requests);
                        prop_assert!((1..=seconds).contains(&quota.seconds));
                        None
                    }
                    Decision::Refused(quota) => {
                        prop_assert_eq!(quota.remaining, 0);
                        prop_assert!((1..=whole_seconds(rate.interval())).contains(&quota.retry_after()));
                        Some(quota)
                    }
                    Decision::Free => return Err(TestCaseError::fail("nobody is free")),
                };
            }
            let back = elapsed.as_nanos() / rate.interval().as_nanos();
            prop_assert!(u128::from(admitted) <= u128::from(requests) + back);
        }
        if let Some(quota) = refused {
            clock.advance(Duration::from_secs(quota.retry_after().into()));
            prop_assert!(matches!(rule.check(client), Decision::Within(_)));
        }
    }

    #[test]
    fn remaining_requests_are_admitted(requests in 1_u32..60, spent in 1_u32..60, pause in 0_u64..60_000) {
        let clock = FakeRelativeClock::default();
        let rule = Rule::new(Rate::new(requests, 60).unwrap(), false, clock.clone());
        let client = Client::of(Ipv4Addr::LOCALHOST.into());
        for _ in 0..spent {
            rule.check(client);
        }
        clock.advance(Duration::from_millis(pause));
        if let Decision::Within(quota) = rule.check(client) {
            for _ in 0..quota.remaining {
                prop_assert!(matches!(rule.check(client), Decision::Within(_)));
            }
            prop_assert!(matches!(rule.check(client), Decision::Refused(_)));
        }
    }

    #[test]
    fn quota_is_whole_after_the_stated_seconds(requests in 2_u32..60, spent in 1_u32..59) {
        let clock = FakeRelativeClock::default();
        let rule = Rule::new(Rate::new(requests, 60).unwrap(), false, clock.clone());
        let client = Client::of(Ipv4Addr::LOCALHOST.into());
        for _ in 1..spent.min(requests - 1) {
            rule.check(client);
        }
        let Decision::Within(quota) = rule.check(client) else { return Err(TestCaseError::fail("all are let in")) };
        clock.advance(Duration::from_secs(quota.seconds.into()));
        let Decision::Within(fresh) = rule.check(client) else { return Err(TestCaseError::fail("it is let in")) };
        prop_assert_eq!(fresh.remaining, requests - 1);
    }
}
