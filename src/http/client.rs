//! The client's address: the peer of the connection, or the address that trusted proxies report.
//!
//! Anyone can send `X-Forwarded-For` or `Forwarded`, so only those of trusted proxies count. Each proxy appends the address
//! of its peer at the right. The list is read from the right, up to and including the first untrusted address; a client's
//! own entries, further left, are never read.
//!
//! A trusted proxy must append to `X-Forwarded-For` or replace it. If it writes only `Forwarded`, it must remove a received
//! `X-Forwarded-For`, which would otherwise count as its own.

use std::{iter, net::IpAddr, str::FromStr};

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use ipnet::{IpNet, Ipv4Net};

/// The trusted proxies; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// Parses addresses and networks (CIDR, RFC 4632), separated by commas: `127.0.0.1,10.0.0.0/8,::1`. An empty text means no
/// proxy. IPv4-mapped IPv6 is the same as IPv4. A network of all addresses is refused: every client could choose its own
/// address.
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
        format!("`{text}` is neither an address nor a network: expected a value such as 127.0.0.1, 10.0.0.0/8 or ::1")
    })?;
    let network = match (given, given.addr().to_canonical()) {
        (IpNet::V6(mapped), IpAddr::V4(address)) if mapped.prefix_len() >= 96 => {
            Ipv4Net::new(address, mapped.prefix_len() - 96).map_or(given, IpNet::from)
        }
        _ => given,
    };
    if network.prefix_len() == 0 {
        return Err(format!(
            "`{text}` includes every address, so clients could choose their own: name the networks of your proxies"
        ));
    }
    Ok(network)
}

impl TrustedProxies {
    /// Returns the address of the client behind `peer`; IPv4-mapped IPv6 becomes IPv4 (RFC 4291 section 2.5.5.2).
    ///
    /// An entry that is no address (`unknown`, an obfuscated identifier) ends the search at the trusted proxy that wrote it.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        if headers.contains_key(header::X_FORWARDED_FOR) {
            self.search(peer, headers.get_all(header::X_FORWARDED_FOR), node)
        } else {
            self.search(peer, headers.get_all(header::FORWARDED), forwarded_for)
        }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Searches the entries of all field lines from the right; field lines of one name are one list (RFC 9110 section 5.3).
    fn search<'a>(
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

/// Splits at separators outside quoted strings and returns the parts from the last to the first, without empty ones (RFC 9110
/// section 5.6.1.2).
///
/// The right end is what a trusted proxy wrote, so an unclosed quotation mark of a client further left does not hide it.
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
        // Inside a string, a mark after an odd number of backslashes is escaped (RFC 9110 section 5.6.4).
        let escaped = || text[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1;
        if byte == b'"' && !(quoted && escaped()) {
            quoted = !quoted;
        } else if byte == separator && !quoted {
            return Some(at);
        }
    }
    None
}

/// Parses the `for` address of an element of `Forwarded` (RFC 7239 section 4).
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
        // No address needs a backslash, so `node` refuses it (RFC 9110 section 5.6.4).
        Some(opened) => node(opened.strip_suffix(b"\"")?),
        None => node(value),
    }
}

/// Parses an address with or without a port: `node` of RFC 7239 section 6, and the forms in use in `X-Forwarded-For`, where
/// IPv6 occurs with and without brackets.
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

/// Checks for a port, or an obfuscated one (RFC 7239 section 6.3).
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests;
