//! A million events of two servers that are cut again and again, of which one is blind and drops
//! events.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    time::Duration,
};

use serde_json::Value;

use super::{finish, is_wanted};
use crate::{
    compare::{commits, told},
    support::{program::Rocketman, serve::Serving},
};

/// A million events, one a millisecond.
const WINDOW: &str = "--since 2026-01-01T00:01:00Z --until 2026-01-01T00:17:40Z";

const LIMIT: Duration = Duration::from_secs(600);

const BLIND: &str = "app.bsky.feed.repost";

/// What a server has in the window: which commits, and how many other events.
fn window_of(server: &Serving, path: &Path) -> (BTreeSet<String>, usize) {
    let call = server.tail(WINDOW).stdout(File::create(path).unwrap());
    let output = finish(call.start_elsewhere(), LIMIT);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let lines = BufReader::new(File::open(path).unwrap()).lines();
    let (mut found, mut others) = (BTreeSet::new(), 0);
    for line in lines {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["kind"] == "commit" {
            found.append(&mut commits([&event].into_iter()));
        } else {
            others += 1;
        }
    }
    (found, others)
}

#[test]
fn what_a_million_events_lack_is_named_and_nothing_else() {
    if !is_wanted("what_a_million_events_lack_is_named") {
        return;
    }
    let server = |faults: &str| {
        Serving::new(&format!(
            "demo:?rate=max&seed=7 --fault cut-every=30000 {faults}"
        ))
    };
    let (a, b) = (
        server(""),
        server(&format!("--fault drop=1/1000 --fault blind={BLIND}@700000")),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    let (all, others) = window_of(&a, &path);
    let (left, others_left) = window_of(&b, &path);
    assert_eq!(all.len() + others, 1_000_000);
    let lacking: BTreeSet<_> = all.difference(&left).cloned().collect();
    assert!(left.is_subset(&all));

    let call = Rocketman::new(["compare", &a.url, &b.url]).with(WINDOW);
    let output = finish(call.with("--slack 10s --json").start(), LIMIT);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let (missing, summary) = told(&output);
    assert!(missing.iter().all(|line| line["missing_in"] == "b"));
    let named = commits(missing.iter());
    assert!(named == lacking, "{} and {}", named.len(), lacking.len());
    assert_eq!(missing.len(), lacking.len() + others - others_left);
    let counts = ["events", "missing"].map(|name| &summary["a"][name]);
    assert_eq!(counts, [&Value::from(1_000_000), &0.into()]);
    let collections = summary["collections"].as_array().unwrap();
    let blind: Vec<_> = collections
        .iter()
        .filter(|counts| !counts["b_blind_from_us"].is_null())
        .map(|counts| counts["collection"].as_str().unwrap())
        .collect();
    assert_eq!(blind, [BLIND]);
    let is_blind = |line: &&Value| line["collection"] == BLIND;
    let of_blind = missing.iter().filter(is_blind).count();
    println!(
        "1,000,000 events: {} missing in B, {of_blind} of them of {BLIND}, which is named; no other",
        missing.len()
    );
}
