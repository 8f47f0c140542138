//! A million events of two servers that are cut again and again, of which one is blind and drops
//! events.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Lines},
    path::Path,
    time::Duration,
};

use serde_json::Value;

use super::{finish, is_wanted};
use crate::{
    compare::{commits, report_of},
    support::{
        program::{Output, Rocketman},
        serve::Serving,
    },
};

/// A million events, one a millisecond.
const WINDOW: &str = "--since 2026-01-01T00:01:00Z --until 2026-01-01T00:17:40Z";

const LIMIT: Duration = Duration::from_secs(600);

const BLIND: &str = "app.bsky.feed.repost";

/// What a server has in the window, a line an event.
fn window_of(server: &Serving, path: &Path) -> Lines<BufReader<File>> {
    let call = server.tail(WINDOW).stdout(File::create(path).unwrap());
    let output = finish(call.start_elsewhere(), LIMIT);
    assert_eq!(output.code, Some(0), "{output:#?}");
    BufReader::new(File::open(path).unwrap()).lines()
}

/// The lines that only the first has, of which the second has all others in the same order.
fn lacking(
    all: impl Iterator<Item = io::Result<String>>,
    left: impl Iterator<Item = io::Result<String>>,
) -> (usize, Vec<Value>) {
    let (mut n, mut lacking) = (0, Vec::new());
    let mut left = left.map(Result::unwrap).peekable();
    for line in all.map(Result::unwrap) {
        n += 1;
        if left.next_if_eq(&line).is_none() {
            lacking.push(serde_json::from_str(&line).unwrap());
        }
    }
    assert_eq!(left.next(), None);
    (n, lacking)
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
    let [all, left] = [(&a, "a"), (&b, "b")].map(|(server, name)| {
        let path = folder.path().join(name);
        window_of(server, &path)
    });
    let (n, lacking) = lacking(all, left);
    assert_eq!(n, 1_000_000);

    let call = Rocketman::new(["compare", &a.url, &b.url]).with(WINDOW);
    let path = folder.path().join("told");
    let call = call
        .with("--slack 10s --json")
        .stdout(File::create(&path).unwrap());
    let output = finish(call.start_elsewhere(), LIMIT);
    let output = Output {
        stdout: fs::read_to_string(&path).unwrap(),
        ..output
    };
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let (missing, summary) = report_of(&output);
    assert!(missing.iter().all(|line| line["missing_in"] == "b"));
    assert_eq!(missing.len(), lacking.len());
    assert!(commits(missing.iter()) == commits(lacking.iter()));
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
