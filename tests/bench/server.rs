//! A server that is never the limit: every frame is in memory, and goes out in large writes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::corpus::Corpus;

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
        "{:.0} bytes plain and {:.0} with zstd",
        corpus.plain_bytes(),
        corpus.zstd_bytes()
    );
    thread::scope(|scope| {
        for stream in listener.incoming() {
            scope.spawn(|| send(stream.unwrap(), corpus));
        }
    });
}

fn send(mut stream: TcpStream, corpus: &Corpus) {
    let frames = match upgrade(&mut stream) {
        "zstd" => &corpus.zstd,
        _ => &corpus.plain,
    };
    // Whoever has enough leaves in the middle of it.
    if stream.write_all(frames).is_ok() {
        stream.read_to_end(&mut Vec::new()).ok();
    }
}

/// Answers the request for a WebSocket, and returns in which form events are wanted.
pub fn upgrade(stream: &mut TcpStream) -> &'static str {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let key = head.lines().find_map(|line| {
        line.split_once(": ")
            .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
    });
    let accept = derive_accept_key(key.unwrap().1.as_bytes());
    write!(stream, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").unwrap();
    if head.contains("compress=true") {
        "zstd"
    } else {
        "plain"
    }
}
