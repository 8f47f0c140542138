//! Against `rocketman serve DIR`: what is read, what it costs, and what kills make of it.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::archive::Archive;
use crate::{
    soak::is_soak,
    support::{cable::Cable, program::Rocketman, wait_until},
};

#[test]
fn a_served_archive_comes_as_it_was_packed() {
    let archive = Archive::of(20_000);
    let all = archive.replay("").succeed();
    assert!(all.lines() == archive.lines);
    let threads = archive.replay("--threads 3 --after-seq 5000").succeed();
    assert!(threads.lines() == archive.lines[5000..]);
    let likes = archive.replay("-c app.bsky.feed.like").succeed();
    let expected = archive
        .lines
        .iter()
        .filter(|line| line.contains("\"collection\":\"app.bsky.feed.like\""));
    assert!(likes.lines().into_iter().eq(expected));
    let beyond = Rocketman::new(["replay", &format!("http://{}", archive.server.address())]);
    let beyond = beyond.with("--before-seq 20001").run();
    beyond.assert_says(
        2,
        &["number 20001 lies beyond the archive", "ends at 20000"],
    );
}

#[test]
fn a_plan_tells_the_price_and_reads_nothing() {
    let archive = Archive::of(20_000);
    let cable = Cable::to(archive.port());
    let flags = "--plan -c app.bsky.feed.like --cursor-file c -o out.ndjson";
    let plan = archive.replay_through(cable.port, flags).succeed();
    for words in [
        "numbers 1 to 20,000",
        "what is asked for (commit)",
        "the same with --kind all",
        "its files, whole (--download)",
        "events that are read is asked for",
        "the server does not say how much it allows",
    ] {
        assert!(plan.stdout.contains(words), "{}", plan.stdout);
    }
    let file = fs::metadata(archive.path().join("segments/seg_0000000000.jss")).unwrap();
    assert!(cable.passed() * 10 < file.len(), "{}", cable.passed());
    for name in ["c", "out.ndjson"] {
        assert!(!archive.path().join(name).exists(), "{name}");
    }
    // The rest alone, from the place of a cursor.
    archive
        .replay("-n 15000 --cursor-file c -o out.ndjson")
        .succeed();
    let plan = archive.replay("--plan --cursor-file c").succeed();
    assert!(
        plan.stdout.contains("numbers 15,001 to 20,000"),
        "{}",
        plan.stdout
    );
}

#[test]
fn a_plan_begins_where_a_database_comes_to() {
    let archive = Archive::of(20_000);
    let plan = |words| {
        let flags = "--plan -c app.bsky.feed.like -o sqlite:x.db";
        let plan = archive.replay(flags).succeed().stdout;
        assert!(plan.contains(words), "{plan}");
    };
    plan("numbers 1 to 20,000");
    assert!(!archive.path().join("x.db").exists());
    let flags = "-c app.bsky.feed.like -o sqlite:x.db";
    archive.replay(flags).succeed();
    // What it holds is asked for no more; another filter has another place.
    plan("numbers 20,001 to 20,000");
    let other = "--plan -c app.bsky.feed.post -o sqlite:x.db";
    let other = archive.replay(other).succeed().stdout;
    assert!(other.contains("numbers 1 to 20,000"), "{other}");
}

#[test]
fn as_many_bytes_as_may_be_are_read_and_no_more() {
    let archive = Archive::of(40_000);
    let run = |flags: &str| {
        let flags = format!("--cursor-file c -o out.ndjson {flags}");
        archive.replay(&flags).succeed()
    };
    let first = run("--max-bytes 1M");
    assert!(
        first
            .stderr
            .contains("as many bytes of the archive were read"),
        "{first:?}"
    );
    let n = fs::read_to_string(archive.path().join("out.ndjson")).unwrap();
    let n = n.lines().count();
    assert!((1000..39_000).contains(&n), "{n}");
    run("");
    let text = fs::read_to_string(archive.path().join("out.ndjson")).unwrap();
    assert!(text.lines().eq(&archive.lines));
}

#[test]
fn a_rate_is_kept_to() {
    let archive = Archive::of(40_000);
    let size = fs::metadata(archive.path().join("segments/seg_0000000000.jss"))
        .unwrap()
        .len();
    let began = Instant::now();
    archive.replay("--max-rate 1M").succeed();
    // What comes in the first second is free.
    let least = Duration::from_millis((size - (1 << 20)) * 1000 / (1 << 20));
    assert!(began.elapsed() >= least, "{:?} {least:?}", began.elapsed());
}

#[test]
fn over_kills_little_is_fetched_twice() {
    let kills = if is_soak() { 20 } else { 6 };
    const UNSAVED: u64 = 4 * 1024 * 1024;
    let archive = Archive::of(40_000);
    let whole = Cable::to(archive.port());
    archive.replay_through(whole.port, "-q").succeed();
    let cable = Cable::to(archive.port());
    let flags = "--cursor-file c -o out.ndjson";
    for n in 0..kills {
        // Not so fast that it ends.
        let slow = format!("{flags} --max-rate 600K");
        let run = archive.replay_through(cable.port, &slow).start_elsewhere();
        let least = cable.passed() + 100_000 + n * 10_000;
        wait_until("some bytes", || cable.passed() >= least);
        run.kill();
    }
    archive.replay_through(cable.port, flags).succeed();
    let text = fs::read_to_string(archive.path().join("out.ndjson")).unwrap();
    assert!(text.lines().eq(&archive.lines));
    let most = whole.passed() + kills * UNSAVED;
    assert!(cable.passed() <= most, "{} of {most}", cable.passed());
}
