//! Against the official server, where it is at hand: what the official client reads of its archive
//! is what we read.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{events, replay, seq};
use crate::support::world::World;

/// An event of the official client in the shape of our lines.
fn as_line(mut event: Value) -> Value {
    if let Some(commit) = event.get_mut("commit").and_then(Value::as_object_mut) {
        commit.remove("record_cbor");
    }
    event
}

/// Compares what both read with the same filter.
fn assert_agrees(world: &World, tip: u64, ours: &str, theirs: &str) -> usize {
    let flags = format!("-q --before-seq {tip} {ours}");
    let ours = events(&replay(&world.service(), &flags).succeed());
    let theirs: Vec<_> = world.official(theirs).into_iter().map(as_line).collect();
    let at = ours.iter().zip(&theirs).position(|(one, other)| {
        let same = |key: &str| one[key] == other[key];
        !["did", "cursor", "kind", "time_us", "commit"]
            .into_iter()
            .all(same)
    });
    let differ = at.map(|at| (&ours[at], &theirs[at]));
    assert_eq!(differ, None, "{flags}");
    assert_eq!(ours.len(), theirs.len(), "{flags}");
    ours.len()
}

#[test]
fn an_archive_is_what_the_official_client_reads() {
    let Some(mut world) = World::start("an_archive") else {
        return;
    };
    world.wait_until_sealed(6000);
    let tip = world.come_to_rest();
    for flags in [
        &[][..],
        &["--plan-whole-segment-threshold", "0.0001"],
        &[
            "--plan-whole-segment-threshold",
            "1",
            "--plan-max-entries",
            "1",
        ],
    ] {
        world.restart_with(flags);
        let all = assert_agrees(&world, tip, "", "");
        assert!(all > 4000, "{all}");
        assert_agrees(&world, tip, "--threads 2", "");
        let likes = assert_agrees(
            &world,
            tip,
            "-c app.bsky.feed.like",
            "--kind commit --collection app.bsky.feed.like",
        );
        let graph = assert_agrees(
            &world,
            tip,
            "-c app.bsky.graph.*",
            "--kind commit --collection app.bsky.graph.*",
        );
        assert!(likes > 500 && graph > 100, "{likes} {graph}");
        assert_agrees(&world, tip, "-k identity", "--kind identity");
        let first = world.official("--kind commit").remove(0);
        let did = first["did"].as_str().unwrap();
        let of_one = assert_agrees(&world, tip, &format!("-d {did}"), &format!("--did {did}"));
        assert!((2..all).contains(&of_one), "{of_one}");
    }
}

#[test]
fn an_archive_goes_on_to_the_socket_without_a_seam() {
    let Some(world) = World::start("a_seam") else {
        return;
    };
    world.wait_until_sealed(5000);
    let output = replay(&world.service(), "").succeed();
    assert!(
        output.stderr.contains("going on with the socket"),
        "{output:?}"
    );
    let ours = events(&output);
    let numbers: Vec<_> = ours.iter().map(seq).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next));
    let last = *numbers.last().unwrap();
    assert!(last > world.sealed_up_to().min(last) || last > 5000);
    // What the archive has in the end, we had: it takes rows out, and adds none.
    let had: HashSet<_> = numbers.into_iter().collect();
    let archived = world.archive_up_to(last);
    let missing: Vec<_> = archived
        .iter()
        .filter(|event| !had.contains(&seq(event)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_cursor_of_the_socket_goes_on_in_the_archive() {
    let Some(world) = World::start("a_cursor") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let run = |flags: &str| {
        let flags = format!("--cursor-file c -o all.ndjson {flags}");
        replay(&world.service(), &flags)
            .inside(folder.path())
            .succeed()
    };
    let first = run("-n 3000 --follow");
    assert!(first.stderr.contains("the count is reached"), "{first:?}");
    // By the socket, and on from there once that is sealed.
    run("-n 2000 --follow");
    let text = std::fs::read_to_string(folder.path().join("all.ndjson")).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    world.wait_until_sealed(seq(&last) + 500);
    run("-n 1000 --follow");
    let text = std::fs::read_to_string(folder.path().join("all.ndjson")).unwrap();
    let mut seen = HashMap::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        *seen.entry(seq(&event)).or_insert(0) += 1;
    }
    assert_eq!(text.lines().count(), 6000);
    assert!(seen.values().all(|n| *n == 1));
    let highest = *seen.keys().max().unwrap();
    let missing = world
        .archive_up_to(highest)
        .iter()
        .filter(|event| !seen.contains_key(&seq(event)))
        .count();
    assert_eq!(missing, 0);
}
