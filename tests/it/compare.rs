//! `rocketman compare`: what one of two servers or recordings misses.

mod recorded;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{
    program::{Output, Rocketman},
    serve::Serving,
};

/// Two seconds of a stream of a thousand events a second, and what is read around them.
const WINDOW: &str = "--since 2026-01-01T00:00:02Z --until 2026-01-01T00:00:04Z --slack 1s";

/// A server of the same events as every other, with faults.
fn server(faults: &str) -> Serving {
    Serving::new(&format!("demo:?rate=max&seed=5 {faults}"))
}

fn compare(a: &Serving, b: &Serving, flags: &str) -> Output {
    let call = Rocketman::new(["compare", &a.url, &b.url]);
    call.with(WINDOW).with(flags).run()
}

/// The lines of JSON: what is missing in whom, and the summary.
pub(crate) fn report_of(output: &Output) -> (Vec<Value>, Value) {
    let lines = output.stdout.lines();
    let mut lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let summary = lines.pop().unwrap();
    assert_eq!(summary["type"], "summary");
    assert!(lines.iter().all(|line| line["type"] == "missing"));
    (lines, summary)
}

/// Which commits these are.
pub(crate) fn commits<'a>(events: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    let names = ["did", "collection", "rkey", "rev", "operation"];
    events
        .filter(|event| event["kind"] == "commit")
        .map(|event| {
            let commit = event.get("commit").unwrap_or(event);
            let part = |name: &str| event.get(name).or(commit.get(name)).unwrap().to_string();
            names.map(part).join(" ")
        })
        .collect()
}

/// All events of the window, as `tail` reads them.
fn window_of(server: &Serving, filter: &str) -> Vec<Value> {
    let flags = WINDOW.split(" --slack").next().unwrap();
    let output = server.tail(flags).with(filter).succeed();
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn servers_of_the_same_events_differ_in_nothing() {
    // Each loses its connection, and one gives numbers to other events.
    let (a, b) = (
        server("--fault cut-every=900"),
        server("--fault renumber@3000"),
    );
    let output = compare(&a, &b, "");
    output.assert_says(0, &["all kinds of events"]);
    let mut lines = output.stdout.lines();
    let window = "window  2026-01-01T00:00:02.000000Z to 2026-01-01T00:00:04.000000Z";
    assert_eq!(lines.next(), Some(window));
    for name in ["A", "B"] {
        let line = lines.next().unwrap();
        assert!(line.starts_with(name), "{line}");
        assert!(line.ends_with(" events, 0 missing"), "{line}");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn every_dropped_event_is_named_and_no_other() {
    let (a, b) = (
        server(""),
        server("--fault drop=1/50 --fault cut-every=900"),
    );
    let output = compare(&a, &b, "--json");
    let (missing, summary) = report_of(&output);
    assert!(missing.iter().all(|line| line["missing_in"] == "b"));
    let (all, left) = (window_of(&a, ""), window_of(&b, ""));
    let dropped: BTreeSet<_> = commits(all.iter())
        .difference(&commits(left.iter()))
        .cloned()
        .collect();
    assert!(dropped.len() > 20, "{}", dropped.len());
    assert_eq!(commits(missing.iter()), dropped);
    let n_missing = summary["b"]["missing"].as_u64().unwrap();
    assert_eq!(n_missing, missing.len() as u64);
    assert_eq!(
        (&summary["a"]["missing"], &summary["reordered"]),
        (&0.into(), &0.into())
    );
    let stretches = summary["stretches"].as_array().unwrap();
    let of_stretches = stretches
        .iter()
        .map(|stretch| stretch["events"].as_u64().unwrap());
    assert_eq!(of_stretches.sum::<u64>(), n_missing);
    let words = format!("error: {n_missing} events that A has are missing in B\n");
    output.assert_says(1, &[&words]);
}

#[test]
fn who_is_blind_to_a_collection_is_named_with_it() {
    let (a, b) = (server("--fault blind=app.bsky.feed.post@3001"), server(""));
    let output = compare(&a, &b, "");
    output.assert_says(1, &["events that B has are missing in A\n"]);
    let blind: Vec<_> = output
        .stdout
        .lines()
        .filter(|line| line.starts_with("blind"))
        .collect();
    let [line] = blind[..] else {
        panic!("{}", output.stdout)
    };
    assert!(
        line.starts_with("blind   A has no app.bsky.feed.post from 2026-01-01T00:00:03."),
        "{line}"
    );
    let rows = output
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("COLLECTION"));
    let rows: Vec<_> = rows.skip(1).take_while(|line| !line.is_empty()).collect();
    assert!(
        rows.len() == 1 && rows[0].starts_with("app.bsky.feed.post "),
        "{rows:?}"
    );
    assert!(output.stdout.contains("\nmissing in A\n"));
    assert!(output.stdout.contains("more, which --json lists"));
}

#[test]
fn filters_are_those_of_tail() {
    let (a, b) = (server(""), server("--fault drop=1/50"));
    let mut authors = BTreeMap::new();
    for event in window_of(&a, "") {
        *authors
            .entry(event["did"].as_str().unwrap().to_owned())
            .or_insert(0) += 1;
    }
    // One who is seen before the window and in it.
    let (author, _) = authors.into_iter().max_by_key(|(_, n)| *n).unwrap();
    for flags in [
        "-c app.bsky.feed.like --shard 1/3",
        "-k commit --max-message-size 500",
        "--op delete",
        &format!("-d {author}"),
    ] {
        let (_, summary) = report_of(&compare(&a, &b, &format!("--json {flags}")));
        let expected = window_of(&a, flags).len();
        let found = &summary["a"]["events"];
        if flags.starts_with("-d") {
            // Its window begins after the first of the account.
            assert!((1..=expected).contains(&found.as_u64().unwrap().try_into().unwrap()));
        } else {
            assert_eq!(*found, expected, "{flags}");
        }
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let a = server("");
    let nothing = Rocketman::new(["compare", "missing/file.ndjson", &a.url]).run();
    nothing.assert_says(2, &["cannot read the recording 'missing/file.ndjson'"]);
    for (arguments, words) in [
        ("compare - -", "stdin is named twice"),
        ("compare - a.example -d @-", "stdin is named twice"),
        (
            "compare a.example b.example --since 1h --until 2h",
            "is not after --since",
        ),
        ("compare a.example nats:STREAM", "only Jetstream servers"),
        ("compare a.example", "B"),
        (
            "compare a.example demo: --since 2206-01-01",
            "--since: 2206-01-01T00:00:00.000000Z lies in the future",
        ),
    ] {
        let output = Rocketman::new(arguments.split(' ')).run();
        output.assert_says(2, &[words]);
    }
}

#[test]
fn the_time_that_is_compared_and_what_to_do_are_said() {
    let a = server("");
    let said = "from 2026-01-01T00:00:02.000000Z up to 2026-01-01T00:00:04.000000Z";
    compare(&a, &a, "").assert_says(0, &["comparing all kinds of events ", said]);
    let nothing = compare(&a, &a, "-c app.bsky.feed.pots");
    let said =
        "neither has any of what is compared (commit events, collections app.bsky.feed.pots)";
    nothing.assert_says(0, &[said]);
    // The clock of a server counts where the other one is a recording.
    let call = Rocketman::new(["compare", "-", &a.url, "--since", "2206-01-01"]);
    call.run()
        .assert_says(2, &["lies beyond the clock", "hint: write a time such as"]);
}

#[test]
fn a_beginning_within_the_slack_is_refused_and_said() {
    let output = Rocketman::new(["compare", "demo:", "demo:?seed=2", "--since", "30s"]).run();
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(
        output
            .stderr
            .contains("so give --since further back, or a smaller --slack")
    );
}
