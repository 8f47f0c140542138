//! What each flag of tables does.

use std::{
    process::Command,
    sync::{Arc, Mutex},
};

use super::{into, number, serving, texts};
use crate::support::{
    events::{identity, post, unlike},
    jetstream::{Request, Server},
    program::Rocketman,
    wait_until,
};

#[test]
fn the_state_is_kept_unless_events_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = [0, 1, 0, 2].map(post).into();
    let server = serving(lines);
    let path = folder.path().join("x.db");
    into(&server, folder.path())
        .with("-n 4 --cursor 1")
        .succeed();
    assert_eq!(number(&path, "SELECT count(*) FROM records"), 3);
    std::fs::remove_file(&path).unwrap();
    let events = into(&server, folder.path()).with("-n 4 --cursor 1 --table events");
    events.succeed();
    assert_eq!(number(&path, "SELECT count(*) FROM events"), 4);
    let again = into(&server, folder.path()).with("-n 1").run();
    again.assert_says(
        2,
        &["'x.db' holds a table of events, and not of state", "hint: "],
    );
}

#[test]
fn a_cursor_that_was_set_back_wins_over_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::<Mutex<Vec<_>>>::default();
    let noted = Arc::clone(&asked);
    let server = Server::every(move |request: Request| {
        let cursor = request.cursor();
        let n = noted.lock().unwrap().len();
        let mut connection = request.accept();
        match n {
            0 => connection.send_all((0..20).map(post)),
            // Nothing is written, and the place moves on all the same.
            1 => connection.send_all((2..8).map(identity)),
            _ => {}
        }
        noted.lock().unwrap().push(cursor);
        connection.until_closed();
    });
    let call = |flags| into(&server, folder.path()).with("-k commit").with(flags);
    call("-n 20 --cursor 1").succeed();
    let running = call("--cursor 3 --save-interval 10ms").start();
    let path = folder.path().join("x.db");
    let place = "SELECT saved ->> '$.place.Reached.point.seq' FROM rocketman_places";
    wait_until("the place is saved", || number(&path, place) == 8);
    running.kill();
    let running = call("").start();
    wait_until("it has connected", || asked.lock().unwrap().len() == 3);
    running.kill();
    assert_eq!(*asked.lock().unwrap(), [Some(1), Some(3), Some(8)]);
}

#[test]
fn columns_hold_what_their_pointers_lead_to() {
    let folder = tempfile::tempdir().unwrap();
    let odd = |n: u64, text: &str| post(n).replace(r#""héllo 🚀""#, text);
    let lines = vec![
        post(0),
        odd(1, "12"),
        odd(2, r#""a\u0000b""#),
        odd(3, r#""\ud800""#),
        odd(4, &format!("{}{}", "[".repeat(300), "]".repeat(300))),
        odd(5, "18446744073709551616"),
        odd(6, &format!("\"{}\"", "x".repeat(7 * 1024 * 1024))),
    ];
    let server = serving(lines);
    let run = into(&server, folder.path())
        .with("-n 7 --cursor 1 --column text=/commit/record/text")
        .with("--column n:integer=/commit/record/text --column raw:json=commit.record.text");
    let output = run.succeed();
    output.assert_says(0, &["column 'text': 5 values were of another type"]);
    let path = folder.path().join("x.db");
    let all = "SELECT coalesce(substr(text, 1, 9), '-') || '|' || coalesce(n, '-') || '|' || length(raw) FROM records ORDER BY rkey";
    assert_eq!(
        texts(&path, all),
        [
            "héllo 🚀|-|9",
            "-|12|2",
            "-|-|10",
            "-|-|8",
            "-|-|600",
            "-|-|20",
            "xxxxxxxxx|-|7340034"
        ]
    );
    let lengths = "SELECT sum(length(record)) FROM records";
    assert!(number(&path, lengths) > 7 * 1024 * 1024);
    let more = into(&server, folder.path()).with("-n 1 --cursor 1 --column rkey2=commit.rkey");
    more.succeed()
        .assert_says(0, &["column 'rkey2' is new in 'x.db'"]);
    let other = into(&server, folder.path()).with("-n 1 --column text=/commit/rkey");
    other.run().assert_says(
        2,
        &["'x.db' has a column text:text=/commit/record/text, and not text:text=/commit/rkey"],
    );
    for (column, why) in [
        ("uri=/commit/rkey", "have one of that name"),
        ("x", "write NAME=POINTER"),
        ("x=did --column X=did", "there are two of the name 'X'"),
    ] {
        let refused = into(&server, folder.path()).with(&format!("-n 1 --column {column}"));
        refused.run().assert_says(2, &["--column", why]);
    }
}

#[test]
fn without_records_the_column_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let server = serving((0..3).map(post).collect());
    for (n, flags) in ["--no-record", "--no-record --table events"]
        .into_iter()
        .enumerate()
    {
        let run = into(&server, folder.path())
            .with("-n 3 --cursor 1")
            .with(flags);
        run.with(&format!("-o sqlite:{n}.db"))
            .run()
            .assert_says(2, &["--output"]);
        let run = Rocketman::tail(&server.url())
            .inside(folder.path())
            .with(flags);
        run.with(&format!(
            "-n 3 --cursor 1 -o sqlite:{n}.db --column text=commit.record.text"
        ))
        .succeed();
        let table = ["records", "events"][n];
        let path = folder.path().join(format!("{n}.db"));
        let counts =
            format!("SELECT count(record) * 100 + count(cid) * 10 + count(text) FROM {table}");
        assert_eq!(number(&path, &counts), 33);
    }
}

#[test]
fn tombstones_show_what_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let back = unlike(1)
        .replace("delete", "create")
        .replace("3k00000000001", "3k00000000009")
        .replace("}}", r#","record":{},"cid":"bafy"}}"#);
    let server = serving(vec![unlike(0), unlike(1), back]);
    into(&server, folder.path())
        .with("-n 3 --cursor 1 --tombstones")
        .succeed();
    let path = folder.path().join("x.db");
    let uris = texts(&path, "SELECT uri FROM tombstones");
    assert_eq!(
        uris,
        ["at://did:plc:000000000000000000000000/app.bsky.feed.like/3l00000000000"]
    );
    let refused = into(&server, folder.path()).with("--tombstones --table events");
    refused
        .run()
        .assert_says(2, &["--tombstones is for the state"]);
}

#[test]
fn full_is_on_the_disk_before_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let server = serving((0..3).map(post).collect());
    if Command::new("strace").arg("-V").output().is_err() {
        println!("full_is_on_the_disk_before_it_counts: skipped, for there is no strace");
        return;
    }
    let syncs_of_the_log = |mode: &str| {
        let log = folder.path().join(format!("{mode}.strace"));
        let traced = Command::new("strace")
            .args(["-f", "-y", "-e", "trace=fdatasync,fsync", "-o"])
            .arg(&log)
            .arg(env!("CARGO_BIN_EXE_rocketman"))
            .args(["tail", &server.url(), "-n", "3", "--cursor", "1"])
            .args(["-o", &format!("sqlite:{mode}.db"), "--synchronous", mode])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(traced.status.success());
        let text = std::fs::read_to_string(log).unwrap();
        text.lines()
            .filter(|line| line.contains(".db-wal>"))
            .count()
    };
    // The tables, the beginning, the rows and the end are a commit each.
    let (normal, full) = (syncs_of_the_log("normal"), syncs_of_the_log("full"));
    assert!(full >= normal + 2, "{full} and {normal}");
}

#[test]
fn cursor_show_tells_the_places_of_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let server = serving((0..20).map(post).collect());
    let call = |flags| into(&server, folder.path()).with(flags);
    call("-n 20 --cursor 1").succeed();
    call("-n 5 --cursor 1 -c app.bsky.feed.post").succeed();
    let cursor = |arguments: &str| {
        let call = Rocketman::new(["cursor"]).with(arguments);
        call.inside(folder.path()).run()
    };
    let shown = cursor("show sqlite:x.db --json");
    let places: Vec<serde_json::Value> = shown
        .lines()
        .into_iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let numbers: Vec<_> = places.iter().map(|place| place["seq"].as_u64()).collect();
    assert_eq!(numbers, [Some(5), Some(20)], "{shown:#?}");
    assert_eq!(places[0]["in_use"], false);
    let running = call("-c app.bsky.feed.post --cursor 20").start();
    running.message("reading ");
    let shown = cursor("show sqlite:x.db");
    let in_use = "in use    yes, by a running process\n";
    assert_eq!(shown.stdout.matches(in_use).count(), 2, "{shown:#?}");
    running.kill();
    cursor("rewind sqlite:x.db 1h").assert_says(2, &["cannot be moved", "hint: begin elsewhere"]);
    std::fs::write(
        folder.path().join("none.db"),
        "no database, but as long as one has to be",
    )
    .unwrap();
    cursor("show sqlite:none.db").assert_says(2, &["'none.db' is no SQLite database"]);
    cursor("show sqlite:nowhere.db").assert_says(1, &["cannot open database 'nowhere.db'"]);
}
