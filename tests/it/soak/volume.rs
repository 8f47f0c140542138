//! Fifty million events, with a cut every hundred thousand, and a cursor file that somebody else
//! reads all the time.

mod ready;

use std::{
    fs,
    io::{PipeReader, Read},
    path::Path,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use self::ready::{CHUNK, Chunk};
use super::{finish, is_wanted};
use crate::support::program::{Rocketman, Running};

/// `ROCKETMAN_SOAK_EVENTS` sets another number.
const EVENTS: u64 = 50_000_000;

/// Events from one cut to the next.
const EVERY: u64 = 100_000;

#[test]
fn fifty_million_events_grow_neither_memory_nor_cursor() {
    if !is_wanted("fifty_million_events") {
        return;
    }
    let total = std::env::var("ROCKETMAN_SOAK_EVENTS").map_or(EVENTS, |n| {
        n.parse().expect("ROCKETMAN_SOAK_EVENTS is a number")
    });
    let server = ready::server(total, EVERY);
    let (reader, writer) = std::io::pipe().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let running = Rocketman::tail(&server.url())
        .with(&format!(
            "-n {total} --cursor-file cursor --save-interval 100ms"
        ))
        .inside(folder.path())
        .stdout(writer)
        .start_elsewhere();
    let begin = Instant::now();
    let done = AtomicU64::new(0);
    let watched = thread::scope(|scope| {
        let checker = scope.spawn(|| check(reader, total, &done));
        let watched = watch(&running, folder.path(), || {
            let percent = done.load(SeqCst) * 100 / total;
            (!checker.is_finished()).then_some(percent)
        });
        checker.join().unwrap();
        watched
    });
    let took = begin.elapsed();
    let output = finish(running, Duration::from_secs(60));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let Watched {
        early,
        late,
        reads,
        cursors,
    } = watched;
    println!(
        "{total} events in {took:.1?}, 0 lost, 0 repeated, {} connections",
        server.requests().len()
    );
    println!(
        "from 5 % to 10 %: {early:?}; behind 95 %: {late:?}; the cursor file was read {reads} times, and had {cursors} contents"
    );
    println!("{}", output.stderr.lines().last().unwrap());
    assert!(late.kilobytes * 100 <= early.kilobytes * 105);
    assert!(late.descriptors <= early.descriptors);
    // The runtime keeps a second thread for blocking work once two pieces of it have met.
    assert!(late.threads <= early.threads + 1);
}

/// The most of each that was seen in a while.
#[derive(Debug, Default)]
struct Usage {
    kilobytes: u64,
    descriptors: usize,
    threads: u64,
}

impl Usage {
    fn add(&mut self, running: &Running) {
        self.kilobytes = self.kilobytes.max(running.kilobytes());
        self.descriptors = self.descriptors.max(running.descriptors());
        self.threads = self.threads.max(running.threads());
    }
}

#[derive(Debug, Default)]
struct Watched {
    early: Usage,
    late: Usage,
    /// How often the cursor file was read, and how many different ones were seen.
    reads: u64,
    cursors: u64,
}

/// Reads the cursor file again and again, and looks at what the program uses, while there is
/// progress, in percent.
fn watch(running: &Running, folder: &Path, progress: impl Fn() -> Option<u64>) -> Watched {
    let mut watched = Watched::default();
    let mut last = 0;
    while let Some(percent) = progress() {
        if let Ok(text) = fs::read(folder.join("cursor")) {
            let cursor: serde_json::Value = serde_json::from_slice(&text).expect("it is whole");
            let seq = cursor["seq"].as_u64().expect("it has a number");
            assert!(seq >= last, "the cursor went back from {last} to {seq}");
            watched.cursors += u64::from(seq > last);
            watched.reads += 1;
            last = seq;
        }
        match percent {
            5..10 => watched.early.add(running),
            // Later than that, the program may be gone.
            95..99 => watched.late.add(running),
            _ => {}
        }
        thread::sleep(Duration::from_millis(1));
    }
    watched
}

/// Reads all lines, and fails on the first that is not the next.
fn check(mut reader: PipeReader, total: u64, done: &AtomicU64) {
    let mut expected = Chunk::of_lines();
    let stride = expected.stride;
    let mut found = vec![0; CHUNK * stride];
    let mut n = 0;
    while n < total {
        let count = usize::try_from(total - n).unwrap().min(CHUNK);
        let found = &mut found[..count * stride];
        reader.read_exact(found).unwrap();
        let expected = expected.fill(n, count);
        if found != expected {
            let mut lines = found.chunks(stride).zip(expected.chunks(stride));
            let (found, expected) = lines.find(|(found, expected)| found != expected).unwrap();
            assert_eq!(
                String::from_utf8_lossy(found),
                String::from_utf8_lossy(expected)
            );
        }
        n += count as u64;
        done.store(n, SeqCst);
    }
    assert_eq!(reader.read(&mut [0]).unwrap(), 0, "there are more lines");
}
