//! What an event costs for each consumer: `rocketman serve SOURCE` beside a bare loop that writes
//! each message of one connection to all others.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

use super::{from_env, load};

const CONSUMERS: u32 = 100;
const RATE: u32 = 2000;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(10);

/// How long `serve` lets an event wait for others.
pub const COALESCE: Duration = Duration::from_millis(20);

/// How long a tick of /proc is.
const TICK: Duration = Duration::from_millis(10);

const UPGRADE: &str = "GET /subscribe HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A process that serves; it ends with this.
struct Served {
    child: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Served {
    /// Starts it, and waits until it says where it listens.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("at ws://")?;
            Some(rest.split('/').next().unwrap().to_owned())
        });
        // What it says later is read too, so that it never waits.
        thread::spawn(move || lines.for_each(drop));
        let address = address.unwrap();
        Self { child, address }
    }

    fn rocketman(arguments: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rocketman"));
        Self::start(command.arg("serve").args(arguments.split_whitespace()))
    }

    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks = fields.split(' ').skip(11).take(2);
        TICK * ticks.map(|ticks| ticks.parse::<u32>().unwrap()).sum()
    }

    /// CPU time for each event and consumer, while all of them take what comes.
    fn cost(&self) -> Duration {
        for _ in 0..CONSUMERS {
            let mut stream = TcpStream::connect(&self.address).unwrap();
            stream.write_all(UPGRADE.as_bytes()).unwrap();
            // Until the server ends.
            thread::spawn(move || {
                let mut buffer = vec![0; 64 * 1024];
                while matches!(stream.read(&mut buffer), Ok(1..)) {}
            });
        }
        thread::sleep(WARM_UP);
        let before = self.cpu();
        thread::sleep(MEASURED);
        let events = RATE * u32::try_from(MEASURED.as_secs()).unwrap();
        self.cpu().saturating_sub(before) / (events * CONSUMERS)
    }
}

/// Prints what both cost.
pub fn compare() {
    let rounds = from_env("ROCKETMAN_BENCH_ROUNDS", 5);
    println!(
        "{RATE} events a second to {CONSUMERS} consumers for {MEASURED:?}, medians of {rounds} rounds; load {}\n",
        load()
    );
    let upstream = Served::rocketman(&format!("demo:?rate={RATE} --listen 127.0.0.1:0"));
    let url = format!("ws://{}/subscribe", upstream.address);
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let store = format!("{url} --store {} --listen 127.0.0.1:0", store.display());
    let mut costs = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        let bare = || Command::new(std::env::current_exe().unwrap());
        let served = [
            Served::start(bare().args(["bare-fan-out", &url])),
            Served::start(bare().args(["bare-fan-out-together", &url])),
            Served::rocketman(&format!("{url} --listen 127.0.0.1:0")),
            Served::rocketman(&store),
        ];
        // One after the other: they do not take turns at the processor.
        for (costs, served) in costs.iter_mut().zip(served) {
            costs.push(served.cost());
        }
    }
    let medians = costs.map(|mut costs| {
        costs.sort();
        costs[costs.len() / 2]
    });
    let names = [
        "bare, each message at once",
        "bare, 20 ms together",
        "serve",
        "serve --store",
    ];
    for (name, cost) in names.iter().zip(medians) {
        let ratio = cost.as_secs_f64() / medians[1].as_secs_f64();
        println!("{name:28} {cost:>10.2?} for each event and consumer {ratio:>6.2}");
    }
}

/// Writes the messages of a connection to all that have connected: each at once, or those that
/// come within a time together.
pub fn bare(url: &str, together: Option<Duration>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        eprintln!("at ws://{address}/subscribe");
        let (mut upstream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut consumers = Vec::new();
        let mut frames = Vec::new();
        let mut due = Instant::now();
        loop {
            tokio::select! {
                accepted = listener.accept() => consumers.push(upgraded(accepted.unwrap().0).await),
                message = upstream.next() => {
                    let Message::Text(text) = message.unwrap().unwrap() else { continue };
                    frames.extend([0x81, 126]);
                    frames.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
                    frames.extend_from_slice(text.as_bytes());
                }
                () = sleep_until(due), if !frames.is_empty() => {}
            }
            if !frames.is_empty() && Instant::now() >= due {
                for consumer in &mut consumers {
                    consumer.write_all(&frames).await.unwrap();
                }
                frames.clear();
                due = Instant::now() + together.unwrap_or_default();
            }
        }
    });
}

/// Answers the request of a consumer.
async fn upgraded(mut stream: tokio::net::TcpStream) -> tokio::net::TcpStream {
    stream.set_nodelay(true).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(SWITCHING.as_bytes()).await.unwrap();
    stream
}
