//! The load: a number of connections on one thread, each of which asks the next thing as soon as it is answered.
//!
//! Requests are made beforehand, answers are read as far as their length, and nothing is allocated in between, so that the
//! load is not what bounds a measurement: the report says how busy its core was.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{Failure, answer::Head, histogram::Histogram};

/// How much is read at once: enough for most answers, and little enough that what all connections read stays in the cache
/// of the core. An answer that is longer makes its buffer grow.
const BUFFER: usize = 16 * 1024;

/// How long no connection at all may be answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, and what is done with the answers.
pub trait Plan {
    /// The next request of a connection.
    fn next(&mut self, connection: usize) -> &[u8];
    /// The answer to it; an error ends the load.
    fn answered(&mut self, connection: usize, status: u16, length: usize, body: &[u8]) -> Result<(), Failure>;
}

/// When the load ends.
#[derive(Clone, Copy)]
pub enum Until<'a> {
    Time(Duration),
    Answers(u64),
    /// When it is said to, or after the time at the latest.
    Told(&'a AtomicBool, Duration),
}

/// What came of it. What was still under way at the end does not count.
pub struct Measured {
    pub answers: u64,
    pub elapsed: Duration,
    pub latency: Histogram,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    head: Option<Head>,
    head_only: bool,
    sent: Instant,
    waiting: bool,
}

pub struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
}

impl Load {
    /// Opens a connection to each address.
    pub fn new(addresses: &[SocketAddr]) -> Result<Load, Failure> {
        let poll = Poll::new()?;
        let mut connections = Vec::new();
        for (place, address) in addresses.iter().enumerate() {
            let stream = std::net::TcpStream::connect_timeout(address, Duration::from_secs(5))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(place), Interest::READABLE)?;
            connections.push(Connection {
                stream,
                buffer: vec![0; BUFFER],
                filled: 0,
                head: None,
                head_only: false,
                sent: Instant::now(),
                waiting: false,
            });
        }
        Ok(Load { poll, events: Events::with_capacity(addresses.len()), connections })
    }

    /// Asks until the end, and waits for what is under way then.
    pub fn run(&mut self, plan: &mut impl Plan, until: Until<'_>) -> Result<Measured, Failure> {
        let mut latency = Histogram::new();
        let start = Instant::now();
        let mut elapsed = Duration::ZERO;
        let mut asked = 0;
        let mut over = false;
        for (place, connection) in self.connections.iter_mut().enumerate() {
            if !matches!(until, Until::Answers(count) if asked >= count) {
                connection.send(plan.next(place))?;
                asked += 1;
            }
        }
        let mut last = Instant::now();
        while self.connections.iter().any(|connection| connection.waiting) {
            if let Err(error) = self.poll.poll(&mut self.events, Some(PATIENCE))
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            if last.elapsed() > PATIENCE {
                return Err("no answer came for 10 seconds".into());
            }
            for event in &self.events {
                let place = event.token().0;
                let connection = &mut self.connections[place];
                let Some(head) = connection.receive()? else { continue };
                let now = Instant::now();
                last = now;
                let length = head.length.unwrap_or_default();
                plan.answered(place, head.status, length, &connection.buffer[head.size..connection.filled])?;
                over = over
                    || match until {
                        Until::Time(time) => now - start >= time,
                        Until::Answers(_) => false,
                        Until::Told(end, time) => end.load(Ordering::Relaxed) || now - start >= time,
                    };
                if over {
                    continue;
                }
                latency.record(now - connection.sent);
                elapsed = now - start;
                if !matches!(until, Until::Answers(count) if asked >= count) {
                    connection.send(plan.next(place))?;
                    asked += 1;
                }
            }
        }
        Ok(Measured { answers: latency.count(), elapsed, latency })
    }
}

impl Connection {
    fn send(&mut self, request: &[u8]) -> Result<(), Failure> {
        self.filled = 0;
        self.head = None;
        self.head_only = request.starts_with(b"HEAD");
        self.sent = Instant::now();
        self.waiting = true;
        // A few hundred bytes always fit: the request before was answered, so nothing is in the socket's buffer.
        Ok(self.stream.write_all(request)?)
    }

    /// Reads what is there; the head, once the whole answer is in the buffer. Reading goes on until nothing is left: only
    /// then does the poll tell again.
    fn receive(&mut self) -> Result<Option<Head>, Failure> {
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.filled * 2, 0);
            }
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if !self.waiting {
                return Err("an answer came to no request".into());
            }
            if self.head.is_none() {
                self.head = Head::read(&self.buffer[..self.filled])?;
            }
            if let Some(head) = self.head {
                let end = head.size + head.body(self.head_only)?;
                if self.filled > end {
                    return Err("more came than the answer's length".into());
                }
                if self.filled == end {
                    self.waiting = false;
                    return Ok(Some(head));
                }
            }
        }
    }
}

/// A request, and what must be answered.
#[derive(Clone)]
pub struct Target {
    pub request: Vec<u8>,
    pub status: u16,
    pub length: usize,
}

impl Target {
    /// Whether an answer is what it must be.
    pub fn check(&self, status: u16, length: usize) -> Result<(), Failure> {
        if (status, length) == (self.status, self.length) {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&self.request).lines().next().unwrap_or_default().to_owned();
        let (wanted, bytes) = (self.status, self.length);
        Err(format!("{line}: expected {wanted} with {bytes} bytes, got {status} with {length}").into())
    }
}

/// Goes through a list of targets again and again, one after another over all connections.
pub struct Walk<'a> {
    targets: &'a [Target],
    next: usize,
    asked: Vec<usize>,
}

impl Walk<'_> {
    pub fn new(targets: &[Target], connections: usize) -> Walk<'_> {
        Walk { targets, next: 0, asked: vec![0; connections] }
    }
}

impl Plan for Walk<'_> {
    fn next(&mut self, connection: usize) -> &[u8] {
        let place = self.next;
        self.next = if place + 1 < self.targets.len() { place + 1 } else { 0 };
        self.asked[connection] = place;
        &self.targets[place].request
    }

    fn answered(&mut self, connection: usize, status: u16, length: usize, _: &[u8]) -> Result<(), Failure> {
        self.targets[self.asked[connection]].check(status, length)
    }
}
