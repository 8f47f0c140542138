//! What a cursor knows around its place: a run never goes back, and always gets on.

use std::collections::BTreeSet;

use super::*;
use crate::support::serve::Serving;

/// The highest time that the cursor of a folder has, as it is shown.
fn highest(folder: &Path) -> u64 {
    let output = Rocketman::new(["cursor", "show", "cursor.json", "--json"])
        .inside(folder)
        .succeed();
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    report["highest_us"].as_u64().unwrap()
}

/// A recording of events that are so far apart, in microseconds.
fn record(folder: &Path, total: u64, apart: u64) -> String {
    let time = |n: u64| (EPOCH + n * STEP).to_string();
    let line = |n: u64| post(n).replace(&time(n), &(EPOCH + n * apart).to_string()) + "\n";
    let path = folder.join("recording.ndjson");
    fs::write(&path, (0..total).map(line).collect::<String>()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn short_runs_over_two_servers_by_turns_reach_the_end() {
    // Closer together and further apart than the rewind reaches.
    for apart in [STEP, 25_000_000] {
        let folder = tempfile::tempdir().unwrap();
        let recording = record(folder.path(), 30, apart);
        let serve = || Serving::new(&format!("{recording} --speed max"));
        let servers = [serve(), serve()];
        let (mut delivered, mut before) = (BTreeSet::new(), 0);
        let end = EPOCH + 29 * apart;
        for run in 0.. {
            let call = servers[run % 2].tail("--cursor-file cursor.json -n 3");
            let output = call.inside(folder.path()).succeed();
            delivered.extend(output.lines().into_iter().map(str::to_owned));
            let now = highest(folder.path());
            assert!(now >= before, "run {run} went back from {before} to {now}");
            before = now;
            if now == end {
                break;
            }
            assert!(run < 20, "it does not get on from {before}");
        }
        assert_eq!(delivered.len(), 30, "{apart}");
    }
}

#[test]
fn each_server_is_gone_on_with_by_its_own_number() {
    let folder = tempfile::tempdir().unwrap();
    let servers = [counting_server(30), counting_server(30)];
    let run = |at: usize| tail(&servers[at], folder.path()).with("-n 3").succeed();
    // What the first run delivered is recognised on the second server, and so on.
    let mut all = Vec::new();
    for run in [0, 1, 0, 1].map(run) {
        assert!(!run.stderr.contains("possible repeat"), "{}", run.stderr);
        all.extend(run.stdout.lines().map(str::to_owned));
    }
    assert_eq!(all, posts(0, 12));
    let first = EPOCH.to_string();
    assert_eq!(cursors(&servers[0]), ["", "3"]);
    assert_eq!(cursors(&servers[1]), [&*first, "6"]);
    let output = Rocketman::new(["cursor", "show", "cursor.json"]);
    let output = output.inside(folder.path()).succeed();
    let elsewhere = format!("elsewhere {}: number 9, ", servers[0].service());
    for words in ["highest   2026-09-21T14:13:20.011000Z", &*elsewhere] {
        assert!(output.stdout.contains(words), "{}", output.stdout);
    }
}

#[test]
fn no_rewind_goes_back_beyond_the_first_run() {
    let folder = tempfile::tempdir().unwrap();
    let servers = [counting_server(300), counting_server(300)];
    let run = |at: usize, flags: &str| tail(&servers[at], folder.path()).with(flags).succeed();
    run(0, "--cursor 101 -n 3");
    run(1, "-n 3");
    assert_eq!(cursors(&servers[1]), [(EPOCH + 100 * STEP).to_string()]);
    // A beginning that somebody sets is another first run.
    run(0, "--cursor 51 -n 3");
    run(1, "-n 3");
    let asked = (EPOCH + 50 * STEP).to_string();
    assert_eq!(cursors(&servers[1]).last(), Some(&asked));
}

/// Five events for each time, from a server that does not count.
#[test]
fn events_of_one_time_come_once_each_in_runs_of_any_length() {
    for n in [1, 3, 4, 7] {
        let folder = tempfile::tempdir().unwrap();
        let line = |n: u64| {
            let time = |n: u64| (EPOCH + n * STEP).to_string();
            legacy_post(n).replace(&time(n), &time(n / 5)) + "\n"
        };
        let recording = folder.path().join("recording.ndjson");
        let lines: String = (0..20).map(line).collect();
        fs::write(&recording, &lines).unwrap();
        let serving = Serving::new(&format!("{} --legacy --speed max", recording.display()));
        let tail = |flags: &str| {
            let call = serving.tail("-o out --cursor-file cursor.json");
            call.with(flags).inside(folder.path()).succeed()
        };
        for _ in 0..20 / n {
            tail(&format!("-n {n}"));
        }
        if 20 % n > 0 {
            tail(&format!("-n {}", 20 % n));
        }
        let out = fs::read_to_string(folder.path().join("out")).unwrap();
        assert_eq!(out, lines, "-n {n}");
    }
}

/// A server goes from what it stored to what is live, and is cut, or the run stops, before what was
/// overtaken has come.
#[test]
fn what_was_overtaken_before_a_stop_comes_with_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let order = [0, 1, 2, 30, 31, 3, 4, 5, 32];
    let server = Server::every(move |request| {
        let from_us = request.cursor().unwrap_or_default();
        let wanted = move |n: &u64| EPOCH + n * STEP >= from_us;
        send(request, order.into_iter().filter(wanted).map(legacy_post));
    });
    let run = |flags: &str| tail(&server, folder.path()).with(flags).succeed();
    let mut lines: Vec<_> = run("-n 5").lines().into_iter().map(str::to_owned).collect();
    lines.extend(run("-n 4").lines().into_iter().map(str::to_owned));
    assert_eq!(lines, order.map(legacy_post));
}

#[test]
fn only_repeats_that_were_delivered_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(300);
    // Of an older version, which kept the last event alone.
    write(folder.path(), "wss://elsewhere.example/subscribe", 200);
    let output = tail(&server, folder.path()).with("-n 3").succeed();
    output.assert_says(
        0,
        &["3 events delivered", ", 3 possible repeats let through"],
    );
}
