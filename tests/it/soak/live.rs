//! A live stream for a hundred consumers, ten of which take nothing, while upstream is cut and the
//! server is killed.
//!
//! `ROCKETMAN_SOAK_SECONDS` says for how long, `ROCKETMAN_SOAK_RATE` how many events a second.

mod client;

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use rustix::process::Signal;

use self::client::{Client, Stopped};
use super::{is_wanted, wait_for};
use crate::support::{
    program::{Rocketman, Running},
    serve::Serving,
};

const READING: usize = 90;
const STOPPED: usize = 10;
const KILLS: u32 = 3;

/// What a server keeps of encoded events.
const CACHE_KILOBYTES: u64 = 64 * 1024;

fn setting(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(default, |text| text.parse().unwrap())
}

/// The number of a line, and the rest of it.
fn split(line: &str) -> (u64, String) {
    let (before, rest) = line.split_once(",\"cursor\":").unwrap();
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &rest.as_bytes()[..rest.len() - behind.len()];
    let number = str::from_utf8(digits).unwrap().parse().unwrap();
    (number, format!("{before}{behind}"))
}

/// All events of a store, in order.
fn kept(store: &Path) -> Vec<(u64, String)> {
    let entries = fs::read_dir(store).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|suffix| suffix == "events"));
    files.sort();
    let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
    let events = |text: String| {
        let lines = text.lines().filter(|line| line.starts_with('{'));
        lines.map(split).collect::<Vec<_>>()
    };
    texts.flat_map(events).collect()
}

/// How much memory a process has at this moment, in kilobytes.
fn kilobytes(running: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap().trim_end_matches("kB").trim().parse().unwrap()
}

#[test]
fn a_hundred_consumers_of_a_live_stream_get_each_event_once() {
    if !is_wanted("a_hundred_consumers_of_a_live_stream") {
        return;
    }
    let seconds = setting("ROCKETMAN_SOAK_SECONDS", 1800);
    let rate = setting("ROCKETMAN_SOAK_RATE", 2000);
    let patience = Duration::from_secs(60 + seconds);
    let upstream = Serving::new(&format!("demo:?rate={rate} --fault cut-every={}", 7 * rate));
    let (begin, _) = split(upstream.tail("-n 1").succeed().lines()[0]);
    let folder = tempfile::tempdir().unwrap();
    let call = |port: &str| {
        Rocketman::new([
            "serve",
            &upstream.url,
            "--store",
            "kept",
            "--retain",
            "100G",
        ])
        .with(&format!("--begin {begin} --listen 127.0.0.1:{port}"))
        .inside(folder.path())
    };
    let server = Serving::start(call("0"));
    let address = server.address().to_owned();
    let port = address.rsplit_once(':').unwrap().1;
    let mut server = server.running;
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..READING)
        .map(|_| Client::start(&address, &is_over))
        .collect();
    let began = Instant::now();
    let elapsed = |part: u64, of: u64| began.elapsed() >= Duration::from_secs(seconds * part / of);
    let mut stopped: Vec<Stopped> = Vec::new();
    for kill in 1..=u64::from(KILLS) {
        stopped.clear();
        stopped.extend((0..STOPPED).map(|_| Stopped::connect(&address)));
        // All kills are in the first half.
        wait_for("the next kill", patience, || elapsed(kill, 8));
        server.kill();
        server = call(port).start();
        server.message("serving ");
    }
    stopped.clear();
    stopped.extend((0..STOPPED).map(|_| Stopped::connect(&address)));
    wait_for("half of the time", patience, || elapsed(1, 2));
    let mut early = 0;
    wait_for("three quarters", patience, || {
        early = early.max(kilobytes(&server));
        elapsed(3, 4)
    });
    let mut late = 0;
    wait_for("all of the time", patience, || {
        late = late.max(kilobytes(&server));
        elapsed(1, 1)
    });
    upstream.running.signal(Signal::STOP);
    // What is under way comes in.
    let newest = || clients.iter().map(Client::last).max().unwrap();
    let mut last = (newest(), Instant::now());
    wait_for("everybody has all", patience, || {
        if newest() != last.0 {
            last = (newest(), Instant::now());
        }
        let is_quiet = last.1.elapsed() > Duration::from_secs(2);
        is_quiet && clients.iter().all(|client| client.last() == last.0)
    });
    is_over.store(true, Relaxed);
    let kept = kept(&folder.path().join("kept"));
    let numbers: Vec<_> = kept.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next));
    let mut reconnects = 0;
    for client in clients {
        let got = client.finish();
        reconnects += got.connects - 1;
        let from = numbers.binary_search(&got.first).unwrap();
        assert_eq!(got.events, (numbers.len() - from) as u64, "events");
        assert_eq!(
            got.sum,
            client::sum(&numbers[from..]),
            "numbers or their order"
        );
    }
    upstream.running.signal(Signal::CONT);
    let all = upstream.tail(&format!("-n {} --cursor {begin}", kept.len()));
    let all = all.succeed();
    let differs = all.lines().into_iter().map(|line| split(line).1).zip(&kept);
    let differs = differs
        .filter(|(expected, (_, got))| expected != got)
        .count();
    println!(
        "{} events, {rate} a second for {seconds} s, {READING} consumers with {reconnects} reconnects, {STOPPED} stopped, {KILLS} kills: {differs} differ from upstream; {early} kB in the third quarter, {late} kB in the last",
        kept.len()
    );
    assert_eq!(differs, 0);
    // A short run has not filled what encoded events are kept in.
    let room = if seconds < 600 { CACHE_KILOBYTES } else { 8192 };
    assert!(late <= early + early / 10 + room, "{early} {late}");
    drop(stopped);
    server.signal(Signal::TERM);
    assert_eq!(server.finish().code, Some(0));
}
