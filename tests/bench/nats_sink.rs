//! Writing to a stream of NATS: the program beside a bare publisher, from the same server of events
//! into the same NATS server.
//!
//! The bare publisher reads messages with tokio-tungstenite and publishes each with a
//! `Nats-Msg-Id`, 1,024 at once, whose acknowledgements are awaited together. It promises no order:
//! what is lost on the way is published again behind the others.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap,
    jetstream::{self, stream},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio_tungstenite::{connect_async, tungstenite::Message};
use wait4::Wait4;

use super::{
    load,
    server::Server,
    streams::{Server as Nats, block_on},
};

const WINDOW: usize = 1024;

/// Reads `n` events and publishes them.
pub fn publish(source: &str, nats: &str, n_events: usize) {
    block_on(async {
        let jetstream = jetstream::new(async_nats::connect(nats).await.unwrap());
        let (mut socket, _) = connect_async(source).await.unwrap();
        let mut acks = FuturesUnordered::new();
        for n in 0..n_events {
            let Message::Text(text) = socket.next().await.unwrap().unwrap() else {
                panic!("no text");
            };
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", n.to_string());
            let payload = text.to_string().into();
            let ack = jetstream.publish_with_headers("at.x", headers, payload);
            acks.push(ack.await.unwrap().into_future());
            while acks.len() >= WINDOW {
                acks.next().await.unwrap().unwrap();
            }
        }
        while let Some(ack) = acks.next().await {
            ack.unwrap();
        }
    });
}

/// What one run cost.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    client: Duration,
    server: Duration,
    peak_bytes: u64,
}

/// Measures both in turns and prints a table.
pub fn compare(n_events: usize, n_rounds: usize) {
    let nats = Nats::start();
    let server = Server::start(n_events);
    println!(
        "{n_events} events, {} on average; medians of {n_rounds} rounds; load {}\n",
        server.sizes(),
        load()
    );
    println!(
        "{:58} {:>9} {:>9} {:>9} {:>7} {:>8}",
        "", "client µs", "server µs", "k ev/s", "ratio", "peak MB"
    );
    let mut costs: [Vec<Cost>; 2] = [Vec::new(), Vec::new()];
    for round in 0..n_rounds {
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for which in order {
            let command = if which == 0 {
                bare(&server.url(), &nats.url, n_events)
            } else {
                tail(&server.url(), &nats.url)
            };
            costs[which].push(measure(&nats, command, n_events));
        }
    }
    let [bare, ours] = costs.map(|costs| median(&costs));
    for (name, cost) in [
        ("bare publisher, window 1,024, Nats-Msg-Id", bare),
        ("tail -o nats://…, in order, exactly once", ours),
    ] {
        let each = |cost: Duration| cost.as_secs_f64() * 1e6 / n_events as f64;
        println!(
            "{name:58} {:>9.2} {:>9.2} {:>9.1} {:>6.2}x {:>8.1}",
            each(cost.client),
            each(cost.server),
            n_events as f64 / cost.wall.as_secs_f64() / 1e3,
            bare.wall.as_secs_f64() / cost.wall.as_secs_f64(),
            cost.peak_bytes as f64 / 1e6
        );
    }
    println!("\nload {}", load());
}

fn bare(source: &str, nats: &str, n_events: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["bare-publisher", source, nats, &n_events.to_string()]);
    command
}

fn tail(source: &str, nats: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rocketman"));
    command
        .env_clear()
        .args(["tail", source, "-q", "--no-compress"]);
    command.args(["-o", &format!("{nats}/FIREHOSE?subject=at")]);
    command.args(["--until", &super::corpus::end_time()]);
    command
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |figure: fn(&Cost) -> Duration| {
        let mut figures: Vec<_> = costs.iter().map(figure).collect();
        figures.sort_unstable();
        figures[figures.len() / 2]
    };
    let mut peaks: Vec<_> = costs.iter().map(|cost| cost.peak_bytes).collect();
    peaks.sort_unstable();
    Cost {
        wall: middle(|cost| cost.wall),
        client: middle(|cost| cost.client),
        server: middle(|cost| cost.server),
        peak_bytes: peaks[peaks.len() / 2],
    }
}

/// Runs a publisher into a stream that is empty before.
fn measure(nats: &Nats, mut command: Command, n_events: usize) -> Cost {
    block_on(async {
        let jetstream = jetstream::new(async_nats::connect(&nats.url).await.unwrap());
        jetstream.delete_stream("FIREHOSE").await.ok();
        let config = stream::Config {
            name: "FIREHOSE".to_owned(),
            subjects: vec!["at.>".to_owned()],
            ..stream::Config::default()
        };
        jetstream.create_stream(config).await.unwrap();
    });
    let (before, started) = (cpu(nats), Instant::now());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let used = child.wait4().unwrap();
    let wall = started.elapsed();
    assert!(used.status.success(), "{:?}", used.status);
    let stored = block_on(async {
        let jetstream = jetstream::new(async_nats::connect(&nats.url).await.unwrap());
        let mut stream = jetstream.get_stream("FIREHOSE").await.unwrap();
        stream.info().await.unwrap().state.messages
    });
    assert_eq!(stored, n_events as u64);
    Cost {
        wall,
        client: used.rusage.utime + used.rusage.stime,
        server: cpu(nats).saturating_sub(before),
        peak_bytes: used.rusage.maxrss,
    }
}

/// The CPU time of the server so far; the kernel counts in hundredths of a second.
fn cpu(nats: &Nats) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", nats.id())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<u64> = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse().unwrap())
        .collect();
    Duration::from_millis((fields[0] + fields[1]) * 10)
}
