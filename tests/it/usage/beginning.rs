//! Beginnings and ends that cannot be meant.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{events::posts_and_later, jetstream::Server, program::Rocketman};

const NOBODY: &str = "ws://127.0.0.1:1/subscribe";

#[test]
fn a_number_of_milliseconds_or_nanoseconds_is_refused() {
    for (number, unit) in [
        ("1790000000000", "milliseconds"),
        ("1790000000000000000", "nanoseconds"),
    ] {
        let unit = format!("'{number}' looks like {unit}");
        let right = "write 1790000000000000, or 2026-09-21T14:13:20.000000Z";
        let tail = Rocketman::tail(NOBODY).with("-n 1 --cursor").arg(number);
        tail.run().assert_says(2, &["--cursor: ", &unit, right]);
        let set = Rocketman::new(["cursor", "set", "c", number]);
        let running = set.start();
        assert!(!running.path("c").exists());
        running.finish().assert_says(2, &["VALUE: ", &unit, right]);
    }
    // --since takes no number at all, and says what one most likely is.
    for number in ["1790000000", "1790000000000", "1790000000000000"] {
        let tail = Rocketman::tail(NOBODY).with("-n 1 --since").arg(number);
        let right = "if it is a time, write 2026-09-21T14:13:20.000000Z";
        tail.run().assert_says(2, &["--since: ", right]);
    }
}

#[test]
fn a_number_that_may_be_seconds_is_warned_about() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seconds = now.as_secs().to_string();
    let words = "is taken for the number of an event; if it is seconds since 1970, write 20";
    let tail = Rocketman::tail(NOBODY).with("--max-retries 0 --cursor");
    tail.arg(&seconds)
        .run()
        .assert_says(3, &["warning: --cursor: ", words]);
    let set = Rocketman::new(["cursor", "set", "c", &seconds, "--source", "localhost:6008"]);
    set.succeed().assert_says(0, &["warning: VALUE: ", words]);
    let other = Rocketman::tail(NOBODY).with("--max-retries 0 --cursor 24589902470");
    assert!(!other.run().stderr.contains("seconds since 1970"));
}

#[test]
fn an_end_before_the_beginning_is_refused() {
    let cursor = "--cursor 1790000000000000 --until 2026-09-21T14:13:20Z";
    let since = "--since 2026-09-21T14:13:20Z --until 2026-09-21T14:13:19Z";
    for (arguments, words) in [
        (cursor, "is not after --cursor 2026-09-21T14:13:20.000000Z"),
        (since, "is not after --since 2026-09-21T14:13:20.000000Z"),
        (
            "--until 2020-01-01T00:00:00Z",
            "--until 2020-01-01T00:00:00.000000Z lies in the past",
        ),
        ("--until 5m", "lies in the past, and the stream begins now"),
        ("--until 0s --bad-events bad", "lies in the past"),
    ] {
        let call = Rocketman::tail(NOBODY).with(arguments);
        let running = call.start();
        let bad = running.path("bad");
        running.finish().assert_says(2, &[words]);
        assert!(!bad.exists(), "{arguments}");
    }
    let hint = Rocketman::tail(NOBODY).with("--until 5m").run();
    hint.assert_says(2, &["hint: say where to begin with --since"]);
}

/// A job of every night, for example: its first run finds no cursor and leaves one.
#[test]
fn an_end_in_the_past_is_fine_with_a_place_that_is_kept() {
    let server = Server::every(posts_and_later(9));
    let folder = tempfile::tempdir().unwrap();
    for expected in [3, 0] {
        let arguments = "--until 2026-09-21T14:13:20.003Z --cursor-file c";
        let tail = Rocketman::tail(&server.url()).with(arguments);
        let output = tail.inside(folder.path()).succeed();
        assert_eq!(output.lines().len(), expected, "{output:#?}");
    }
}
