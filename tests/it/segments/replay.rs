//! `rocketman replay`, and what of segment files it reads.

use std::fs;

use super::{POST, Rocketman, archive, name, numbers, posts, tail};
use crate::support::{
    program::Output,
    segment_file::{MadeRow, created, sealed},
};

fn replay(folder: &std::path::Path, arguments: &str) -> Output {
    Rocketman::new(["replay"])
        .with(arguments)
        .inside(folder)
        .run()
}

#[test]
fn replay_reads_what_tail_reads() {
    let folder = archive(&[(0, &[posts(1, 9)]), (1, &[posts(10, 19)])]);
    let both = format!("{} {}", name(0), name(1));
    for arguments in ["a", "a -e", &both, "a --cursor 15 -k commit", "a -n 3"] {
        let read = replay(folder.path(), arguments);
        read.assert_says(0, &["reading the segment files of a"]);
        let same = tail(folder.path(), arguments);
        assert_eq!(read.stdout, same.stdout, "{arguments}");
        assert!(!read.stdout.is_empty(), "{arguments}");
    }
    // It has the cursor of tail.
    replay(folder.path(), "a --cursor-file c -n 4").assert_says(0, &[]);
    let rest = tail(folder.path(), "a --cursor-file c");
    assert_eq!(numbers(&rest), (5..=19).collect::<Vec<_>>());
}

#[test]
fn only_files_and_folders_are_replayed() {
    let folder = archive(&[(0, &[posts(1, 9)])]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("x.ndjson"), "{}\n").unwrap();
    for (arguments, code, words) in [
        ("", 2, "<PATH|URL>... is missing"),
        ("nats:EVENTS", 2, "'nats:EVENTS' has no archive"),
        ("a demo:", 2, "'demo:' has no archive"),
        ("localhost:6008", 2, "cannot look for segment files in"),
        ("a gone.jss", 2, "cannot look for segment files in 'gone"),
        ("empty", 2, "there is no segment file in 'empty'"),
        ("x.ndjson", 1, "'x.ndjson' is not a segment file"),
        ("a --before-seq 0", 2, "--before-seq cannot be '0'"),
        (
            "a --before-seq 5 --after-seq 5",
            2,
            "--before-seq 5 leaves nothing after --after-seq 5",
        ),
        ("a --durable w", 2, "rocketman replay has no flag --durable"),
    ] {
        replay(folder.path(), arguments).assert_says(code, &[words]);
    }
}

#[test]
fn numbers_bound_what_is_read() {
    let blocks = [posts(1, 9), posts(10, 19)];
    let folder = archive(&[(0, &blocks), (1, &[posts(20, 29)]), (2, &[posts(30, 39)])]);
    for (flags, expected, files, blocks) in [
        ("--after-seq 12 --before-seq 17", 13..=17, 1, 1),
        ("--after-seq 0 --before-seq 9", 1..=9, 1, 1),
        ("--after-seq 19", 20..=39, 2, 2),
        ("--before-seq 20", 1..=20, 2, 3),
        ("--after-seq 5 --cursor 25 --before-seq 29", 25..=29, 1, 1),
    ] {
        let output = replay(folder.path(), &format!("a {flags}"));
        let read = format!("{files} file");
        output.assert_says(0, &[&format!("read {blocks} blocks of {files} of"), &read]);
        assert_eq!(numbers(&output), expected.collect::<Vec<_>>(), "{flags}");
    }
    let nothing = replay(folder.path(), "a --after-seq 39");
    nothing.assert_says(0, &["the end is reached: 0 events"]);
    // A saved cursor goes on within them.
    let flags = "a --after-seq 12 --before-seq 22 --cursor-file c";
    replay(folder.path(), &format!("{flags} -n 3")).assert_says(0, &[]);
    let rest = replay(folder.path(), flags);
    assert_eq!(numbers(&rest), (16..=22).collect::<Vec<_>>());
    replay(folder.path(), flags).assert_says(0, &["the end is reached: 0 events"]);
}

#[test]
fn what_is_missing_at_the_end_is_a_hole() {
    let folder = archive(&[(0, &[posts(1, 9)]), (2, &[posts(20, 29)])]);
    let said = "GAP from=9 to=20";
    let output = replay(folder.path(), "a --before-seq 15");
    output.assert_says(4, &[said]);
    assert_eq!(numbers(&output), (1..=9).collect::<Vec<_>>());
    let within = replay(folder.path(), "a --after-seq 9 --before-seq 15");
    within.assert_says(4, &[said]);
    let whole = replay(folder.path(), "a --before-seq 9");
    assert!(!whole.stderr.contains("GAP"), "{}", whole.stderr);
    assert_eq!((whole.code, numbers(&whole).len()), (Some(0), 9));
}

#[test]
fn a_large_block_is_read_and_said_up_to_the_limit() {
    let large = |seq| {
        // {"a": "aaa…"}
        let n = 500_000_u32;
        let head = [b"\xa1\x61a\x7a".as_slice(), &n.to_be_bytes()].concat();
        MadeRow {
            payload: [head, vec![b'a'; n as usize]].concat(),
            ..created(seq, POST)
        }
    };
    let larges = |from: u64| (from..from + 36).map(large).collect::<Vec<_>>();
    let folder = archive(&[]);
    fs::create_dir(folder.path().join("a")).unwrap();
    let file = sealed(&[larges(1), larges(37), posts(73, 73)]);
    fs::write(folder.path().join(name(0)), file).unwrap();
    let output = replay(folder.path(), "a -o out.ndjson");
    let said = "block 0 of 'a/seg_0000000000.jss' holds";
    output.assert_says(0, &[said, "the memory that it needs", "73 events"]);
    assert_eq!(output.stderr.matches("bytes inflated").count(), 1);
    let refused = replay(folder.path(), "a --max-block-size 16M");
    refused.assert_says(1, &["at most 16777216 are read", "--max-block-size"]);
    assert_eq!(refused.stdout, "");
}

#[test]
fn commands_that_read_lines_say_what_reads_segments() {
    let folder = archive(&[(0, &[posts(1, 9)])]);
    fs::write(folder.path().join("x.ndjson"), "{}\n").unwrap();
    for (command, hint) in [
        ("check a", "rocketman inspect --verify"),
        (&*format!("check {}", name(0)), "rocketman inspect --verify"),
        ("compare a x.ndjson", "rocketman replay DIR -o"),
        ("compare x.ndjson a", "rocketman replay DIR -o"),
    ] {
        let call = Rocketman::new(command.split(' ')).inside(folder.path());
        call.run()
            .assert_says(2, &["is of segment files, and rocketman", hint]);
    }
}
