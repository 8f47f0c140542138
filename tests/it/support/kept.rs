//! Requests one after the other on one connection of HTTP/1.1, with their answers in bytes.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use super::DEADLINE;

/// What the path of every call of an archive begins with.
const XRPC: &str = "/xrpc/network.bsky.jetstream.";

/// A connection.
pub struct Kept(BufReader<TcpStream>);

/// An answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    head: String,
    location: String,
    pub body: Vec<u8>,
}

impl Kept {
    pub fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Asks for a call of the archive, with header fields, each with the end of its line.
    pub fn get(&mut self, call: &str, fields: &str) -> Got {
        self.send("GET", call, fields, b"");
        self.receive().unwrap()
    }

    /// The same of a plan.
    pub fn plan(&mut self, body: &str) -> Got {
        self.send("POST", "planSnapshot", "", body.as_bytes());
        self.receive().unwrap()
    }

    /// Sends a request, and does not wait for its answer.
    pub fn send(&mut self, method: &str, call: &str, fields: &str, body: &[u8]) {
        let length = match body.len() {
            0 => String::new(),
            n => format!("Content-Length: {n}\r\n"),
        };
        let head =
            format!("{method} {XRPC}{call} HTTP/1.1\r\nHost: localhost\r\n{length}{fields}\r\n");
        self.send_bytes(&[head.as_bytes(), body].concat());
    }

    /// Sends bytes of the test's own.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// The next answer.
    pub fn receive(&mut self) -> io::Result<Got> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut got = Got {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            location: {
                let mut lines = head.lines();
                let found = lines.find_map(|line| line.strip_prefix("Location: "));
                found.unwrap_or_default().to_owned()
            },
            head: head.to_ascii_lowercase(),
            body: Vec::new(),
        };
        if got.field("transfer-encoding") == "chunked" {
            while self.chunk(&mut got.body)? {}
        } else if let Ok(n) = got.field("content-length").parse() {
            got.body.resize(n, 0);
            self.0.read_exact(&mut got.body)?;
        }
        Ok(got)
    }

    /// The head of the next answer in lower case, and all that comes until the connection ends.
    pub fn receive_to_the_end(&mut self) -> (String, Vec<u8>) {
        let mut all = Vec::new();
        self.0.read_to_end(&mut all).unwrap();
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let body = all.split_off(end + 4);
        (String::from_utf8(all).unwrap().to_ascii_lowercase(), body)
    }

    /// Waits no longer than a second for what comes.
    pub fn give_up_after_a_second(&mut self) {
        let timeout = Some(Duration::from_secs(1));
        self.0.get_ref().set_read_timeout(timeout).unwrap();
    }

    /// Whether there was one more.
    fn chunk(&mut self, body: &mut Vec<u8>) -> io::Result<bool> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let n = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut chunk = vec![0; n + 2];
        self.0.read_exact(&mut chunk)?;
        body.extend_from_slice(&chunk[..n]);
        Ok(n > 0)
    }
}

impl Got {
    /// The value of a header field, in lower case; empty where it is not there.
    pub fn field(&self, name: &str) -> &str {
        let mut lines = self.head.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_default()
    }

    /// Where it is said to be.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The body, which has to be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}
