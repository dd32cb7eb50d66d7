//! HTTP/1.1 responses, a blocking client, and requests with the response that they must get.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{Failure, servers::Server};

/// The status line and the fields of a response.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    pub status: u16,
    /// The value of `Content-Length`.
    pub length: Option<usize>,
    /// Its own size in bytes.
    pub size: usize,
}

impl Head {
    /// Parses the head at the start of `bytes`; `None` if it is incomplete.
    pub fn parse(bytes: &[u8]) -> Result<Option<Head>, Failure> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = &bytes[..end];
        let invalid = || Failure::from(format!("not an HTTP/1.1 response: {}", String::from_utf8_lossy(head)));
        let digits = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).ok_or_else(invalid)?;
        let status = std::str::from_utf8(digits)?.parse()?;
        let length = field(head, "content-length").map(|text| text.parse().map_err(|_| invalid())).transpose()?;
        Ok(Some(Head { status, length, size: end + 4 }))
    }

    /// Returns the size of the body that follows.
    pub fn body_size(&self, is_head_request: bool) -> Result<usize, Failure> {
        if is_head_request || matches!(self.status, 204 | 304) {
            return Ok(0);
        }
        self.length.ok_or_else(|| format!("a response with status {} has no Content-Length", self.status).into())
    }
}

fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (found, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(std::str::from_utf8(value).ok()?.trim())
    })
}

pub struct Response {
    pub status: u16,
    /// The length of the body; for HEAD and 304 the value of `Content-Length`.
    pub length: usize,
    head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// A connection that sends one request after another.
pub struct Client(TcpStream);

impl Client {
    pub fn new(address: SocketAddr) -> Result<Client, Failure> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.set_nodelay(true)?;
        Ok(Client(stream))
    }

    pub fn send(&mut self, request: &[u8]) -> Result<Response, Failure> {
        self.0.write_all(request)?;
        let mut bytes = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(head) = Head::parse(&bytes)? {
                let end = head.size + head.body_size(request.starts_with(b"HEAD"))?;
                if bytes.len() >= end {
                    let body = bytes[head.size..end].to_vec();
                    bytes.truncate(head.size);
                    return Ok(Response {
                        status: head.status,
                        length: head.length.unwrap_or_default(),
                        head: bytes,
                        body,
                    });
                }
            }
            match self.0.read(&mut chunk)? {
                0 => return Err("the server closed the connection".into()),
                count => bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }

    /// Sends a GET, whose status must be 200.
    pub fn get(&mut self, path: &str) -> Result<Response, Failure> {
        let response = self.send(&request("GET", path, ""))?;
        if response.status == 200 { Ok(response) } else { Err(format!("GET {path}: {}", response.status).into()) }
    }
}

/// Returns the bytes of a request; `fields` are complete lines.
pub fn request(method: &str, path: &str, fields: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n").into_bytes()
}

/// A request, and the response that it must get.
#[derive(Clone)]
pub struct Target {
    pub request: Vec<u8>,
    pub status: u16,
    pub length: usize,
}

impl Target {
    /// Fails if a response is not the expected one.
    pub fn check(&self, status: u16, length: usize) -> Result<(), Failure> {
        if (status, length) == (self.status, self.length) {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&self.request).lines().next().unwrap_or_default().to_owned();
        let expected = (self.status, self.length);
        Err(format!("{line}: expected (status, length) {expected:?}, got {:?}", (status, length)).into())
    }
}

/// Sends each request once; later responses must equal these, whose status must be `status`.
pub fn targets(
    server: &Server,
    status: u16,
    requests: impl IntoIterator<Item = Vec<u8>>,
) -> Result<Vec<Target>, Failure> {
    let mut client = Client::new(server.address)?;
    let target = |request: Vec<u8>| {
        let response = client.send(&request)?;
        let target = Target { request, status, length: response.length };
        target.check(response.status, response.length)?;
        Ok(target)
    };
    requests.into_iter().map(target).collect()
}
