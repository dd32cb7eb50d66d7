//! A record as text, in either form.

use std::{
    fmt::{self, Write},
    time::SystemTime,
};

use chrono::DateTime;
use log::{
    Record,
    kv::{self, Key, Value, VisitSource, VisitValue},
};

use super::{Form, access};

/// What a thread needs to render records, kept so that the next record allocates nothing.
pub(super) struct Scratch {
    line: String,
    /// The last second that was told, and how it is written: RFC 3339 in UTC, up to the milliseconds.
    second: Option<u64>,
    stamp: String,
}

impl Scratch {
    pub(super) const fn new() -> Scratch {
        Scratch { line: String::new(), second: None, stamp: String::new() }
    }

    /// The whole line of a record, its end included.
    pub(super) fn render(&mut self, form: Form, record: &Record<'_>, now: SystemTime) -> &str {
        self.line.clear();
        // Writing into a String fails only where what is written says so itself; what it wrote until then stands.
        let _ = match form {
            Form::Plain => self.plain(record, now),
            Form::Json => self.json(record, now),
        };
        self.line.push('\n');
        &self.line
    }

    fn plain(&mut self, record: &Record<'_>, now: SystemTime) -> fmt::Result {
        self.line.push('[');
        self.time(now);
        let level = record.level().as_str();
        self.line.push(' ');
        self.line.push_str(level);
        self.line.push_str(if level.len() < 5 { "  " } else { " " });
        escape(&mut self.line, record.target(), Place::Word)?;
        self.line.push_str("] ");
        self.message(record, Place::Message)?;
        if record.target() == access::TARGET {
            // The message has them already.
            return Ok(());
        }
        record.key_values().visit(&mut Fields(&mut self.line, Form::Plain)).map_err(|_| fmt::Error)
    }

    fn json(&mut self, record: &Record<'_>, now: SystemTime) -> fmt::Result {
        self.line.push_str("{\"time\":\"");
        self.time(now);
        self.line.push_str("\",\"level\":\"");
        self.line.push_str(record.level().as_str());
        self.line.push_str("\",\"target\":\"");
        escape(&mut self.line, record.target(), Place::Json)?;
        self.line.push('"');
        let mut done = Ok(());
        if record.target() != access::TARGET {
            self.line.push_str(",\"message\":\"");
            // The quote and the brace are closed whatever the message does.
            done = self.message(record, Place::Json);
            self.line.push('"');
        }
        let fields = record.key_values().visit(&mut Fields(&mut self.line, Form::Json));
        self.line.push('}');
        done.and(fields.map_err(|_| fmt::Error))
    }

    /// The message; looked at once it is whole, because it comes in many small pieces.
    fn message(&mut self, record: &Record<'_>, place: Place) -> fmt::Result {
        let begun = self.line.len();
        let done = self.line.write_fmt(*record.args());
        if is_suspect(&self.line[begun..], place) {
            let message = self.line.split_off(begun);
            escape(&mut self.line, &message, place)?;
        }
        done
    }

    /// The time with milliseconds; the calendar is asked once a second.
    fn time(&mut self, now: SystemTime) {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(now.as_secs()) {
            self.second = Some(now.as_secs());
            let time = i64::try_from(now.as_secs()).ok().and_then(|second| DateTime::from_timestamp(second, 0));
            self.stamp.clear();
            let _ = write!(self.stamp, "{}", time.unwrap_or_default().format("%Y-%m-%dT%H:%M:%S."));
        }
        self.line.push_str(&self.stamp);
        // Behind a 1, for the zeros in front.
        self.line.push_str(&itoa::Buffer::new().format(1000 + now.subsec_millis())[1..]);
        self.line.push('Z');
    }
}

/// Where a text is going to stand, which decides what is escaped in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a JSON string.
    Json,
    /// In the rest of a plain line: a line break goes on in the next line, indented, as no record begins.
    Message,
    /// Between two blanks of a plain line.
    Word,
}

/// Whether a text must be looked at closely before it may stand there: it may have something to escape. Nearly none has, so
/// this has no early end and no branch, and compares many bytes at once.
fn is_suspect(text: &str, place: Place) -> bool {
    fn any(text: &str, suspect: impl Fn(u8) -> u8) -> bool {
        text.bytes().fold(0, |found, byte| found | suspect(byte)) > 0
    }
    let foreign = |byte: u8| u8::from(!(b' '..0x7f).contains(&byte));
    let is = |byte: u8, one: u8| u8::from(byte == one);
    match place {
        Place::Message => any(text, foreign),
        Place::Word => any(text, |byte| foreign(byte) | is(byte, b' ') | is(byte, b'\\')),
        Place::Json => any(text, |byte| foreign(byte) | is(byte, b'"') | is(byte, b'\\')),
    }
}

/// What moves the cursor, ends a line, or turns the direction of the text around it: it would let a text look like
/// something else than it is.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escape(out: &mut impl Write, text: &str, place: Place) -> fmt::Result {
    if !is_suspect(text, place) {
        return out.write_str(text);
    }
    let mut done = 0;
    for (at, c) in text.char_indices() {
        let escaped = match (c, place) {
            ('\n', Place::Message) => "\n    ",
            ('\t', Place::Message) => "\t",
            ('"', Place::Json) => "\\\"",
            ('\\', Place::Json | Place::Word) => "\\\\",
            ('\n', Place::Json) => "\\n",
            _ if is_hidden(c) || (place == Place::Word && c.is_whitespace()) => "",
            _ => continue,
        };
        out.write_str(&text[done..at])?;
        done = at + c.len_utf8();
        if !escaped.is_empty() {
            out.write_str(escaped)?;
        } else if place == Place::Json {
            write!(out, "\\u{:04x}", u32::from(c))?;
        } else {
            write!(out, "\\u{{{:x}}}", u32::from(c))?;
        }
    }
    out.write_str(&text[done..])
}

/// Escapes what is written through it.
struct Escaped<'a>(&'a mut String, Place);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text, self.1)
    }
}

/// Writes a text that stands between two blanks of a plain line and cannot leave its place.
pub(super) fn word(out: &mut impl Write, text: &str) -> fmt::Result {
    escape(out, text, Place::Word)
}

/// Appends a record's fields to its line.
struct Fields<'a>(&'a mut String, Form);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        match self.1 {
            Form::Plain => {
                self.0.push(' ');
                escape(self.0, key.as_str(), Place::Word)?;
                self.0.push('=');
                write!(Escaped(self.0, Place::Word), "{value}")?;
                Ok(())
            }
            Form::Json => {
                self.0.push_str(",\"");
                escape(self.0, key.as_str(), Place::Json)?;
                self.0.push_str("\":");
                value.visit(Json(self.0))
            }
        }
    }
}

/// Appends a value as JSON: numbers, booleans and null as they are, everything else as a string.
struct Json<'a>(&'a mut String);

impl VisitValue<'_> for Json<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        self.0.push('"');
        let done = write!(Escaped(self.0, Place::Json), "{value}");
        self.0.push('"');
        Ok(done?)
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.0.push_str("null");
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        Ok(write!(self.0, "{value}")?)
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        Ok(write!(self.0, "{value}")?)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        // JSON has no infinity.
        if value.is_finite() { Ok(write!(self.0, "{value}")?) } else { self.visit_null() }
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.0.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        self.0.push('"');
        let done = escape(self.0, value, Place::Json);
        self.0.push('"');
        Ok(done?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use log::Level;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::logging::Access;

    fn render(form: Form, text: &str) -> String {
        let mut scratch = Scratch::new();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_045_006);
        let fields = [("n", Value::from(-3)), ("share", Value::from(f64::NAN)), ("text", Value::from(text))];
        let mut record = Record::builder();
        record.level(Level::Warn).target("lectern::db").key_values(&fields);
        scratch.render(form, &record.args(format_args!("{text}")).build(), at).to_owned()
    }

    /// The access line of a path, through the same rendering.
    fn request(form: Form, path: &str) -> String {
        let line =
            Access { method: path, path, status: 404, bytes: 0, elapsed: Duration::ZERO, cache: "-", request_id: path };
        let mut record = Record::builder();
        record.level(Level::Info).target(access::TARGET).key_values(&line);
        let mut scratch = Scratch::new();
        scratch.render(form, &record.args(format_args!("{line}")).build(), SystemTime::UNIX_EPOCH).to_owned()
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
    fn lines_read_as_they_should() {
        assert_eq!(
            render(Form::Plain, "干 \"x\"\n[second\tline\r"),
            "[2026-01-02T03:04:05.006Z WARN  lectern::db] 干 \"x\"\n    [second\tline\\u{d} n=-3 share=NaN \
             text=干\\u{20}\"x\"\\u{a}[second\\u{9}line\\u{d}\n"
        );
        assert_eq!(
            render(Form::Json, "干 \"x\"\n\\"),
            "{\"time\":\"2026-01-02T03:04:05.006Z\",\"level\":\"WARN\",\"target\":\"lectern::db\",\
             \"message\":\"干 \\\"x\\\"\\n\\\\\",\"n\":-3,\"share\":null,\"text\":\"干 \\\"x\\\"\\n\\\\\"}\n"
        );
    }

    /// One line, begun as a record begins, the others indented; and no character that shows something else.
    fn holds_plain(line: &str, lines: usize) {
        let mut rest = line.strip_suffix('\n').unwrap().split('\n');
        assert!(rest.next().unwrap().starts_with('['), "{line:?}");
        assert!(rest.clone().all(|line| line.starts_with("    ")), "{line:?}");
        assert_eq!(rest.count() + 1, lines, "{line:?}");
        assert!(!line.chars().any(|c| is_hidden(c) && c != '\n' && c != '\t'), "{line:?}");
    }

    fn holds(text: &str) {
        let line = request(Form::Plain, text);
        holds_plain(&line, 1);
        let (_, words) = line.trim_end_matches('\n').split_once("] ").unwrap();
        let words: Vec<_> = words.split(char::is_whitespace).collect();
        assert_eq!((words.len(), &words[2..6]), (7, ["404", "0B", "0us", "-"].as_slice()), "{line:?}");
        assert_eq!((words[0], words[6]), (words[1], words[1]), "{line:?}");
        holds_plain(&render(Form::Plain, text), 1 + text.matches('\n').count());

        let line = request(Form::Json, text);
        assert!(!line.trim_end_matches('\n').chars().any(is_hidden), "{line:?}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let fields = json!({
            "time": "1970-01-01T00:00:00.000Z", "level": "INFO", "target": "lectern::access", "method": text,
            "path": text, "status": 404, "bytes": 0, "micros": 0, "cache": "-", "request_id": text,
        });
        assert_eq!(value, fields, "{line:?}");
        let value: serde_json::Value = serde_json::from_str(&render(Form::Json, text)).unwrap();
        assert_eq!((&value["message"], &value["text"]), (&json!(text), &json!(text)));
    }

    #[test]
    fn no_text_forges_a_line_or_a_field() {
        for text in HOSTILE {
            holds(text);
        }
    }

    proptest! {
        #[test]
        fn no_text_at_all_does(text in any::<String>()) {
            holds(&text);
        }
    }

    #[test]
    fn two_texts_are_never_told_alike() {
        let lines: std::collections::BTreeSet<_> =
            ["/a b", "/a\\u{20}b", "/a\\\\u{20}b", "/a\u{3000}b", "/ab"].map(|path| request(Form::Plain, path)).into();
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn the_second_is_told_anew_when_it_is_another() {
        let mut scratch = Scratch::new();
        let mut at = |millis| {
            scratch.line.clear();
            scratch.time(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
            scratch.line.clone()
        };
        assert_eq!(at(999), "1970-01-01T00:00:00.999Z");
        assert_eq!(at(1_000), "1970-01-01T00:00:01.000Z");
        assert_eq!(at(1_010), "1970-01-01T00:00:01.010Z");
        assert_eq!(at(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
    }
}
