//! Ends by the stream's own time, on streams whose times are not in order.

use crate::support::events::now_us;
use std::sync::OnceLock;

use super::*;

/// As servers send them that reorder where they go from what is stored to what is live.
const REORDERED: [u64; 16] = [0, 1, 2, 30, 31, 3, 4, 5, 6, 7, 8, 9, 10, 32, 33, 34];

/// `EPOCH` and 20 ms: before event 20.
const UNTIL: &str = "--until 2026-09-21T14:13:20.020Z";

/// More than ten seconds after that.
const BEYOND: u64 = 10_020;

/// A server that sends these events in this order, the asked number and what comes after it.
fn numbered_server(order: Vec<u64>) -> Server {
    Server::every(move |request| {
        let first = request.cursor().unwrap_or(1);
        let events = (1..)
            .zip(order.clone())
            .skip_while(move |(seq, _)| *seq < first);
        send(request, events.map(|(seq, n)| numbered(n, seq)));
    })
}

/// Event `n` under this number.
fn numbered(n: u64, seq: u64) -> String {
    let cursor = |seq: u64| format!("\"cursor\":{seq}");
    post(n).replace(&cursor(n + 1), &cursor(seq))
}

/// The same events from a server that does not count: all of them, whatever time is asked for.
fn unnumbered_server(order: Vec<u64>) -> Server {
    Server::every(move |request| send(request, order.clone().into_iter().map(legacy_post)))
}

fn reordered() -> Vec<u64> {
    REORDERED.into_iter().chain([BEYOND, BEYOND + 1]).collect()
}

/// Which events were delivered, by their time.
fn events(output: &Output) -> Vec<u64> {
    let lines = output.stdout.lines();
    let times = lines.map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        (event["time_us"].as_u64().unwrap() - EPOCH) / STEP
    });
    times.collect()
}

const BEFORE: [u64; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const AFTER: [u64; 7] = [30, 31, 32, 33, 34, BEYOND, BEYOND + 1];

#[test]
fn until_delivers_all_before_the_end_and_the_next_run_the_rest() {
    for server in [numbered_server(reordered()), unnumbered_server(reordered())] {
        let folder = tempfile::tempdir().unwrap();
        let output = tail(&server, folder.path()).with(UNTIL).succeed();
        output.assert_says(0, &["--until is reached"]);
        assert_eq!(events(&output), BEFORE);
        // Once more to the same end there is nothing left.
        let output = tail(&server, folder.path()).with(UNTIL).succeed();
        assert_eq!(events(&output), [0; 0]);
        let output = tail(&server, folder.path()).with("-n 7").succeed();
        assert_eq!(events(&output), AFTER, "{}", output.stderr);
        assert!(
            !output.stderr.contains("possible repeat"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn what_until_left_out_comes_once_although_it_is_killed() {
    let server = numbered_server(reordered());
    let folder = tempfile::tempdir().unwrap();
    let call = || tail(&server, folder.path()).with("-o out --save-interval 10ms");
    call().with(UNTIL).succeed();
    // In the midst of what was delivered ahead it has one event in hand, and more to come.
    let running = call().start();
    let lines = || fs::read_to_string(folder.path().join("out")).unwrap_or_default();
    wait_until("the rest is there", || lines().lines().count() == 18);
    running.kill();
    call().with("--duration 300ms").succeed();
    let mut times: Vec<_> = lines().lines().map(str::to_owned).collect();
    times.sort_unstable();
    times.dedup();
    assert_eq!((times.len(), lines().lines().count()), (18, 18));
}

#[test]
fn exit_at_end_leaves_what_is_beyond_the_end_to_the_next_run() {
    // In seconds from the first connection on, which is the end.
    const SECONDS: [i64; 9] = [-5, -4, 5, -3, -2, 6, -1, 900, 901];
    let began = OnceLock::new();
    let server = Server::every(move |request| {
        let began_us = *began.get_or_init(now_us);
        let at = |(n, seconds): (u64, i64)| {
            let time_us = began_us.checked_add_signed(seconds * 1_000_000).unwrap();
            post(n).replace(&(EPOCH + n * STEP).to_string(), &time_us.to_string())
        };
        let first = request.cursor().map_or(0, |cursor| cursor - 1);
        let events = (0..).zip(SECONDS).skip_while(move |(n, _)| *n < first);
        send(request, events.map(at));
    });
    let folder = tempfile::tempdir().unwrap();
    let output = tail(&server, folder.path()).with("-e").succeed();
    output.assert_says(0, &["the end is reached"]);
    assert_eq!(numbers(&output), [1, 2, 4, 5, 7]);
    let output = tail(&server, folder.path()).with("-n 4").succeed();
    assert_eq!(numbers(&output), [3, 6, 8, 9], "{}", output.stderr);
}

fn numbers(output: &Output) -> Vec<u64> {
    let lines = output.stdout.lines();
    let numbers = lines.map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["cursor"].as_u64().unwrap()
    });
    numbers.collect()
}
