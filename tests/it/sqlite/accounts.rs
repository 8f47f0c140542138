//! Accounts that go away take their rows with them, as `--on-account-gone` says, and what was
//! removed leaves the file.

use std::path::Path;

use super::{into, number, serving, texts};
use crate::support::{events, jetstream::Server};

/// An account event about the author of event `n`, and of this status.
fn account(n: u64, status: &str) -> String {
    let text = events::account(n);
    match status {
        "active" => text
            .replace(r#""active":false"#, r#""active":true"#)
            .replace(r#""status":"deleted","#, ""),
        _ => text.replace("deleted", status),
    }
}

/// Runs until `lines` are read, from where the database comes to.
fn read(lines: Vec<String>, folder: &Path, flags: &str) {
    let n = lines.len();
    let server: Server = serving(lines);
    into(&server, folder)
        .with(&format!("--kind all -n {n} --cursor 1"))
        .with(flags)
        .succeed();
}

fn visible(folder: &Path) -> u64 {
    number(&folder.join("x.db"), "SELECT count(*) FROM records")
}

fn all(folder: &Path) -> u64 {
    number(&folder.join("x.db"), "SELECT count(*) FROM all_records")
}

#[test]
fn what_is_deleted_leaves_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |n: u64| events::post(n).replace("héllo", "unspeakable");
    let gone = |n: u64| {
        let text = events::post(n).replace(r#""operation":"create""#, r#""operation":"delete""#);
        let (head, _) = text.split_once(r#","record""#).unwrap();
        // The same record, later.
        let key = |n: u64| format!("3l{n:011}");
        (head.to_owned() + "}}").replace(&key(n), &key(n - 100))
    };
    let mut lines: Vec<_> = (0..100).map(secret).collect();
    lines.extend((100..199).map(gone));
    lines.push(account(199, "deleted"));
    read(lines, folder.path(), "");
    assert_eq!((all(folder.path()), visible(folder.path())), (0, 0));
    let bytes = std::fs::read(folder.path().join("x.db")).unwrap();
    let found = memchr::memmem::find(&bytes, b"unspeakable");
    assert_eq!(found, None, "of {} bytes", bytes.len());
    let path = folder.path().join("x.db");
    assert_eq!(number(&path, "SELECT count(*) FROM rocketman_deleted"), 99);
    let views = texts(&path, "SELECT name FROM sqlite_schema WHERE type = 'view'");
    assert_eq!(views, ["records"]);
}

#[test]
fn a_policy_says_what_becomes_of_rows() {
    for (policy, after_takedown, back, after_deletion, left) in [
        ("follow", 9, 10, 9, 9),
        ("hide", 9, 10, 9, 10),
        ("remove", 9, 9, 9, 9),
        ("keep", 10, 10, 10, 10),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let flags = format!("--on-account-gone {policy}");
        let mut lines: Vec<_> = (0..10).map(events::post).collect();
        for (n, status, wanted) in [
            (100, "takendown", after_takedown),
            (200, "active", back),
            (300, "throttled", back),
            (400, "deleted", after_deletion),
        ] {
            lines.push(account(n, status));
            read(lines.clone(), folder.path(), &flags);
            assert_eq!(visible(folder.path()), wanted, "{policy} {status}");
        }
        assert_eq!(all(folder.path()), left, "{policy}");
    }
}

#[test]
fn handles_and_statuses_are_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let lines = vec![
        events::identity(105),
        events::identity(5),
        account(205, "suspended"),
        account(5, "active"),
        account(106, "takendown"),
    ];
    read(lines, folder.path(), "");
    let path = folder.path().join("x.db");
    assert_eq!(texts(&path, "SELECT handle FROM handles"), ["a105.example"]);
    let statuses = "SELECT did || ' ' || status || ' ' || hidden FROM accounts ORDER BY did";
    let wanted = [
        format!("{} suspended 1", events::did(5)),
        format!("{} takendown 1", events::did(6)),
    ];
    assert_eq!(texts(&path, statuses), wanted);
}
