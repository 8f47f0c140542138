//! What an event costs: the whole program beside a bare WebSocket loop, from the same server in the same run.
//!
//! `cargo bench` prints a table. Quote its ratios, not its times. `ROCKETMAN_BENCH_EVENTS` and `ROCKETMAN_BENCH_ROUNDS`
//! set how many events are sent (300,000) and how often everything is measured (5).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark fails by panicking, and its output is its purpose"
)]

mod bare;
mod corpus;
mod measure;
mod server;

use self::{
    corpus::Corpus,
    measure::{Measured, Program},
    server::Server,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare-loop", url, n_events] => bare::run(url, n_events.parse().unwrap()),
        ["serve", n_events] => server::serve(&Corpus::generate(n_events.parse().unwrap())),
        _ => compare(),
    }
}

fn compare() {
    let n_events = from_env("ROCKETMAN_BENCH_EVENTS", 300_000);
    let n_rounds = from_env("ROCKETMAN_BENCH_ROUNDS", 5);
    let server = Server::start(n_events);
    println!(
        "{n_events} events, {} on average, to /dev/null; medians of {n_rounds} rounds\n",
        server.sizes()
    );
    println!(
        "{:40} {:>9} {:>7} {:>8} {:>8} {:>9} {:>9}",
        "", "µs/event", "ratio", "M ev/s", "ratio", "peak MB", "1st line"
    );
    for wire in ["plain", "zstd"] {
        let mut bare = Vec::new();
        let mut variants: Vec<(String, Vec<Measured>)> = variants(wire)
            .into_iter()
            .map(|name| (name, Vec::new()))
            .collect();
        for _ in 0..n_rounds {
            bare.push(Program::bare(&server, wire, n_events).measure());
            for (arguments, measured) in &mut variants {
                measured.push(Program::rocketman(&server, wire, arguments).measure());
            }
        }
        let bare = Measured::median(&bare);
        bare.print(&format!("{wire}: bare loop"), &bare, n_events);
        for (arguments, measured) in variants {
            Measured::median(&measured).print(
                &format!("{wire}: tail {arguments}"),
                &bare,
                n_events,
            );
        }
    }
}

/// The arguments that are measured, each beside the bare loop.
fn variants(wire: &str) -> Vec<String> {
    let all = [
        "",
        "--cursor-file",
        "-c app.bsky.feed.*",
        "--kind commit --op create",
        "--validate",
    ];
    let some = if wire == "plain" { &all[..] } else { &all[..2] };
    some.iter().map(|&arguments| arguments.to_owned()).collect()
}

fn from_env(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}
