//! What cannot be a table, or not any more: each is said, and nothing is lost.

use std::fs;

use rusqlite::Connection;
use rustix::process::Signal;

use super::{into, number, serving};
use crate::support::{disk::SmallDisk, events::post, program::Rocketman, wait_until};

#[test]
fn a_second_place_beside_the_database_is_refused() {
    let call = |flags: &str| {
        Rocketman::tail("localhost:1")
            .with("-o sqlite:x.db")
            .with(flags)
            .run()
    };
    for flag in ["--cursor-file c", "--cursor-kv nats://localhost/B/k"] {
        let name = flag.split(' ').next().unwrap();
        let words = format!("{name} does not go with a database");
        call(flag).assert_says(2, &[&words, "keeps the place itself"]);
    }
    for (flag, why) in [
        ("--raw", "--raw does not go with a database"),
        ("-0", "--print0 does not go with a database"),
        ("--format pretty", "--format does not go with a database"),
        ("--rotate-count 3", "--rotate-count is for output files"),
    ] {
        call(flag).assert_says(2, &[why]);
    }
    for name in ["x.db", "x.sqlite", "X.SQLite3"] {
        let lines = Rocketman::tail("localhost:1").with(&format!("-o {name}"));
        lines
            .run()
            .assert_says(2, &["would be a file of lines", "write sqlite: before it"]);
    }
    let empty = Rocketman::tail("localhost:1").with("-o sqlite:").run();
    empty.assert_says(2, &["--output sqlite: names no file"]);
    let nowhere = Rocketman::tail("localhost:1").with("--table events").run();
    nowhere.assert_says(2, &["--table is for tables", "sqlite:FILE"]);
}

#[test]
fn what_is_no_database_of_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let server = serving((0..3).map(post).collect());
    let text = "no database ".repeat(500);
    fs::write(&path, &text).unwrap();
    let run = || into(&server, folder.path()).with("-n 3 --cursor 1").run();
    run().assert_says(2, &["'x.db' is no SQLite database", "hint: "]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    run().assert_says(2, &["'x.db' was not made by rocketman", "hint: "]);
    drop(other);
    fs::remove_file(&path).unwrap();
    into(&server, folder.path())
        .with("-n 3 --cursor 1")
        .succeed();
    let later = Connection::open(&path).unwrap();
    later.execute_batch("PRAGMA user_version = 9").unwrap();
    drop(later);
    run().assert_says(
        2,
        &[
            "version 9 of its tables, and this program writes version 1",
            "hint: ",
        ],
    );
    for (path, why) in [("/dev/null", "a device"), (".", "a folder")] {
        let call = Rocketman::tail(&server.url()).with(&format!("-o sqlite:{path} -n 1"));
        call.run()
            .assert_says(2, &[why, "and no regular file", "hint: "]);
    }
    let missing = Rocketman::tail(&server.url())
        .with("-o sqlite:nowhere/x.db -n 1")
        .run();
    missing.assert_says(1, &["cannot lock database 'nowhere/x.db'", "hint: "]);
}

#[test]
fn a_second_writer_is_kept_out_and_readers_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = serving((0..300).map(post).collect());
    let path = folder.path().join("x.db");
    let running = into(&server, folder.path()).with("--cursor 1").start();
    wait_until("all are there", || {
        number(&path, "SELECT count(*) FROM records") == 300
    });
    let second = into(&server, folder.path()).run();
    second.assert_says(7, &["'x.db' is written to by another process", "hint: "]);
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn a_full_disk_ends_the_run_and_the_next_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(disk) = SmallDisk::mount(&small) else {
        return;
    };
    let server = serving((0..3_000).map(post).collect());
    let full = into(&server, &small)
        .with("--cursor 1 -n 3000 --save-interval 20ms")
        .run();
    full.assert_says(1, &["database 'x.db'", "full", "hint: "]);
    for name in ["x.db", "x.db-wal", "x.db.lock"] {
        let (from, to) = (small.join(name), folder.path().join(name));
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
    drop(disk);
    let path = folder.path().join("x.db");
    let before = number(&path, "SELECT count(*) FROM records");
    let running = into(&server, folder.path()).start();
    wait_until("the rest", || {
        number(&path, "SELECT count(*) FROM records") == 3_000
    });
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    assert!(before < 3_000);
}

#[test]
fn a_database_that_another_program_writes_to_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = serving((0..300).map(post).collect());
    let path = folder.path().join("x.db");
    into(&server, folder.path())
        .with("--cursor 1 -n 100")
        .succeed();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let running = into(&server, folder.path()).start();
    running.message("reading ");
    server.wait_for_requests(2);
    assert_eq!(number(&path, "SELECT count(*) FROM records"), 100);
    other.execute_batch("COMMIT").unwrap();
    wait_until("the rest", || {
        number(&path, "SELECT count(*) FROM records") == 300
    });
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
}
