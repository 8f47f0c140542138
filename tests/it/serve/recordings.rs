//! Recorded, served and read again.

use std::{fs, io::Write, time::Instant};

use flate2::{Compression, write::GzEncoder};

use crate::support::events::now_us;
use crate::support::{
    events::{EPOCH, STEP, account, commit, did, identity, legacy_post, post, unlike},
    program::{Output, Rocketman},
    serve::Serving,
};

/// A bit of everything, each event once.
fn mixed(n: u64) -> Vec<String> {
    (0..n)
        .map(|n| match n % 6 {
            0 => unlike(n),
            1 => identity(n),
            2 => account(n),
            3 => commit(
                n,
                Some(n + 1),
                "update",
                "app.bsky.actor.profile",
                r#","record":{"displayName":"\u003cñ🚀\u003e \"\\"},"cid":"bafyrei"#,
            ),
            _ => post(n),
        })
        .collect()
}

/// Serves these lines as a recording.
fn serving(lines: &[String], flags: &str) -> Serving {
    let call = Rocketman::new(["serve", "recorded.ndjson"]).with(flags);
    fs::write(call.path("recorded.ndjson"), lines.join("\n") + "\n").unwrap();
    Serving::start(call)
}

/// The time of event `n`.
fn time_of(n: u64) -> String {
    (EPOCH + n * STEP).to_string()
}

#[test]
fn a_recording_comes_back_byte_for_byte_plain_and_compressed() {
    let lines = mixed(2000);
    let server = serving(&lines, "--speed max");
    for flags in ["", "--no-compress"] {
        for from in ["1", &time_of(0), "0"] {
            let call = server.tail(flags).with(&format!("-n 2000 --cursor {from}"));
            assert!(call.succeed().lines() == lines, "{flags} {from}");
        }
        let output = server.tail(flags).with("-n 300 --cursor 1701").succeed();
        assert!(output.lines() == lines[1700..], "{flags}");
    }
}

#[test]
fn a_backlog_is_the_same_on_two_threads() {
    let lines = mixed(20_000);
    let server = serving(
        &lines,
        "--speed max --fault cut-every=7000 --fault garbage-every=300",
    );
    for threads in ["--threads 1", "--threads 2"] {
        let call = server.tail(threads).with("-n 20000 --cursor 1");
        assert!(call.succeed().lines() == lines, "{threads}");
    }
}

#[test]
fn what_was_recorded_from_a_demo_comes_back_byte_for_byte() {
    let recorded = Rocketman::new([
        "tail",
        "demo:?rate=max&seed=5",
        "-n",
        "3000",
        "-o",
        "a.ndjson",
    ]);
    let file = recorded.path("a.ndjson");
    let running = recorded.start();
    running.message("the count is reached");
    let call = Rocketman::new(["serve", "--speed", "max"]).arg(&file);
    let server = Serving::start(call);
    let read = server.tail("-n 3000 --cursor 1").succeed();
    assert!(read.stdout == fs::read_to_string(&file).unwrap());
}

#[test]
fn every_filter_gives_what_it_leaves_of_the_file() {
    let lines = mixed(1200);
    let server = serving(&lines, "--speed max");
    let accounts = [did(3), did(8)];
    let flags_of_accounts = format!("-d {} -d {}", accounts[0], accounts[1]);
    let is_post = |line: &str| line.contains("\"app.bsky.feed.post\"");
    let is_commit = |line: &str| line.contains("\"kind\":\"commit\"");
    type IsWanted<'a> = Box<dyn Fn(&str) -> bool + 'a>;
    let cases: [(&str, IsWanted<'_>); 5] = [
        ("-c app.bsky.feed.post", Box::new(is_post)),
        (
            "-c app.bsky.feed.post -k all",
            Box::new(move |line| is_post(line) || !is_commit(line)),
        ),
        (
            "-c app.bsky.actor.*",
            Box::new(|line| line.contains("app.bsky.actor.")),
        ),
        (
            &flags_of_accounts,
            Box::new(|line| accounts.iter().any(|did| line.contains(did))),
        ),
        (
            "--op delete --max-message-size 300",
            Box::new(|line| line.contains("\"delete\"") && line.len() <= 300),
        ),
    ];
    for (flags, is_wanted) in cases {
        let expected: Vec<_> = lines.iter().filter(|line| is_wanted(line)).collect();
        for more in ["", "--no-compress"] {
            let count = format!("-n {} --cursor 1", expected.len());
            let output = server.tail(flags).with(more).with(&count).succeed();
            assert!(output.lines() == expected, "{flags} {more}");
        }
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A recorder that was killed leaves a file whose end is torn.
#[test]
fn of_a_torn_gzip_file_everything_before_the_tear_is_served() {
    let lines = mixed(2000);
    let mut file = gzip((lines.join("\n") + "\n").as_bytes());
    file.truncate(file.len() - 100);
    let call = Rocketman::new(["serve", "a.gz", "--speed", "max"]);
    fs::write(call.path("a.gz"), file).unwrap();
    let server = Serving::start(call);
    let output = server.tail("-n 1000 --cursor 1").succeed();
    assert!(output.lines() == lines[..1000]);
}

#[test]
fn several_recordings_are_one_stream_and_stdin_is_one_of_them() {
    let lines = mixed(30);
    let call = Rocketman::new(["serve", "a", "b.zst", "c.gz", "--speed", "max"]);
    let text = |lines: &[String]| lines.join("\n") + "\n";
    fs::write(call.path("a"), lines[..10].join("\n")).unwrap();
    let rest = zstd::bulk::compress(text(&lines[10..20]).as_bytes(), 3).unwrap();
    fs::write(call.path("b.zst"), rest).unwrap();
    // Two members, as a file has that was written in two runs.
    let members = [&lines[20..25], &lines[25..]].map(|part| gzip(text(part).as_bytes()));
    fs::write(call.path("c.gz"), members.concat()).unwrap();
    let server = Serving::start(call);
    let output = server.tail("-n 30 --cursor 1").succeed();
    assert_eq!(output.lines(), lines);
    let output = Rocketman::new(["serve", "-", "--speed", "max"]).run();
    output.assert_says(
        2,
        &["there is no event in '-'", "hint: a recording is what"],
    );
}

#[test]
fn a_recording_without_numbers_is_numbered_unless_unwanted() {
    let lines: Vec<_> = (0..10).map(legacy_post).collect();
    let server = serving(&lines, "--speed max");
    let output = server.tail("-n 10 --cursor 1").succeed();
    assert_eq!(output.lines(), (0..10).map(post).collect::<Vec<_>>());
    let server = serving(&lines, "--speed max --legacy");
    let call = format!("-n 10 --cursor {}", time_of(0));
    assert_eq!(server.tail(&call).succeed().lines(), lines);
}

#[test]
fn damaged_lines_are_named_and_counted_and_the_rest_is_served() {
    let mut lines = mixed(20);
    for damaged in [3, 17] {
        lines[damaged].truncate(50);
    }
    let call = Rocketman::new(["serve", "recorded.ndjson", "--speed", "max"]);
    fs::write(call.path("recorded.ndjson"), lines.join("\n")).unwrap();
    let running = call.with("--listen 127.0.0.1:0").start();
    for text in [
        "line 4 of 'recorded.ndjson' is skipped",
        "line 18 of",
        "2 lines that are not events are skipped in 18 recorded events",
    ] {
        running.message(text);
    }
    let message = running.message("serving 18 recorded events of 'recorded.ndjson' at ws://");
    let (_, url) = message.split_once(" at ").unwrap();
    let url = url.split(',').next().unwrap();
    let good: Vec<_> = lines.iter().filter(|line| line.ends_with('}')).collect();
    let output = Rocketman::tail(url).with("-n 18 --cursor 1").succeed();
    assert_eq!(output.lines(), good);
}

/// How long it takes to read all of ten events, a tenth of a second apart.
fn timed(flags: &str) -> (u128, Output) {
    let lines: Vec<_> = (0..10).map(|n| post(n * 100)).collect();
    let server = serving(&lines, flags);
    let began = Instant::now();
    let output = server.tail("-n 10").succeed();
    let elapsed = began.elapsed().as_millis();
    assert_eq!(output.lines().len(), 10);
    (elapsed, output)
}

#[test]
fn speed_is_that_of_the_clock_or_another_or_none() {
    let (once, output) = timed("");
    assert!(once >= 900, "{once}");
    assert!(output.stdout.contains(&time_of(900)), "{output:?}");
    let (slower, _) = timed("--speed 0.5");
    assert!(slower >= 1800, "{slower}");
    // The two others may take as long as they like on a busy machine, but not by waiting for
    // events.
    for flags in ["--speed 10", "--speed max"] {
        let (faster, _) = timed(flags);
        assert!(faster < 900 + once, "{flags}: {faster}");
    }
}

#[test]
fn rebased_events_are_of_now() {
    let before = now_us();
    for flags in ["--rebase --speed 100", "--rebase --speed max"] {
        let (_, output) = timed(flags);
        let after = now_us();
        let times: Vec<u64> = output
            .lines()
            .iter()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["time_us"]
                    .as_u64()
                    .unwrap()
            })
            .collect();
        assert!(times.is_sorted(), "{times:?}");
        assert!(
            (before..=after).contains(&times[9]),
            "{flags}: {before} {times:?} {after}"
        );
    }
}

#[test]
fn a_loop_goes_on_with_numbers_and_times() {
    let lines = mixed(7);
    let server = serving(&lines, "--speed max --loop");
    let output = server.tail("-n 21").succeed();
    let numbers: Vec<_> = output
        .lines()
        .iter()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["cursor"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(numbers, (1..=21).collect::<Vec<_>>());
    assert_eq!(output.lines()[..7], lines);
    // A cursor of the third time through.
    let third = server.tail("-n 3 --cursor 19").succeed();
    assert_eq!(third.lines(), output.lines()[18..]);
}

#[test]
fn exit_at_end_ends_it_when_consumers_have_everything() {
    let server = serving(&mixed(50), "--speed max --exit-at-end");
    let first = server.tail("--max-retries 1").run();
    assert_eq!(first.lines().len(), 50);
    first.assert_says(
        3,
        &["the server closed the connection (code 1001: the recording is over)"],
    );
    let output = server.running.finish();
    output.assert_says(0, &["everything is served: 50 events sent to 1 consumer"]);
}
