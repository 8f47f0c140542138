//! What an event in a table costs: the whole program beside a bare loop with the same client and
//! the same tables.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use wait4::Wait4;

use super::{corpus, from_env, load, server::Server};

#[derive(Clone, Copy)]
struct Run {
    cpu: Duration,
    wall: Duration,
    peak_bytes: u64,
}

/// Prints what each program costs, and how often the bare loop's time that is.
pub fn compare() {
    let n_events = from_env("ROCKETMAN_BENCH_EVENTS", 300_000);
    let n_rounds = from_env("ROCKETMAN_BENCH_ROUNDS", 5);
    let server = Server::start(n_events);
    println!(
        "{n_events} events; medians of {n_rounds} pairs; load {}\n",
        load()
    );
    println!(
        "{:12} {:>14} {:>14} {:>7} {:>14} {:>14} {:>7} {:>8}",
        "", "bare µs/event", "ours", "ratio", "bare wall", "ours", "ratio", "peak MB"
    );
    for kind in ["state", "events"] {
        let mut pairs = Vec::new();
        for round in 0..n_rounds {
            let folder = tempfile::tempdir().unwrap();
            let bare = || run(&mut bare(&server, n_events, folder.path(), kind));
            let ours = || run(&mut ours(&server, folder.path(), kind));
            pairs.push(if round % 2 == 0 {
                (bare(), ours())
            } else {
                let ours = ours();
                (bare(), ours)
            });
        }
        print(kind, &pairs, n_events);
    }
    println!("\nload {}", load());
}

fn print(kind: &str, pairs: &[(Run, Run)], n_events: usize) {
    let per_event = |time: Duration| time.as_secs_f64() * 1e6 / n_events as f64;
    let part = |of: fn(&Run) -> Duration| {
        let bare = pairs.iter().map(|(bare, _)| per_event(of(bare)));
        let ours = pairs.iter().map(|(_, ours)| per_event(of(ours)));
        let ratios = pairs
            .iter()
            .map(|(bare, ours)| per_event(of(ours)) / per_event(of(bare)));
        (
            median(bare.collect()),
            median(ours.collect()),
            median(ratios.collect()),
        )
    };
    let (cpu, wall) = (part(|run| run.cpu), part(|run| run.wall));
    let peak = pairs.iter().map(|(_, ours)| ours.peak_bytes).max().unwrap();
    println!(
        "{kind:12} {:>14.3} {:>14.3} {:>6.2}x {:>14.3} {:>14.3} {:>6.2}x {:>8.1}",
        cpu.0,
        cpu.1,
        cpu.2,
        wall.0,
        wall.1,
        wall.2,
        peak as f64 / 1e6
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn bare(server: &Server, n_events: usize, folder: &Path, kind: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["bare-sqlite", &server.url(), &n_events.to_string()])
        .arg(folder.join("bare.db"))
        .arg(kind);
    command
}

fn ours(server: &Server, folder: &Path, kind: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rocketman"));
    command
        .env_clear()
        .args([
            "tail",
            &server.url(),
            "-q",
            "--no-compress",
            "--table",
            kind,
        ])
        .args(["--until", &corpus::end_time(), "-o"])
        .arg(format!("sqlite:{}", folder.join("ours.db").display()));
    command
}

fn run(command: &mut Command) -> Run {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let used = child.wait4().unwrap();
    assert!(used.status.success(), "{command:?}");
    Run {
        cpu: used.rusage.utime + used.rusage.stime,
        wall: started.elapsed(),
        peak_bytes: used.rusage.maxrss,
    }
}
