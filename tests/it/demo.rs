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
fn the_same_seed_gives_the_same_events_plain_or_compressed() {
    let first = timeless(&demo("demo:?rate=5000&seed=7", "-n 500"));
    assert_eq!(
        timeless(&demo("demo:?rate=5000&seed=7", "-n 500 --no-compress")),
        first
    );
    assert_ne!(timeless(&demo("demo:?rate=5000&seed=8", "-n 500")), first);
}

#[test]
fn a_demo_without_a_clock_goes_on_with_a_cursor_as_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let numbers = |source: &str, n: u32| {
        let call = Rocketman::new(["tail", source, "--cursor-file"]).arg(&cursor);
        let output = call.with(&format!("-n {n}")).succeed();
        let parsed = timeless(&output).into_iter();
        parsed
            .map(|event| event["cursor"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let source = "demo:?rate=max&seed=7";
    assert_eq!(numbers(source, 10), (1..=10).collect::<Vec<_>>());
    assert_eq!(numbers(source, 500), (11..=510).collect::<Vec<_>>());
    let output = Rocketman::new(["cursor", "show"]).arg(&cursor).succeed();
    assert!(output.stdout.contains(source), "{}", output.stdout);
}

#[test]
fn an_hour_of_history_is_there_and_ends_now() {
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
