//! kill -9 at random moments, again and again: afterwards each event is in the files once, in order, and every file can be read.

use std::{fs, path::Path, sync::Arc, thread, time::Duration};

use rustix::process::Signal;

use super::event;
use crate::support::{
    jetstream::{Request, Server},
    program::Rocketman,
    recorded::{assert_each_once, files_below},
    wait_until,
};

/// How many rounds are played, and with how many events.
const ROUNDS: usize = 20;
const ALL: u64 = 20_000;

/// The number that the cursor file stands at.
fn saved(cursor: &Path) -> u64 {
    let text = fs::read_to_string(cursor).unwrap_or_default();
    let cursor: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    cursor["seq"].as_u64().unwrap_or(0)
}

/// Plays rounds of `rocketman tail -o out/NAME` with these flags, and returns how many files there are in the end.
pub fn play(n_rounds: usize, n_events: u64, arguments: &str) -> usize {
    let events: Arc<Vec<String>> = Arc::new((0..n_events).map(event).collect());
    let server = Server::every(move |request: Request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        let from = usize::try_from(from).unwrap().min(events.len());
        connection.send_all(events[from..].iter().cloned());
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let (out, cursor) = (folder.path().join("out"), folder.path().join("cursor"));
    fs::create_dir(&out).unwrap();
    let run = || {
        Rocketman::tail(&server.url())
            .with("--cursor-file cursor --save-interval 10ms --no-compress")
            .with(arguments)
            .inside(folder.path())
    };
    for round in 0..n_rounds {
        let before = saved(&cursor);
        let running = run().start();
        // Every round gets a little further, and none beyond its share.
        let share = n_events * (round as u64 + 1) / (n_rounds as u64 + 1);
        let moment = Duration::from_micros(fastrand::u64(..40_000));
        wait_until("it goes on", || {
            saved(&cursor) >= share || saved(&cursor) > before
        });
        thread::sleep(moment);
        running.kill();
    }
    let running = run().start();
    running.message("reading ");
    wait_until("the end of the stream", || saved(&cursor) == n_events);
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    let n_files = assert_each_once(&out, n_events);
    let ends = |suffix| move |path: &&std::path::PathBuf| path.to_str().unwrap().ends_with(suffix);
    let files = files_below(&out);
    let unfinished = files.iter().filter(ends(".partial")).count();
    assert!(unfinished <= 4, "{files:#?}");
    n_files
}

#[test]
fn plain_with_rotation_by_size() {
    assert!(play(ROUNDS, ALL, "-o out/x.ndjson --rotate-size 300K") > 10);
}

#[test]
fn plain_by_time() {
    assert!(play(ROUNDS, ALL, "-o out/%H/%M%S.ndjson") >= 20);
}

#[test]
fn gzip_for_each_collection_with_few_of_them_open() {
    let flags = "-o out/{collection}.ndjson.gz --max-open-files 3 --checkpoint 4K,10ms";
    assert_eq!(play(ROUNDS, ALL, flags), 5);
}

#[test]
fn zstd_for_each_collection_by_time() {
    let flags =
        "-o out/{collection}/%M%S.zst --rotate-count 150 --checkpoint 4K,10ms --max-open-files 4";
    assert!(play(ROUNDS, ALL, flags) > 30);
}

#[test]
fn zstd_by_time_and_size() {
    let flags = "-o out/%M.zst --rotate-every 3s --rotate-size 20K --checkpoint 4K,10ms";
    assert!(play(ROUNDS, ALL, flags) > 10);
}

#[test]
fn one_file_of_zstd_and_one_of_gzip() {
    assert_eq!(play(ROUNDS, ALL, "-o out/x.zst --checkpoint 4K,10ms"), 1);
    assert_eq!(play(ROUNDS, ALL, "-o out/x.gz --checkpoint 4K,10ms"), 1);
}
