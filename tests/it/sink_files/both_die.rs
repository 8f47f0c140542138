//! The server is killed, and the program with it: what the server reads again has other numbers and
//! later times, and yet each event is in the files once.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use rustix::process::Signal;

use crate::support::{
    events::{EPOCH, commit},
    jetstream::{Request, Server},
    program::{Output, Rocketman},
    recorded::{files_below, read},
    wait_until,
};

/// Events are so far apart, in microseconds.
const STEP: u64 = 50_000;

/// How many events each life of the server has: 75 seconds of them, more than a resume by time goes
/// back.
const LIFE: usize = 1_500;

const LIVES: usize = 4;

/// What a server has: which event, and with which time. The numbers are those of their places, from
/// 1 on.
#[derive(Debug, Default, Clone)]
struct Log(Vec<(u64, u64)>);

impl Log {
    /// Adds events that nobody has had yet.
    fn grow(&mut self, next: &mut u64) {
        for _ in 0..LIFE {
            let time_us = self.0.last().map_or(EPOCH, |last| last.1) + STEP;
            self.0.push((*next, time_us));
            *next += 1;
        }
    }

    /// As it is after a kill: the last events, also some that are certainly saved, are read once
    /// more, 2 to 33 seconds later, and not in quite the same order.
    fn killed(&mut self, next: &mut u64) {
        let lost = self.0.split_off(self.0.len() - fastrand::usize(250..600));
        let shift = fastrand::u64(2_000_000..33_000_000);
        let new = (*next, lost[0].1 + shift);
        *next += 1;
        self.0.push(new);
        let again = lost.iter().map(|(n, time_us)| (*n, time_us + shift));
        self.0.extend(again);
    }

    fn text(&self, place: usize) -> String {
        let (n, time_us) = self.0[place];
        let collection = ["a.b.c", "d.e.f", "g.h.i"][usize::try_from(n % 3).unwrap()];
        let event = commit(n, Some(place as u64 + 1), "create", collection, "");
        let (before, behind) = event.split_once("\"time_us\":").unwrap();
        let behind = behind.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{before}\"time_us\":{time_us}{behind}")
    }

    /// Where a consumer begins that asks for this.
    fn place(&self, cursor: Option<u64>) -> usize {
        match cursor {
            None => 0,
            Some(time_us) if time_us >= 1_000_000_000_000_000 => {
                self.0.partition_point(|event| event.1 < time_us)
            }
            Some(seq) => usize::try_from(seq - 1).unwrap().min(self.0.len()),
        }
    }
}

/// The number that the cursor stands at.
fn saved(cursor: &Path) -> usize {
    let text = fs::read_to_string(cursor).unwrap_or_default();
    let cursor: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    usize::try_from(cursor["seq"].as_u64().unwrap_or(0)).unwrap()
}

/// How often each event is in the files.
fn counts(out: &Path) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for file in files_below(out) {
        for line in read(&file).lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let key = event["commit"]["rkey"].as_str().unwrap();
            *counts
                .entry(key.trim_start_matches("3l").parse().unwrap())
                .or_default() += 1;
        }
    }
    counts
}

/// What there is when a run is killed: the output folder, what the cursor counts, and what the
/// server has.
struct Moment<'a> {
    out: &'a Path,
    saved: usize,
    last: usize,
}

fn is_almost_over(moment: &Moment<'_>) -> bool {
    moment.saved >= moment.last - 200
}

/// Everything is counted, and all files but the newest have their names.
fn is_named(moment: &Moment<'_>) -> bool {
    let n_partial = files_below(moment.out)
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "partial"))
        .count();
    moment.saved == moment.last && n_partial <= 1
}

/// Plays all lives: each run is killed in its moment, and `before` each restart something happens
/// to the files. Returns how often which event is in the files, and how the last run ended.
fn play(
    arguments: &str,
    is_moment: impl Fn(&Moment<'_>) -> bool,
    before: impl Fn(&Path),
) -> (BTreeMap<u64, usize>, Output) {
    let (mut log, mut next) = (Log::default(), 0);
    log.grow(&mut next);
    let shared = Arc::new(Mutex::new(log));
    let served = Arc::clone(&shared);
    let server = Server::every(move |request: Request| {
        let log = served.lock().unwrap().clone();
        let from = log.place(request.cursor());
        let mut connection = request.accept();
        connection.send_all((from..log.0.len()).map(|place| log.text(place)));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let (out, cursor) = (folder.path().join("out"), folder.path().join("cursor"));
    fs::create_dir(&out).unwrap();
    let start = || {
        Rocketman::tail(&server.url())
            .with("--cursor-file cursor --save-interval 10ms --no-compress --rewind 60s")
            .with(arguments)
            .inside(folder.path())
            .start()
    };
    for _ in 1..LIVES {
        let running = start();
        let last = shared.lock().unwrap().0.len();
        wait_until("the moment of the kill", || {
            let (out, saved) = (out.as_path(), saved(&cursor));
            is_moment(&Moment { out, saved, last })
        });
        running.kill();
        before(&out);
        let mut log = shared.lock().unwrap();
        log.killed(&mut next);
        log.grow(&mut next);
    }
    let running = start();
    let last = shared.lock().unwrap().0.len();
    wait_until("the end of the stream", || saved(&cursor) == last);
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    let counts = counts(&out);
    assert!(counts.keys().copied().eq(0..next), "something is missing");
    (counts, output)
}

/// Plays, and wants each event once.
fn assert_once(arguments: &str) {
    let (counts, output) = play(arguments, is_almost_over, |_| {});
    let n_twice = counts.values().filter(|n| **n > 1).count();
    assert_eq!(n_twice, 0, "{output:#?}");
    output.assert_says(0, &["renumbered its events", "repeats dropped"]);
    assert!(!output.stderr.contains("read back"), "{output:#?}");
}

#[test]
fn in_a_plain_file_each_event_is_there_once() {
    assert_once("-o out/x.ndjson");
}

#[test]
fn in_a_compressed_file_each_event_is_there_once() {
    assert_once("-o out/x.zst --checkpoint 4K,10ms");
    assert_once("-o out/x.gz --checkpoint 4K,10ms");
}

#[test]
fn in_files_that_follow_each_other_each_event_is_there_once() {
    assert_once("-o out/x.ndjson --rotate-count 100");
    assert_once("-o out/%H-%M-%S.zst --checkpoint 4K,10ms");
}

#[test]
fn in_a_file_for_each_collection_each_event_is_there_once() {
    assert_once("-o out/{collection}.ndjson --max-files 2");
    assert_once("-o out/{collection}/%M.gz --max-open-files 1 --checkpoint 4K,10ms");
}

#[test]
fn what_was_taken_away_cannot_be_recalled_and_that_is_said() {
    let take_away = |out: &Path| {
        // Out of their folder, where they count all the same.
        let taken = out.join(fastrand::u64(..).to_string());
        fs::create_dir(&taken).unwrap();
        for entry in fs::read_dir(out).unwrap() {
            let name = entry.unwrap().file_name();
            if name.to_str().unwrap().ends_with(".ndjson") {
                fs::rename(out.join(&name), taken.join(&name)).unwrap();
            }
        }
    };
    let rotated = "-o out/x.ndjson --rotate-count 100";
    let (counts, output) = play(rotated, is_named, take_away);
    assert!(counts.values().any(|n| *n > 1), "{output:#?}");
    output.assert_says(0, &["cannot be read back", "may come again"]);
}

#[test]
fn after_a_place_was_set_events_come_as_they_are() {
    let server = Server::every(|request: Request| {
        let log = Log((0..100).map(|n| (n, EPOCH + n * STEP)).collect());
        let from = log.place(request.cursor());
        let mut connection = request.accept();
        connection.send_all((from..100).map(|place| log.text(place)));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let call = || {
        Rocketman::tail(&server.url())
            .with("-n 100 -o out --cursor-file cursor")
            .inside(folder.path())
    };
    call().succeed();
    let set = Rocketman::new(["cursor", "set", "cursor", &EPOCH.to_string()]);
    set.with("--forget-files").inside(folder.path()).succeed();
    call().succeed();
    let text = fs::read_to_string(folder.path().join("out")).unwrap();
    assert_eq!(text.lines().count(), 200);
}
