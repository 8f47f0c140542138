//! Recordings, each against another or a server.

use std::{
    fs::{self, File},
    process::Command,
};

use super::report_of;
use crate::support::{program::Rocketman, serve::Serving};

/// Thirty seconds of a stream, ten events a second.
fn recorded() -> Vec<String> {
    let lines = (0..300).map(|n| {
        let (time_us, account) = (1_790_000_000_000_000_u64 + n * 100_000, n % 7);
        format!(
            r#"{{"did":"did:plc:a{account}","time_us":{time_us},"cursor":{n},"kind":"commit","commit":{{"rev":"3k{n:03}","operation":"create","collection":"app.bsky.feed.post","rkey":"{n}","record":{{}}}}}}"#
        )
    });
    lines.collect()
}

fn call(a: &str, b: &str, flags: &str) -> Rocketman {
    Rocketman::new(["compare", a, b]).with(flags)
}

#[test]
fn recordings_are_compared_as_far_as_both_go() {
    let (all, mut other) = (recorded(), recorded());
    // One is missing in the middle, and one too near to the end; two of an account are swapped.
    other.remove(298);
    other.swap(100, 107);
    other.remove(200);
    other.drain(..20);
    let call = call("all.ndjson", "other.ndjson.zst", "--slack 2s --json");
    fs::write(call.path("all.ndjson"), all.join("\n")).unwrap();
    let text = other.join("\n") + "\nthis is no event\n";
    fs::write(
        call.path("other.ndjson.zst"),
        zstd::encode_all(text.as_bytes(), 1).unwrap(),
    )
    .unwrap();
    let output = call.run();
    let (missing, summary) = report_of(&output);
    let missing: Vec<_> = missing
        .iter()
        .map(|line| (&line["missing_in"], &line["rkey"]))
        .collect();
    assert_eq!(missing, [(&"b".into(), &"200".into())]);
    assert_eq!(summary["from_us"], 1_790_000_004_000_000_u64);
    assert_eq!(summary["until_us"], 1_790_000_027_900_000_u64);
    assert_eq!(
        (&summary["both"], &summary["reordered"]),
        (&239.into(), &1.into())
    );
    output.assert_says(1, &["1 line of B is no event"]);
}

#[test]
fn a_recording_on_stdin_is_compared_with_its_server() {
    let serve = Rocketman::new(["serve", "all.ndjson", "--speed", "max"]);
    let path = serve.path("all.ndjson");
    fs::write(&path, recorded().join("\n")).unwrap();
    let server = Serving::start(serve);
    let output = Command::new(env!("CARGO_BIN_EXE_rocketman"))
        .args(["compare", "-", &server.url, "--slack", "5s"])
        .args([
            "--since",
            "2026-09-21T14:13:25Z",
            "--until",
            "2026-09-21T14:13:40Z",
        ])
        .stdin(File::open(&path).unwrap())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert_eq!(
        stdout.matches(": 150 events, 0 missing").count(),
        2,
        "{stdout}"
    );
}

#[test]
fn recordings_without_a_common_time_are_not_compared() {
    let all = recorded();
    let call = call("early.ndjson", "late.ndjson", "--slack 1s");
    fs::write(call.path("early.ndjson"), all[..100].join("\n")).unwrap();
    fs::write(call.path("late.ndjson"), all[200..].join("\n")).unwrap();
    let output = call.run();
    output.assert_says(1, &["there is no time that both have", "--slack"]);
}

#[test]
fn a_pipe_that_nobody_writes_to_is_waited_for_until_a_signal() {
    let call = call("pipe", "demo:", "");
    let made = Command::new("mkfifo").arg(call.path("pipe")).status();
    assert!(made.unwrap().success());
    let running = call.start();
    running.message("comparing ");
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish();
    assert_ne!(output.code, None, "{output:?}");
    assert!(output.stderr.contains("SIGTERM"), "{output:?}");
}
