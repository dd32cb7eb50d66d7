//! HTTP/1.1 answers, as far as they are needed here, and a client that asks once.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::Failure;

/// The first part of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    pub status: u16,
    /// What `Content-Length` says.
    pub length: Option<usize>,
    /// How many bytes it has.
    pub size: usize,
}

impl Head {
    /// Reads the head at the beginning of `bytes`; `None` if it is not complete yet.
    pub fn read(bytes: &[u8]) -> Result<Option<Head>, Failure> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = &bytes[..end];
        let unreadable = || Failure::from(format!("not an answer: {}", String::from_utf8_lossy(head)));
        let digits = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).ok_or_else(unreadable)?;
        let status = std::str::from_utf8(digits)?.parse()?;
        let length = match field(head, "content-length") {
            Some(text) => Some(text.parse().map_err(|_| unreadable())?),
            None => None,
        };
        Ok(Some(Head { status, length, size: end + 4 }))
    }

    /// How many bytes follow it.
    pub fn body(&self, head_only: bool) -> Result<usize, Failure> {
        match (head_only || matches!(self.status, 204 | 304), self.length) {
            (true, _) => Ok(0),
            (false, Some(length)) => Ok(length),
            (false, None) => Err(format!("an answer with status {} does not say its length", self.status).into()),
        }
    }
}

/// The value of a field, by its name in lower case.
fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (found, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(std::str::from_utf8(value).ok()?.trim())
    })
}

/// A whole answer.
pub struct Answer {
    pub status: u16,
    /// What it says of the length of the body, which an answer to HEAD has too.
    pub length: Option<usize>,
    head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a field, by its name in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// A connection that asks one thing after another.
pub struct Client(TcpStream);

impl Client {
    pub fn new(address: SocketAddr) -> Result<Client, Failure> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.set_nodelay(true)?;
        Ok(Client(stream))
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        self.0.write_all(request)?;
        let mut bytes = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(head) = Head::read(&bytes)? {
                let end = head.size + head.body(request.starts_with(b"HEAD"))?;
                if bytes.len() >= end {
                    let body = bytes[head.size..end].to_vec();
                    bytes.truncate(head.size);
                    return Ok(Answer { status: head.status, length: head.length, head: bytes, body });
                }
            }
            match self.0.read(&mut chunk)? {
                0 => return Err("the server closed the connection".into()),
                count => bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }

    /// Gets a path, which must be there.
    pub fn get(&mut self, path: &str) -> Result<Answer, Failure> {
        let answer = self.ask(&request("GET", path, ""))?;
        if answer.status == 200 { Ok(answer) } else { Err(format!("GET {path}: {}", answer.status).into()) }
    }
}

/// A request; `fields` are whole lines.
pub fn request(method: &str, path: &str, fields: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n").into_bytes()
}
