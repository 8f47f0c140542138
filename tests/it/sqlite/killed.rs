//! kill -9 at random moments: rows and place are of one transaction, so that each event counts
//! once.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;

use super::{into, number, records, texts};
use crate::support::{
    events::{EPOCH, STEP},
    fold::{Accounts, Fold},
    jetstream::{Request, Server},
    wait_until,
};

/// How often the program is killed in the suite, and once by hand.
fn rounds() -> usize {
    if std::env::var_os("ROCKETMAN_SOAK").is_some() {
        1000
    } else {
        50
    }
}

/// A history of this length.
fn history(seed: u64, n: usize) -> Vec<String> {
    let mut accounts = Accounts::new(seed, 60);
    let mut lines = Vec::new();
    while lines.len() < n {
        lines.extend(accounts.step());
    }
    lines
}

/// A server that has as much of these events as it is said at the moment.
fn growing(lines: &[String], length: &Arc<AtomicUsize>) -> Server {
    let (lines, length) = (lines.to_vec(), Arc::clone(length));
    Server::every(move |request: Request| {
        let end = length.load(Relaxed);
        let seq = request.cursor().unwrap_or(1);
        let from = usize::try_from(seq.saturating_sub(1)).unwrap().min(end);
        let mut connection = request.accept();
        connection.send_all(lines[from..end].to_vec());
        connection.until_closed();
    })
}

/// Kills runs with these flags, each of which has some more to read than the one before; `sql`
/// counts how far they are.
fn play(lines: &[String], folder: &Path, flags: &str, sql: &str) {
    let (all, path) = (lines.len(), folder.join("x.db"));
    let length = Arc::<AtomicUsize>::default();
    let server = growing(lines, &length);
    let start = || {
        into(&server, folder)
            .with(flags)
            .with("--kind all --begin oldest --save-interval 30ms")
            .start()
    };
    let (rounds, mut n_behind, mut n_further, mut before) = (rounds(), 0, 0, 0);
    for round in 1..=rounds {
        let end = all * round / rounds;
        length.store(end, Relaxed);
        let n_requests = server.requests().len();
        let running = start();
        wait_until("it is connected", || server.requests().len() > n_requests);
        if round % 2 == 0 {
            wait_until("it goes on", || number(&path, sql) > before);
        }
        thread::sleep(Duration::from_micros(fastrand::u64(..50_000)));
        running.kill();
        let now = number(&path, sql);
        n_behind += usize::from(now < end as u64);
        n_further += usize::from(now > before);
        before = now;
    }
    println!("{n_further} of {rounds} runs got on, and {n_behind} were killed before their end");
    assert!(
        n_further > rounds / 5 && n_behind > rounds / 5,
        "{n_further} {n_behind}"
    );
    let all = all as u64;
    let running = start();
    running.message("reading ");
    wait_until("the end of the stream", || number(&path, sql) == all);
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = names.filter(|name| name != "x.db.lock").collect();
    left.sort();
    assert_eq!(left, ["x.db"]);
}

/// The number that the place in the database stands at.
const PLACE: &str = "SELECT max(coalesce(reached ->> '$.point.seq', 0)) FROM rocketman_places";

#[test]
fn killed_again_and_again_the_table_has_each_event_once() {
    let folder = tempfile::tempdir().unwrap();
    let lines = history(1, 400 * rounds());
    play(&lines, folder.path(), "--table events", PLACE);
    let path = folder.path().join("x.db");
    let found = texts(
        &path,
        "SELECT json_array(did, time, seq, kind, operation, collection, rkey, rev, cid, json(record), json(detail)) FROM events ORDER BY id",
    );
    assert_eq!(found.len(), lines.len());
    for (line, row) in lines.iter().zip(found) {
        let event: Value = serde_json::from_str(line).unwrap();
        let commit = &event["commit"];
        let detail = match event["kind"].as_str().unwrap() {
            "commit" => &Value::Null,
            kind => &event[kind],
        };
        let wanted = serde_json::json!([
            event["did"],
            event["time_us"],
            event["cursor"],
            event["kind"],
            commit["operation"],
            commit["collection"],
            commit["rkey"],
            commit["rev"],
            commit["cid"],
            commit["record"],
            detail,
        ]);
        assert_eq!(serde_json::from_str::<Value>(&row).unwrap(), wanted);
    }
}

#[test]
fn killed_again_and_again_the_state_is_that_of_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let lines = history(2, 400 * rounds());
    play(&lines, folder.path(), "", PLACE);
    assert_state(&folder.path().join("x.db"), &[&lines]);
}

/// Asserts that a state is what a fold of these servers' events comes to.
fn assert_state(path: &Path, servers: &[&Vec<String>]) {
    let mut fold = Fold::default();
    for (server, lines) in servers.iter().enumerate() {
        fold.add(server, lines.iter());
    }
    let (wanted, visible) = (fold.records(), fold.visible());
    assert!(
        wanted.len() > visible.len() && visible.len() > 100,
        "{}",
        visible.len()
    );
    let found = records(path, "all_records");
    let differs = wanted
        .iter()
        .find(|(uri, record)| found.get(*uri) != Some(record));
    assert_eq!(differs, None);
    assert_eq!(found.len(), wanted.len());
    assert_eq!(records(path, "records"), visible);
}

/// What a server has: which events of the history, and how much later than it was at first.
type Log = Vec<(usize, u64)>;

/// The events as the server of the log sends them, under numbers of its own.
fn as_served(lines: &[String], log: &Log) -> Vec<String> {
    let numbered = (1..).zip(log);
    let served = numbered.map(|(seq, (n, shift))| {
        let line = &lines[*n];
        let time_us = EPOCH + *n as u64 * STEP;
        line.replacen(
            &format!(r#""time_us":{time_us},"#),
            &format!(r#""time_us":{},"#, time_us + shift),
            1,
        )
        .replacen(
            &format!(r#""cursor":{},"#, n + 1),
            &format!(r#""cursor":{seq},"#),
            1,
        )
    });
    served.collect()
}

/// Server and program are killed: the server then gives numbers again, and later times.
fn both_die(flags: &str, folder: &Path, lives: usize) -> Vec<String> {
    let lines = history(3, lives * 2_000);
    let path = folder.join("x.db");
    let served: Arc<Mutex<Vec<String>>> = Arc::default();
    let shared = Arc::clone(&served);
    let server = Server::every(move |request: Request| {
        let lines = shared.lock().unwrap().clone();
        let from = request.cursor().map_or(0, |cursor| {
            let is_later = |line: &String| {
                let event: Value = serde_json::from_str(line).unwrap();
                event["time_us"].as_u64().unwrap() < cursor
            };
            match cursor {
                1_000_000_000_000_000.. => lines.partition_point(is_later),
                seq => usize::try_from(seq - 1).unwrap().min(lines.len()),
            }
        });
        let mut connection = request.accept();
        connection.send_all(lines[from..].to_vec());
        connection.until_closed();
    });
    let mut log: Log = Vec::new();
    for life in 1..=lives {
        // The last events of the life before are read once more, later, behind one that is new.
        let lost = log.split_off(log.len().saturating_sub(fastrand::usize(100..300)));
        let shift = log.last().map_or(0, |last| last.1) + fastrand::u64(2..20) * 1_000_000;
        let mut next = lost.last().map_or(0, |(n, _)| n + 1);
        if life > 1 {
            log.push((next, shift));
            next += 1;
        }
        log.extend(lost.iter().map(|(n, _)| (*n, shift)));
        log.extend((next..life * 2_000).map(|n| (n, shift)));
        *served.lock().unwrap() = as_served(&lines, &log);
        let running = into(&server, folder)
            .with(flags)
            .with("--kind all --save-interval 30ms --rewind 60s")
            .start();
        let last = log.len() as u64;
        wait_until("the moment of the kill", || {
            number(&path, PLACE) >= last - if life < lives { 200 } else { 0 }
        });
        if life < lives {
            running.kill();
        } else {
            running.signal(Signal::TERM);
            running.finish().assert_says(0, &["renumbered its events"]);
        }
    }
    lines
}

#[test]
fn a_server_that_gives_numbers_again_adds_no_event_twice() {
    let folder = tempfile::tempdir().unwrap();
    let lines = both_die("--table events", folder.path(), 4);
    let path = folder.path().join("x.db");
    let n_rows = number(&path, "SELECT count(*) FROM events");
    let n_events = "SELECT count(*) FROM (SELECT DISTINCT did, kind, rev, collection, rkey, operation, detail FROM events)";
    assert_eq!(number(&path, n_events), lines.len() as u64);
    assert_eq!(n_rows, lines.len() as u64);
}

#[test]
fn a_server_that_gives_numbers_again_changes_no_state() {
    let folder = tempfile::tempdir().unwrap();
    let lines = both_die("", folder.path(), 4);
    assert_state(&folder.path().join("x.db"), &[&lines]);
}
