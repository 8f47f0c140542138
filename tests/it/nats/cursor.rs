//! A cursor under a key of a bucket: kept, fenced, and told in words.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    nats::Nats,
    program::{Output, Rocketman},
    serve::Serving,
    wait_until,
};

const KEY: &str = "cursors/feed.1_of_4";

fn firehose() -> Serving {
    Serving::new("demo:?rate=max&seed=7")
}

/// `rocketman tail` of `n` events to stdout, with the key.
fn reading(source: &str, nats: &Nats, n: u64) -> Rocketman {
    Rocketman::tail(source)
        .arg("-n")
        .arg(n.to_string())
        .arg("--cursor-kv")
        .arg(nats.address(KEY))
        .arg("--create-bucket")
}

/// What the key holds, as any client reads it; nothing where it was only claimed.
fn value(nats: &Nats) -> Option<Value> {
    nats.with(async |jetstream| {
        let bucket = jetstream.get_key_value("cursors").await.ok()?;
        let value = bucket.get("feed.1_of_4").await.unwrap()?;
        serde_json::from_slice(&value).ok()
    })
}

fn put(nats: &Nats, text: &'static str) {
    nats.with(async |jetstream| {
        let bucket = jetstream.get_key_value("cursors").await.unwrap();
        bucket.put("feed.1_of_4", text.into()).await.unwrap();
    });
}

fn saved_up_to(nats: &Nats) -> u64 {
    value(nats).map_or(0, |value| value["seq"].as_u64().unwrap_or_default())
}

/// The numbers of the events on stdout.
fn numbers(output: &Output) -> Vec<u64> {
    let events = output.stdout.lines();
    events
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["cursor"].as_u64().unwrap()
        })
        .collect()
}

#[test]
fn a_run_goes_on_where_the_key_says_and_any_may_write_it() {
    let Some(nats) = Nats::start("a_run_goes_on_where_the_key_says_and_any_may_write_it") else {
        return;
    };
    let serving = firehose();
    let first = reading(&serving.url, &nats, 100).succeed();
    first.assert_says(0, &["from the cursor 'nats://", "cursor saved at"]);
    assert_eq!(numbers(&first), (1..=100).collect::<Vec<_>>());
    let saved = value(&nats).unwrap();
    assert_eq!(
        (saved["format"].as_u64(), saved["seq"].as_u64()),
        (Some(2), Some(100))
    );
    // The same form as that of a cursor file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor");
    std::fs::write(&file, saved.to_string()).unwrap();
    let next = Rocketman::tail(&serving.url)
        .with("-n 5 --cursor-file")
        .arg(&file)
        .succeed();
    assert_eq!(numbers(&next), (101..=105).collect::<Vec<_>>());
    let text = std::fs::read_to_string(&file).unwrap();
    put(&nats, text.leak());
    let next = reading(&serving.url, &nats, 5).succeed();
    assert_eq!(numbers(&next), (106..=110).collect::<Vec<_>>());
}

#[test]
fn a_second_process_is_told_and_the_first_goes_on() {
    let Some(nats) = Nats::start("a_second_process_is_told_and_the_first_goes_on") else {
        return;
    };
    let serving = Serving::new("demo:?rate=1000");
    let mut first = reading(&serving.url, &nats, 1_000_000).start();
    first.line();
    let second = reading(&serving.url, &nats, 10).run();
    second.assert_says(
        7,
        &[
            "the cursor 'nats://",
            "feed.1_of_4' is in use by another process",
            "a key of its own",
        ],
    );
    assert_eq!(second.stdout, "");
    let before = saved_up_to(&nats);
    wait_until("the first to go on", || {
        first.lines(100);
        saved_up_to(&nats) > before
    });
    first.signal(Signal::TERM);
    first.finish().assert_says(0, &["stopped by SIGTERM"]);
    reading(&serving.url, &nats, 10).succeed();
}

#[test]
fn who_was_overtaken_ends_with_the_next_save() {
    let Some(nats) = Nats::start("who_was_overtaken_ends_with_the_next_save") else {
        return;
    };
    let serving = Serving::new("demo:?rate=1000");
    let running = reading(&serving.url, &nats, 1_000_000)
        .stdout(std::process::Stdio::null())
        .start_elsewhere();
    wait_until("a save", || saved_up_to(&nats) > 0);
    let stolen = value(&nats).unwrap().to_string();
    put(&nats, stolen.leak());
    running.finish().assert_says(
        7,
        &["was taken over by another process", "a key of its own"],
    );
}

#[test]
fn killed_five_times_it_goes_on_at_once_and_leaves_nothing_out() {
    let Some(mut nats) = Nats::start("killed_five_times_it_goes_on_at_once_and_leaves_nothing_out")
    else {
        return;
    };
    let serving = Serving::new("demo:?rate=20000");
    let mut seen = std::collections::BTreeSet::new();
    let mut repeats = 0;
    let mut note = |stdout: &str| {
        for line in stdout.lines() {
            // The last line may be torn by the kill.
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            repeats += u64::from(!seen.insert(event["cursor"].as_u64().unwrap()));
        }
    };
    for kill in 0..5 {
        let before = saved_up_to(&nats);
        let mut running = reading(&serving.url, &nats, 1_000_000)
            .with("--save-interval 50ms")
            .start();
        let mut text = String::new();
        wait_until("saves", || {
            text.extend(running.lines(200).into_iter().map(|line| line + "\n"));
            saved_up_to(&nats) > before + 1000
        });
        if kill == 2 {
            nats.kill();
            nats.restart();
        }
        text.push_str(&running.kill());
        note(&text);
    }
    note(&reading(&serving.url, &nats, 100).succeed().stdout);
    let (first, last) = (seen.first().unwrap(), seen.last().unwrap());
    assert_eq!(last - first + 1, seen.len() as u64, "some are missing");
}

#[test]
fn the_server_may_be_away_for_a_while() {
    let Some(mut nats) = Nats::start("the_server_may_be_away_for_a_while") else {
        return;
    };
    let serving = Serving::new("demo:?rate=1000");
    let running = reading(&serving.url, &nats, 1_000_000)
        .with("--save-interval 50ms --nats-timeout 300ms")
        .stdout(std::process::Stdio::null())
        .start_elsewhere();
    for _ in 0..3 {
        let before = saved_up_to(&nats);
        wait_until("saves", || saved_up_to(&nats) > before + 50);
        nats.kill();
        running.message("the cursor could not be saved, trying again");
        nats.restart();
        running.message("the cursor is saved again");
    }
    running.signal(Signal::TERM);
    running.finish().assert_says(0, &["cursor saved at"]);
}

/// Events that were delivered are saved once the bucket answers again.
#[test]
fn a_bucket_that_does_not_answer_does_not_hold_up_delivery() {
    let Some(nats) = Nats::start("a_bucket_that_does_not_answer_does_not_hold_up_delivery") else {
        return;
    };
    let serving = Serving::new("demo:?rate=300");
    let mut running = reading(&serving.url, &nats, 1_000_000)
        .with("--save-interval 50ms --nats-timeout 30s")
        .start();
    // Nobody knows how much of a pipe is read, so it is read on while the cursor comes forward.
    wait_until("saves", || {
        running.lines(20);
        saved_up_to(&nats) > 20
    });
    nats.freeze();
    let mut longest = Duration::ZERO;
    let frozen = Instant::now();
    while frozen.elapsed() < Duration::from_secs(12) {
        let asked = Instant::now();
        running.line();
        longest = longest.max(asked.elapsed());
    }
    running.message("the cursor could not be saved, trying again");
    nats.thaw();
    assert!(
        longest < Duration::from_secs(6),
        "stood still for {longest:?}"
    );
    let again = Instant::now();
    while again.elapsed() < Duration::from_secs(2) {
        running.line();
    }
    running.signal(Signal::TERM);
    let ended = running.finish();
    ended.assert_says(0, &["the cursor is saved again", "cursor saved at"]);
}

#[test]
fn a_key_or_a_bucket_that_is_deleted_is_said_to_be() {
    let Some(nats) = Nats::start("a_key_or_a_bucket_that_is_deleted_is_said_to_be") else {
        return;
    };
    let serving = Serving::new("demo:?rate=1000");
    let call = |options: &str| {
        let call = reading(&serving.url, &nats, 1_000_000).with("--save-interval 50ms");
        call.with(options).stdout(std::process::Stdio::null())
    };
    let running = call("").start_elsewhere();
    wait_until("a save", || saved_up_to(&nats) > 0);
    nats.with(async |jetstream| {
        let bucket = jetstream.get_key_value("cursors").await.unwrap();
        bucket.purge("feed.1_of_4").await.unwrap();
    });
    running.message("feed.1_of_4' was deleted; it is written again");
    wait_until("a save", || saved_up_to(&nats) > 0);
    nats.delete_stream("KV_cursors");
    running.message("the bucket 'cursors' was deleted; it is made again");
    wait_until("a save", || saved_up_to(&nats) > 0);
    running.signal(Signal::TERM);
    running.finish().assert_says(0, &["cursor saved at"]);
    // Without the wish to make it, it is left to the user.
    let call = Rocketman::tail(&serving.url).with("--save-interval 50ms --cursor-kv");
    let call = call.arg(nats.address(KEY));
    let running = call.stdout(std::process::Stdio::null()).start_elsewhere();
    let before = saved_up_to(&nats);
    wait_until("a save", || saved_up_to(&nats) > before);
    nats.delete_stream("KV_cursors");
    running.message("the bucket 'cursors' of nats://");
    running.signal(Signal::TERM);
    let words = ["cursors' of nats://", "was deleted", "nats kv add cursors"];
    running.finish().assert_says(1, &words);
}

#[test]
fn what_cannot_be_used_is_refused_with_the_way_out() {
    let Some(nats) = Nats::start("what_cannot_be_used_is_refused_with_the_way_out") else {
        return;
    };
    let serving = firehose();
    let without = Rocketman::tail(&serving.url)
        .with("-n 1 --cursor-kv")
        .arg(nats.address(KEY))
        .run();
    without.assert_says(
        2,
        &[
            "no bucket 'cursors'",
            "--create-bucket",
            "nats kv add cursors",
        ],
    );
    reading(&serving.url, &nats, 1).succeed();
    put(&nats, "{\"format\": 1");
    let damaged = reading(&serving.url, &nats, 1).run();
    damaged.assert_says(
        1,
        &["feed.1_of_4' cannot be used", "is damaged", "nats kv del"],
    );
    nats.with(async |jetstream| {
        let bucket = jetstream.get_key_value("cursors").await.unwrap();
        bucket.delete("feed.1_of_4").await.unwrap();
    });
    let anew = reading(&serving.url, &nats, 3).succeed();
    assert_eq!(numbers(&anew), [1, 2, 3]);
    let both = reading(&serving.url, &nats, 1)
        .with("--cursor-file x")
        .run();
    both.assert_says(2, &["--cursor-kv", "--cursor-file", "cannot be used with"]);
    let wrong = Rocketman::tail(&serving.url)
        .with("--cursor-kv nats:cursors")
        .run();
    wrong.assert_says(2, &["is not the address of a key", "BUCKET/KEY"]);
    let wrong = Rocketman::tail(&serving.url)
        .with("--cursor-kv nats:cursors/a..b")
        .run();
    wrong.assert_says(2, &["'cursors/a..b' is not a bucket and a key"]);
    let bucket = Rocketman::tail(&serving.url).with("--create-bucket").run();
    bucket.assert_says(2, &["--cursor-kv"]);
}

/// With a stream to write to as well, the newer of both is gone on from.
#[test]
fn a_key_works_beside_a_stream_to_write_to() {
    let Some(nats) = Nats::start("a_key_works_beside_a_stream_to_write_to") else {
        return;
    };
    let serving = firehose();
    let call = |n| {
        reading(&serving.url, &nats, n)
            .with("--create-stream -o")
            .arg(nats.address("FIREHOSE"))
    };
    call(100).succeed();
    Rocketman::tail(&serving.url)
        .with("-n 50 -o")
        .arg(nats.address("FIREHOSE"))
        .succeed();
    call(100).succeed();
    let messages = nats.messages("FIREHOSE");
    let seqs: Vec<u64> = messages
        .iter()
        .map(|message| {
            let cursor = &message.headers["rocketman-cursor"];
            cursor.split(' ').nth(1).unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!(seqs, (1..=250).collect::<Vec<_>>());
}
