//! What commands print as JSON: names in it are of strangers, and stdout may be a terminal.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::program::Rocketman;

/// What a terminal acts upon (DEL, C1) or that turns text around, and JSON allows as it is.
const HOSTILE: &str = "app.x\u{7f}\u{9b}31m\u{202e}";

fn line(n: u64, collection: &str) -> String {
    let time_us = 1_790_000_000_000_000 + n * 1_000_000;
    format!(
        r#"{{"did":"did:plc:a","time_us":{time_us},"cursor":{n},"kind":"commit","commit":{{"rev":"3r{n}","operation":"delete","collection":"{collection}","rkey":"{n}"}}}}"#
    ) + "\n"
}

/// Runs it, wants nothing hostile in its lines as they are, and returns them as JSON.
fn printed(folder: &Path, arguments: &str) -> Vec<Value> {
    let output = Rocketman::new(arguments.split(' ')).inside(folder).run();
    assert!(!output.stdout.is_empty(), "{output:#?}");
    let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!output.stdout.contains(acts), "{output:#?}");
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn reports_in_json_hold_nothing_that_a_terminal_acts_upon() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let usual = |numbers: std::ops::Range<u64>| numbers.map(|n| line(n, "a.b.c"));
    write("a", &usual(1..99).collect::<String>());
    let more = [line(50, HOSTILE)].into_iter();
    let all: String = usual(1..50).chain(more).chain(usual(51..99)).collect();
    write("./b", &all);
    let compared = printed(folder.path(), "compare --json --slack 1s ./a ./b");
    let missing: Vec<_> = compared.iter().map(|line| &line["collection"]).collect();
    assert!(missing.contains(&&Value::from(HOSTILE)), "{compared:?}");
    let packed = Rocketman::new(["pack", "b", "archive"]).inside(folder.path());
    packed.succeed();
    let inspected = printed(folder.path(), "inspect --json archive");
    assert_eq!(inspected[0]["collections"][HOSTILE]["events"], 1);
    Rocketman::new(["cursor", "set", "cursor", "2026-09-01"])
        .inside(folder.path())
        .succeed();
    let cursor = fs::read_to_string(folder.path().join("cursor")).unwrap();
    let mut cursor: Value = serde_json::from_str(&cursor).unwrap();
    cursor["filter"] = HOSTILE.into();
    write("cursor", &cursor.to_string());
    let shown = printed(folder.path(), "cursor show --json cursor");
    assert_eq!(shown[0]["filter"], HOSTILE);
}
