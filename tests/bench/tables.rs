//! What an event in a table costs: the whole program beside a bare loop with the same client and
//! the same tables; and what a table in a file takes to hold and to go on with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use wait4::Wait4;

use super::{corpus, from_env, load, server::Server};

#[derive(Clone, Copy)]
pub struct Run {
    pub cpu: Duration,
    pub wall: Duration,
    pub peak_bytes: u64,
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
    let arrow = arrow();
    for kind in ["state", "events", "parquet"] {
        let mut pairs = Vec::new();
        for round in 0..n_rounds {
            let folder = tempfile::tempdir().unwrap();
            let bare = || {
                run(&mut match kind {
                    "parquet" => bare_parquet(&arrow, &server, n_events, folder.path()),
                    _ => bare(&server, n_events, folder.path(), kind),
                })
            };
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
    memory(&server);
    restart(&server);
    println!("\nload {}", load());
}

/// Builds the loop with the arrow writer, which is a package of its own.
fn arrow() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = folder.join("target/arrow");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(folder.join("tests/bench/arrow/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status();
    assert!(built.unwrap().success(), "the loop of arrow is not built");
    target.join("release/rocketman-bench-arrow")
}

fn bare_parquet(arrow: &Path, server: &Server, n_events: usize, folder: &Path) -> Command {
    let mut command = Command::new(arrow);
    command
        .args([server.url(), n_events.to_string()])
        .arg(folder.join("bare.parquet"));
    command
}

/// What eight open files take in memory.
fn memory(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("{collection}.parquet");
    let flags = ["--max-files", "7", "--cursor-file"];
    let cursor = folder.path().join("cursor");
    let used = run(tail(server, &pattern).args(flags).arg(&cursor));
    let files = fs::read_dir(folder.path()).unwrap();
    let names = files.map(|file| file.unwrap().file_name());
    let n_open = names
        .filter(|name| name.to_str().unwrap().ends_with(".partial"))
        .count();
    println!(
        "\n{n_open} open files of Parquet: peak {:.1} MB",
        used.peak_bytes as f64 / 1e6
    );
}

/// How long a run takes that goes on with a journal and with row groups, and reads nothing.
fn restart(server: &Server) {
    // All in the journal, the usual size, and many groups.
    for size in ["1G", "64M", "1M"] {
        let folder = tempfile::tempdir().unwrap();
        let cursor = folder.path().join("cursor");
        let begin = || {
            let mut command = tail(server, &folder.path().join("%Y.parquet"));
            command.args(["--row-group-size", size, "--cursor-file"]);
            command.arg(&cursor);
            command
        };
        run(&mut begin());
        let used = run(begin().args(["--duration", "1ms"]));
        println!(
            "a restart with row groups of {size}, {:.1} MB in them and {:.1} MB in the journal: {:.2} s, peak {:.1} MB",
            bytes_of(folder.path(), "partial") as f64 / 1e6,
            bytes_of(folder.path(), "journal") as f64 / 1e6,
            used.wall.as_secs_f64(),
            used.peak_bytes as f64 / 1e6
        );
    }
}

/// How many bytes are in the files of a folder that end so.
fn bytes_of(folder: &Path, end: &str) -> u64 {
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = files.filter(|file| file.path().extension().is_some_and(|found| found == end));
    files.map(|file| file.metadata().unwrap().len()).sum()
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

pub fn median(mut values: Vec<f64>) -> f64 {
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
    if kind == "parquet" {
        return tail(server, &folder.join("ours.parquet"));
    }
    let database = format!("sqlite:{}", folder.join("ours.db").display());
    let mut command = tail(server, Path::new(&database));
    command.args(["--table", kind]);
    command
}

/// All events into this output.
fn tail(server: &Server, output: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rocketman"));
    command
        .env_clear()
        .args(["tail", &server.url(), "-q", "--no-compress"])
        .args(["--until", &corpus::end_time(), "-o"])
        .arg(output);
    command
}

pub fn run(command: &mut Command) -> Run {
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
