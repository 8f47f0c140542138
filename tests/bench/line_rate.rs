//! What an event costs: the whole program beside a bare WebSocket loop, from the same server in the
//! same run.
//!
//! `cargo bench` prints a table. Quote its ratios, not its times, and the load of the machine with
//! them. `ROCKETMAN_BENCH_EVENTS` and `ROCKETMAN_BENCH_ROUNDS` set how many events are sent
//! (300,000) and how often everything is measured (5). `cargo bench -- WORD` measures the lines of
//! the table that contain the word, and the first of their group beside them.
//!
//! `cargo bench -- latency` sends 1,000 events a second, and tells how long a line takes from the
//! server's write to a reader of stdout.
//!
//! `cargo bench -- fan-out` serves a live stream of 2,000 events a second to a hundred consumers,
//! beside a bare loop that writes each message to all of them.
//!
//! `cargo bench -- programs` compares a program for each event with `xargs -P`, and measures
//! programs that live on. `ROCKETMAN_BENCH_STARTS` sets how many are started (3,000).
//!
//! `cargo bench -- nats-source` reads a stream of a NATS server, found by `NATS_SERVER` or on PATH,
//! beside a bare pull consumer; `cargo bench -- nats-sink` writes to one, beside a bare publisher.
//!
//! `cargo bench -- http-sink` sends to an endpoint of HTTP, beside a bare loop with the same client.
//!
//! `cargo bench -- segments` reads segment files of 1,000,000 events (or `ROCKETMAN_BENCH_EVENTS`),
//! beside a bare loop over the same files, and beside the official client where
//! `ROCKETMAN_JETSTREAM_BIN` names the folder that has it.
//!
//! `cargo bench -- tables` writes to SQLite, the state and all events, and to Parquet, beside bare
//! loops with the same tables.
//!
//! `cargo bench -- instructions` counts instructions per event with valgrind, which come out alike
//! on every machine and under every load.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark fails by panicking, and its output is its purpose"
)]

mod bare;
mod bare_segments;
mod bare_sqlite;
mod corpus;
mod fan_out;
mod http_sink;
mod ingest;
mod instructions;
mod latency;
mod measure;
mod nats_sink;
mod programs;
mod segments;
mod server;
mod streams;
mod tables;

use self::{
    corpus::Corpus,
    measure::{
        Measured,
        Output::{self, File, Nowhere, Pipe, Redirected, ThroughZstd, Zstd},
        Program::{self, Bare, Ingest, Tail},
        Variant,
    },
    server::Server,
};

fn main() {
    // Cargo says that it is a benchmark; it knows.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare-loop", url, n_events] => bare::run(url, n_events.parse().unwrap(), false),
        ["bare-loop-flushed", url, n_events] => bare::run(url, n_events.parse().unwrap(), true),
        ["ingest", url, n_events, way, wire] => {
            ingest::run(url, n_events.parse().unwrap(), way, wire == "zstd");
        }
        ["serve", n_events] => server::serve(&Corpus::generate(n_events.parse().unwrap())),
        ["dids", n_events] => print!("{}", corpus::dids(n_events.parse().unwrap())),
        ["bare-publisher", source, nats, n_events] => {
            nats_sink::publish(source, nats, n_events.parse().unwrap());
        }
        ["nats-sink"] => nats_sink::compare(
            from_env("ROCKETMAN_BENCH_EVENTS", 300_000),
            from_env("ROCKETMAN_BENCH_ROUNDS", 5),
        ),
        ["receive-http"] => http_sink::receive(),
        [
            "bare-poster",
            source,
            port,
            n_events,
            per_request,
            connections,
        ] => {
            let [n_events, per_request, connections] =
                [n_events, per_request, connections].map(|number| number.parse().unwrap());
            http_sink::post(source, port, n_events, per_request, connections);
        }
        ["http-sink"] => http_sink::compare(),
        ["instructions"] => instructions::count(),
        ["fill-stream", url, n_messages] => streams::fill(url, n_messages.parse().unwrap()),
        ["bare-pull", url, n_messages] => streams::bare(url, n_messages.parse().unwrap()),
        ["nats-source"] => streams::compare(),
        ["latency"] => latency::measure(),
        ["fan-out"] => fan_out::compare(),
        ["bare-fan-out", url] => fan_out::bare(url, None),
        ["bare-fan-out-together", url] => fan_out::bare(url, Some(fan_out::COALESCE)),
        ["programs"] => programs::measure(),
        ["segments"] => segments::compare(),
        ["bare-sqlite", url, n_events, path, kind] => {
            bare_sqlite::run(url, n_events.parse().unwrap(), path, kind == "state");
        }
        ["tables"] => tables::compare(),
        ["bare-segments", ..] => bare_segments::run(&arguments[1..]),
        [] => compare(""),
        [word] => compare(word),
        _ => panic!("see the beginning of tests/bench/line_rate.rs"),
    }
}

/// What is measured on each wire. The first of each group is what the others are compared with.
const PLAIN: &[&[(Program, Output)]] = &[
    &[
        (Bare, Nowhere),
        (Tail(""), Nowhere),
        (Tail("--cursor-file %/cursor"), Nowhere),
        (Tail("--cursor-file %/cursor -c app.bsky.feed.*"), Nowhere),
        (
            Tail("--cursor-file %/cursor -k commit --op create"),
            Nowhere,
        ),
        (
            Tail("--cursor-file %/cursor -d %did -c app.bsky.*"),
            Nowhere,
        ),
        (
            Tail("--cursor-file %/cursor -d @%/dids %collections"),
            Nowhere,
        ),
        (Tail("--validate"), Nowhere),
        (Tail("--format human"), Nowhere),
        (Ingest("one"), Nowhere),
        (Ingest("jobs"), Nowhere),
        (Ingest("batches"), Nowhere),
    ],
    &[(Bare, Pipe), (Tail("--cursor-file %/cursor"), Pipe)],
    &[
        (Bare, Redirected),
        (Tail("--cursor-file %/cursor"), Redirected),
        (Tail("--cursor-file %/cursor"), File),
    ],
    &[
        (Tail("--cursor-file %/cursor"), ThroughZstd),
        (Tail("--cursor-file %/cursor"), Zstd),
    ],
];
const ZSTD: &[&[(Program, Output)]] = &[
    &[
        (Bare, Nowhere),
        (Tail(""), Nowhere),
        (Tail("--cursor-file %/cursor"), Nowhere),
        (Tail("--cursor-file %/cursor -c app.bsky.feed.*"), Nowhere),
        (Tail("--cursor-file %/cursor --threads 2"), Nowhere),
    ],
    &[
        (Bare, Pipe),
        (Tail("--cursor-file %/cursor"), Pipe),
        (Tail("--cursor-file %/cursor --threads 2"), Pipe),
    ],
];

/// The v2 wire beside the v1 wire: how one program reads both.
const WIRES: [[&str; 2]; 2] = [["plain", "v2 plain"], ["zstd", "v2 zstd"]];

fn compare(word: &str) {
    let n_events = from_env("ROCKETMAN_BENCH_EVENTS", 300_000);
    let n_rounds = from_env("ROCKETMAN_BENCH_ROUNDS", 5);
    let server = Server::start(n_events);
    println!(
        "{n_events} events, {} on average; medians of {n_rounds} rounds; load {}\n",
        server.sizes(),
        load()
    );
    println!(
        "{:58} {:>9} {:>7} {:>8} {:>8} {:>9} {:>9}",
        "", "µs/event", "ratio", "M ev/s", "ratio", "peak MB", "1st line"
    );
    for (wire, groups) in [("plain", PLAIN), ("zstd", ZSTD)] {
        for group in groups {
            let all = group.iter().map(|(program, output)| Variant {
                wire,
                program: *program,
                output: *output,
            });
            let is_wanted =
                |(n, variant): &(usize, Variant)| *n == 0 || variant.name().contains(word);
            let variants: Vec<_> = all.enumerate().filter(is_wanted).collect();
            let variants: Vec<_> = variants.into_iter().map(|(_, variant)| variant).collect();
            if variants.len() > 1 {
                measure(&variants, &server, n_events, n_rounds);
            }
        }
    }
    for wires in WIRES {
        let variants = wires.map(|wire| Variant {
            wire,
            program: Tail("--cursor-file %/cursor"),
            output: Nowhere,
        });
        if variants[1].name().contains(word) {
            measure(&variants, &server, n_events, n_rounds);
        }
    }
    println!("\nload {}", load());
}

/// Measures in turns, so that whatever else the machine does befalls all alike.
fn measure(variants: &[Variant], server: &Server, n_events: usize, n_rounds: usize) {
    let mut measured: Vec<Vec<Measured>> = variants.iter().map(|_| Vec::new()).collect();
    for round in 0..n_rounds {
        let mut order: Vec<usize> = (0..variants.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for n in order {
            measured[n].push(variants[n].measure(server, n_events));
        }
    }
    let bare = Measured::median(&measured[0]);
    for (variant, measured) in variants.iter().zip(measured) {
        Measured::median(&measured).print(&variant.name(), &bare, n_events);
    }
}

/// How many programs wanted to run lately, on how many cores.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} on {cores} cores", load.split(' ').next().unwrap_or("?"))
}

fn from_env(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}
