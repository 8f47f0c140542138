//! Several threads print what one does, in the same order, and end where it does.

use std::fs;

use super::{LIKE, POST, Rocketman, archive, name, numbers, posts};
use crate::support::{
    program::Output,
    segment_file::{MadeRow, active, created, identity, sealed},
};

fn replay(folder: &std::path::Path, threads: u8, arguments: &str) -> Output {
    Rocketman::new(["replay", "a", "--threads", &threads.to_string()])
        .with(arguments)
        .inside(folder)
        .run()
}

/// What was said, but for how the run was called.
fn said(output: &Output) -> Vec<&str> {
    let lines = output.stderr.lines();
    lines.filter(|line| !line.contains("the end is")).collect()
}

#[test]
fn what_threads_print_is_the_same_in_the_same_order() {
    let blocks: Vec<_> = (0..30).map(|n| posts(1 + n * 7, 7 + n * 7)).collect();
    // A record that no server prints: 1.5.
    let float = [b"\xa1\x61a\xfb".as_slice(), &1.5_f64.to_be_bytes()].concat();
    let float = MadeRow {
        payload: float,
        ..created(212, POST)
    };
    let second = vec![vec![created(211, LIKE), float], vec![identity(213)]];
    let folder = archive(&[(0, &blocks), (1, &second)]);
    let open = active(&[posts(214, 220), posts(221, 230)]);
    fs::write(folder.path().join(name(2)), &open[..open.len() - 3]).unwrap();
    for flags in [
        "",
        "-c app.bsky.feed.like",
        "-k identity",
        "--cursor 100 --before-seq 216",
    ] {
        let one = replay(folder.path(), 1, flags);
        assert_eq!(one.code, Some(0), "{}", one.stderr);
        for threads in [2, 7] {
            let several = replay(folder.path(), threads, flags);
            assert_eq!(several.code, Some(0), "{}", several.stderr);
            assert_eq!(several.stdout, one.stdout, "{threads} {flags}");
            assert_eq!(said(&several), said(&one), "{threads} {flags}");
        }
    }
    let all = replay(folder.path(), 3, "");
    assert_eq!(numbers(&all).len(), 219);
    all.assert_says(0, &["is not sealed", "1 malformed message"]);
}

#[test]
fn threads_end_where_one_does_and_go_on_there() {
    let blocks: Vec<_> = (0..9).map(|n| posts(1 + n * 10, 10 + n * 10)).collect();
    let folder = archive(&[(0, &blocks), (2, &[posts(200, 209)])]);
    // The sixth block is damaged.
    let good = fs::read(folder.path().join(name(0))).unwrap();
    let mut bad = good.clone();
    let mut at = 256;
    for _ in 0..5 {
        at += 8 + usize::from(bad[at]);
    }
    bad[at + 8 + 20] ^= 1;
    fs::write(folder.path().join(name(0)), bad).unwrap();
    let damaged = replay(folder.path(), 4, "--cursor-file c");
    damaged.assert_says(1, &["block 5 of 'a/seg_0000000000.jss' is damaged"]);
    assert_eq!(numbers(&damaged), (1..=50).collect::<Vec<_>>());
    fs::write(folder.path().join(name(0)), good).unwrap();
    let some = replay(folder.path(), 4, "--cursor-file c -n 13");
    assert_eq!(numbers(&some), (51..=63).collect::<Vec<_>>());
    let hole = replay(folder.path(), 4, "--cursor-file c");
    hole.assert_says(4, &["GAP from=90 to=200"]);
    assert_eq!(numbers(&hole), (64..=90).collect::<Vec<_>>());
    let rest = replay(folder.path(), 4, "--cursor-file c --on-gap warn");
    rest.assert_says(0, &["1 gap"]);
    assert_eq!(numbers(&rest), (200..=209).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_leaves_ends_all_threads() {
    let blocks: Vec<_> = (0..60).map(|n| large(1 + n * 20, 20 + n * 20)).collect();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    fs::write(folder.path().join(name(0)), sealed(&blocks)).unwrap();
    let call = Rocketman::new(["replay", "a", "--threads", "3"]).with("--format json");
    let mut running = call.inside(folder.path()).start();
    running.line();
    running.close_stdout();
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
}

/// Posts of 10 KB.
fn large(from: u64, to: u64) -> Vec<MadeRow> {
    let text = [b"\xa1\x61a\x79\x27\x10".as_slice(), &[b'a'; 10_000]].concat();
    let rows = posts(from, to).into_iter();
    rows.map(|row| MadeRow {
        payload: text.clone(),
        ..row
    })
    .collect()
}

#[test]
fn more_threads_than_servers_need_are_refused_for_them() {
    for (arguments, words) in [
        ("tail demo: --threads 3", "--threads 3: events of a server"),
        ("replay a --threads 65", "--threads cannot be '65'"),
        ("replay a --threads 0", "--threads cannot be '0'"),
    ] {
        let output = Rocketman::new(arguments.split(' ')).run();
        output.assert_says(2, &[words]);
    }
}
