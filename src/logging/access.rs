//! The line that every request leaves.

use std::{fmt, time::Duration};

use log::{
    Level, Log, Record,
    kv::{self, Key, Source, Value, VisitSource},
};

use super::line::word;

/// What the access lines are called in `RUST_LOG`.
pub(super) const TARGET: &str = "lectern::access";

/// The most bytes of a path that are told: an address can be as long as the request's head may be.
const PATH_LIMIT: usize = 1024;

/// What is told of a request that was answered. There is no client address and no query in it, on purpose: who reads
/// about which illness is private, and so are the words that somebody searches for.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The method as the client sent it.
    pub method: &'a str,
    /// The path as the client sent it, percent-encoding included; without the query. It is told up to 1,024 bytes.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// The length of the answer's body in bytes, as it is sent.
    pub bytes: usize,
    /// From the request's head to the answer's head.
    pub elapsed: Duration,
    /// What the cache had: `hit`, `miss`, …, or `-` where it was not asked.
    pub cache: &'static str,
    /// The id that the answer carries in `X-Request-Id`.
    pub request_id: &'a str,
}

/// Logs a request: target `lectern::access`, level `info`, so that `RUST_LOG=info,lectern::access=off` leaves these
/// lines out. Allocates nothing once the thread has logged a line of that length.
pub fn access(line: &Access<'_>) {
    if log::log_enabled!(target: TARGET, Level::Info) {
        line.tell(log::logger());
    }
}

impl Access<'_> {
    pub(super) fn tell(&self, log: &dyn Log) {
        let line = Access { path: cut(self.path), ..*self };
        let mut record = Record::builder();
        record.level(Level::Info).target(TARGET).key_values(&line);
        log.log(&record.args(format_args!("{line}")).build());
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX)
    }
}

fn cut(path: &str) -> &str {
    let end = (0..=PATH_LIMIT.min(path.len())).rev().find(|end| path.is_char_boundary(*end));
    &path[..end.unwrap_or(0)]
}

/// The plain line, put together of its parts without the formatting machinery: every request leaves one.
impl fmt::Display for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = itoa::Buffer::new();
        word(f, self.method)?;
        f.write_str(" ")?;
        word(f, self.path)?;
        f.write_str(" ")?;
        f.write_str(number.format(self.status))?;
        f.write_str(" ")?;
        f.write_str(number.format(self.bytes))?;
        f.write_str("B ")?;
        f.write_str(number.format(self.micros()))?;
        f.write_str("us ")?;
        f.write_str(self.cache)?;
        f.write_str(" ")?;
        word(f, self.request_id)
    }
}

/// The same as fields.
impl Source for Access<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        visitor.visit_pair(Key::from("method"), Value::from(self.method))?;
        visitor.visit_pair(Key::from("path"), Value::from(self.path))?;
        visitor.visit_pair(Key::from("status"), Value::from(self.status))?;
        visitor.visit_pair(Key::from("bytes"), Value::from(self.bytes))?;
        visitor.visit_pair(Key::from("micros"), Value::from(self.micros()))?;
        visitor.visit_pair(Key::from("cache"), Value::from(self.cache))?;
        visitor.visit_pair(Key::from("request_id"), Value::from(self.request_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_up_to_its_limit_and_never_cut_inside_a_character() {
        assert_eq!(cut("/v1"), "/v1");
        assert_eq!(cut(&"a".repeat(5000)).len(), PATH_LIMIT);
        let long = format!("/{}", "干".repeat(1000));
        assert_eq!(cut(&long).len(), 1 + 341 * 3);
    }
}
