use proptest::prelude::*;

use super::*;

fn proxies(text: &str) -> TrustedProxies {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Returns the client behind `peer`, given field lines in the order of arrival.
fn client(trusted: &str, peer: &str, lines: &[(&'static str, &str)]) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(header::HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    proxies(trusted).client(ip(peer), &headers).to_string()
}

const XFF: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";

#[test]
fn proxies_are_addresses_and_networks() {
    assert_eq!(proxies(""), TrustedProxies::default());
    assert_eq!(proxies("  "), TrustedProxies::default());
    let some = proxies("127.0.0.1, 10.0.0.0/8 ,::1,fd00::/8,::ffff:192.168.0.0/112,::ffff:172.16.0.1");
    for inside in ["127.0.0.1", "10.255.0.1", "::1", "fdff::1", "192.168.7.7", "172.16.0.1"] {
        assert!(some.trust(ip(inside)), "{inside}");
    }
    for outside in ["127.0.0.2", "11.0.0.0", "::2", "fe00::1", "192.169.0.1", "172.16.0.2", "::7f00:1"] {
        assert!(!some.trust(ip(outside)), "{outside}");
    }
    // The part of the address behind the prefix does not matter.
    assert!(proxies("10.1.2.3/8").trust(ip("10.9.9.9")));
}

#[test]
fn invalid_proxy_is_refused() {
    for text in [
        ",",
        "127.0.0.1,",
        ",127.0.0.1",
        "127.0.0.1,,::1",
        "127.0.0.1 ::1",
        "127.0.0.1;::1",
        "localhost",
        "proxy.example.org",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "10.0.0.0/8/8",
        "10.0.0/8",
        "010.0.0.1",
        "256.0.0.1",
        "127.0.0.1:80",
        "[::1]",
        "::1/129",
        "fe80::1%eth0",
        "*",
    ] {
        assert!(text.parse::<TrustedProxies>().is_err(), "{text}");
    }
    for text in ["0.0.0.0/0", "::/0", "10.0.0.1,1.2.3.4/0", "::ffff:0:0/96"] {
        let why = text.parse::<TrustedProxies>().unwrap_err();
        assert!(why.contains("every address"), "{why}");
    }
}

#[test]
fn untrusted_peer_is_the_client_whatever_it_sends() {
    for lines in [&[(XFF, "9.9.9.9")][..], &[(FORWARDED, "for=9.9.9.9")], &[(XFF, "127.0.0.1"), (FORWARDED, "for=::1")]]
    {
        assert_eq!(client("", "192.0.2.1", lines), "192.0.2.1");
        assert_eq!(client("127.0.0.1,9.9.9.9", "192.0.2.1", lines), "192.0.2.1");
    }
    assert_eq!(client("", "::ffff:192.0.2.1", &[]), "192.0.2.1");
}

#[test]
fn x_forwarded_for_is_read_from_the_right() {
    let trusted = "127.0.0.1,10.0.0.0/8,fd00::/8";
    for (field, wanted) in [
        ("192.0.2.1", "192.0.2.1"),
        ("  192.0.2.1\t", "192.0.2.1"),
        ("9.9.9.9, 192.0.2.1", "192.0.2.1"),
        ("9.9.9.9, 192.0.2.1, 10.1.1.1, fd00::2", "192.0.2.1"),
        ("9.9.9.9,192.0.2.1,10.1.1.1,127.0.0.1", "192.0.2.1"),
        ("192.0.2.1, , ,", "192.0.2.1"),
        ("192.0.2.1:5678", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:5678", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:1", "192.0.2.1"),
        // All are trusted: the first of them is the client.
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        // What cannot be read ends the walk.
        ("", "127.0.0.1"),
        (",", "127.0.0.1"),
        ("192.0.2.1, unknown", "127.0.0.1"),
        ("192.0.2.1, unknown, 10.1.1.1", "10.1.1.1"),
        ("192.0.2.1 10.1.1.1", "127.0.0.1"),
        ("192.0.2.1:", "127.0.0.1"),
        ("192.0.2.1:123456", "127.0.0.1"),
        ("192.0.2.1:x", "127.0.0.1"),
        ("192.0.2.1/32", "127.0.0.1"),
        ("192.0.2.01", "127.0.0.1"),
        ("[192.0.2.1]", "127.0.0.1"),
        ("[2001:db8::1", "127.0.0.1"),
        ("[2001:db8::1]x", "127.0.0.1"),
        ("[2001:db8::1]5678", "127.0.0.1"),
        ("fe80::1%eth0", "127.0.0.1"),
        ("\"192.0.2.1\"", "127.0.0.1"),
        ("for=192.0.2.1", "127.0.0.1"),
        ("example.org", "127.0.0.1"),
        ("unix:", "127.0.0.1"),
        ("１９２.0.2.1", "127.0.0.1"),
    ] {
        assert_eq!(client(trusted, "127.0.0.1", &[(XFF, field)]), wanted, "{field}");
    }
    assert_eq!(client(trusted, "127.0.0.1", &[]), "127.0.0.1");
    assert_eq!(client(trusted, "::ffff:127.0.0.1", &[(XFF, "192.0.2.1")]), "192.0.2.1");
}

#[test]
fn field_lines_form_one_list() {
    let trusted = "127.0.0.1,10.0.0.0/8";
    assert_eq!(client(trusted, "127.0.0.1", &[(XFF, "9.9.9.9"), (XFF, "192.0.2.1")]), "192.0.2.1");
    assert_eq!(client(trusted, "127.0.0.1", &[(XFF, "192.0.2.1"), (XFF, "10.0.0.1")]), "192.0.2.1");
    assert_eq!(client(trusted, "127.0.0.1", &[(XFF, "9.9.9.9, 192.0.2.1"), (XFF, ""), (XFF, "10.0.0.1")]), "192.0.2.1");
    assert_eq!(client(trusted, "127.0.0.1", &[(FORWARDED, "for=192.0.2.1"), (FORWARDED, "for=10.0.0.1")]), "192.0.2.1");
}

#[test]
fn forwarded_is_read_without_x_forwarded_for() {
    let trusted = "127.0.0.1,10.0.0.0/8,fd00::/8";
    for (field, wanted) in [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=192.0.2.1; Proto=https; by=10.0.0.1", "192.0.2.1"),
        ("by=10.0.0.1;FOR=\"192.0.2.1\";host=\"a;b,c\"", "192.0.2.1"),
        ("for=\"192.0.2.1:47011\"", "192.0.2.1"),
        ("for=\"192.0.2.1:_port\"", "192.0.2.1"),
        ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
        ("for=9.9.9.9, for=192.0.2.1", "192.0.2.1"),
        ("for=9.9.9.9, for=192.0.2.1, for=\"[fd00::1]:80\";proto=http", "192.0.2.1"),
        ("for=192.0.2.1;host=\"x\\\", for=9.9.9.9\", for=10.0.0.1", "192.0.2.1"),
        ("for=192.0.2.1, for=10.0.0.1;ext=\"\\\\\"", "192.0.2.1"),
        // An element without an address, or an invalid one, ends the search.
        ("for=192.0.2.1, for=unknown", "127.0.0.1"),
        ("for=192.0.2.1, for=\"_gazonk\"", "127.0.0.1"),
        ("for=192.0.2.1, for=_SEVKISEK, for=10.0.0.1", "10.0.0.1"),
        ("for=192.0.2.1, proto=https", "127.0.0.1"),
        ("for=192.0.2.1;for=9.9.9.9", "127.0.0.1"),
        ("for=192.0.2.1;nonsense", "127.0.0.1"),
        ("for=\"192.0.2.1", "127.0.0.1"),
        ("for=192.0.2.1\"", "127.0.0.1"),
        ("for=\"192.0.2.1:_\"", "127.0.0.1"),
        ("for=", "127.0.0.1"),
        ("for=\"\"", "127.0.0.1"),
        ("for", "127.0.0.1"),
        ("=", "127.0.0.1"),
        ("192.0.2.1", "127.0.0.1"),
        ("\"", "127.0.0.1"),
    ] {
        assert_eq!(client(trusted, "127.0.0.1", &[(FORWARDED, field)]), wanted, "{field}");
    }
    let both = [(FORWARDED, "for=9.9.9.9"), (XFF, "192.0.2.1")];
    assert_eq!(client(trusted, "127.0.0.1", &both), "192.0.2.1");
    assert_eq!(client(trusted, "127.0.0.1", &[(FORWARDED, "for=9.9.9.9"), (XFF, "unknown")]), "127.0.0.1");
}

/// An unclosed quotation mark must not hide the entry that the proxy appends.
#[test]
fn unclosed_quotation_mark_does_not_hide_the_last_entry() {
    for junk in ["for=\"", "for=\"9.9.9.9", "for=\"\\", "\\", "\"\\\\\"\"", "for=9.9.9.9;x=\""] {
        for (added, wanted) in [("for=192.0.2.1", "192.0.2.1"), ("for=\"[2001:db8::1]:80\"", "2001:db8::1")] {
            let field = format!("{junk}, {added}");
            assert_eq!(client("127.0.0.1", "127.0.0.1", &[(FORWARDED, &field)]), wanted, "{field}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The client is the peer of the outermost trusted proxy, whatever a client sends in front.
    #[test]
    fn what_a_client_sends_does_not_change_who_it_is(
        junk in proptest::collection::vec("[ -~]{0,40}|[\\\\\",;=for.:\\[\\]0-9 ]{0,40}|([0-9.]{7,12}, ?){0,4}|\\PC{0,10}", 0..4),
        one_line in any::<bool>(),
        address in any::<[u16; 8]>().prop_filter_map("is not trusted", |words| {
            let address = IpAddr::from(words);
            (!proxies("fd00::/8,10.0.0.0/8").trust(address.to_canonical())).then_some(address)
        }),
        hops in proptest::collection::vec(any::<[u8; 3]>(), 0..4),
    ) {
        for (name, prefix) in [(header::X_FORWARDED_FOR, ""), (header::FORWARDED, "for=")] {
            let mut headers = HeaderMap::new();
            let mut lines = junk.clone();
            let seen = format!("{prefix}{}", if prefix.is_empty() { address.to_string() } else { format!("\"[{address}]:443\"") });
            let hops = hops.iter().map(|[a, b, c]| format!("{prefix}10.{a}.{b}.{c}"));
            for added in std::iter::once(seen).chain(hops) {
                match lines.last_mut() {
                    Some(line) if one_line => *line = format!("{line}, {added}"),
                    _ => lines.push(added),
                }
            }
            for line in lines {
                headers.append(name.clone(), HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            let found = proxies("fd00::/8,10.0.0.0/8").client(ip("fd00::1"), &headers);
            prop_assert_eq!(found, address.to_canonical());
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,30}|[0-9./:,a-f ]{0,30}") {
        let _ = text.parse::<TrustedProxies>();
        let _ = (node(text.as_bytes()), forwarded_for(text.as_bytes()));
        // Every part is found once and is complete.
        if !text.contains('"') {
            let parts: Vec<_> = from_right(text.as_bytes(), b',').collect();
            let mut wanted: Vec<_> = text.as_bytes().split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|p| !p.is_empty()).collect();
            wanted.reverse();
            prop_assert_eq!(parts, wanted);
        }
    }
}
