//! `rocketman fold`: recordings and segment files become the state that they lead to.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use crate::{
    sqlite::{number, records, texts},
    support::{
        events::{account, identity, post, posts, unlike},
        fold::{Accounts, Fold},
        jetstream::Server,
        program::Rocketman,
    },
};

fn fold(folder: &Path, arguments: &str) -> Rocketman {
    Rocketman::new(["fold"]).with(arguments).inside(folder)
}

/// A history in several files of an archive, each in another form, some of it twice.
fn archive(folder: &Path, lines: &[String]) {
    let part = |from: usize, to: usize| lines[from..to].join("\n") + "\n";
    let third = lines.len() / 3;
    fs::create_dir_all(folder.join("archive/2026")).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("archive/2026/b.ndjson", &part(0, third + 50));
    let zstd = zstd::encode_all(part(third, 2 * third).as_bytes(), 1).unwrap();
    fs::write(folder.join("archive/a.ndjson.zst"), zstd).unwrap();
    let file = fs::File::create(folder.join("archive/c.jsonl.gz.partial")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(part(2 * third - 20, lines.len()).as_bytes())
        .unwrap();
    gzip.finish().unwrap();
    write("archive/notes.txt", "no events\n");
}

fn history() -> Vec<String> {
    let mut accounts = Accounts::new(11, 30);
    std::iter::repeat_with(|| accounts.step())
        .take(3_000)
        .flatten()
        .collect()
}

fn assert_state(path: &Path, lines: &[String]) {
    let mut wanted = Fold::default();
    wanted.add(0, lines);
    assert!(wanted.visible().len() > 100);
    assert_eq!(records(path, "all_records"), wanted.records());
    assert_eq!(records(path, "records"), wanted.visible());
}

#[test]
fn an_archive_becomes_the_state_that_it_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let lines = history();
    archive(folder.path(), &lines);
    let path = folder.path().join("state.db");
    // Once more changes nothing.
    for _ in 0..2 {
        let output = fold(folder.path(), "archive -o sqlite:state.db").succeed();
        let events = lines.len() + 70;
        let said = format!("{events} events of 3 files are in 'state.db'\n");
        assert_eq!(output.stdout, said);
        output.assert_says(
            0,
            &["'archive/notes.txt' is neither a recording nor a segment file"],
        );
        assert_state(&path, &lines);
    }
}

#[test]
fn segment_files_and_live_streams_fold_into_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::every(posts(50));
    let live = Rocketman::tail(&server.url()).inside(folder.path());
    live.with("-n 50 --cursor 1 -o sqlite:x.db").succeed();
    let lines: String = (30..60).map(|n| post(n) + "\n").collect();
    // The content that `cid` says is that of no such record, so numbers are not those of a server.
    fs::write(folder.path().join("more.ndjson"), lines).unwrap();
    let demo = Rocketman::new(["tail", "demo:"]).inside(folder.path());
    demo.with("-n 300 -o demo.ndjson").succeed();
    let pack = Rocketman::new(["pack", "--renumber", "demo.ndjson", "segments"]);
    pack.inside(folder.path()).succeed();
    fold(folder.path(), "more.ndjson segments -o sqlite:x.db").succeed();
    let path = folder.path().join("x.db");
    let ours = "SELECT count(*) FROM records WHERE cid = 'bafyrei'";
    assert_eq!(number(&path, ours), 60);
    fold(folder.path(), "demo.ndjson -o sqlite:demo.db").succeed();
    let of_demo = "SELECT uri || cid FROM all_records WHERE cid <> 'bafyrei' ORDER BY 1";
    let demo = texts(&folder.path().join("demo.db"), of_demo);
    assert!(demo.len() > 100);
    assert_eq!(texts(&path, of_demo), demo);
}

#[test]
fn tables_of_parquet_are_folded_like_the_lines_that_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let lines = history();
    let sent = lines.clone();
    let server = Server::every(move |request| {
        let mut connection = request.accept();
        connection.send_all(sent.clone());
        connection.until_closed();
    });
    let tail = Rocketman::tail(&server.url()).inside(folder.path());
    let n = lines.len();
    tail.with(&format!(
        "--kind all --cursor 1 -n {n} --no-compress --row-group-size 100K"
    ))
    .with("-o archive/{n}.parquet --rotate-count 1500")
    .succeed();
    let output = fold(folder.path(), "archive -o sqlite:x.db").succeed();
    assert!(
        output.stdout.starts_with(&format!("{n} events of ")),
        "{output:#?}"
    );
    assert_state(&folder.path().join("x.db"), &lines);
    let path = folder.path().join("archive/000001.parquet");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let torn = fold(folder.path(), "archive -o sqlite:y.db").run();
    torn.assert_says(1, &["cannot read the table 'archive/000001.parquet'"]);
}

#[test]
fn filters_and_columns_are_those_of_tail() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        post(0),
        unlike(1),
        post(2),
        account(102),
        identity(3),
        post(4),
    ];
    fs::write(folder.path().join("a.ndjson"), lines.join("\n")).unwrap();
    let path: PathBuf = folder.path().join("x.db");
    let counts = |flags: &str| {
        fs::remove_file(&path).ok();
        let call = format!("a.ndjson -o sqlite:x.db {flags}");
        fold(folder.path(), &call).succeed();
        ["all_records", "rocketman_deleted", "accounts", "handles"]
            .map(|table| number(&path, &format!("SELECT count(*) FROM {table}")))
    };
    assert_eq!(counts(""), [2, 1, 1, 1]);
    assert_eq!(counts("-c app.bsky.feed.post"), [2, 0, 1, 1]);
    assert_eq!(counts("-c app.bsky.feed.post -k commit"), [3, 0, 0, 0]);
    assert_eq!(counts("--op delete -k commit"), [0, 1, 0, 0]);
    assert_eq!(counts("-d did:plc:000000000000000000000004"), [1, 0, 0, 0]);
    assert_eq!(
        counts(&format!("--max-message-size {}", post(0).len() - 1)),
        [0, 1, 1, 1]
    );
    let halves = [counts("--shard 2/2"), counts("--shard 1/2")];
    assert_eq!(halves[0][0] + halves[1][0], 2);
    counts(
        "--on-account-gone keep --tombstones --no-record --synchronous full --column t=commit.record.text",
    );
    assert_eq!(
        number(
            &path,
            "SELECT count(*) * 10 + count(record) FROM records WHERE t = 'héllo 🚀'"
        ),
        30
    );
    assert_eq!(number(&path, "SELECT count(*) FROM tombstones"), 1);
    fold(folder.path(), "a.ndjson --table events -o sqlite:all.db").succeed();
    assert_eq!(
        number(&folder.path().join("all.db"), "SELECT count(*) FROM events"),
        6
    );
}

#[test]
fn what_cannot_be_folded_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let lines = format!("{}\nno event\n{}\n{{\"did\":", post(0), post(1));
    fs::write(folder.path().join("a.ndjson"), lines).unwrap();
    let call = |arguments: &str| fold(folder.path(), arguments).run();
    let bad = call("a.ndjson -o sqlite:x.db");
    bad.assert_says(
        1,
        &[
            "2 lines of 'a.ndjson' are no events",
            "hint: rocketman check",
        ],
    );
    let path = folder.path().join("x.db");
    assert_eq!(number(&path, "SELECT count(*) FROM records"), 2);
    call("empty -o sqlite:x.db").assert_says(2, &["there is no recording in 'empty'"]);
    call("nowhere -o sqlite:x.db").assert_says(2, &["cannot look for recordings in 'nowhere'"]);
    call("a.ndjson -o x.db").assert_says(2, &["--output: a database is written to", "sqlite:FILE"]);
    call("a.ndjson -o sqlite:a.ndjson").assert_says(2, &["'a.ndjson'"]);
    call("a.ndjson").assert_says(2, &["--output"]);
    let held = Connection::open(&path).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    drop(held);
}
