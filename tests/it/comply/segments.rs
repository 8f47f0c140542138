//! Segment files without what was deleted: blocks, numbers and ranges are what they were.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Removed, comply};
use crate::support::program::Rocketman;

/// An invented stream with deletions, packed.
fn packed(folder: &Path) {
    let call = |arguments: &str| Rocketman::new(arguments.split(' ')).inside(folder);
    call("tail demo: --kind all -n 6000 -o demo.ndjson").succeed();
    call("pack --renumber demo.ndjson segments").succeed();
}

fn replayed(folder: &Path) -> Vec<String> {
    let replay = Rocketman::new(["replay", "segments", "--kind", "all"]).inside(folder);
    let lines = replay.succeed().stdout;
    lines.lines().map(str::to_owned).collect()
}

fn inspected(folder: &Path) -> Vec<Value> {
    let inspect = Rocketman::new(["inspect", "--verify", "--json", "segments"]).inside(folder);
    let lines = inspect.succeed().stdout;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn segment_files_keep_blocks_numbers_and_ranges() {
    let folder = tempfile::tempdir().unwrap();
    packed(folder.path());
    let (lines, files) = (replayed(folder.path()), inspected(folder.path()));
    let removed = Removed::of(&lines);
    let wanted = removed.kept(&lines);
    assert!(wanted.len() < lines.len(), "nothing was deleted");
    let output = comply(folder.path(), "segments").succeed();
    let n = lines.len() - wanted.len();
    assert!(
        output.stdout.contains(&format!("{n} of ")),
        "{}",
        output.stdout
    );
    assert_eq!(replayed(folder.path()), wanted);
    for (before, after) in files.iter().zip(inspected(folder.path())) {
        for key in [
            "blocks",
            "numbers",
            "times",
            "first_seq",
            "last_seq",
            "first_time_us",
            "last_time_us",
        ] {
            assert_eq!(before[key], after[key], "{key}");
        }
        assert!(after["events"].as_u64() < before["events"].as_u64());
    }
    let again = comply(folder.path(), "segments").succeed();
    assert!(again.stdout.starts_with("0 of "), "{}", again.stdout);
}

#[test]
fn a_segment_file_that_is_not_sealed_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    packed(folder.path());
    let file = fs::read_dir(folder.path().join("segments"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = fs::read(&file).unwrap();
    bytes[4..256].fill(0);
    fs::write(&file, &bytes).unwrap();
    let output = comply(folder.path(), "segments").run();
    assert!(
        output.stdout.contains("left alone: it is not sealed"),
        "{output:#?}"
    );
    assert_eq!(fs::read(&file).unwrap(), bytes);
}
