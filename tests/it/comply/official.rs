//! What the official server says was deleted, where it is at hand.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::{Removed, comply};
use crate::support::{events::now_us, program::Rocketman, world::World};

/// The lines that deletions up to a time remove.
fn removed_by(lines: &[String], said: &[String], up_to_us: u64) -> BTreeSet<String> {
    let is_before = |line: &&String| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["kind"] != "sync" && event["time_us"].as_u64().unwrap() <= up_to_us
    };
    let removed = Removed::of(said.iter().filter(is_before));
    lines
        .iter()
        .filter(|line| removed.has(line))
        .cloned()
        .collect()
}

#[test]
fn what_the_official_server_deleted_since_goes() {
    let Some(world) = World::start("comply") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let record = Rocketman::tail(&world.service()).inside(folder.path());
    record
        .with("--kind all --cursor 1 -n 2000 -o a.ndjson")
        .succeed();
    let read = || fs::read_to_string(folder.path().join("a.ndjson")).unwrap();
    let lines: Vec<_> = read().lines().map(str::to_owned).collect();
    // The archive grows, and records of ours are deleted in it.
    world.wait_for_files("a few more files", world.sealed().len() + 2);
    let from_us = now_us();
    let call = format!("a.ndjson --deletions {}", world.service());
    comply(folder.path(), &call).succeed();
    let until_us = now_us();
    let dump = Rocketman::tail(&world.service()).with("-q --kind all --cursor 1");
    let until = format!("--until {}", rocketman::event::Start::Time(until_us));
    let said = dump.with(&until).succeed().stdout;
    let said: Vec<_> = said.lines().map(str::to_owned).collect();
    let left: BTreeSet<_> = read().lines().map(str::to_owned).collect();
    let gone: BTreeSet<_> = lines
        .iter()
        .filter(|line| !left.contains(*line))
        .cloned()
        .collect();
    let (least, most) = (
        removed_by(&lines, &said, from_us),
        removed_by(&lines, &said, until_us),
    );
    println!("{} of {} lines are gone", gone.len(), lines.len());
    assert!(!least.is_empty() && least.is_subset(&gone) && gone.is_subset(&most));
    assert_eq!(left.len() + gone.len(), lines.len());
}
