use std::{fs, io::Write};

use serde_json::Value;

use super::*;
use crate::serve::encoding::Wire;

const BEGIN_US: u64 = 1_790_000_000_000_000;
const START_US: u64 = 1_800_000_000_000_000;

/// Event `n`, a second after the one before, with this number.
fn line(n: u64, number: Option<u64>) -> String {
    let cursor = number.map_or(String::new(), |number| format!(r#","cursor":{number}"#));
    let filler = "x".repeat(500);
    format!(
        r#"{{"did":"did:plc:a","time_us":{}{cursor},"kind":"commit","commit":{{"rev":"3k{n}","operation":"create","collection":"app.bsky.feed.post","rkey":"{n}","record":{{"text":"{filler}"}}}}}}"#,
        BEGIN_US + n * 1_000_000
    )
}

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A recording of `n` events whose numbers begin at 1000.
    fn recording(&self, n: u64, playback: Playback) -> Recording {
        let lines: Vec<_> = (0..n).map(|n| line(n, Some(1000 + n))).collect();
        let path = self.file("events.ndjson", lines.join("\n").as_bytes());
        open(&[path], playback)
    }
}

fn open(paths: &[PathBuf], playback: Playback) -> Recording {
    Recording::open(paths, playback, |path, damaged| {
        panic!("{}: {damaged:?}", path.display())
    })
    .unwrap()
}

/// The events of a block, as they are served.
fn block(recording: &Recording, index: u64) -> Option<Vec<Value>> {
    let mut builder = BlockBuilder::new(false);
    recording
        .read(index, START_US, &mut builder)
        .unwrap()
        .then(|| {
            let block = builder.finish();
            (0..block.entries().len())
                .map(|idx| serde_json::from_slice(block.payload(idx, Wire::V1)).unwrap())
                .collect()
        })
}

fn all(recording: &Recording) -> Vec<Value> {
    (0..)
        .map_while(|index| block(recording, index))
        .flatten()
        .collect()
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events
        .iter()
        .map(|event| event["cursor"].as_u64().unwrap())
        .collect()
}

#[test]
fn events_keep_their_numbers_and_are_found_by_them_and_by_time() {
    let world = World::new();
    let recording = world.recording(1000, Playback::default());
    assert_eq!(recording.len(), 1000);
    assert!(recording.index.parts.len() > 5);
    assert_eq!(numbers(&all(&recording)), (1000..2000).collect::<Vec<_>>());
    for n in 0..1000 {
        let time_us = BEGIN_US + n * 1_000_000;
        for position in [
            FeedPosition::Seq(1000 + n),
            FeedPosition::Time(time_us),
            FeedPosition::Time(time_us - 1),
        ] {
            let found = block(&recording, recording.find(position, START_US)).unwrap();
            assert!(numbers(&found).contains(&(1000 + n)), "{position:?}");
        }
    }
    let n_parts = recording.index.parts.len() as u64;
    for beyond in [FeedPosition::Seq(2000), FeedPosition::Time(START_US)] {
        assert_eq!(recording.find(beyond, START_US), n_parts);
    }
    assert_eq!(block(&recording, n_parts), None);
    for before in [
        FeedPosition::Beginning,
        FeedPosition::Seq(0),
        FeedPosition::Seq(5),
        FeedPosition::Time(0),
    ] {
        assert_eq!(recording.find(before, START_US), 0);
    }
}

#[test]
fn events_without_or_with_falling_numbers_are_counted() {
    let world = World::new();
    let expected: Vec<u64> = (1..=6).collect();
    for own_numbers in [
        [None; 3],
        [Some(5), None, Some(7)],
        [Some(5), Some(5), Some(6)],
        [Some(0), Some(1), Some(2)],
    ] {
        let text: String = own_numbers
            .iter()
            .zip(0..)
            .map(|(number, n)| line(n, *number) + "\n")
            .collect();
        let path = world.file("events.ndjson", text.as_bytes());
        let recording = open(&[path.clone(), path], Playback::default());
        assert_eq!(numbers(&all(&recording)), expected, "{own_numbers:?}");
    }
}

#[test]
fn damaged_lines_are_told_by_their_number_and_left_out() {
    let world = World::new();
    let mut text = Vec::new();
    for part in [
        line(0, Some(1)).as_bytes(),
        b"",
        b"   ",
        b"{\"did\":",
        b"\xff\xfe}",
        line(1, Some(2)).as_bytes(),
        b"{}",
        &vec![b'x'; 17 * 1024 * 1024],
        format!("{}\r", line(2, Some(3))).as_bytes(),
        line(3, Some(4)).get(..100).unwrap().as_bytes(),
    ] {
        text.write_all(part).unwrap();
        text.push(b'\n');
    }
    text.pop();
    let path = world.file("events.ndjson", &text);
    let mut damaged_lines = Vec::new();
    let recording = Recording::open(&[path], Playback::default(), |_, damaged| {
        damaged_lines.push(damaged);
    })
    .unwrap();
    let lines: Vec<_> = damaged_lines.iter().map(|damaged| damaged.line).collect();
    assert_eq!(lines, [4, 5, 7, 8, 10]);
    assert_eq!(damaged_lines[1].why, BadEvent::NotUtf8);
    assert_eq!(damaged_lines[3].why, BadEvent::TooLarge);
    assert_eq!((recording.len(), recording.damaged()), (3, 5));
    assert_eq!(numbers(&all(&recording)), [1, 2, 3]);
}

#[test]
fn lines_in_memory_are_served_as_those_of_a_file() {
    let lines = [7, 9].map(|n| line(n, Some(n)));
    let recording = Recording::from_lines(&lines, Playback::default()).unwrap();
    assert_eq!(
        (recording.len(), numbers(&all(&recording))),
        (2, vec![7, 9])
    );
    assert_eq!(
        recording.describe(),
        "2 recorded events of 'lines in memory'"
    );
    let refused = |lines: &[&str]| {
        let error = Recording::from_lines(lines, Playback::default()).unwrap_err();
        crate::log::chain(&error)
    };
    let bad = refused(&[&lines[0], "{}"]);
    assert_eq!(bad, "line 2 is no event: its envelope cannot be read");
    assert_eq!(refused(&[]), "there is no event in 'lines in memory'");
}

#[test]
fn what_cannot_be_served_is_refused() {
    let world = World::new();
    let refused = |path: PathBuf| {
        let error = Recording::open(&[path], Playback::default(), |_, _| {}).unwrap_err();
        crate::log::chain(&error)
    };
    for (path, words) in [
        (world.folder.path().join("nothing"), "No such file"),
        (world.folder.path().to_owned(), "directory"),
        (world.file("empty", b""), "there is no event in"),
        (world.file("other", b"a,b\n1,2\n"), "there is no event in"),
        (
            world.file("a.gz", b"no gzip at all"),
            "cannot read the recording",
        ),
        (world.file("a.zst", b"no zstd"), "cannot read the recording"),
    ] {
        let error = refused(path);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_recording_that_repeats_goes_on_with_its_numbers_and_times() {
    let world = World::new();
    let repeat = Playback {
        repeat: true,
        ..Playback::default()
    };
    let recording = world.recording(500, repeat);
    let n_parts = recording.index.parts.len() as u64;
    let events: Vec<_> = (0..3 * n_parts)
        .filter_map(|index| block(&recording, index))
        .flatten()
        .collect();
    assert_eq!(numbers(&events), (1000..2500).collect::<Vec<_>>());
    let times: Vec<_> = events
        .iter()
        .map(|event| event["time_us"].as_u64().unwrap())
        .collect();
    assert!(times.is_sorted());
    assert_eq!(times[500] - times[499], PAUSE_US);
    for n in [0, 499, 500, 777, 1499] {
        for position in [
            FeedPosition::Seq(1000 + n),
            FeedPosition::Time(times[usize::try_from(n).unwrap()]),
        ] {
            let found = block(&recording, recording.find(position, START_US)).unwrap();
            assert!(numbers(&found).contains(&(1000 + n)), "{position:?}");
        }
    }
}

#[test]
fn times_are_those_of_now_where_that_is_asked_for() {
    let world = World::new();
    for (speed, expected) in [
        (Some(1.0), [START_US, START_US + 299_000_000]),
        (Some(10.0), [START_US, START_US + 29_900_000]),
        (None, [START_US - 299_000_000, START_US]),
    ] {
        let playback = Playback {
            speed,
            rebase: true,
            repeat: false,
        };
        let recording = world.recording(300, playback);
        let times: Vec<_> = all(&recording)
            .iter()
            .map(|event| event["time_us"].as_u64().unwrap())
            .collect();
        assert_eq!([times[0], times[299]], expected);
        for (n, time_us) in times.iter().enumerate() {
            let found = recording.find(FeedPosition::Time(*time_us), START_US);
            let found = numbers(&block(&recording, found).unwrap());
            // The block before will do, for rounding.
            assert!(
                found.last().unwrap() + 1 >= 1000 + n as u64,
                "{n} {found:?}"
            );
        }
    }
}

#[cfg(feature = "zstd")]
#[test]
fn a_compressed_recording_is_served_up_to_where_it_is_torn() {
    let world = World::new();
    let lines: Vec<_> = (0..300).map(|n| line(n, Some(1 + n)) + "\n").collect();
    // Two frames, as when a writer goes on.
    let frames: Vec<_> = lines
        .chunks(150)
        .map(|lines| zstd::bulk::compress(lines.concat().as_bytes(), 3).unwrap())
        .collect();
    let whole = world.file("whole.ndjson.zst", &frames.concat());
    assert_eq!(
        numbers(&all(&open(&[whole], Playback::default()))),
        (1..=300).collect::<Vec<_>>()
    );
    let mut torn = frames.concat();
    torn.truncate(torn.len() - 100);
    let torn = world.file("torn.ndjson.zst", &torn);
    let recording = Recording::open(&[torn], Playback::default(), |_, _| {}).unwrap();
    assert!((150..300).contains(&recording.len()), "{}", recording.len());
}
