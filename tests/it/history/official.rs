//! Against the official server, where it is at hand: what the official client reads of its archive
//! is what we read.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
};

use rustix::process::Signal;

use serde_json::Value;

use super::{events, replay, seq};
use crate::{
    soak::is_soak,
    sqlite::{records, texts},
    support::{program::Rocketman, world::World},
};

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
fn a_state_asks_for_what_became_of_its_accounts() {
    let Some(mut world) = World::start("a_state") else {
        return;
    };
    world.wait_until_sealed(6000);
    let tip = world.come_to_rest();
    let folder = tempfile::tempdir().unwrap();
    let run = |flags: &str| {
        let flags = format!("--before-seq {tip} -c app.bsky.feed.like {flags}");
        let call = replay(&world.service(), &flags);
        call.inside(folder.path()).succeed()
    };
    let output = run("-o sqlite:own.db");
    output.assert_says(0, &["asking the archive what became of"]);
    run("-o sqlite:all.db --kind all");
    let [own, all] = ["own.db", "all.db"].map(|name| folder.path().join(name));
    let n = records(&own, "records").len();
    assert!(n > 300, "{n}");
    assert_eq!(records(&own, "records"), records(&all, "records"));
    // Of accounts that have no such record it asked nothing.
    let ours = "WHERE did IN (SELECT did FROM all_records) ORDER BY did";
    for sql in [
        "SELECT did || ' ' || coalesce(handle, '') FROM handles",
        "SELECT did || ' ' || active || coalesce(status, '') FROM accounts",
    ] {
        let sql = format!("{sql} {ours}");
        assert_eq!(texts(&own, &sql), texts(&all, &sql));
    }
    let n = texts(&own, &format!("SELECT did FROM handles {ours}")).len();
    println!("{n} handles");
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

/// What an event is, whatever number it has.
fn identity(event: &Value) -> String {
    let commit = &event["commit"];
    let parts = if commit.is_object() {
        ["operation", "collection", "rkey", "rev"].map(|key| commit[key].to_string())
    } else {
        let kind = event["kind"].as_str().unwrap();
        ["kind", "seq", "", ""].map(|key| event[kind][key].to_string() + kind)
    };
    format!("{} {}", event["did"], parts.join(" "))
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // The last one may be half written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Ours against what is sealed in the end: nothing is missing, and nothing came twice.
fn assert_whole(world: &mut World, ours: &[Value]) {
    let mut counts: HashMap<String, u32> = HashMap::new();
    for event in ours {
        *counts.entry(identity(event)).or_default() += 1;
    }
    // A server that was killed may have counted otherwise before.
    let last = seq(ours.last().unwrap());
    let first = seq(&ours[0]);
    let mut sealed = world.archive_up_to(last);
    sealed.retain(|event| seq(event) >= first);
    let missing: Vec<_> = sealed
        .iter()
        .filter(|event| !counts.contains_key(&identity(event)))
        .collect();
    let twice = counts.values().filter(|n| **n > 1).count();
    println!(
        "{} lines, {} sealed, {} missing, {twice} twice",
        ours.len(),
        sealed.len(),
        missing.len()
    );
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(twice, 0);
    assert!(sealed.len() > 1000);
}

#[test]
fn each_event_comes_once_over_kills_and_compactions() {
    let Some(mut world) = World::start("over_kills") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.ndjson");
    world.wait_until_sealed(4000);
    let service = world.service();
    let start = || {
        let flags = "--follow --cursor-file c -o out.ndjson -v";
        replay(&service, flags)
            .inside(folder.path())
            .start_elsewhere()
    };
    let mut run = start();
    let rounds = if is_soak() { 5 } else { 2 };
    for round in 0..rounds {
        let seen = lines(&out).len();
        world.wait_for_files("two more", world.sealed().len() + 2);
        world.kill_server();
        world.wait_until_ready();
        if round % 2 == 0 {
            run.kill();
            run = start();
        }
        World::wait("more events", || lines(&out).len() > seen + 500);
    }
    let seen = lines(&out).len();
    World::wait("events after the last kill", || {
        lines(&out).len() > seen + 500
    });
    run.signal(Signal::TERM);
    let said = run.finish();
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert_whole(&mut world, &lines(&out));
}

#[test]
fn the_archive_has_what_the_socket_no_longer_has() {
    let Some(mut world) = World::start("no_longer") else {
        return;
    };
    world.restart_with(&["--cursor-lookback", "1s"]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.ndjson");
    let service = world.service();
    let run = |n: u32| {
        let flags = format!("--follow --cursor-file c -o out.ndjson -n {n}");
        replay(&service, &flags).inside(folder.path()).succeed()
    };
    run(3000);
    for _ in 0..2 {
        let files = world.sealed().len() + 3;
        world.wait_for_files("what comes next is too old", files);
        run(1500);
    }
    assert_eq!(lines(&out).len(), 6000);
    assert_whole(&mut world, &lines(&out));
    // The same for a run that began with the socket.
    let out = folder.path().join("tail.ndjson");
    let tail = |flags: &str| {
        let flags = format!("{flags} --cursor-file d -o tail.ndjson");
        Rocketman::tail(&service)
            .with(&flags)
            .inside(folder.path())
            .succeed()
    };
    tail("--begin oldest -n 300");
    let files = world.sealed().len() + 3;
    world.wait_for_files("what comes next is too old", files);
    let filled = tail("--on-gap replay -n 2500");
    assert!(
        filled.stderr.contains("reading it from the archive"),
        "{filled:?}"
    );
    assert_eq!(lines(&out).len(), 2800);
    assert_whole(&mut world, &lines(&out));
}
