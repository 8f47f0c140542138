use std::{io::Write, path::PathBuf};

use super::*;
use crate::{compressed::Encoder, compressed::FrameFormat, event::Batch};

const SECOND: u64 = 1_000_000;

/// Event `n` of a stream, a second after the one before.
fn line(n: u64) -> Vec<u8> {
    let time_us = 1_790_000_000_000_000 + n * SECOND;
    let text = format!(
        r#"{{"did":"did:plc:a","time_us":{time_us},"kind":"commit","commit":{{"rev":"{n:013}","operation":"create","collection":"a.b.c","rkey":"{n}","record":{{"text":"h\u00e9"}},"cid":"c"}}}}"#
    );
    (text + "\n").into_bytes()
}

/// The places that a source would give the events.
fn points(numbers: impl IntoIterator<Item = u64>) -> Vec<Point> {
    let mut batch = Batch::new();
    for n in numbers {
        batch.push(line(n).trim_ascii_end()).unwrap();
    }
    batch.events().map(|event| *event.point()).collect()
}

/// A file of 100 events, ten in a frame, and where each frame begins.
fn file(folder: &Path, name: &str) -> (FileMark, Vec<u64>) {
    let path: PathBuf = folder.join(name);
    let form = FrameFormat::of(Path::new(name.trim_end_matches(".partial")));
    let mut encoder = Encoder::new(form, None).unwrap();
    let (mut bytes, mut begins) = (Vec::new(), Vec::new());
    for frame in 0..10 {
        begins.push(bytes.len() as u64);
        let lines: Vec<u8> = (frame * 10..frame * 10 + 10).flat_map(line).collect();
        bytes.extend_from_slice(encoder.encode(&lines).unwrap());
    }
    fs::write(&path, &bytes).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    (FileMark::new(path, inode, bytes.len() as u64), begins)
}

#[test]
fn events_read_back_have_the_places_that_they_had() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "a.ndjson",
        "b.zst",
        "c.gz",
        "d.ndjson.partial",
        "e.gz.partial",
    ] {
        let (mut mark, begins) = file(folder.path(), name);
        mark.recent_from = Some(begins[4]);
        let back_us = 1000 * SECOND;
        assert_eq!(read(&[mark.clone()], back_us), points(40..100), "{name}");
        // What is beyond what the cursor counts is none of it.
        mark.bytes = begins[6];
        assert_eq!(read(&[mark.clone()], back_us), points(40..60), "{name}");
        mark.recent_from = None;
        assert_eq!(read(&[mark], back_us), points(0..60), "{name}");
    }
}

#[test]
fn nothing_is_missing_since_the_earliest_time() {
    let folder = tempfile::tempdir().unwrap();
    let (mark, _) = file(folder.path(), "a");
    let read = read(&[mark], 30 * SECOND);
    let expected = points(0..100);
    let since_us = expected[69].time_us;
    assert_eq!(read.len(), 100, "older ones are known all the same");
    for (found, expected) in read.iter().zip(expected) {
        assert_eq!(found.identity, expected.identity);
        assert_eq!(found.time_us, expected.time_us.max(since_us));
    }
}

#[test]
fn a_file_that_was_moved_in_its_folder_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (mark, _) = file(folder.path(), "a");
    fs::rename(&mark.path, folder.path().join("a.1")).unwrap();
    // Another one has its name by now.
    fs::write(&mark.path, "other\n").unwrap();
    assert_eq!(read(&[mark], 1000 * SECOND), points(0..100));
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gone, _) = file(folder.path(), "a");
    fs::remove_file(&gone.path).unwrap();
    gone.inode = 0;
    let (whole, _) = file(folder.path(), "b");
    let (foreign, _) = file(folder.path(), "c");
    fs::write(&foreign.path, "{\"subject\":\"x\"}\n".repeat(5000)).unwrap();
    let mut recalled = Recalled::default();
    for mark in [&gone, &whole, &foreign] {
        if let Err(error) = recalled.read_file(mark, 1000 * SECOND) {
            recalled.note_unread(mark, &error);
        }
    }
    assert_eq!(recalled.n_unread, 2);
    assert_eq!(recalled.events, points(0..100));
}

#[test]
fn of_a_large_file_the_end_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    let mut file = File::create(&path).unwrap();
    // No bytes of the disk, and no line.
    file.set_len(MAX_BYTES).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(b"\n").unwrap();
    file.write_all(&[line(1), line(2)].concat()).unwrap();
    let metadata = file.metadata().unwrap();
    let mark = FileMark::new(path, metadata.ino(), metadata.len());
    assert_eq!(read(&[mark], SECOND), points(1..3));
    let latest = points(5..6)[0];
    let mut recalled = Recalled {
        events: vec![latest; MAX_EVENTS + 1],
        ..Recalled::default()
    };
    recalled.events[7] = points(4..5)[0];
    recalled.keep_latest();
    assert_eq!(recalled.events, vec![latest; MAX_EVENTS]);
}
