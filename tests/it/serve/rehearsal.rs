//! Faults that are made on purpose, and how our own consumer copes.

use serde_json::Value;

use crate::support::{
    program::{Output, Rocketman},
    serve::Serving,
};

/// Reads invented events while this goes wrong.
fn tail(faults: &str, flags: &str) -> Output {
    let server = Serving::new(&format!("demo:?rate=max {faults}"));
    server.tail(flags).succeed()
}

fn numbers(output: &Output) -> Vec<u64> {
    let lines = output.stdout.lines();
    lines
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["cursor"]
                .as_u64()
                .unwrap()
        })
        .collect()
}

/// Each number once, from 1 on.
fn each_once(n: u64) -> Vec<u64> {
    (1..=n).collect()
}

#[test]
fn a_cut_is_survived_without_loss_or_repeats() {
    let output = tail("--fault cut-every=70", "-n 500");
    assert_eq!(numbers(&output), each_once(500));
    output.assert_says(0, &["ended without a close frame", "7 reconnects"]);
}

#[test]
fn a_close_is_survived_without_loss_or_repeats() {
    let output = tail("--fault close=1011@150", "-n 400");
    assert_eq!(numbers(&output), each_once(400));
    output.assert_says(
        0,
        &[
            "code 1011: closed on purpose, by the fault close",
            "2 reconnects",
        ],
    );
}

#[test]
fn a_stall_is_noticed_and_survived() {
    let output = tail("--fault stall-after=200", "-n 500 --frame-timeout 1s");
    assert_eq!(numbers(&output), each_once(500));
    output.assert_says(0, &["nothing was received for 1s", "2 reconnects"]);
}

#[test]
fn garbage_is_stepped_over() {
    for flags in ["-n 300", "-n 300 --no-compress"] {
        let output = tail("--fault garbage-every=100 --fault seed=3", flags);
        assert_eq!(numbers(&output), each_once(300), "{flags}");
        output.assert_says(0, &["malformed messages skipped"]);
        assert!(!output.stderr.contains("reconnect"), "{}", output.stderr);
    }
}

#[test]
fn a_duplicate_comes_through_for_only_seams_are_looked_at() {
    let output = tail("--fault duplicate-every=3", "-n 8");
    assert_eq!(numbers(&output), [1, 2, 3, 3, 4, 5, 6, 6]);
}

#[test]
fn refusals_end_after_so_many() {
    let output = tail("--fault refuse=503:2", "-n 10");
    assert_eq!(numbers(&output), each_once(10));
    output.assert_says(0, &["503", "refused on purpose, by the fault refuse"]);
    let server = Serving::new("demo: --fault refuse=404:1");
    let output = server.tail("-n 1").run();
    output.assert_says(6, &["404", "refused on purpose"]);
    assert_eq!(server.tail("-n 1").succeed().lines().len(), 1);
}

/// The lines without what a kill of the server changes.
fn identities(output: &Output) -> Vec<Value> {
    let lines = output.stdout.lines();
    lines
        .map(|line| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            for key in ["cursor", "time_us"] {
                event.as_object_mut().unwrap().remove(key);
            }
            event
        })
        .collect()
}

#[test]
fn numbers_that_are_given_again_lose_and_repeat_nothing() {
    let output = tail("--fault renumber@200", "-n 500");
    let untroubled = tail("", "-n 500");
    assert!(
        identities(&output) == identities(&untroubled),
        "{}",
        output.stderr
    );
    let numbers = numbers(&output);
    assert_eq!((numbers[159], numbers[160], numbers[199]), (160, 181, 220));
    // Event 201 has number 201: one of those that were given before.
    assert_eq!(numbers[200..], (201..=500).collect::<Vec<_>>());
}

#[test]
fn a_cursor_that_lies_before_all_events_is_a_gap() {
    let demo = "demo:?rate=1000 --fault outdated --fault too-old";
    let server = Serving::new(demo);
    let output = server.tail("-n 1 --since 10m --on-gap fail").run();
    output.assert_says(4, &["GAP"]);
}

#[test]
fn what_is_missing_is_missing_every_time() {
    let faults = "--fault drop=1/10 --fault blind=app.bsky.feed.like@101";
    let output = tail(faults, "-n 200");
    let likes = output
        .stdout
        .lines()
        .filter(|line| line.contains("app.bsky.feed.like\",\"rkey"));
    let numbers = numbers(&output);
    let n_before = numbers.iter().filter(|number| **number <= 100).count();
    assert!((80..100).contains(&n_before), "{n_before} of 100");
    assert!(likes.clone().count() < n_before);
    assert_eq!(output.stdout, tail(faults, "-n 200 --no-compress").stdout);
}

#[test]
fn the_same_seed_rehearses_the_same() {
    let run = || {
        let output = tail(
            "--fault garbage-every=7 --fault seed=5 --fault cut-every=40",
            "-n 200 --no-compress",
        );
        let said = output
            .stderr
            .lines()
            .filter(|line| line.contains("skipped a message"));
        (
            numbers(&output),
            said.map(str::to_owned).collect::<Vec<_>>(),
        )
    };
    assert_eq!(run(), run());
}

#[test]
fn a_fault_that_cannot_be_is_refused() {
    let output = Rocketman::new(["serve", "--fault", "cut-every=often"]).run();
    output.assert_says(
        2,
        &["--fault: the fault cut-every takes a number from 1 on, not 'often'"],
    );
    let output = Rocketman::new(["serve", "--fault", "explode=1"]).run();
    output.assert_says(2, &["no fault 'explode=1'", "stall-after=N"]);
}
