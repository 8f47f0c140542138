//! A server that is never the limit: every frame is in memory, and goes out in large writes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::corpus::{Corpus, V2_DICTIONARY};

/// The server in a process of its own, so that its memory is not counted with that of the programs
/// this one starts.
pub struct Server {
    process: Child,
    port: u16,
    sizes: String,
}

impl Server {
    pub fn start(n_events: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command
            .args(["serve", &n_events.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        Self {
            port: line().parse().unwrap(),
            sizes: line(),
            process,
        }
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/subscribe", self.port)
    }

    /// The service, for the v2 wire.
    pub fn v2_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn sizes(&self) -> &str {
        &self.sizes
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Tells its port and the sizes of events, and sends the whole corpus to everybody who connects.
pub fn serve(corpus: &Corpus) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    println!(
        "{:.0} bytes plain and {:.0} with zstd, {:.0} and {:.0} over v2",
        corpus.mean_bytes("plain"),
        corpus.mean_bytes("zstd"),
        corpus.mean_bytes("v2 plain"),
        corpus.mean_bytes("v2 zstd")
    );
    thread::scope(|scope| {
        for stream in listener.incoming() {
            scope.spawn(|| send(stream.unwrap(), corpus));
        }
    });
}

fn send(mut stream: TcpStream, corpus: &Corpus) {
    let Some(wire) = upgrade(&mut stream) else {
        return;
    };
    // A client that has enough leaves in the middle of it.
    if stream.write_all(corpus.bytes(wire)).is_ok() {
        stream.read_to_end(&mut Vec::new()).ok();
    }
}

/// Answers the request for a WebSocket, and returns over which wire events are wanted. A request
/// for the dictionary is answered by it, and wants none.
pub fn upgrade(stream: &mut TcpStream) -> Option<&'static str> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    if head.contains(".getZstdDictionary") {
        let id = u32::from_le_bytes(V2_DICTIONARY[4..8].try_into().unwrap());
        let length = V2_DICTIONARY.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\nX-Zstd-Dictionary-Id: {id}\r\nConnection: close\r\n\r\n").unwrap();
        stream.write_all(V2_DICTIONARY).unwrap();
        return None;
    }
    let key = head.lines().find_map(|line| {
        line.split_once(": ")
            .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
    });
    let accept = derive_accept_key(key.unwrap().1.as_bytes());
    write!(stream, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").unwrap();
    let is_v2 = head.contains(".subscribeEvents");
    let is_zstd = head.contains("compress=true") || head.contains("zstdDictionary=");
    Some(match (is_v2, is_zstd) {
        (false, false) => "plain",
        (false, true) => "zstd",
        (true, false) => "v2 plain",
        (true, true) => "v2 zstd",
    })
}
