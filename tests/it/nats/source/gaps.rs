//! Messages that were wanted and are gone: told in every form, and an end where that is asked for.

use async_nats::jetstream::stream;
use serde_json::Value;

use super::{make, numbers, numbers_in, numbers_of, publish};
use crate::support::{nats::Nats, program::Rocketman};

/// A cursor file at this message of the stream, and its folder.
fn cursor_at(nats: &Nats, seq: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let call = Rocketman::tail(&nats.address("S")).with("--cursor 0 --cursor-file");
    let call = call.arg(folder.path().join("cursor"));
    call.arg("-n").arg(seq.to_string()).succeed();
    folder
}

fn resume(nats: &Nats, folder: &tempfile::TempDir) -> Rocketman {
    let call = Rocketman::tail(&nats.address("S")).with("-e --cursor-file");
    call.arg(folder.path().join("cursor"))
}

fn seq_in(folder: &tempfile::TempDir) -> Value {
    let text = std::fs::read(folder.path().join("cursor")).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap()["seq"].clone()
}

#[test]
fn messages_that_were_removed_behind_the_cursor_are_a_gap() {
    let Some(nats) = Nats::start("messages_that_were_removed_behind_the_cursor_are_a_gap") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..10));
    let folder = cursor_at(&nats, 3);
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream("S").await.unwrap();
        stream.delete_message(4).await.unwrap();
    });
    let fail = || resume(&nats, &folder).with("--on-gap fail");
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream("S").await.unwrap();
        stream.purge().sequence(7).await.unwrap();
    });
    let output = fail().run();
    output.assert_says(4, &["GAP from=3 to=7:", "no longer has the messages"]);
    assert_eq!((output.stdout.as_str(), seq_in(&folder)), ("", 3.into()));
    let output = resume(&nats, &folder).succeed();
    assert_eq!(numbers_of(&output), [7, 8, 9]);
    output.assert_says(0, &["GAP from=3 to=7:", "1 gap"]);
    let part = Rocketman::tail(&nats.address("S?subject=s.a")).with("--cursor 2 -e --on-gap fail");
    part.run()
        .assert_says(0, &["GAP? from=1 to=7:", "only some subjects"]);
}

#[test]
fn messages_that_were_deleted_from_the_middle_are_no_gap() {
    let Some(nats) = Nats::start("messages_that_were_deleted_from_the_middle_are_no_gap") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..8));
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream("S").await.unwrap();
        for seq in [3, 4, 6] {
            stream.delete_message(seq).await.unwrap();
        }
    });
    let output = Rocketman::tail(&nats.address("S"))
        .with("--cursor 1 -e --on-gap fail")
        .succeed();
    assert_eq!(numbers_of(&output), [1, 2, 5, 7]);
    assert!(!output.stderr.contains("GAP"), "{output:#?}");
}

#[test]
fn a_cursor_behind_the_end_of_the_stream_is_a_gap() {
    let Some(nats) = Nats::start("a_cursor_behind_the_end_of_the_stream_is_a_gap") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..4));
    let tail = || Rocketman::tail(&nats.address("S")).with("--cursor 50 -n 1");
    tail()
        .with("--on-gap fail")
        .run()
        .assert_says(4, &["GAP from=49 to=4:", "ends before"]);
    let mut waiting = tail().start();
    waiting.message("GAP from=49 to=4:");
    publish(&nats, "s.a", numbers(4..5));
    assert_eq!(numbers_in([waiting.line().as_str()]), [4]);
}

#[test]
fn a_recreated_stream_is_a_gap_and_read_from_its_start() {
    let Some(nats) = Nats::start("a_recreated_stream_is_a_gap_and_read_from_its_start") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..6));
    let folder = cursor_at(&nats, 3);
    let mut reader = Rocketman::tail(&nats.address("S"))
        .with("--cursor 5")
        .start();
    reader.line();
    nats.with(async |jetstream| jetstream.delete_stream("S").await.unwrap());
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(11..16));
    // Who was reading meanwhile, and who comes back to it.
    reader.message("GAP from=5 to=1:");
    let lines = reader.lines(5);
    assert_eq!(
        numbers_in(lines.iter().map(String::as_str)),
        [11, 12, 13, 14, 15]
    );
    let fail = resume(&nats, &folder).with("--on-gap fail").run();
    fail.assert_says(4, &["GAP from=3 to=1:", "made anew"]);
    let output = resume(&nats, &folder).succeed();
    assert_eq!(numbers_of(&output), [11, 12, 13, 14, 15]);
    output.assert_says(0, &["GAP from=3 to=1:", "made anew"]);
}

#[test]
fn messages_that_limits_remove_while_they_are_read_are_a_gap() {
    let Some(nats) = Nats::start("messages_that_limits_remove_while_they_are_read_are_a_gap")
    else {
        return;
    };
    let config = stream::Config {
        max_messages: 4000,
        ..stream::Config::default()
    };
    make(&nats, "S", config);
    let padding = "x".repeat(1000);
    let padded = |range: std::ops::Range<u32>| {
        let padding = &padding;
        range.map(move |n| format!("{{\"n\":{n},\"x\":\"{padding}\"}}"))
    };
    publish(&nats, "s.a", padded(1..4001));
    let mut warned = Rocketman::tail(&nats.address("S"))
        .with("--cursor 1 -n 4000")
        .start();
    let mut failed = Rocketman::tail(&nats.address("S"))
        .with("--cursor 1 --on-gap fail")
        .start();
    // Both have begun, and are not read from while the limit removes what comes next.
    let first = [warned.line(), failed.line()];
    assert_eq!(numbers_in(first.iter().map(String::as_str)), [1, 1]);
    publish(&nats, "s.a", padded(4001..12001));
    let output = failed.finish();
    output.assert_says(4, &["GAP from="]);
    let before = numbers_of(&output);
    assert!(
        before.is_sorted() && before.last() < Some(&8000),
        "{:?}",
        before.last()
    );
    assert_eq!(
        before.len() as u64,
        before.last().unwrap() - 1,
        "none behind the gap"
    );
    let output = warned.finish();
    output.assert_says(0, &["GAP from=", "no longer has the messages", " gap"]);
    let all = numbers_of(&output);
    assert_eq!(all.len(), 3999);
    assert!(all.is_sorted() && all.windows(2).any(|pair| pair[1] != pair[0] + 1));
}
