//! `demo:` as a source: invented events, without a network.

use std::time::Instant;

use serde_json::Value;

use crate::support::program::{Output, Rocketman};

fn demo(source: &str, flags: &str) -> Output {
    Rocketman::new(["tail", source]).with(flags).succeed()
}

/// The lines without their time, which is of now.
fn timeless(output: &Output) -> Vec<Value> {
    let lines = output.stdout.lines();
    lines
        .map(|line| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            event["time_us"].take();
            event
        })
        .collect()
}

fn numbers(output: &Output) -> Vec<u64> {
    let events = timeless(output).into_iter();
    events
        .map(|event| event["cursor"].as_u64().unwrap())
        .collect()
}

#[test]
fn posts_come_at_once_and_it_is_said_that_they_are_invented() {
    let began = Instant::now();
    let output = demo("demo:", "-c app.bsky.feed.post -n 10");
    // A second is promised; the machine that tests may be busy.
    assert!(began.elapsed().as_secs() < 10);
    assert_eq!(output.lines().len(), 10);
    let first = output.stderr.lines().next().unwrap();
    assert!(
        first.contains("reading invented events (demo:?rate=300&seed=0)"),
        "{first}"
    );
    for event in timeless(&output) {
        assert_eq!(event["commit"]["collection"], "app.bsky.feed.post");
        assert!(event["did"].as_str().unwrap().starts_with("did:plc:demo"));
    }
}

#[test]
fn a_number_is_the_same_event_at_the_same_time_in_every_process() {
    let lines = |source, number: u64, flags| {
        let output = demo(source, "-n 500 --cursor 2026-01-02T00:00:00Z");
        let again = demo(source, &format!("-n 500 --cursor {number} {flags}"));
        assert_eq!(again.lines(), output.lines(), "{source}");
        let event: Value = serde_json::from_str(again.lines()[0]).unwrap();
        assert_eq!(event["time_us"], 1_767_312_000_000_000_u64, "{source}");
        again.stdout
    };
    let first = lines("demo:?rate=5000&seed=7", 432_000_001, "--no-compress");
    assert_ne!(lines("demo:?rate=5000&seed=8", 432_000_001, ""), first);
    // As fast as they are taken, events have the times of a thousand a second.
    lines("demo:?rate=max&seed=7", 86_400_001, "");
}

#[test]
fn a_cursor_of_a_demo_means_the_same_in_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let run = |flags: &str| {
        let call = Rocketman::new(["tail", "demo:?rate=1000&seed=3", "--cursor-file"]);
        call.arg(&cursor).with(flags).succeed()
    };
    let mut all = numbers(&run("-n 3 --since 1m"));
    for _ in 0..3 {
        let output = run("-n 3");
        assert!(
            !output.stderr.contains("another server"),
            "{}",
            output.stderr
        );
        all.extend(numbers(&output));
    }
    let first = all[0];
    assert_eq!(all, (first..first + 12).collect::<Vec<_>>());
}

#[test]
fn the_start_of_a_demo_costs_the_same_whatever_its_age() {
    let began = Instant::now();
    let output = demo("demo:?rate=1000000", "-n 1 --no-compress");
    assert_eq!(output.lines().len(), 1);
    assert!(began.elapsed().as_secs() < 30);
}

#[test]
fn a_demo_without_a_clock_goes_on_with_a_cursor_as_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let numbers = |source: &str, n: u32| {
        let call = Rocketman::new(["tail", source, "--cursor-file"]).arg(&cursor);
        let output = call.with(&format!("-n {n}")).succeed();
        // By its number, and not by a time that only the last process knew.
        assert!(!output.stderr.contains("counts"), "{}", output.stderr);
        numbers(&output)
    };
    let source = "demo:?rate=max&seed=7";
    assert_eq!(numbers(source, 10), (1..=10).collect::<Vec<_>>());
    assert_eq!(numbers(source, 500), (11..=510).collect::<Vec<_>>());
    let output = Rocketman::new(["cursor", "show"]).arg(&cursor).succeed();
    assert!(output.stdout.contains(source), "{}", output.stdout);
}

#[test]
fn the_past_of_a_demo_is_there_and_ends_now() {
    let output = demo("demo:?rate=100", "--since 30s --exit-at-end");
    let n = output.lines().len();
    assert!((2990..3500).contains(&n), "{n}");
    assert!(
        output.stderr.contains("the end is reached"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("GAP"), "{}", output.stderr);
}

#[test]
fn a_demo_that_cannot_be_is_refused_with_the_way_out() {
    for (sources, words) in [
        (
            "demo: example.com",
            ["stands alone", "'example.com'", "two processes"],
        ),
        (
            "example.com demo:",
            ["stands alone", "'example.com'", "two processes"],
        ),
        (
            "demo: demo:?seed=1",
            ["stands alone", "'demo:?seed=1'", "two processes"],
        ),
        (
            "demo:?speed=1",
            ["'speed'", "there are rate and seed", "hint: try demo:"],
        ),
        ("demo:?rate=often", ["'often'", "or max", "hint: try demo:"]),
        (
            "demo:7",
            ["'demo:7' is not a demo", "write demo:", "hint: try demo:"],
        ),
    ] {
        Rocketman::new(["tail"])
            .with(sources)
            .run()
            .assert_says(2, &words);
    }
    let output = Rocketman::new(["tail", "-n", "1"])
        .env("ROCKETMAN_SOURCE", "demo:")
        .succeed();
    assert_eq!(output.lines().len(), 1);
}
