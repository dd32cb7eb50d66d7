//! The log of the process, on stderr.
//!
//! Records pass the filter of `RUST_LOG`, are rendered (`line`) into memory, and are written by one thread (`writer`): a
//! system call for each line would cost more than most responses. A line appears within a tenth of a second, a warning
//! or an error at once. Invariants:
//!
//! - logging never waits for stderr: if stderr is blocked, lines are dropped, and the log reports how many;
//! - one record is one line, or in plain format one line and indented ones, whatever a client sends;
//! - no line has a client address: who reads about which illness is private.

mod access;
mod line;
mod writer;

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, SystemTime},
};

use clap::ValueEnum;
use env_filter::Filter;
use log::{Level, Log, Metadata, Record};

pub use access::{Access, access};

use line::render;
use writer::NonBlockingWriter;

/// The maximum size of the buffer in bytes: half a second of access lines of a busy core.
const LIMIT: usize = 4 << 20;

/// The timeout of the flush at the end of the process.
const END_WAIT: Duration = Duration::from_secs(2);

/// The timeout of [`Log::flush`]; shorter, because it may run during a request.
const FLUSH_WAIT: Duration = Duration::from_millis(500);

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people
    Plain,
    /// A JSON object a line
    Json,
}

/// A guard that flushes the log when it is dropped, at the end of the process.
#[must_use = "buffered lines are written when this is dropped"]
#[derive(Debug)]
pub struct Guard(Arc<NonBlockingWriter>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.flush(END_WAIT);
    }
}

/// Starts logging to stderr, panics included. `filter` has the syntax of `RUST_LOG`. If a logger is set already, it
/// stays.
pub fn init(format: Format, filter: &str) -> Guard {
    let (logger, guard) = Logger::new(format, filter, stderr(), LIMIT);
    let level = logger.filter.filter();
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
        let default_hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !log_panic(log::logger(), panic) {
                default_hook(panic);
            }
        }));
    }
    guard
}

/// Returns stderr without the standard library's lock, which a blocked write would hold against everybody who prints.
fn stderr() -> Box<dyn Write + Send> {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(own) => Box::new(File::from(own)),
        Err(_) => Box::new(io::stderr()),
    }
}

/// Logs a panic as one record and flushes; returns `false` if the log is off.
fn log_panic(log: &dyn Log, panic: &dyn std::fmt::Display) -> bool {
    let metadata = Metadata::builder().level(Level::Error).target("lectern::panic").build();
    if !log.enabled(&metadata) {
        return false;
    }
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    // Empty unless RUST_BACKTRACE asks for it.
    let trace = std::backtrace::Backtrace::capture();
    let trace = (trace.status() == std::backtrace::BacktraceStatus::Captured).then_some(trace);
    let trace = trace.map(|trace| format!("\n{trace}")).unwrap_or_default();
    log.log(&Record::builder().metadata(metadata).args(format_args!("thread {name} {panic}{trace}")).build());
    log.flush();
    true
}

/// A logger that filters, renders and buffers.
struct Logger {
    filter: Filter,
    format: Format,
    writer: Arc<NonBlockingWriter>,
}

impl Logger {
    fn new(format: Format, filter: &str, sink: Box<dyn Write + Send>, limit: usize) -> (Logger, Guard) {
        let writer = NonBlockingWriter::start(sink, limit, move |lost| {
            let args = format_args!("log lines lost because stderr was too slow, count={lost}");
            let record = Record::builder().level(Level::Warn).target("lectern::logging").args(args).build();
            render(format, &record, SystemTime::now())
        });
        let filter = env_filter::Builder::new().parse(filter).build();
        (Logger { filter, format, writer: Arc::clone(&writer) }, Guard(writer))
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.filter.matches(record) {
            let line = render(self.format, record, SystemTime::now());
            self.writer.push(line.as_bytes(), record.level() <= Level::Warn);
        }
    }

    fn flush(&self) {
        self.writer.flush(FLUSH_WAIT);
    }
}

impl Drop for Logger {
    fn drop(&mut self) {
        self.writer.close();
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Display;

    use serde_json::Value;

    use super::{writer::tests::Sink, *};

    /// Returns the text that `work` logs.
    fn logged(format: Format, filter: &str, work: impl FnOnce(&Logger)) -> String {
        let output = Sink::default();
        let (logger, guard) = Logger::new(format, filter, Box::new(output.clone()), LIMIT);
        work(&logger);
        drop(guard);
        output.text()
    }

    fn say(logger: &dyn Log, level: Level, target: &str, text: &dyn Display) {
        logger.log(&Record::builder().level(level).target(target).args(format_args!("{text}")).build());
    }

    fn request(path: &str) -> Access<'_> {
        Access {
            method: "GET",
            path,
            status: 200,
            bytes: 12_345,
            elapsed: Duration::from_nanos(15_999),
            cache: "hit",
            request_id: "r-1",
        }
    }

    #[test]
    fn filter_applies_and_access_lines_can_be_turned_off() {
        let all = |logger: &Logger| {
            say(logger, Level::Info, "lectern::cli", &"first");
            request("/v1").write_to(logger);
            say(logger, Level::Debug, "lectern::cli", &"too fine");
        };
        let text = logged(Format::Plain, "info", all);
        assert_eq!(text.lines().count(), 2, "{text}");
        let line = text.lines().nth(1).unwrap();
        assert!(line.ends_with("Z INFO  lectern::access] GET /v1 200 12345B 15us hit r-1"), "{line}");

        let text = logged(Format::Plain, "info,lectern::access=off", all);
        assert!(text.ends_with("lectern::cli] first\n") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn access_line_in_json_has_its_fields() {
        let text = logged(Format::Json, "info", |logger| request("/v1/\"x\\\n{}").write_to(logger));
        let mut line: Value = serde_json::from_str(&text).unwrap();
        let time = line.as_object_mut().unwrap().remove("time").unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap()).is_ok(), "{time}");
        let expected = serde_json::json!({
            "level": "INFO", "target": "lectern::access", "method": "GET", "path": "/v1/\"x\\\n{}", "status": 200,
            "bytes": 12345, "micros": 15, "cache": "hit", "request_id": "r-1",
        });
        assert_eq!(line, expected);
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn panic_is_one_record_unless_the_log_is_off() {
        let text = logged(Format::Json, "info", |logger| assert!(log_panic(logger, &"panicked at a.rs:1:2:\nwhy")));
        let line: Value = serde_json::from_str(&text).unwrap();
        assert!(line["message"].as_str().unwrap().contains("panicked at a.rs:1:2:\nwhy"), "{text}");
        assert_eq!(line["level"], "ERROR");
        let text = logged(Format::Json, "off", |logger| assert!(!log_panic(logger, &"x")));
        assert_eq!(text, "");
    }

    #[test]
    fn message_that_logs_while_it_is_rendered_loses_nothing() {
        struct Chatty<'a>(&'a Logger);
        impl Display for Chatty<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                say(self.0, Level::Info, "inner", &"inside");
                f.write_str("outside")
            }
        }
        let text = logged(Format::Plain, "info", |logger| say(logger, Level::Info, "outer", &Chatty(logger)));
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("inside") && text.ends_with("outer] outside\n"), "{text}");
    }

    #[test]
    fn error_is_written_without_a_flush() {
        let output = Sink::default();
        let (logger, guard) = Logger::new(Format::Plain, "info", Box::new(output.clone()), LIMIT);
        say(&logger, Level::Error, "x", &"at once");
        output.wait_for("at once");
        logger.flush();
        drop(guard);
    }

    #[test]
    fn loss_is_reported_in_the_format_of_the_log() {
        let output = Sink::default();
        let (logger, guard) = Logger::new(Format::Json, "info", Box::new(output.clone()), 16);
        say(&logger, Level::Info, "x", &"longer than sixteen bytes");
        drop(guard);
        let line: Value = serde_json::from_str(&output.text()).unwrap();
        assert_eq!(line["target"], "lectern::logging");
        assert!(
            line["message"].as_str().unwrap().starts_with("log lines lost because stderr was too slow, count=1"),
            "{line}"
        );
    }
}
