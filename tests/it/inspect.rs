//! `rocketman inspect`: what segment files hold, and what is wrong with them.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{
    program::{Output, Rocketman},
    segment_file::{EPOCH, MadeRow, active, created, identity, resealed, sealed},
};

const POST: &str = "app.bsky.feed.post";

/// Files of a server, each of one block from one number up to another.
fn archive(files: &[(u64, u64, u64)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (index, from, to) in files {
        let rows = (*from..=*to).map(|seq| created(seq, POST)).collect();
        write(folder.path(), *index, &sealed(&[rows]));
    }
    folder
}

fn write(folder: &Path, index: u64, file: &[u8]) {
    fs::write(folder.join(name(index)), file).unwrap();
}

fn name(index: u64) -> String {
    format!("seg_{index:010}.jss")
}

fn inspect(folder: &Path, arguments: &str) -> Output {
    Rocketman::new(["inspect"])
        .with(arguments)
        .inside(folder)
        .run()
}

/// What `--json` says, an object a line.
fn objects(folder: &Path, arguments: &str) -> Vec<Value> {
    let output = inspect(folder, &format!("--json {arguments}"));
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn header_and_footer_say_what_a_file_holds() {
    let folder = tempfile::tempdir().unwrap();
    let blocks: [Vec<MadeRow>; 2] = [
        vec![created(1, POST), identity(2)],
        vec![created(5, "a.b.c")],
    ];
    write(folder.path(), 0, &sealed(&blocks));
    let found = objects(folder.path(), ".");
    let file = &found[0];
    assert_eq!(found.len(), 1);
    for (key, expected) in [
        ("type", json!("file")),
        ("state", json!("sealed")),
        ("blocks", json!(2)),
        ("events", json!(3)),
        ("accounts", json!(2)),
        ("first_number", json!(1)),
        ("last_number", json!(5)),
        ("first_time_us", json!(EPOCH + 1_000_000)),
        ("last_time_us", json!(EPOCH + 5_000_000)),
        ("kinds", Value::Null),
        ("torn_bytes", Value::Null),
    ] {
        assert_eq!(file[key], expected, "{key}");
    }
    let expected = json!({
        "$identity": {"events": null, "blocks": "0"},
        "a.b.c": {"events": 1, "blocks": "1"},
        "app.bsky.feed.post": {"events": 1, "blocks": "0"},
    });
    assert_eq!(file["collections"], expected);
    let verified = &objects(folder.path(), "--verify .")[0];
    assert_eq!(verified["collections"]["$identity"]["events"], 1);
    assert_eq!(verified["kinds"]["create"], 2);
    let text = inspect(folder.path(), ".");
    text.assert_says(0, &[]);
    let expected = "./seg_0000000000.jss: sealed, 2 blocks, 3 events, 2 accounts, numbers 1 to 5, \
                    2027-01-15T08:00:01.000000Z to 2027-01-15T08:00:05.000000Z, ";
    assert!(text.stdout.starts_with(expected), "{}", text.stdout);
    assert!(
        text.stdout.contains("           ?         1  $identity\n"),
        "{}",
        text.stdout
    );
}

#[test]
fn a_damaged_block_is_seen_by_verifying_alone() {
    let folder = archive(&[(0, 1, 9), (1, 10, 19), (2, 20, 29)]);
    let path = folder.path().join(name(1));
    let mut file = fs::read(&path).unwrap();
    file[300] ^= 1;
    fs::write(&path, &file).unwrap();
    inspect(folder.path(), ".").assert_says(0, &[]);
    let output = inspect(folder.path(), "--verify .");
    output.assert_says(1, &["1 of 3 files is damaged"]);
    let expected = "block 0 of './seg_0000000001.jss' is damaged: ";
    assert!(output.stdout.contains(expected), "{}", output.stdout);
    // The header is looked at without it, and the others all the same.
    file[40] ^= 1;
    fs::write(&path, &file).unwrap();
    let found = objects(folder.path(), ".");
    let states: Vec<_> = found.iter().map(|file| file["state"].as_str()).collect();
    assert_eq!(
        states[..3],
        [Some("sealed"), Some("damaged"), Some("sealed")]
    );
    let why = found[1]["why"].as_str().unwrap();
    assert!(why.contains("checksum"), "{why}");
    // What is left has a hole.
    assert_eq!(found[3]["type"], "hole");
}

#[test]
fn holes_and_swapped_files_are_told_apart() {
    let folder = archive(&[(0, 1, 9), (2, 20, 29), (3, 30, 39)]);
    let hole = json!({
        "type": "hole", "after": "./seg_0000000000.jss", "before": "./seg_0000000002.jss",
        "first_number": 10, "last_number": 19, "files": 1,
    });
    assert_eq!(objects(folder.path(), ".")[3], hole);
    let output = inspect(folder.path(), ".");
    output.assert_says(0, &[]);
    let expected = "hole after ./seg_0000000000.jss: 1 file, numbers 10 to 19 missing before \
                    ./seg_0000000002.jss\n3 files: 3 blocks, 29 events, ";
    assert!(output.stdout.contains(expected), "{}", output.stdout);
    let path = |index| folder.path().join(name(index));
    fs::rename(path(2), path(9)).unwrap();
    fs::rename(path(3), path(2)).unwrap();
    fs::rename(path(9), path(3)).unwrap();
    let output = inspect(folder.path(), ".");
    output.assert_says(1, &["the numbers of files do not follow their names"]);
    assert!(output.stdout.contains("\nmisplaced: "), "{}", output.stdout);
}

#[test]
fn a_file_that_is_not_sealed_is_read_to_its_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = active(&[vec![created(1, POST)], vec![identity(2)]]);
    write(folder.path(), 0, &file[..file.len() - 1]);
    let found = &objects(folder.path(), &name(0))[0];
    assert_eq!(found["state"], "active");
    assert_eq!(found["events"], 1);
    assert!(found["torn_bytes"].as_u64() > Some(1), "{found}");
    let output = inspect(folder.path(), ".");
    output.assert_says(0, &[]);
    assert!(
        output.stdout.contains(" are no whole block\n"),
        "{}",
        output.stdout
    );
}

#[test]
fn what_is_no_segment_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    inspect(folder.path(), ".").assert_says(2, &["there is no segment file in '.'"]);
    inspect(folder.path(), "x.jss").assert_says(2, &["cannot look for segment files in 'x.jss'"]);
    inspect(folder.path(), "https://a.example/").assert_says(2, &["PATH"]);
    fs::write(folder.path().join("x"), "{}").unwrap();
    let output = inspect(folder.path(), "x");
    output.assert_says(1, &["the file is damaged"]);
    let expected = "'x' is not a segment file: it does not begin with 'jss0'\n";
    assert_eq!(output.stdout, expected);
    let mut other = sealed(&[vec![created(1, POST)]]);
    other[12] = 2;
    fs::write(folder.path().join("x"), resealed(other)).unwrap();
    let output = inspect(folder.path(), "x");
    assert!(
        output.stdout.contains("is of version 2 of the format"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_block_larger_than_allowed_is_refused_by_name() {
    let folder = archive(&[(0, 1, 9)]);
    let output = inspect(folder.path(), "--verify --max-block-size 100 .");
    output.assert_says(1, &["the file is damaged", "--max-block-size"]);
    let expected = "block 0 of './seg_0000000000.jss' holds ";
    assert!(output.stdout.starts_with(expected), "{}", output.stdout);
}
