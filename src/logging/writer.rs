//! Lines in memory, and the one thread that writes them to the sink.

use std::{
    io::{self, ErrorKind, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The time for which lines are gathered into one write.
const GATHER: Duration = Duration::from_millis(100);

/// The size in bytes from which a batch is written without more gathering.
const LARGE: usize = 256 << 10;

/// The capacity that an emptied buffer retains; memory beyond it is freed after a burst.
const RETAINED: usize = 1 << 20;

/// The pause after the sink reported that it would block.
const BLOCKED: Duration = Duration::from_millis(10);

/// A writer that never blocks its callers. It buffers at most `limit` bytes besides those being written.
#[derive(Debug)]
pub(super) struct NonBlockingWriter {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    /// Lines dropped for want of room since the buffer was last taken.
    dropped: u64,
    /// Lines pushed so far, and those of them that the thread has finished: written, or reported as lost.
    pushed: u64,
    finished: u64,
    is_urgent: bool,
    is_closed: bool,
}

impl NonBlockingWriter {
    /// Starts the thread that writes to `sink`; `loss_line` renders the line that reports the number of lost lines.
    pub(super) fn start(
        sink: impl Write + Send + 'static,
        limit: usize,
        loss_line: impl Fn(u64) -> String + Send + 'static,
    ) -> Arc<NonBlockingWriter> {
        let writer = Arc::new(NonBlockingWriter { state: Mutex::default(), changed: Condvar::new(), limit });
        let own = Arc::clone(&writer);
        // Without the thread the buffer fills up and lines are dropped; callers never block.
        let _ = thread::Builder::new().name("log".into()).spawn(move || own.run(sink, loss_line));
        writer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a line, or drops it if the buffer is full. An urgent line ends the gathering.
    pub(super) fn push(&self, line: &[u8], is_urgent: bool) {
        let mut state = self.state();
        let length = state.buffer.len();
        // After one loss all lines are dropped until the buffer is taken, so the loss is reported where it happened.
        if state.dropped > 0 || length + line.len() > self.limit {
            state.dropped += 1;
        } else {
            state.buffer.extend_from_slice(line);
        }
        state.pushed += 1;
        state.is_urgent |= is_urgent;
        let is_first = state.pushed - state.finished == 1;
        // Waking is a system call, so lines between the first and a large batch do not wake the thread.
        let wake = is_first || is_urgent || (length < LARGE && state.buffer.len() >= LARGE);
        drop(state);
        if wake {
            self.changed.notify_all();
        }
    }

    /// Waits up to `timeout` until all lines pushed so far are written, and reports success.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.state();
        let until = state.pushed;
        while state.finished < until {
            state.is_urgent = true;
            self.changed.notify_all();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Ends the thread once everything is written.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    fn run(&self, mut sink: impl Write, loss_line: impl Fn(u64) -> String) {
        let mut batch = Vec::new();
        // Lines lost with a failed write, until a later write reports them.
        let mut unreported = 0;
        loop {
            let is_idle = |state: &mut State| state.pushed == state.finished && !state.is_closed;
            let mut state = self.changed.wait_while(self.state(), is_idle).unwrap_or_else(PoisonError::into_inner);
            if state.pushed == state.finished {
                return;
            }
            let gathers = |state: &mut State| !state.is_urgent && !state.is_closed && state.buffer.len() < LARGE;
            let waited = self.changed.wait_timeout_while(state, GATHER, gathers);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            std::mem::swap(&mut batch, &mut state.buffer);
            let (until, taken) = (state.pushed, state.pushed - state.finished);
            let lost = unreported + std::mem::take(&mut state.dropped);
            state.is_urgent = false;
            drop(state);

            if lost > 0 {
                batch.extend_from_slice(loss_line(lost).as_bytes());
            }
            // The taken lines include those dropped in this round.
            unreported = if write(&mut sink, &batch).is_ok() { 0 } else { unreported + taken };
            batch.clear();
            batch.shrink_to(RETAINED);

            self.state().finished = until;
            self.changed.notify_all();
        }
    }
}

/// Writes all bytes. Another process that shares stderr may have made it non-blocking, which `write_all` does not retry.
fn write(sink: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match sink.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => thread::sleep(BLOCKED),
            Err(e) => return Err(e),
        }
    }
    sink.flush()
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Longer than any machine takes.
    const LONG: Duration = Duration::from_secs(60);

    /// A sink whose text can be read.
    #[derive(Clone, Default)]
    pub(in crate::logging) struct Sink(Arc<(Mutex<Vec<u8>>, Condvar)>);

    impl Sink {
        pub(in crate::logging) fn text(&self) -> String {
            String::from_utf8(self.0.0.lock().unwrap().clone()).unwrap()
        }

        /// Waits until the sink has `words`.
        pub(in crate::logging) fn wait_for(&self, words: &str) {
            let misses = |text: &mut Vec<u8>| !String::from_utf8_lossy(text).contains(words);
            let waited = self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), LONG, misses).unwrap();
            assert!(!waited.1.timed_out(), "{words} did not come");
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.0.lock().unwrap().extend_from_slice(bytes);
            self.0.1.notify_all();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A sink that reports when it is written to, and blocks until it is opened.
    struct Gate {
        output: Sink,
        entered: Sender<()>,
        open: Receiver<()>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.entered.send(());
            // Fails at once when the other end is gone: the gate stays open then.
            let _ = self.open.recv();
            self.output.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A sink that takes the result of each write from a script, last first, and then writes normally.
    struct Scripted(Sink, Vec<io::Result<usize>>);

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.1.pop() {
                None => self.0.write(bytes),
                Some(Ok(few)) => self.0.write(&bytes[..few]),
                Some(Err(e)) => Err(e),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn started(limit: usize, sink: impl Write + Send + 'static) -> Arc<NonBlockingWriter> {
        NonBlockingWriter::start(sink, limit, |lost| format!("lost {lost}\n"))
    }

    #[test]
    fn lines_of_concurrent_threads_are_intact_and_in_order() {
        let output = Sink::default();
        let writer = started(usize::MAX, output.clone());
        thread::scope(|scope| {
            for who in 0..4 {
                let writer = &writer;
                scope.spawn(move || {
                    for n in 0..10_000 {
                        writer.push(format!("{who} {n} {}\n", "x".repeat(n % 100)).as_bytes(), false);
                    }
                });
            }
        });
        assert!(writer.flush(LONG));
        let text = output.text();
        for who in 0..4 {
            let own: Vec<_> = text.lines().filter(|line| line.starts_with(&format!("{who} "))).collect();
            let expected: Vec<_> = (0..10_000).map(|n| format!("{who} {n} {}", "x".repeat(n % 100))).collect();
            assert!(own == expected, "thread {who}");
        }
        assert_eq!(text.lines().count(), 40_000);
    }

    #[test]
    fn blocked_sink_blocks_nobody_and_the_loss_is_reported_where_it_happened() {
        let (entered, is_writing) = channel();
        let (open, opened) = channel::<()>();
        let output = Sink::default();
        let writer = started(30, Gate { output: output.clone(), entered, open: opened });
        writer.push(b"first\n", false);
        assert!(!writer.flush(Duration::ZERO), "it is stuck, and the flush ends all the same");
        is_writing.recv().unwrap();
        for _ in 0..5 {
            writer.push(b"9 bytes.\n", false);
        }
        writer.push(b"x\n", false);
        assert!(!writer.flush(Duration::ZERO));
        drop(open);
        assert!(writer.flush(LONG));
        writer.push(b"last\n", false);
        assert!(writer.flush(LONG));
        assert_eq!(output.text(), "first\n9 bytes.\n9 bytes.\n9 bytes.\nlost 3\nlast\n");
    }

    #[test]
    fn line_beyond_the_limit_is_reported_as_lost() {
        let output = Sink::default();
        let writer = started(3, output.clone());
        writer.push(b"long\n", false);
        assert!(writer.flush(LONG));
        assert_eq!(output.text(), "lost 1\n");
    }

    #[test]
    fn short_writes_and_would_block_lose_nothing() {
        let script = vec![Ok(2), Err(ErrorKind::WouldBlock.into()), Ok(3), Err(ErrorKind::Interrupted.into())];
        let output = Sink::default();
        let writer = started(100, Scripted(output.clone(), script));
        writer.push(b"one line\n", false);
        assert!(writer.flush(LONG));
        assert_eq!(output.text(), "one line\n");
    }

    #[test]
    fn failed_writes_are_reported_by_the_next_one() {
        let broken = || Err(ErrorKind::BrokenPipe.into());
        let output = Sink::default();
        let writer = started(100, Scripted(output.clone(), vec![broken(), broken()]));
        for line in ["a\n", "b\n", "c\n"] {
            writer.push(line.as_bytes(), false);
            assert!(writer.flush(LONG), "{line}");
        }
        assert_eq!(output.text(), "c\nlost 2\n");
    }

    #[test]
    fn empty_flush_returns_at_once_and_close_writes_the_rest() {
        let output = Sink::default();
        let writer = started(100, output.clone());
        assert!(writer.flush(Duration::ZERO));
        writer.push(b"left\n", false);
        writer.close();
        output.wait_for("left\n");
    }
}
