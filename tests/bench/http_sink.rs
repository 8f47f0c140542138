//! Sending to an endpoint of HTTP: the program beside a bare loop with the same client, from the same
//! server of events to the same receiver.
//!
//! The bare loop reads messages with tokio-tungstenite and posts them with hyper, as many at a time
//! as a request has, over connections that stay open. It promises nothing: what is not accepted is
//! lost, and accounts have no order.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::{
    corpus, from_env, load,
    server::Server,
    streams::block_on,
    tables::{Run, median, run},
};

/// The most bytes of a request, as of the program.
const MAX_BYTES: usize = 1024 * 1024;

/// Accepts every request, tells its port first.
pub fn receive() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for stream in listener.incoming() {
        thread::spawn(move || answer(&stream.unwrap()));
    }
}

fn answer(mut stream: &TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let field = line.trim_end().to_ascii_lowercase();
            if let Some(value) = field.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            if field.is_empty() {
                break;
            }
        }
        body.resize(length, 0);
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

/// Reads `n` events and posts them, so many in a request, over so many connections.
pub fn post(source: &str, port: &str, n_events: usize, per_request: usize, connections: usize) {
    block_on(async {
        let (mut free, mut tasks) = (Vec::new(), JoinSet::new());
        for _ in 0..connections {
            free.push(connect(port, &mut tasks).await);
        }
        let (mut socket, _) = connect_async(source).await.unwrap();
        let mut running = FuturesUnordered::new();
        let (mut body, mut n_held) = (Vec::new(), 0);
        for n in 1..=n_events {
            let Message::Text(text) = socket.next().await.unwrap().unwrap() else {
                panic!("no text");
            };
            body.extend_from_slice(text.as_bytes());
            body.push(b'\n');
            n_held += 1;
            if n_held < per_request && body.len() < MAX_BYTES && n < n_events {
                continue;
            }
            n_held = 0;
            let sender = match free.pop() {
                Some(sender) => sender,
                None => running.next().await.unwrap(),
            };
            running.push(send(sender, std::mem::take(&mut body)));
        }
        while running.next().await.is_some() {}
    });
}

type Sender = SendRequest<Full<Bytes>>;

async fn connect(port: &str, tasks: &mut JoinSet<hyper::Result<()>>) -> Sender {
    let address = format!("127.0.0.1:{port}");
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tasks.spawn(connection);
    sender
}

async fn send(mut sender: Sender, body: Vec<u8>) -> Sender {
    sender.ready().await.unwrap();
    let request = Request::post("/events")
        .header("host", "127.0.0.1")
        .header("content-type", "application/x-ndjson")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
    sender
}

/// The receiver in a process of its own.
struct Receiver {
    process: Child,
    port: String,
}

impl Receiver {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let command = command.arg("receive-http").stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap();
        Self { process, port }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Measures both in turns and prints a table.
pub fn compare() {
    let n_rounds = from_env("ROCKETMAN_BENCH_ROUNDS", 5);
    println!(
        "medians of {n_rounds} pairs; load {}\n\n{:34} {:>14} {:>14} {:>7} {:>10} {:>10} {:>7} {:>8}",
        load(),
        "",
        "bare µs/event",
        "ours",
        "ratio",
        "bare ev/s",
        "ours",
        "rate",
        "peak MB"
    );
    for (name, n_events, per_request, jobs) in [
        ("1 event a request, 16 connections", 50_000, 1, 16),
        ("500 events a request, 4 connections", 300_000, 500, 4),
    ] {
        let n_events = from_env("ROCKETMAN_BENCH_EVENTS", n_events);
        let server = Server::start(n_events);
        let receiver = Receiver::start();
        let bare = || run(&mut bare(&server, &receiver, [n_events, per_request, jobs]));
        let ours = || run(&mut ours(&server, &receiver, per_request, jobs));
        let mut pairs = Vec::new();
        for round in 0..n_rounds {
            pairs.push(if round % 2 == 0 {
                (bare(), ours())
            } else {
                let ours = ours();
                (bare(), ours)
            });
        }
        print(name, &pairs, n_events);
    }
    println!("\nload {}", load());
}

fn bare(server: &Server, receiver: &Receiver, numbers: [usize; 3]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["bare-poster", &server.url(), &receiver.port]);
    command.args(numbers.map(|number| number.to_string()));
    command
}

fn ours(server: &Server, receiver: &Receiver, per_request: usize, jobs: usize) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rocketman"));
    command
        .env_clear()
        .args(["tail", &server.url(), "-q", "--no-compress"])
        .args(["--until", &corpus::end_time()])
        .args(["--batch", &per_request.to_string()])
        .args(["--jobs", &jobs.to_string()])
        .arg("-o")
        .arg(format!("http://127.0.0.1:{}/events", receiver.port));
    command
}

fn print(name: &str, pairs: &[(Run, Run)], n_events: usize) {
    let of = |part: fn(&Run) -> f64| {
        let bare = pairs.iter().map(|(bare, _)| part(bare)).collect();
        let ours = pairs.iter().map(|(_, ours)| part(ours)).collect();
        let ratios = pairs.iter().map(|(bare, ours)| part(ours) / part(bare));
        (median(bare), median(ours), median(ratios.collect()))
    };
    let n = n_events as f64;
    let cpu = of(|run| run.cpu.as_secs_f64() * 1e6);
    let wall = of(|run| run.wall.as_secs_f64());
    let peak = pairs.iter().map(|(_, ours)| ours.peak_bytes).max().unwrap();
    println!(
        "{name:34} {:>14.2} {:>14.2} {:>6.2}x {:>10.0} {:>10.0} {:>6.2}x {:>8.1}",
        cpu.0 / n,
        cpu.1 / n,
        cpu.2,
        n / wall.0,
        n / wall.1,
        1.0 / wall.2,
        peak as f64 / 1e6
    );
}
