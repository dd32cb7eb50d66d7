//! The access log: one line a request.

use std::{fmt, time::Duration};

use log::{
    Level, Log, Record,
    kv::{Key, Value},
};

use super::line::Word;

/// The log target of access lines, for `RUST_LOG`.
pub(super) const TARGET: &str = "lectern::access";

/// The maximum length of a logged path in bytes: a path can be as long as the request's head may be.
const MAX_PATH: usize = 1024;

/// The logged facts of a request. Client address and query are left out on purpose: they would reveal who reads about
/// which illness.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The method as the client sent it.
    pub method: &'a str,
    /// The path as the client sent it, percent-encoded, without the query. Cut at 1,024 bytes.
    pub path: &'a str,
    /// The response's status.
    pub status: u16,
    /// The length of the response's body in bytes, as sent.
    pub bytes: usize,
    /// The time from the request's head to the response's head.
    pub elapsed: Duration,
    /// The cache's outcome: `hit`, `miss`, …, or `-` if the cache was not asked.
    pub cache: &'static str,
    /// The response's `X-Request-Id`.
    pub request_id: &'a str,
}

/// Logs a request with the target `lectern::access` at level `info`: `RUST_LOG=info,lectern::access=off` turns these
/// lines off.
pub fn access(line: &Access<'_>) {
    if log::log_enabled!(target: TARGET, Level::Info) {
        line.write_to(log::logger());
    }
}

impl Access<'_> {
    pub(super) fn write_to(&self, log: &dyn Log) {
        let line = Access { path: truncated(self.path), ..*self };
        let fields: [(Key<'_>, Value<'_>); 7] = [
            ("method".into(), line.method.into()),
            ("path".into(), line.path.into()),
            ("status".into(), line.status.into()),
            ("bytes".into(), line.bytes.into()),
            ("micros".into(), line.micros().into()),
            ("cache".into(), line.cache.into()),
            ("request_id".into(), line.request_id.into()),
        ];
        let mut record = Record::builder();
        record.level(Level::Info).target(TARGET).key_values(&fields);
        log.log(&record.args(format_args!("{line}")).build());
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Returns the beginning of a path, cut between two characters.
fn truncated(path: &str) -> &str {
    let end = (0..=MAX_PATH.min(path.len())).rev().find(|end| path.is_char_boundary(*end));
    &path[..end.unwrap_or(0)]
}

/// Formats the message of the plain log format.
impl fmt::Display for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Access { status, bytes, cache, .. } = self;
        let (method, path, id) = (Word(self.method), Word(self.path), Word(self.request_id));
        write!(f, "{method} {path} {status} {bytes}B {}us {cache} {id}", self.micros())
    }
}
