//! kill -9 at random moments while segment files are read into compressed files that take turns:
//! afterwards each event is in the files once, in order.

use std::{fs, path::Path, thread, time::Duration};

use super::posts;
use crate::support::{
    program::Rocketman,
    recorded::{files_below, numbers},
    segment_file::sealed,
    wait_until,
};

/// What is killed, and how often.
pub struct Game {
    /// With the segment files in `segments`, which have the numbers from 1 to this.
    pub folder: tempfile::TempDir,
    pub events: u64,
    pub rounds: u64,
}

impl Game {
    /// Plays rounds of `rocketman tail segments -o out/NAME` with these arguments, and returns how
    /// many files there are in the end.
    pub fn play(&self, arguments: &str) -> usize {
        let folder = self.folder.path();
        let (out, cursor) = (folder.join("out"), folder.join("cursor"));
        fs::create_dir(&out).unwrap();
        let tail = || {
            let flags = "segments --cursor-file cursor --save-interval 10ms";
            let tail = Rocketman::new(["tail"]).with(flags).with(arguments);
            tail.inside(folder)
        };
        for round in 1..=self.rounds {
            let before = saved(&cursor);
            // Every round gets a little further, and none much beyond its share.
            let share = self.events * round / (self.rounds + 1);
            let moment = Duration::from_micros(fastrand::u64(..10_000));
            let running = tail().start_elsewhere();
            wait_until("it goes on", || {
                let now = saved(&cursor);
                now >= share || now > before
            });
            thread::sleep(moment);
            running.kill();
        }
        let rest = tail().run();
        rest.assert_says(0, &["the end is reached"]);
        let mut files: Vec<_> = files_below(&out).iter().map(|file| numbers(file)).collect();
        files.retain(|numbers| !numbers.is_empty());
        files.sort();
        assert!(files.concat().into_iter().eq(1..=self.events), "{files:?}");
        files.len()
    }
}

/// The number that the cursor file stands at.
fn saved(cursor: &Path) -> u64 {
    let text = fs::read_to_string(cursor).unwrap_or_default();
    let cursor: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    cursor["seq"].as_u64().unwrap_or(0)
}

#[test]
fn over_kills_each_event_is_in_the_files_once() {
    let folder = tempfile::tempdir().unwrap();
    let segments = folder.path().join("segments");
    fs::create_dir(&segments).unwrap();
    for file in 0..4 {
        let from = 1 + file * 2000;
        let blocks = [posts(from, from + 999), posts(from + 1000, from + 1999)];
        fs::write(
            segments.join(format!("seg_{file:010}.jss")),
            sealed(&blocks),
        )
        .unwrap();
    }
    let game = Game {
        folder,
        events: 8000,
        rounds: 6,
    };
    assert!(game.play(FLAGS_OF_FEW) > 5);
}

/// Files of a thousand events, more or less.
const FLAGS_OF_FEW: &str = "-o out/x.ndjson.zst --rotate-size 16K --checkpoint 4K,10ms";
