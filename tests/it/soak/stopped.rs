//! The official server, stopped where it stands: its sockets stay open, and it says nothing.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use super::{finish, is_wanted, wait_for};
use crate::support::{
    program::{Rocketman, Running},
    world::World,
};

/// The frame limit and the connect limit of these tests.
const LIMIT: Duration = Duration::from_secs(3);
const LIMITS: &str = "--frame-timeout 3s --connect-timeout 3s --max-backoff 300ms";

const MINUTE: Duration = Duration::from_secs(60);

fn start(urls: &[&str], out: &Path) -> Running {
    let out = File::create(out).unwrap();
    let call = Rocketman::tail(urls[0]).with(LIMITS).logging_each_try();
    let call = urls[1..].iter().fold(call, Rocketman::arg);
    call.stdout(out).start_elsewhere()
}

/// Waits for `n` events more than there are.
fn wait_for_more(out: &Path, n: usize) {
    let count = || memchr::memchr_iter(b'\n', &fs::read(out).unwrap()).count();
    let seen = count();
    wait_for("more events", MINUTE, || count() >= seen + n);
}

/// Stops the server, and wants the program to say so within the limit.
fn stop_server(world: &World, running: &Running) {
    let begin = Instant::now();
    world.signal_server(Signal::STOP);
    running.message("nothing was received for 3s");
    let noticed_after = begin.elapsed();
    println!("a stopped server was noticed after {noticed_after:.1?}");
    assert!(noticed_after < LIMIT + LIMIT, "{noticed_after:?}");
}

/// What makes commits of different servers the same event.
fn identity(event: &Value) -> Option<String> {
    let commit = event.get("commit")?;
    let parts = ["rev", "collection", "rkey", "operation"];
    let parts = parts.map(|part| commit[part].as_str().unwrap_or_default());
    Some(format!("{} {}", event["did"], parts.join(" ")))
}

/// How often each commit came, and the last event.
fn read(out: &Path) -> (HashMap<String, u64>, Vec<Value>) {
    let lines = fs::read_to_string(out).unwrap();
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut counts = HashMap::new();
    for identity in events.iter().filter_map(identity) {
        *counts.entry(identity).or_default() += 1;
    }
    (counts, events)
}

#[test]
fn a_server_that_is_stopped_and_goes_on_costs_no_event() {
    if !is_wanted("a_server_that_is_stopped") {
        return;
    }
    let Some(world) = World::start("a_server_that_is_stopped") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let running = start(&[&world.url()], &out);
    wait_for_more(&out, 500);
    for _ in 0..3 {
        stop_server(&world, &running);
        running.message("no answer within 3s; trying again in");
        world.signal_server(Signal::CONT);
        running.message("connected again to");
        wait_for_more(&out, 500);
    }
    running.signal(Signal::TERM);
    let output = finish(running, MINUTE);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_complete(&world, &out, &output.stderr);
}

#[test]
fn another_server_takes_over_from_one_that_is_stopped() {
    if !is_wanted("another_server_takes_over") {
        return;
    }
    let Some(mut world) = World::start("another_server_takes_over") else {
        return;
    };
    let second = world.start_second();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let running = start(&[&world.url(), &second], &out);
    // More than ten seconds' worth: the rewind leads to before the beginning of a younger run.
    wait_for_more(&out, 2500);
    stop_server(&world, &running);
    running.message(&format!("connected again to {second}"));
    wait_for_more(&out, 1500);
    running.signal(Signal::TERM);
    let output = finish(running, MINUTE);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_complete(&world, &out, &output.stderr);
}

/// Compares with what the server that was read last has in its archive, from the time on at which
/// the run began.
fn assert_complete(world: &World, out: &Path, stderr: &str) {
    let (counts, events) = read(out);
    let (first, last) = (&events[0], events.last().unwrap());
    let archive = world.archive_up_to(last["cursor"].as_u64().unwrap());
    // Two servers see an event at slightly different times; none is a second late.
    let from = first["time_us"].as_u64().unwrap() + 1_000_000;
    let expected: Vec<String> = archive
        .iter()
        .filter(|event| event["time_us"].as_u64().unwrap() >= from)
        .filter_map(identity)
        .collect();
    let lost: Vec<_> = expected
        .iter()
        .filter(|event| !counts.contains_key(*event))
        .collect();
    let repeats: u64 = counts.values().map(|n| n - 1).sum();
    println!(
        "{} events, {} of them in the archive since, {} lost, {repeats} repeats\n{stderr}",
        events.len(),
        expected.len(),
        lost.len()
    );
    assert!(expected.len() > 500, "{} events", expected.len());
    assert!(lost.is_empty(), "lost {lost:#?}");
    assert_eq!(repeats, 0);
}
