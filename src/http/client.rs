//! Who the client is: the peer of the connection, or whom the trusted proxies vouch for.
//!
//! Anyone can send `X-Forwarded-For` or `Forwarded`, so neither is believed unless it comes from a proxy that the
//! operator named. Each proxy adds at the right whom it saw; the list is read from the right for as long as the address
//! that was read last is itself trusted. What a client wrote further left is never reached.
//!
//! A trusted proxy has to add to `X-Forwarded-For` or to replace it. One that writes only `Forwarded` has to remove an
//! `X-Forwarded-For` that it was sent: it would be taken for the proxy's own.

use std::{iter, net::IpAddr, str::FromStr};

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use ipnet::{IpNet, Ipv4Net};

/// The proxies that may tell the client's address; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// Addresses and networks (CIDR, RFC 4632), separated by commas: `127.0.0.1,10.0.0.0/8,::1`. An empty text trusts
/// nobody. IPv4-mapped IPv6 is read as the IPv4 that it stands for. A network of all addresses is refused: it would let
/// every client choose its own address.
impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<TrustedProxies, String> {
        if text.trim().is_empty() {
            return Ok(TrustedProxies::default());
        }
        text.split(',').map(|item| network(item.trim())).collect::<Result<_, _>>().map(TrustedProxies)
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let given = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        format!("`{text}` is neither an address nor a network: expected the like of 127.0.0.1, 10.0.0.0/8 or ::1")
    })?;
    let network = match (given, given.addr().to_canonical()) {
        (IpNet::V6(mapped), IpAddr::V4(address)) if mapped.prefix_len() >= 96 => {
            Ipv4Net::new(address, mapped.prefix_len() - 96).map_or(given, IpNet::from)
        }
        _ => given,
    };
    if network.prefix_len() == 0 {
        return Err(format!("`{text}` is everybody: clients could give themselves any address"));
    }
    Ok(network)
}

impl TrustedProxies {
    /// The address of the client behind `peer`; IPv4 even where it came as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2).
    ///
    /// What cannot be read as an address (`unknown`, an obfuscated identifier, nonsense) ends the walk at the last
    /// address that can be believed: the trusted proxy that wrote it.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        if headers.contains_key(header::X_FORWARDED_FOR) {
            self.walk(peer, headers.get_all(header::X_FORWARDED_FOR), node)
        } else {
            self.walk(peer, headers.get_all(header::FORWARDED), forwarded_for)
        }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Field lines of one name are one list in the order in which they came (RFC 9110 section 5.3).
    fn walk<'a>(
        &self,
        peer: IpAddr,
        lines: impl DoubleEndedIterator<Item = &'a HeaderValue>,
        read: fn(&[u8]) -> Option<IpAddr>,
    ) -> IpAddr {
        let mut client = peer;
        for member in lines.rev().flat_map(|line| from_right(line.as_bytes(), b',')) {
            let Some(address) = read(member) else { break };
            client = address;
            if !self.trust(client) {
                break;
            }
        }
        client
    }
}

/// The parts between separators that are not within a quoted string, the last first; blank ones are left out, as
/// RFC 9110 section 5.6.1.2 asks.
///
/// Read from the right because the right end is what a trusted proxy wrote: a quotation mark that a client left open
/// further left cannot swallow it.
fn from_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let (left, part) = match last_outside_quotes(text, separator) {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        rest = left;
        Some(part.trim_ascii())
    })
    .filter(|part| !part.is_empty())
}

fn last_outside_quotes(text: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    for (at, &byte) in text.iter().enumerate().rev() {
        // Inside, a mark behind an odd number of backslashes belongs to the string (RFC 9110 section 5.6.4).
        let escaped = || text[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1;
        if byte == b'"' && !(quoted && escaped()) {
            quoted = !quoted;
        } else if byte == separator && !quoted {
            return Some(at);
        }
    }
    None
}

/// The address that an element of `Forwarded` names with `for` (RFC 7239 section 4).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in from_right(element, b';') {
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        if pair[..equals].eq_ignore_ascii_case(b"for") && found.replace(&pair[equals + 1..]).is_some() {
            return None;
        }
    }
    let value = found?;
    match value.strip_prefix(b"\"") {
        // No address needs a backslash, and RFC 9110 section 5.6.4 has none sent without need: `node` refuses it.
        Some(opened) => node(opened.strip_suffix(b"\"")?),
        None => node(value),
    }
}

/// An address with or without a port: `node` of RFC 7239 section 6, and what is seen in `X-Forwarded-For`, where IPv6
/// comes with and without brackets.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let (address, rest) = if let Some(opened) = text.strip_prefix('[') {
        let (address, rest) = opened.split_once(']')?;
        (IpAddr::V6(address.parse().ok()?), rest)
    } else if let Ok(address) = text.parse() {
        (address, "")
    } else {
        let (address, rest) = text.split_at(text.find(':')?);
        (IpAddr::V4(address.parse().ok()?), rest)
    };
    (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)).then(|| address.to_canonical())
}

/// A port, or an obfuscated one (RFC 7239 section 6.3).
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests;
