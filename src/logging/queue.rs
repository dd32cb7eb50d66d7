//! Lines in memory, and the one thread that writes them.

use std::{
    io::{self, ErrorKind, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long lines are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(100);

/// From how many bytes on they are written without more gathering.
const LARGE: usize = 256 << 10;

/// What an emptied buffer may keep; a burst's memory is given back.
const KEEP: usize = 1 << 20;

/// How long the thread waits where the sink says that it would block.
const BLOCKED: Duration = Duration::from_millis(10);

/// Lines on their way to the sink, at most `limit` bytes of them besides those that are being written.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Tells the thread that there is something to do.
    work: Condvar,
    /// Tells those that flush that something was done.
    done: Condvar,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    text: Vec<u8>,
    /// How many lines are in `text`.
    lines: u64,
    /// How many did not fit since `text` was last taken.
    lost: u64,
    /// How many lines came so far, and how many of them the thread is done with: written, or told to be lost.
    came: u64,
    gone: u64,
    /// The thread shall not gather.
    urgent: bool,
    closed: bool,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Queue {
        Queue { state: Mutex::default(), work: Condvar::new(), done: Condvar::new(), limit }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is counted stays right whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line, or drops it where there is no room. Never waits for the sink.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.state();
        state.came += 1;
        let before = state.text.len();
        // Once a line is lost, all are until the thread comes: so what is told of the loss stands at its place.
        if state.lost > 0 || before + line.len() > self.limit {
            state.lost += 1;
        } else {
            state.text.extend_from_slice(line);
            state.lines += 1;
        }
        // A system call; only for the first line, which the thread sleeps for, and when it need not gather any longer.
        let wake = state.came - state.gone == 1 || (before < LARGE && state.text.len() >= LARGE);
        drop(state);
        if wake {
            self.work.notify_one();
        }
    }

    /// Lets what waits be written now.
    pub(super) fn hurry(&self) {
        let mut state = self.state();
        if state.came != state.gone {
            state.urgent = true;
            self.work.notify_one();
        }
    }

    /// Waits, but no longer than `patience`, until everything that came so far was written; whether it was.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        self.hurry();
        let mut state = self.state();
        let until = state.came;
        while state.gone < until {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Ends the thread once everything is written.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.work.notify_one();
    }

    /// Starts the thread that writes to `sink`; `tell` makes the line that says how many lines were lost.
    pub(super) fn start(
        self: &Arc<Queue>,
        mut sink: impl Write + Send + 'static,
        tell: impl Fn(u64) -> String + Send + 'static,
    ) {
        let queue = Arc::clone(self);
        let run = move || queue.run(&mut sink, tell);
        // Without the thread the queue fills and drops, and nobody waits; the process that cannot start a thread has
        // other troubles.
        let _ = thread::Builder::new().name("log".into()).spawn(run);
    }

    fn run(&self, sink: &mut impl Write, tell: impl Fn(u64) -> String) {
        let mut batch = Vec::new();
        // What the sink refused, until it takes the line that says so.
        let mut refused = 0;
        loop {
            let mut state = self.state();
            while state.came == state.gone && !state.closed {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.came == state.gone {
                return;
            }
            let gather = |state: &mut State| !state.urgent && !state.closed && state.text.len() < LARGE;
            let waited = self.work.wait_timeout_while(state, GATHER, gather);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            std::mem::swap(&mut batch, &mut state.text);
            let lines = std::mem::take(&mut state.lines);
            let lost = std::mem::take(&mut state.lost) + refused;
            let until = state.came;
            state.urgent = false;
            drop(state);

            if lost > 0 {
                batch.extend_from_slice(tell(lost).as_bytes());
            }
            refused = match write(sink, &batch) {
                Ok(()) => 0,
                Err(_) => lost + lines,
            };
            batch.clear();
            batch.shrink_to(KEEP);

            self.state().gone = until;
            self.done.notify_all();
        }
    }
}

/// Writes everything. Whoever shares our stderr may have made it non-blocking, which `write_all` takes for an error.
fn write(sink: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match sink.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(taken) => bytes = &bytes[taken..],
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

    /// Longer than any machine takes: who waits this long waits in vain.
    const LONG: Duration = Duration::from_secs(60);

    /// A sink that can be read.
    #[derive(Clone, Default)]
    pub(in crate::logging) struct Paper(Arc<(Mutex<Vec<u8>>, Condvar)>);

    impl Paper {
        pub(in crate::logging) fn text(&self) -> String {
            String::from_utf8(self.0.0.lock().unwrap().clone()).unwrap()
        }

        /// Returns when `words` are on it.
        pub(in crate::logging) fn wait_for(&self, words: &str) {
            let misses = |text: &mut Vec<u8>| !String::from_utf8_lossy(text).contains(words);
            let waited = self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), LONG, misses).unwrap();
            assert!(!waited.1.timed_out(), "{words} did not come");
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.0.lock().unwrap().extend_from_slice(bytes);
            self.0.1.notify_all();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A sink that says when it is written to, and is stuck until it is let go.
    struct Gate {
        paper: Paper,
        entered: Sender<()>,
        open: Receiver<()>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.entered.send(());
            // Fails at once when the other end is gone: the gate stays open then.
            let _ = self.open.recv();
            self.paper.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Does with each write what is next in the script, and writes when it is at its end.
    struct Moody(Paper, Vec<io::Result<usize>>);

    impl Write for Moody {
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

    fn started(limit: usize, sink: impl Write + Send + 'static) -> Arc<Queue> {
        let queue = Arc::new(Queue::new(limit));
        queue.start(sink, |lost| format!("lost {lost}\n"));
        queue
    }

    #[test]
    fn every_line_comes_whole_and_in_its_order() {
        let paper = Paper::default();
        let queue = started(usize::MAX, paper.clone());
        thread::scope(|scope| {
            for who in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    for n in 0..10_000 {
                        queue.push(format!("{who} {n} {}\n", "x".repeat(n % 100)).as_bytes());
                    }
                });
            }
        });
        assert!(queue.flush(LONG));
        let text = paper.text();
        for who in 0..4 {
            let own: Vec<_> = text.lines().filter(|line| line.starts_with(&format!("{who} "))).collect();
            let expected: Vec<_> = (0..10_000).map(|n| format!("{who} {n} {}", "x".repeat(n % 100))).collect();
            assert!(own == expected, "thread {who}");
        }
        assert_eq!(text.lines().count(), 40_000);
    }

    #[test]
    fn a_stuck_sink_stops_nobody_and_the_loss_is_counted_and_told_at_its_place() {
        let (entered, at_work) = channel();
        let (open, opened) = channel::<()>();
        let paper = Paper::default();
        let queue = started(30, Gate { paper: paper.clone(), entered, open: opened });
        queue.push(b"first\n");
        assert!(!queue.flush(Duration::ZERO), "it is stuck, and the flush ends all the same");
        at_work.recv().unwrap();
        for _ in 0..5 {
            queue.push(b"9 bytes.\n");
        }
        queue.push(b"x\n");
        assert!(!queue.flush(Duration::ZERO));
        drop(open);
        assert!(queue.flush(LONG));
        queue.push(b"last\n");
        assert!(queue.flush(LONG));
        assert_eq!(paper.text(), "first\n9 bytes.\n9 bytes.\n9 bytes.\nlost 3\nlast\n");
    }

    #[test]
    fn a_line_beyond_the_limit_is_told_to_be_lost() {
        let paper = Paper::default();
        let queue = started(3, paper.clone());
        queue.push(b"long\n");
        assert!(queue.flush(LONG));
        assert_eq!(paper.text(), "lost 1\n");
    }

    #[test]
    fn a_sink_that_takes_little_or_would_block_gets_everything() {
        let script = vec![Ok(2), Err(ErrorKind::WouldBlock.into()), Ok(3), Err(ErrorKind::Interrupted.into())];
        let paper = Paper::default();
        let queue = started(100, Moody(paper.clone(), script));
        queue.push(b"one line\n");
        assert!(queue.flush(LONG));
        assert_eq!(paper.text(), "one line\n");
    }

    #[test]
    fn what_a_sink_refused_is_told_when_it_takes_again() {
        let broken = || Err(ErrorKind::BrokenPipe.into());
        let paper = Paper::default();
        let queue = started(100, Moody(paper.clone(), vec![broken(), broken()]));
        for line in ["a\n", "b\n", "c\n"] {
            queue.push(line.as_bytes());
            assert!(queue.flush(LONG), "{line}");
        }
        assert_eq!(paper.text(), "c\nlost 2\n");
    }

    #[test]
    fn nothing_to_flush_is_flushed_and_closing_writes_what_waits() {
        let paper = Paper::default();
        let queue = started(100, paper.clone());
        assert!(queue.flush(Duration::ZERO));
        queue.push(b"left\n");
        queue.close();
        paper.wait_for("left\n");
    }
}
