//! The load: connections on one thread, each of which sends its next request when it has a response.
//!
//! An existing load generator would not do: each response is checked, and publications need to know what was read before a
//! request was sent. Nothing is allocated per request, so that the load is not the bottleneck.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    Failure,
    http::{Head, Target},
};

/// The initial read buffer: enough for most responses, and small enough that all buffers stay in the processor's cache.
const BUFFER: usize = 16 * 1024;

/// The longest time without any response.
const RESPONSE_LIMIT: Duration = Duration::from_secs(10);

/// The requests to send, and the checks of their responses.
pub trait Plan {
    /// Returns the next request of a connection.
    fn next(&mut self, connection: usize) -> &[u8];
    /// Takes the response to it; an error ends the load.
    fn receive(&mut self, connection: usize, status: u16, length: usize, body: &[u8]) -> Result<(), Failure>;
}

/// The end of a load.
#[derive(Clone, Copy)]
pub enum Until<'a> {
    Time(Duration),
    Responses(u64),
    /// The flag is set, or the time is over.
    Flag(&'a AtomicBool, Duration),
}

/// The responses that came before the end.
pub struct Measured {
    pub elapsed: Duration,
    /// In microseconds, ascending.
    latencies: Vec<u32>,
}

impl Measured {
    pub fn responses_per_second(&self) -> f64 {
        count(self.latencies.len()) / self.elapsed.as_secs_f64()
    }

    pub fn percentile(&self, percent: usize) -> u32 {
        percentile(&self.latencies, percent)
    }
}

/// Returns the smallest value that `percent` percent of the ascending values do not exceed.
pub fn percentile(ascending: &[u32], percent: usize) -> u32 {
    let rank = (ascending.len() * percent).div_ceil(100);
    ascending.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Returns a duration in whole microseconds.
pub fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// Returns a count as a floating-point number; exact up to 2^32, which is more than any run has.
pub fn count(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    head: Option<Head>,
    is_head_request: bool,
    sent: Instant,
    is_waiting: bool,
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
        for (token, address) in addresses.iter().enumerate() {
            let stream = std::net::TcpStream::connect_timeout(address, Duration::from_secs(5))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(token), Interest::READABLE)?;
            connections.push(Connection {
                stream,
                buffer: vec![0; BUFFER],
                filled: 0,
                head: None,
                is_head_request: false,
                sent: Instant::now(),
                is_waiting: false,
            });
        }
        Ok(Load { poll, events: Events::with_capacity(addresses.len()), connections })
    }

    /// Sends requests until the end, and waits for the outstanding responses.
    pub fn run(&mut self, plan: &mut impl Plan, until: Until<'_>) -> Result<Measured, Failure> {
        let mut latencies = Vec::with_capacity(1 << 20);
        let start = Instant::now();
        let (mut last, mut elapsed) = (start, Duration::ZERO);
        let (mut sent, mut is_over) = (0, false);
        let enough = |sent: u64| matches!(until, Until::Responses(count) if sent >= count);
        for (token, connection) in self.connections.iter_mut().enumerate() {
            if !enough(sent) {
                connection.send(plan.next(token))?;
                sent += 1;
            }
        }
        while self.connections.iter().any(|connection| connection.is_waiting) {
            if let Err(error) = self.poll.poll(&mut self.events, Some(RESPONSE_LIMIT))
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            if last.elapsed() > RESPONSE_LIMIT {
                return Err("no response came for 10 seconds".into());
            }
            for event in &self.events {
                let token = event.token().0;
                let connection = &mut self.connections[token];
                let Some(head) = connection.receive()? else { continue };
                last = Instant::now();
                let body = &connection.buffer[head.size..connection.filled];
                plan.receive(token, head.status, head.length.unwrap_or_default(), body)?;
                is_over = is_over
                    || match until {
                        Until::Time(time) => last - start >= time,
                        Until::Responses(_) => false,
                        Until::Flag(flag, time) => flag.load(Ordering::Relaxed) || last - start >= time,
                    };
                if is_over {
                    continue;
                }
                latencies.push(micros(last - connection.sent));
                elapsed = last - start;
                if !enough(sent) {
                    connection.send(plan.next(token))?;
                    sent += 1;
                }
            }
        }
        latencies.sort_unstable();
        Ok(Measured { elapsed, latencies })
    }
}

impl Connection {
    fn send(&mut self, request: &[u8]) -> Result<(), Failure> {
        (self.filled, self.head) = (0, None);
        self.is_head_request = request.starts_with(b"HEAD");
        self.sent = Instant::now();
        self.is_waiting = true;
        // The socket's buffer is empty, so a request always fits.
        Ok(self.stream.write_all(request)?)
    }

    /// Reads until the socket is empty, because only then the poll reports it again; returns the head of a complete
    /// response.
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
            if !self.is_waiting {
                return Err("a response came without a request".into());
            }
            if self.head.is_none() {
                self.head = Head::parse(&self.buffer[..self.filled])?;
            }
            if let Some(head) = self.head {
                let end = head.size + head.body_size(self.is_head_request)?;
                if self.filled > end {
                    return Err("a response is longer than its Content-Length".into());
                }
                if self.filled == end {
                    self.is_waiting = false;
                    return Ok(Some(head));
                }
            }
        }
    }
}

/// Sends the targets in turn, over all connections together.
pub struct Walk<'a> {
    targets: &'a [Target],
    next: usize,
    sent: Vec<usize>,
}

impl Walk<'_> {
    pub fn new(targets: &[Target], connections: usize) -> Walk<'_> {
        Walk { targets, next: 0, sent: vec![0; connections] }
    }
}

impl Plan for Walk<'_> {
    fn next(&mut self, connection: usize) -> &[u8] {
        let index = self.next;
        self.next = if index + 1 < self.targets.len() { index + 1 } else { 0 };
        self.sent[connection] = index;
        &self.targets[index].request
    }

    fn receive(&mut self, connection: usize, status: u16, length: usize, _: &[u8]) -> Result<(), Failure> {
        self.targets[self.sent[connection]].check(status, length)
    }
}
