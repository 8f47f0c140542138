//! What programs cost: one for each event beside `xargs -P`, and one that lives on.

use std::{
    io::{BufWriter, Write, copy, sink},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{corpus::Corpus, from_env, load, server::Server};

/// Jobs at the same time.
const JOBS: [&str; 3] = ["1", "4", "8"];

/// Prints how many events a second programs take.
pub fn measure() {
    let n_starts = from_env("ROCKETMAN_BENCH_STARTS", 3_000);
    let n_events = from_env("ROCKETMAN_BENCH_EVENTS", 300_000);
    let n_rounds = from_env("ROCKETMAN_BENCH_ROUNDS", 5);
    println!(
        "{n_starts} starts, {n_events} lines; medians of {n_rounds} rounds; load {}\n",
        load()
    );
    println!("{:58} {:>12} {:>8}", "", "events/s", "ratio");
    let lines = Corpus::generate(n_starts).lines();
    let few = Server::start(n_starts);
    for jobs in JOBS {
        let usual = median(n_rounds, || xargs(&lines, jobs));
        print(&format!("xargs -P {jobs} true"), n_starts, usual, usual);
        let ours = median(n_rounds, || {
            tail(&few, n_starts, &["--jobs", jobs, "-x", "true"])
        });
        print(
            &format!("tail --jobs {jobs} -x true"),
            n_starts,
            ours,
            usual,
        );
    }
    drop(few);
    let many = Server::start(n_events);
    for jobs in JOBS {
        let flags = ["--exec-mode", "stream", "--jobs", jobs, "-x", "cat"];
        let took = median(n_rounds, || tail(&many, n_events, &flags));
        let name = format!("tail --exec-mode stream --jobs {jobs} -x cat | reader");
        println!("{name:58} {:>12.0}", n_events as f64 / took.as_secs_f64());
    }
    println!("\nload {}", load());
}

fn print(name: &str, n_events: usize, took: Duration, usual: Duration) {
    let rate = n_events as f64 / took.as_secs_f64();
    let ratio = usual.as_secs_f64() / took.as_secs_f64();
    println!("{name:58} {rate:>12.0} {ratio:>7.2}x");
}

fn median(n_rounds: usize, run: impl Fn() -> Duration) -> Duration {
    let mut all: Vec<_> = (0..n_rounds).map(|_| run()).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// Starts a program for each line, which is its argument.
fn xargs(lines: &[u8], jobs: &str) -> Duration {
    let started = Instant::now();
    let mut child = Command::new("xargs")
        .args(["-d", "\\n", "-n", "1", "-P", jobs, "true"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = BufWriter::new(child.stdin.take().unwrap());
    stdin.write_all(lines).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    started.elapsed()
}

fn tail(server: &Server, n_events: usize, flags: &[&str]) -> Duration {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rocketman"))
        .args(["tail", &server.url(), "-q", "--no-compress", "-n"])
        .arg(n_events.to_string())
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reader = thread::spawn(move || copy(&mut stdout, &mut sink()).unwrap());
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
    started.elapsed()
}
