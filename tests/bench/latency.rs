//! How long a line is on its way: from the server's write to a reader of stdout, at 1,000 events a
//! second.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use wait4::Wait4;

use super::{
    corpus::Corpus,
    from_env, load,
    measure::{
        Output::Pipe,
        Program::{self, BareFlushed, Tail},
        Variant,
    },
    server,
};

const EVERY: Duration = Duration::from_millis(1);

/// Events before what is counted, in which a program warms up.
const WARM_UP: usize = 500;

/// What the lines of one run took, and what they cost.
struct Run {
    /// Sorted.
    waits: Vec<Duration>,
    cpu: Duration,
}

/// Prints what the lines took of each program.
pub fn measure() {
    let n_events = from_env("ROCKETMAN_BENCH_EVENTS", 5_000);
    let n_rounds = from_env("ROCKETMAN_BENCH_ROUNDS", 5);
    let corpus = Corpus::generate(n_events);
    println!(
        "{n_events} events, one each {EVERY:?}, to a pipe; medians of {n_rounds} rounds; load {}\n",
        load()
    );
    println!(
        "{:58} {:>9} {:>9} {:>9} {:>9}",
        "", "median", "99 %", "longest", "µs/event"
    );
    let programs = [BareFlushed, Tail(""), Tail("--cursor-file %/cursor")];
    for (wire, programs) in [
        ("plain", &programs[..]),
        ("zstd", &programs),
        ("v2 plain", &programs[1..]),
        ("v2 zstd", &programs[1..]),
    ] {
        for &program in programs {
            let variant = Variant {
                wire,
                program,
                output: Pipe,
            };
            let runs: Vec<_> = (0..n_rounds)
                .map(|_| run(&variant, &corpus, n_events))
                .collect();
            let median = |figure: &dyn Fn(&Run) -> Duration| {
                let mut all: Vec<_> = runs.iter().map(figure).collect();
                all.sort_unstable();
                all[all.len() / 2].as_secs_f64() * 1e6
            };
            let part = |of: usize| median(&|run| run.waits[(run.waits.len() - 1) * of / 100]);
            println!(
                "{:58} {:>6.0} µs {:>6.0} µs {:>6.0} µs {:>9.2}",
                variant.name(),
                part(50),
                part(99),
                part(100),
                median(&|run| run.cpu) / n_events as f64,
            );
        }
    }
    println!("\nload {}", load());
}

fn run(variant: &Variant, corpus: &Corpus, n_events: usize) -> Run {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = if variant.wire.starts_with("v2") {
        format!("http://{address}")
    } else {
        format!("ws://{address}/subscribe")
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let mut command = variant.command(&url, n_events, folder, false);
    if matches!(variant.program, Program::Tail(_)) {
        command.args(["-n", &n_events.to_string()]);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (sent, was_sent) = mpsc::channel();
    let mut waits = thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, wire) = loop {
                let (mut stream, _) = listener.accept().unwrap();
                stream.set_nodelay(true).unwrap();
                if let Some(wire) = server::upgrade(&mut stream) {
                    break (stream, wire);
                }
            };
            let mut due = Instant::now() + Duration::from_millis(100);
            for frame in corpus.frames(wire) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                due += EVERY;
                sent.send(Instant::now()).unwrap();
                stream.write_all(frame).unwrap();
            }
            stream
        });
        arrivals(&mut child, n_events)
            .into_iter()
            .map(|arrived| arrived - was_sent.recv().unwrap())
            .skip(WARM_UP)
            .collect::<Vec<_>>()
    });
    waits.sort_unstable();
    let used = child.wait4().unwrap();
    assert!(
        used.status.success(),
        "{}: {:?}",
        variant.name(),
        used.status
    );
    Run {
        waits,
        cpu: used.rusage.utime + used.rusage.stime,
    }
}

/// When each line came.
fn arrivals(child: &mut Child, n_events: usize) -> Vec<Instant> {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = Vec::new();
    (0..n_events)
        .map(|_| {
            line.clear();
            stdout.read_until(b'\n', &mut line).unwrap();
            Instant::now()
        })
        .collect()
}
