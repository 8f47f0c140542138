//! Segment files as a source: what comes of them, where a run goes on, and what ends it.

pub mod killed;
mod memory;
mod replay;
mod threads;
mod watched;

use std::{fs, path::Path};

use rocketman::event::Start;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use crate::support::{
    program::{Output, Rocketman},
    segment_file::{EPOCH, MadeRow, active, created, identity, sealed},
};

const LIKE: &str = "app.bsky.feed.like";
const POST: &str = "app.bsky.feed.post";

/// Files of a server, each of these blocks.
fn archive(files: &[(u64, &[Vec<MadeRow>])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (index, blocks) in files {
        fs::create_dir_all(folder.path().join("a")).unwrap();
        fs::write(folder.path().join(name(*index)), sealed(blocks)).unwrap();
    }
    folder
}

fn name(index: u64) -> String {
    format!("a/seg_{index:010}.jss")
}

/// Posts from one number up to another.
fn posts(from: u64, to: u64) -> Vec<MadeRow> {
    (from..=to).map(|seq| created(seq, POST)).collect()
}

fn tail(folder: &Path, arguments: &str) -> Output {
    Rocketman::new(["tail"])
        .with(arguments)
        .inside(folder)
        .run()
}

fn numbers(output: &Output) -> Vec<u64> {
    let events = output.stdout.lines();
    let events = events.map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .map(|event| event["cursor"].as_u64().unwrap())
        .collect()
}

#[test]
fn events_come_in_order_as_servers_print_them() {
    let like = MadeRow {
        kind: 2,
        indexed_at: 5,
        ..created(3, LIKE)
    };
    let delete = MadeRow {
        kind: 3,
        payload: Vec::new(),
        ..created(4, LIKE)
    };
    let sync = MadeRow {
        kind: 6,
        ..identity(5)
    };
    let resync = MadeRow {
        kind: 7,
        ..created(6, POST)
    };
    let folder = archive(&[
        (0, &[posts(1, 2), vec![like, delete]]),
        (1, &[vec![sync, resync]]),
    ]);
    let output = tail(folder.path(), "a");
    output.assert_says(
        0,
        &[
            "to their end",
            "2 files to read",
            "the end is reached: 5 events",
        ],
    );
    assert_eq!(numbers(&output), [1, 2, 3, 4, 6]);
    let lines: Vec<_> = output.stdout.lines().collect();
    let cid = "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua";
    let did = |seq: u64| format!("did:plc:{:024}", seq % 3);
    let expected = format!(
        r#"{{"did":"{}","time_us":{},"cursor":1,"kind":"commit","commit":{{"rev":"3l1","operation":"create","collection":"{POST}","rkey":"1","record":{{}},"cid":"{cid}"}}}}"#,
        did(1),
        EPOCH + 1_000_000
    );
    assert_eq!(lines[0], expected);
    let update =
        r#","time_us":5,"cursor":3,"kind":"commit","commit":{"rev":"3l3","operation":"update","#;
    assert!(lines[2].contains(update), "{}", lines[2]);
    assert!(lines[3].ends_with(r#""rkey":"4"}}"#), "{}", lines[3]);
    assert!(lines[4].contains(r#""operation":"create""#), "{}", lines[4]);
}

#[test]
fn what_cannot_hold_what_is_wanted_is_not_read() {
    let rare = [posts(1, 9), vec![created(10, "a.b.c")], posts(11, 19)];
    let of_one = [vec![MadeRow {
        did: "did:web:one.example".to_owned(),
        ..created(30, LIKE)
    }]];
    let folder = archive(&[(0, &rare), (1, &[posts(20, 29)]), (2, &of_one)]);
    for (flags, expected, blocks) in [
        ("-c a.b.*", vec![10], 1),
        ("-d did:web:one.example", vec![30], 1),
        ("--cursor 25", (25..=30).collect(), 2),
        ("-k account", vec![], 0),
        ("", (1..=30).collect(), 5),
    ] {
        let output = tail(folder.path(), &format!("a {flags}"));
        output.assert_says(0, &[&format!("read {blocks} blocks of ")]);
        assert_eq!(numbers(&output), expected, "{flags}");
    }
    // A block that is not wanted may be damaged.
    let path = folder.path().join(name(1));
    let mut file = fs::read(&path).unwrap();
    file[300] ^= 1;
    fs::write(&path, file).unwrap();
    assert_eq!(numbers(&tail(folder.path(), "a -c a.b.c")), [10]);
    tail(folder.path(), "a").assert_says(1, &["block 0 of 'a/seg_0000000001.jss' is damaged"]);
}

#[test]
fn times_are_those_at_which_the_server_saw_events() {
    let late = MadeRow {
        witnessed_at: EPOCH + 90_000_000,
        indexed_at: 7,
        ..created(3, POST)
    };
    let folder = archive(&[(0, &[posts(1, 2), vec![late, created(4, POST)]])]);
    let time = |second: u64| Start::Time(EPOCH.unsigned_abs() + second * 1_000_000).to_string();
    for (from, to, expected) in [
        (2, 5, vec![2, 4]),
        (60, 100, vec![3]),
        (91, 100, vec![]),
        (0, 2, vec![1]),
    ] {
        let flags = format!("a --since {} --until {}", time(from), time(to));
        assert_eq!(
            numbers(&tail(folder.path(), &flags)),
            expected,
            "{from} to {to}"
        );
    }
}

#[test]
fn a_run_goes_on_with_the_next_number_that_is_left() {
    let folder = archive(&[(0, &[posts(1, 40), posts(41, 60)]), (1, &[posts(61, 70)])]);
    let flags = "a --cursor-file c -o out.ndjson";
    tail(folder.path(), &format!("{flags} -n 33")).assert_says(0, &[]);
    // The next ones are compacted away meanwhile.
    let rows = posts(38, 40);
    let mut left = sealed(&[[posts(1, 1), rows].concat(), posts(41, 60)]);
    for (at, bytes) in [(26, 1_u64.to_le_bytes()), (34, 60_u64.to_le_bytes())] {
        left[at..at + 8].copy_from_slice(&bytes);
    }
    let left = crate::support::segment_file::resealed(left);
    fs::write(folder.path().join(name(0)), left).unwrap();
    tail(folder.path(), &format!("{flags} -n 5")).assert_says(0, &["from the cursor in 'c'"]);
    tail(folder.path(), flags).assert_says(0, &["the end is reached: 28 events"]);
    tail(folder.path(), flags).assert_says(0, &["the end is reached: 0 events"]);
    let text = fs::read_to_string(folder.path().join("out.ndjson")).unwrap();
    let found = text.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["cursor"].as_u64().unwrap()
    });
    let expected: Vec<_> = (1..=33).chain(38..=70).collect();
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn a_hole_in_a_folder_ends_the_run_before_it() {
    let folder = archive(&[(0, &[posts(1, 9)]), (2, &[posts(20, 29)])]);
    let said = "GAP from=9 to=20";
    let output = tail(folder.path(), "a --cursor-file c");
    output.assert_says(4, &[said, "; the run ends before it", "--on-gap warn"]);
    assert_eq!(numbers(&output), (1..=9).collect::<Vec<_>>());
    // Again, as long as nobody fills it.
    let again = tail(folder.path(), "a --cursor-file c");
    again.assert_says(4, &[said]);
    assert_eq!(again.stdout, "");
    let on = tail(folder.path(), "a --cursor-file c --on-gap warn");
    on.assert_says(0, &[said]);
    assert_eq!(numbers(&on), (20..=29).collect::<Vec<_>>());
    let named = tail(folder.path(), &format!("{} {}", name(2), name(0)));
    named.assert_says(0, &[said]);
    assert_eq!(numbers(&named).len(), 19);
    // The first file begins after what is wanted.
    fs::remove_file(folder.path().join(name(0))).unwrap();
    let first = tail(folder.path(), "a --cursor 12");
    first.assert_says(
        4,
        &["GAP from=11 to=20: what lies before 'a/seg_0000000002.jss'"],
    );
    // What is not read has no hole.
    let later = tail(folder.path(), "a --cursor 20");
    assert!(
        later.code == Some(0) && !later.stderr.contains("GAP"),
        "{later:?}"
    );
}

#[test]
fn damage_ends_the_run_after_the_last_good_event() {
    let folder = archive(&[(0, &[posts(1, 9), posts(10, 19)])]);
    let path = folder.path().join(name(0));
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    let second = 256 + 8 + usize::from(bad[256]);
    bad[second + 40] ^= 1;
    fs::write(&path, bad).unwrap();
    let output = tail(folder.path(), "a --cursor-file c");
    output.assert_says(
        1,
        &[
            "block 1 of 'a/seg_0000000000.jss' is damaged",
            "inspect --verify",
        ],
    );
    assert_eq!(numbers(&output), (1..=9).collect::<Vec<_>>());
    fs::write(&path, good).unwrap();
    let rest = tail(folder.path(), "a --cursor-file c");
    assert_eq!(numbers(&rest), (10..=19).collect::<Vec<_>>());
}

#[test]
fn swapped_files_are_refused_by_their_names() {
    let folder = archive(&[(0, &[posts(10, 19)]), (1, &[posts(1, 9)])]);
    let output = tail(folder.path(), "a");
    let names = "'a/seg_0000000001.jss' do not come before those of 'a/seg_0000000000.jss'";
    output.assert_says(1, &[names]);
    assert_eq!(output.stdout, "");
}

#[test]
fn a_row_that_no_server_prints_is_kept_as_a_bad_event() {
    // 1.5 as a record has it.
    let float = [b"\xa1\x61a\xfb".as_slice(), &1.5_f64.to_be_bytes()].concat();
    let float = MadeRow {
        payload: float,
        ..created(2, POST)
    };
    let folder = archive(&[(0, &[vec![created(1, POST), float, created(3, POST)]])]);
    let output = tail(folder.path(), "a --bad-events bad.ndjson --cursor-file c");
    output.assert_says(
        0,
        &[
            "'a/seg_0000000000.jss', block 0, number 2",
            "1 malformed message",
        ],
    );
    assert_eq!(numbers(&output), [1, 3]);
    let bad = fs::read_to_string(folder.path().join("bad.ndjson")).unwrap();
    let bad: Value = serde_json::from_str(&bad).unwrap();
    assert_eq!(bad["class"], "record");
    assert_eq!(bad["host"], "'a/seg_0000000000.jss', block 0, number 2");
    assert_eq!(bad["after"]["seq"], 1);
}

#[test]
fn a_file_that_is_still_written_is_read_to_its_torn_end() {
    let folder = archive(&[(0, &[posts(1, 9)])]);
    let file = active(&[posts(10, 12), posts(13, 15)]);
    fs::write(folder.path().join(name(1)), &file[..file.len() - 3]).unwrap();
    let output = tail(folder.path(), "a --cursor-file c");
    output.assert_says(
        0,
        &["'a/seg_0000000001.jss' is not sealed", "are no whole block"],
    );
    assert_eq!(numbers(&output), (1..=12).collect::<Vec<_>>());
    // It grows, and is sealed.
    fs::write(
        folder.path().join(name(1)),
        sealed(&[posts(10, 12), posts(13, 15)]),
    )
    .unwrap();
    let rest = tail(folder.path(), "a --cursor-file c");
    assert_eq!(numbers(&rest), [13, 14, 15]);
}

#[test]
fn what_makes_no_sense_for_segment_files_is_refused() {
    let folder = archive(&[(0, &[posts(1, 9)])]);
    for (arguments, words) in [
        (
            "a localhost:6008",
            "'localhost:6008' cannot be read with them",
        ),
        ("a demo:", "'demo:' cannot be read with them"),
        ("a --no-compress", "--no-compress is for servers"),
        ("a --max-retries 1", "--max-retries is for servers"),
        ("a --quiet-timeout 9s", "--quiet-timeout is for servers"),
        ("a --durable w", "--durable is for streams of NATS"),
        ("a --lag 1s", "--lag is for streams of NATS"),
        ("gone.jss", "cannot look for segment files in 'gone.jss'"),
    ] {
        tail(folder.path(), arguments).assert_says(2, &[words]);
    }
    tail(folder.path(), "demo: -n 1 --cursor-file c").assert_says(0, &[]);
    tail(folder.path(), "a --cursor-file c").assert_says(2, &["belongs to a jetstream source"]);
}

#[test]
fn a_beginning_that_no_file_can_have_is_refused() {
    let folder = archive(&[(0, &[posts(1, 9)])]);
    let future = "2206-01-01T00:00:00.000000Z lies in the future";
    for (arguments, words) in [
        ("a --since 2206-01-01", future),
        ("a --begin 2206-01-01 --cursor-file c", future),
        ("a --cursor 1790000000000", "looks like milliseconds"),
        (
            "a --cursor 11",
            "number 11 lies beyond these files, which end at 9",
        ),
    ] {
        tail(folder.path(), arguments).assert_says(2, &[words]);
    }
    // The next one may come.
    tail(folder.path(), "a --cursor 10").assert_says(0, &["0 files to read"]);
}

#[test]
fn a_pipe_is_no_segment_file_and_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.jss");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for command in ["tail", "inspect"] {
        let call = Rocketman::new([command, "pipe.jss"]).inside(folder.path());
        let output = call.run();
        output.assert_says(1, &[]);
        let said = output.stdout + &output.stderr;
        assert!(said.contains("is not a segment file"), "{said}");
    }
}

#[test]
fn a_saved_place_beyond_the_files_is_said() {
    let folder = archive(&[(0, &[posts(1, 90)])]);
    let flags = "a --cursor-file c -o out";
    tail(folder.path(), flags).assert_says(0, &["1 file to read"]);
    fs::write(folder.path().join(name(0)), sealed(&[posts(1, 20)])).unwrap();
    tail(folder.path(), flags).assert_says(0, &["number 91 comes next, and these files end at 20"]);
}
