//! Two servers with the same events, of which one or the other dies every few seconds.

mod twin;

use std::{
    collections::HashMap,
    fs::{self, File},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use self::twin::{Twin, due};
use super::{finish, is_wanted};
use crate::support::program::Rocketman;

/// How long it goes on.
const ALL: Duration = Duration::from_secs(300);

#[test]
fn two_servers_that_keep_dying_lose_and_repeat_nothing() {
    if !is_wanted("two_servers_that_die") {
        return;
    }
    let began = Instant::now();
    let mut twins = [0, 1].map(|which| Twin::start(which, began));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let running = Rocketman::tail(&twins[0].url())
        .arg(twins[1].url())
        .stdout(File::create(&out).unwrap())
        .start_elsewhere();
    let mut kills = 0;
    while began.elapsed() < ALL {
        // The pace of what is tested.
        thread::sleep(Duration::from_millis(fastrand::u64(2000..5000)));
        let twin = &mut twins[fastrand::usize(..2)];
        twin.kill();
        thread::sleep(Duration::from_millis(fastrand::u64(500..1500)));
        twin.revive();
        kills += 1;
    }
    let last = due(began);
    // Whatever the program waits for now, it waits a second at the most.
    thread::sleep(Duration::from_secs(5));
    running.signal(Signal::TERM);
    let output = finish(running, Duration::from_secs(20));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let counts = count(&fs::read_to_string(&out).unwrap());
    let first = *counts.keys().min().unwrap();
    let lost = (first..last).filter(|n| !counts.contains_key(n)).count();
    let repeats: u64 = counts.values().map(|n| n - 1).sum();
    let connections = twins.each_ref().map(Twin::connections);
    println!(
        "{kills} kills, {connections:?} connections, events {first} to {last}, {lost} lost, {repeats} repeats let through"
    );
    println!("{}", output.stderr.lines().last().unwrap());
    assert!(connections.iter().all(|n| *n > 5), "{}", output.stderr);
    assert!(first < 1000, "the first event is {first}");
    assert_eq!((lost, repeats), (0, 0), "{}", output.stderr);
}

/// How often each event came.
fn count(lines: &str) -> HashMap<u64, u64> {
    let mut counts = HashMap::new();
    for line in lines.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let rev = event["commit"]["rev"].as_str().unwrap();
        let n = rev.strip_prefix("3k").unwrap().parse().unwrap();
        *counts.entry(n).or_default() += 1;
    }
    counts
}
