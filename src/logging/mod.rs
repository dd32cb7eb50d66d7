//! The log: who may write, in which form, and how it gets to stderr.
//!
//! Records go through the `log` crate and the filter of `env_logger` (`RUST_LOG`, `info` unless set). They are rendered
//! (`line`), put into memory, and written by one thread (`queue`): a system call for every line would cost more than
//! most answers do. So a line is seen up to a tenth of a second after its event; a warning or an error is written at
//! once. What must always be true:
//!
//! - nothing that logs waits for stderr: where stderr is stuck, lines are dropped, and the log says how many;
//! - one record is one line, or in plain form one line and indented ones: nothing that a client sends can look like a
//!   record of its own, hide another, or change its fields;
//! - no client address is in a line: which address reads about which illness is nobody's business.

mod access;
mod line;
mod queue;

use std::{
    cell::RefCell,
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, SystemTime},
};

use clap::ValueEnum;
use env_logger::Target;
use log::{Level, Log, Metadata, Record};

pub use access::{Access, access};

use line::Scratch;
use queue::Queue;

/// The most bytes that wait for stderr: half a second of a busy core's access lines.
const LIMIT: usize = 4 << 20;

/// How long the end of the process waits for a stderr that takes nothing.
const END_WAIT: Duration = Duration::from_secs(2);

/// How long [`Log::flush`] waits; shorter, since it may be called while a request waits.
const FLUSH_WAIT: Duration = Duration::from_millis(500);

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Lines for people
    Plain,
    /// A JSON object a line
    Json,
}

/// Keeps the log; dropping it writes out what waits. Held until the process ends.
#[must_use = "what is still in memory is written when this is dropped"]
#[derive(Debug)]
pub struct Guard(Arc<Queue>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.flush(END_WAIT);
    }
}

/// Starts the log of this process on stderr, and lets panics be told there too. Where a logger is set already, that one
/// stays.
pub fn init(form: Form) -> Guard {
    // A variable that is set to nothing, as compose files do, is not set.
    let filter = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    let (logger, guard) = Logger::new(form, filter.as_deref().unwrap_or("info"), stderr(), LIMIT);
    let level = logger.filtered.filter();
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !tell_panic(log::logger(), panic) {
                before(panic);
            }
        }));
    }
    guard
}

/// Not through the lock of the standard library, which a stuck write would hold against everybody who prints.
fn stderr() -> Box<dyn Write + Send> {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(own) => Box::new(File::from(own)),
        Err(_) => Box::new(io::stderr()),
    }
}

/// Logs a panic as one record and writes it out; `false` where the log is off.
fn tell_panic(log: &dyn Log, panic: &dyn std::fmt::Display) -> bool {
    let about = Metadata::builder().level(Level::Error).target("lectern::panic").build();
    if !log.enabled(&about) {
        return false;
    }
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    // Empty unless RUST_BACKTRACE asks for it.
    let trace = std::backtrace::Backtrace::capture();
    let trace = (trace.status() == std::backtrace::BacktraceStatus::Captured).then_some(trace);
    let trace = trace.map(|trace| format!("\n{trace}")).unwrap_or_default();
    log.log(&Record::builder().metadata(about).args(format_args!("thread {name} {panic}{trace}")).build());
    log.flush();
    true
}

/// `env_logger`, with a flush that flushes and without a wait for what is urgent.
struct Logger {
    filtered: env_logger::Logger,
    queue: Arc<Queue>,
}

impl Logger {
    fn new(form: Form, filter: &str, sink: Box<dyn Write + Send>, limit: usize) -> (Logger, Guard) {
        let queue = Arc::new(Queue::new(limit));
        queue.start(sink, move |lost| {
            let args = format_args!("{lost} lines of the log were lost: they came faster than stderr took them");
            let record = Record::builder().level(Level::Warn).target("lectern::logging").args(args).build();
            Scratch::new().render(form, &record, SystemTime::now()).to_owned()
        });
        let filtered = env_logger::Builder::new()
            .parse_filters(filter)
            .target(Target::Pipe(Box::new(Entry(Arc::clone(&queue)))))
            .format(move |out, record| with_scratch(|scratch| write_line(out, scratch, form, record)))
            .build();
        (Logger { filtered, queue: Arc::clone(&queue) }, Guard(queue))
    }
}

fn write_line(out: &mut impl Write, scratch: &mut Scratch, form: Form, record: &Record<'_>) -> io::Result<()> {
    out.write_all(scratch.render(form, record, SystemTime::now()).as_bytes())
}

/// The thread's own scratch; another where it is in use, by a message that logs while it is rendered, or gone already.
fn with_scratch<T>(mut work: impl FnMut(&mut Scratch) -> T) -> T {
    thread_local!(static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch::new()) });
    let done = SCRATCH.try_with(|scratch| scratch.try_borrow_mut().ok().map(|mut scratch| work(&mut scratch)));
    done.ok().flatten().unwrap_or_else(|| work(&mut Scratch::new()))
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filtered.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        self.filtered.log(record);
        if record.level() <= Level::Warn {
            self.queue.hurry();
        }
    }

    fn flush(&self) {
        self.queue.flush(FLUSH_WAIT);
    }
}

impl Drop for Logger {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The queue as `env_logger` sees it. A call of `write` is a whole record.
struct Entry(Arc<Queue>);

impl Write for Entry {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Display;

    use serde_json::Value;

    use super::{queue::tests::Paper, *};

    /// A log on paper; the paper is read once the guard is gone.
    fn on_paper(form: Form, filter: &str, work: impl FnOnce(&Logger)) -> String {
        let paper = Paper::default();
        let (logger, guard) = Logger::new(form, filter, Box::new(paper.clone()), LIMIT);
        work(&logger);
        drop(guard);
        paper.text()
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
    fn the_filter_decides_and_the_access_line_can_be_turned_off() {
        let all = |logger: &Logger| {
            say(logger, Level::Info, "lectern::cli", &"first");
            request("/v1").tell(logger);
            say(logger, Level::Debug, "lectern::cli", &"too fine");
        };
        let text = on_paper(Form::Plain, "info", all);
        assert_eq!(text.lines().count(), 2, "{text}");
        let line = text.lines().nth(1).unwrap();
        assert!(line.ends_with("Z INFO  lectern::access] GET /v1 200 12345B 15us hit r-1"), "{line}");

        let text = on_paper(Form::Plain, "info,lectern::access=off", all);
        assert!(text.ends_with("lectern::cli] first\n") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn an_access_line_in_json_has_its_fields() {
        let text = on_paper(Form::Json, "info", |logger| request("/v1/\"x\\\n{}").tell(logger));
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
    fn a_panic_is_one_record_and_is_told_otherwise_where_the_log_is_off() {
        let text = on_paper(Form::Json, "info", |logger| assert!(tell_panic(logger, &"panicked at a.rs:1:2:\nwhy")));
        let line: Value = serde_json::from_str(&text).unwrap();
        assert!(line["message"].as_str().unwrap().contains("panicked at a.rs:1:2:\nwhy"), "{text}");
        assert_eq!(line["level"], "ERROR");
        let text = on_paper(Form::Json, "off", |logger| assert!(!tell_panic(logger, &"x")));
        assert_eq!(text, "");
    }

    #[test]
    fn a_message_that_logs_while_it_is_rendered_loses_nothing() {
        struct Chatty<'a>(&'a Logger);
        impl Display for Chatty<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                say(self.0, Level::Info, "inner", &"inside");
                f.write_str("outside")
            }
        }
        let text = on_paper(Form::Plain, "info", |logger| say(logger, Level::Info, "outer", &Chatty(logger)));
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("inside") && text.ends_with("outer] outside\n"), "{text}");
    }

    #[test]
    fn an_error_is_written_without_a_flush() {
        let paper = Paper::default();
        let (logger, guard) = Logger::new(Form::Plain, "info", Box::new(paper.clone()), LIMIT);
        say(&logger, Level::Error, "x", &"at once");
        paper.wait_for("at once");
        logger.flush();
        drop(guard);
    }

    #[test]
    fn the_loss_is_told_in_the_form_of_the_log() {
        let paper = Paper::default();
        let (logger, guard) = Logger::new(Form::Json, "info", Box::new(paper.clone()), 16);
        say(&logger, Level::Info, "x", &"longer than sixteen bytes");
        drop(guard);
        let line: Value = serde_json::from_str(&paper.text()).unwrap();
        assert_eq!(line["target"], "lectern::logging");
        assert!(line["message"].as_str().unwrap().starts_with("1 lines of the log were lost"), "{line}");
    }
}
