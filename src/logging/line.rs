//! Rendering of log records as lines.
//!
//! A record becomes one line, or in plain format one line and indented ones. Characters that could end a line, move the
//! cursor or change the direction of the text are escaped, so a client cannot forge, hide or alter a record.

use std::{
    fmt::{self, Display, Write},
    time::SystemTime,
};

use chrono::{DateTime, SecondsFormat, Utc};
use log::{
    Record,
    kv::{self, Key, Value, VisitSource, VisitValue},
};

use super::{Format, access};

/// Returns the line of a record, its line break included.
pub(super) fn render(format: Format, record: &Record<'_>, now: SystemTime) -> String {
    let time = DateTime::<Utc>::from(now).to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut line = String::with_capacity(256);
    // A message or value whose own formatting fails is cut short; writing to a String does not fail.
    let _ = match format {
        Format::Plain => plain(&mut line, &time, record),
        Format::Json => json(&mut line, &time, record),
    };
    line.push('\n');
    line
}

fn plain(line: &mut String, time: &str, record: &Record<'_>) -> fmt::Result {
    write!(line, "[{time} {:<5} {}] ", record.level().as_str(), Word(record.target()))?;
    let start = line.len();
    let _ = line.write_fmt(*record.args());
    if !is_plain(&line[start..], true) {
        let message = line.split_off(start);
        escape(line, &message, true)?;
    }
    if record.target() == access::TARGET {
        // Its message has the fields.
        return Ok(());
    }
    record.key_values().visit(&mut PlainFields(line)).map_err(|_| fmt::Error)
}

struct PlainFields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for PlainFields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        Ok(write!(self.0, " {}={}", Word(key.as_str()), Word(&formatted(&value)))?)
    }
}

fn json(line: &mut String, time: &str, record: &Record<'_>) -> fmt::Result {
    write!(line, "{{\"time\":\"{time}\",\"level\":\"{}\",\"target\":", record.level().as_str())?;
    quote(line, record.target())?;
    if record.target() != access::TARGET {
        line.push_str(",\"message\":");
        quote(line, &formatted(record.args()))?;
    }
    record.key_values().visit(&mut JsonFields(line)).map_err(|_| fmt::Error)?;
    line.push('}');
    if !is_plain(line, true) {
        // Hidden characters occur in strings only, where JSON allows this escape.
        for c in std::mem::take(line).chars() {
            if is_hidden(c) { write!(line, "\\u{:04x}", u32::from(c))? } else { line.push(c) }
        }
    }
    Ok(())
}

struct JsonFields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for JsonFields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        self.0.push(',');
        quote(self.0, key.as_str())?;
        self.0.push(':');
        value.visit(self)
    }
}

impl VisitValue<'_> for JsonFields<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        Ok(quote(self.0, &formatted(value))?)
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        Ok(quote(self.0, value)?)
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        Ok(write!(self.0, "{value}")?)
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        Ok(write!(self.0, "{value}")?)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        // JSON has no NaN and no infinity: they become null.
        Ok(write!(self.0, "{}", serde_json::Value::from(value))?)
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        Ok(write!(self.0, "{value}")?)
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        Ok(self.0.write_str("null")?)
    }
}

/// Appends a JSON string.
fn quote(line: &mut String, text: &str) -> fmt::Result {
    if is_plain(text, true) && !text.contains(['"', '\\']) {
        for part in ["\"", text, "\""] {
            line.push_str(part);
        }
        return Ok(());
    }
    write!(line, "{}", serde_json::Value::from(text))
}

fn formatted(value: impl Display) -> String {
    let mut text = String::new();
    let _ = write!(text, "{value}");
    text
}

/// A text without white space in the output: escaped, it cannot be taken for two words or another text.
pub(super) struct Word<'a>(pub(super) &'a str);

impl Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0, false) { f.write_str(self.0) } else { escape(f, self.0, false) }
    }
}

/// Checks for printable ASCII without anything to escape. Nearly every text is plain, so the loop has no early end and
/// compares many bytes at once.
fn is_plain(text: &str, is_message: bool) -> bool {
    let in_word = |byte: u8| u8::from(byte.is_ascii_graphic()) & u8::from(byte != b'\\');
    let in_message = |byte: u8| u8::from(matches!(byte, b' '..=b'~'));
    text.bytes().fold(1, |plain, byte| plain & if is_message { in_message(byte) } else { in_word(byte) }) == 1
}

/// Writes a text for the plain format. In a message, a line break is followed by an indent, and spaces, tabs and
/// backslashes stay.
fn escape(out: &mut impl Write, text: &str, is_message: bool) -> fmt::Result {
    for c in text.chars() {
        match c {
            '\n' if is_message => out.write_str("\n    ")?,
            '\t' if is_message => out.write_char(c)?,
            '\\' if !is_message => out.write_str("\\\\")?,
            c if is_hidden(c) || (!is_message && c.is_whitespace()) => write!(out, "\\u{{{:x}}}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    Ok(())
}

/// Recognises characters that move the cursor, end a line, or change the direction of the text around them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use log::Level;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::logging::Access;

    fn rendered(format: Format, text: &str) -> String {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_045_006);
        let fields = [("n", Value::from(-3)), ("share", Value::from(f64::NAN)), ("text", Value::from(text))];
        let mut record = Record::builder();
        record.level(Level::Warn).target("lectern::db").key_values(&fields);
        render(format, &record.args(format_args!("{text}")).build(), at)
    }

    /// Returns the access line of a path.
    fn request(format: Format, path: &str) -> String {
        struct Capture(Format, std::sync::Mutex<String>);
        impl log::Log for Capture {
            fn enabled(&self, _: &log::Metadata<'_>) -> bool {
                true
            }
            fn log(&self, record: &Record<'_>) {
                *self.1.lock().unwrap() = render(self.0, record, SystemTime::UNIX_EPOCH);
            }
            fn flush(&self) {}
        }
        let line =
            Access { method: path, path, status: 404, bytes: 0, elapsed: Duration::ZERO, cache: "-", request_id: path };
        let capture = Capture(format, std::sync::Mutex::default());
        line.write_to(&capture);
        capture.1.into_inner().unwrap()
    }

    const HOSTILE: &[&str] = &[
        "\n[2026-01-02T03:04:05.006Z ERROR lectern] forged",
        "\r\n{\"level\":\"ERROR\"}",
        "\",\"status\":200,\"x\":\"",
        "\\\",\"status\":200",
        "/a 200 1B 1us hit r",
        "/\u{1b}[2J\u{7f}\u{85}\u{9b}\0\u{2028}\u{2029}\u{202e}\u{a0}\u{3000}\u{feff}",
        "%zz%0a%",
        "\\u000a\\n",
        "",
        "/v1/干细胞",
    ];

    #[test]
    fn record_is_rendered_in_both_formats() {
        assert_eq!(
            rendered(Format::Plain, "干 \"x\"\n[second\tline\r"),
            "[2026-01-02T03:04:05.006Z WARN  lectern::db] 干 \"x\"\n    [second\tline\\u{d} n=-3 share=NaN \
             text=干\\u{20}\"x\"\\u{a}[second\\u{9}line\\u{d}\n"
        );
        assert_eq!(
            rendered(Format::Json, "干 \"x\"\n\\"),
            "{\"time\":\"2026-01-02T03:04:05.006Z\",\"level\":\"WARN\",\"target\":\"lectern::db\",\
             \"message\":\"干 \\\"x\\\"\\n\\\\\",\"n\":-3,\"share\":null,\"text\":\"干 \\\"x\\\"\\n\\\\\"}\n"
        );
    }

    /// Asserts that only the first line begins like a record, the others are indented, and no hidden character is left.
    fn assert_plain(line: &str, lines: usize) {
        let mut rest = line.strip_suffix('\n').unwrap().split('\n');
        assert!(rest.next().unwrap().starts_with('['), "{line:?}");
        assert!(rest.clone().all(|line| line.starts_with("    ")), "{line:?}");
        assert_eq!(rest.count() + 1, lines, "{line:?}");
        assert!(!line.chars().any(|c| is_hidden(c) && c != '\n' && c != '\t'), "{line:?}");
    }

    fn assert_unforgeable(text: &str) {
        let line = request(Format::Plain, text);
        assert_plain(&line, 1);
        let (_, words) = line.trim_end_matches('\n').split_once("] ").unwrap();
        let words: Vec<_> = words.split(char::is_whitespace).collect();
        assert_eq!((words.len(), &words[2..6]), (7, ["404", "0B", "0us", "-"].as_slice()), "{line:?}");
        assert_eq!((words[0], words[6]), (words[1], words[1]), "{line:?}");
        assert_plain(&rendered(Format::Plain, text), 1 + text.matches('\n').count());

        let line = request(Format::Json, text);
        assert!(!line.trim_end_matches('\n').chars().any(is_hidden), "{line:?}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let fields = json!({
            "time": "1970-01-01T00:00:00.000Z", "level": "INFO", "target": "lectern::access", "method": text,
            "path": text, "status": 404, "bytes": 0, "micros": 0, "cache": "-", "request_id": text,
        });
        assert_eq!(value, fields, "{line:?}");
        let value: serde_json::Value = serde_json::from_str(&rendered(Format::Json, text)).unwrap();
        assert_eq!((&value["message"], &value["text"]), (&json!(text), &json!(text)));
    }

    #[test]
    fn hostile_text_forges_no_line_and_no_field() {
        for text in HOSTILE {
            assert_unforgeable(text);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_forges_no_line_and_no_field(text in any::<String>()) {
            assert_unforgeable(&text);
        }
    }

    #[test]
    fn different_paths_have_different_lines() {
        let lines: std::collections::BTreeSet<_> = ["/a b", "/a\\u{20}b", "/a\\\\u{20}b", "/a\u{3000}b", "/ab"]
            .map(|path| request(Format::Plain, path))
            .into();
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn time_is_rfc_3339_with_milliseconds() {
        let at = |millis| {
            let record = Record::builder().args(format_args!("x")).build();
            let line = render(Format::Plain, &record, SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
            line[1..].split(' ').next().unwrap().to_owned()
        };
        assert_eq!(at(999), "1970-01-01T00:00:00.999Z");
        assert_eq!(at(1_000), "1970-01-01T00:00:01.000Z");
        assert_eq!(at(1_010), "1970-01-01T00:00:01.010Z");
        assert_eq!(at(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn path_is_cut_at_its_limit_and_never_inside_a_character() {
        let logged = |path: &str| request(Format::Plain, path).split(' ').nth(5).unwrap().len();
        assert_eq!(logged("/v1"), 3);
        assert_eq!(logged(&"a".repeat(5000)), 1024);
        assert_eq!(logged(&format!("/{}", "干".repeat(1000))), 1 + 341 * 3);
    }
}
