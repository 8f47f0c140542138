//! The promise: each event at least once, those of one account in order, whatever fails.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::support::events::posts_and_later;

/// For every account, the numbers of its events in the order in which they came first.
fn firsts(log: &str) -> BTreeMap<&str, Vec<u64>> {
    let mut seen = BTreeSet::new();
    let mut firsts: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for line in log.lines() {
        let (did, n) = line.split_once(' ').unwrap();
        let n = n.parse().unwrap();
        if seen.insert(n) {
            firsts.entry(did).or_default().push(n);
        }
    }
    firsts
}

fn assert_in_order(log: &str) {
    for (did, numbers) in firsts(log) {
        assert!(numbers.is_sorted(), "{did}: {numbers:?}");
    }
}

/// Fails one time in twenty, hangs one time in a hundred, and logs its successes.
///
/// The square is for processes that are numbered as regularly as events are.
const MOODY: &str = "n=$ROCKETMAN_EVENT_CURSOR; x=$(($$ + n * 31)); r=$((x * x % 9973 % 100))
    [ $r -ge 5 ] || exit 1
    [ $r -ne 5 ] || exec sleep 5
    echo $ROCKETMAN_EVENT_DID $n >> log";

#[test]
fn successes_and_dead_letters_together_are_all_events() {
    let server = Server::one(events((0..500).map(post)));
    let flags = "-n 500 --jobs 8 --exec-timeout 300ms --on-exec-error dead-letter=dead";
    let running = with_script(&server, MOODY, flags).start();
    running.message("500 events delivered");
    let log = read(running.folder(), "log");
    assert_in_order(&log);
    let mut numbers: Vec<u64> = firsts(&log).into_values().flatten().collect();
    let n_taken = numbers.len();
    for letter in read(running.folder(), "dead").lines() {
        let letter: serde_json::Value = serde_json::from_str(letter).unwrap();
        numbers.push(letter["event"]["cursor"].as_u64().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=500).collect::<Vec<_>>());
    assert!((400..500).contains(&n_taken), "{n_taken} of 500");
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn nothing_is_lost_when_it_is_killed_in_the_middle() {
    let server = Server::every(posts_and_later(401));
    let folder = tempfile::tempdir().unwrap();
    script(folder.path(), "each", MOODY);
    let end = rocketman::event::Start::Time(EPOCH + 400 * STEP).to_string();
    let call = || {
        Rocketman::tail(&server.url())
            .with("--cursor-file cursor --save-interval 10ms --jobs 8 --exec-timeout 500ms")
            .with(&format!("--exec-retries 9 --until {end} -x ./each"))
            .inside(folder.path())
    };
    let n_logged = || read(folder.path(), "log").lines().count();
    for n in [60, 130, 210] {
        let running = call().start();
        wait_until("some events are taken", || n_logged() >= n);
        running.kill();
    }
    let output = call().succeed();
    output.assert_says(0, &["--until is reached"]);
    let log = read(folder.path(), "log");
    assert_in_order(&log);
    let numbers: BTreeSet<u64> = firsts(&log).into_values().flatten().collect();
    assert_eq!(numbers, (1..=400).collect());
    assert!(log.lines().count() < 400 + 3 * 200, "repeats without bound");
}
