//! What an event of segment files costs: the whole program beside a bare loop over the same files
//! and, where `ROCKETMAN_JETSTREAM_BIN` names its folder, the official client, which gets them from
//! a server of nothing else.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use wait4::Wait4;
use xxhash_rust::xxh3::Xxh3;

use super::{from_env, load};

#[path = "../it/support/archive.rs"]
mod archive;

/// One program, by the name that its line has.
struct Variant {
    name: &'static str,
    command: Box<dyn Fn() -> Command>,
    runs: Vec<Run>,
}

#[derive(Clone, Copy)]
struct Run {
    cpu: Duration,
    wall: Duration,
    peak_bytes: u64,
}

/// Prints what each program costs, and how often the bare loop's CPU time that is.
pub fn compare() {
    let n_events = from_env("ROCKETMAN_BENCH_EVENTS", 1_000_000);
    let n_rounds = from_env("ROCKETMAN_BENCH_ROUNDS", 5);
    let folder = tempfile::tempdir().unwrap();
    let files = pack(folder.path(), n_events);
    let bytes: u64 = files
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    let mut variants = variants(&folder.path().join("segments"), &files);
    let texts: Vec<_> = variants
        .iter()
        .take(2)
        .map(|variant| text(&variant.command))
        .collect();
    assert!(texts[0] == texts[1], "the bare loop prints something else");
    println!(
        "{n_events} events in {} files of {bytes} bytes; medians of {n_rounds} rounds; load {}\n",
        files.len(),
        load()
    );
    for round in 0..n_rounds {
        let mut order: Vec<_> = variants.iter_mut().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for variant in order {
            let run = run((variant.command)());
            variant.runs.push(run);
        }
    }
    println!(
        "{:40} {:>9} {:>7} {:>9} {:>8} {:>9}",
        "", "µs/event", "ratio", "µs wall", "ratio", "peak MB"
    );
    let bare = variants[0].runs.clone();
    for variant in &variants {
        print(variant, &bare, n_events);
    }
    println!("\nload {}", load());
}

fn print(variant: &Variant, bare: &[Run], n_events: usize) {
    let per_event = |time: Duration| time.as_secs_f64() * 1e6 / n_events as f64;
    let of = |part: fn(&Run) -> Duration| {
        let ratios = variant.runs.iter().zip(bare);
        let ratios = ratios.map(|(ours, bare)| part(ours).as_secs_f64() / part(bare).as_secs_f64());
        let times = variant.runs.iter().map(|run| per_event(part(run)));
        (median(times.collect()), median(ratios.collect()))
    };
    let (cpu, cpu_ratio) = of(|run| run.cpu);
    let (wall, wall_ratio) = of(|run| run.wall);
    let peak = variant.runs.iter().map(|run| run.peak_bytes).max().unwrap();
    println!(
        "{:40} {cpu:>9.3} {cpu_ratio:>6.2}x {wall:>9.3} {wall_ratio:>7.2}x {:>9.1}",
        variant.name,
        peak as f64 / 1e6
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Segment files of the demo's events, made as a user would make them.
fn pack(folder: &Path, n_events: usize) -> Vec<PathBuf> {
    let rocketman = |arguments: &str| {
        let mut command = rocketman();
        let status = command
            .args(arguments.split(' '))
            .current_dir(folder)
            .stdout(Stdio::null());
        assert!(status.status().unwrap().success(), "{arguments}");
    };
    rocketman(&format!(
        "tail -q demo:?rate=max --cursor 1 -n {n_events} -o events.zst"
    ));
    rocketman("pack events.zst segments");
    let files = std::fs::read_dir(folder.join("segments")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// The bare loop comes first.
fn variants(folder: &Path, files: &[PathBuf]) -> Vec<Variant> {
    let variant = |name, command| Variant {
        name,
        command,
        runs: Vec::new(),
    };
    let files = files.to_vec();
    let bare = move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("bare-segments").args(&files);
        command
    };
    let tail = |arguments: &'static str| {
        let folder = folder.to_owned();
        let command = move || {
            let mut command = rocketman();
            command.args(arguments.split(' ')).arg(&folder);
            command
        };
        variant(arguments, Box::new(command))
    };
    let mut variants = vec![variant("bare loop", Box::new(bare)), tail("tail -q")];
    if let Some(bin) = std::env::var_os("ROCKETMAN_JETSTREAM_BIN") {
        let host = archive::serve(folder);
        let official = move || {
            let mut command = Command::new(Path::new(&bin).join("client"));
            command.args(["--host", &host]);
            command.args(["--after-seq", "0", "--backfill-only", "--print"]);
            command
        };
        variants.push(variant("official client --print", Box::new(official)));
    }
    variants
}

fn rocketman() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rocketman"));
    command.env_clear();
    command
}

fn run(mut command: Command) -> Run {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let used = child.wait4().unwrap();
    let wall = started.elapsed();
    assert!(used.status.success(), "{command:?}: {:?}", used.status);
    Run {
        cpu: used.rusage.utime + used.rusage.stime,
        wall,
        peak_bytes: used.rusage.maxrss,
    }
}

/// A hash of what a program prints, and how long that is.
fn text(command: &dyn Fn() -> Command) -> (u64, u64) {
    let mut child = command().stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut hash, mut len) = (Xxh3::new(), 0);
    let mut buffer = vec![0; 256 * 1024];
    while let n @ 1.. = stdout.read(&mut buffer).unwrap() {
        hash.update(&buffer[..n]);
        len += n as u64;
    }
    assert!(child.wait().unwrap().success());
    (hash.digest(), len)
}
