//! A live stream that is served: one upstream, kept on the disk, and many consumers.

mod isolated;
mod kept;
mod killed;
mod of_nats;

use std::{
    fs::File,
    io::Write,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{pipe::PipeFlags, process::Signal};

use crate::support::{
    events::{account, identity, post, unlike},
    jetstream::Server,
    program::Rocketman,
    serve::Serving,
    wait_until,
};

/// A served stdin, and what is written to it.
struct Piped {
    server: Serving,
    stdin: File,
}

impl Piped {
    fn start(arguments: &str) -> Self {
        Self::call(Rocketman::new(["serve", "-"]).with(arguments))
    }

    fn call(call: Rocketman) -> Self {
        let (read, write): (OwnedFd, OwnedFd) =
            rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
        Self {
            server: Serving::start(call.stdin(read.into())),
            stdin: write.into(),
        }
    }

    fn write(&mut self, lines: impl IntoIterator<Item = String>) {
        let lines: String = lines.into_iter().map(|line| line + "\n").collect();
        self.stdin.write_all(lines.as_bytes()).unwrap();
    }
}

/// A line without its number.
fn unnumbered(line: &str) -> String {
    let Some((before, rest)) = line.split_once(",\"cursor\":") else {
        return line.to_owned();
    };
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{behind}")
}

/// The number of a line.
fn number(line: &str) -> u64 {
    let (_, rest) = line.split_once(",\"cursor\":").unwrap();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits.unwrap().parse().unwrap()
}

/// The files with events in a store, the oldest first.
fn files(store: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(store).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_events = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "events");
    let mut files: Vec<_> = paths.filter(is_events).collect();
    files.sort();
    files
}

#[test]
fn stdin_is_served_at_once_and_as_it_comes() {
    let mut piped = Piped::start("");
    let mut tails = ["-v", "-v --no-compress"].map(|flags| piped.server.tail(flags).start());
    for tail in &tails {
        tail.message("connected");
    }
    for n in 0..3 {
        piped.write([post(n)]);
        for tail in &mut tails {
            assert_eq!(unnumbered(&tail.line()), unnumbered(&post(n)));
        }
    }
    // The last line has no end.
    write!(piped.stdin, "no event\n{}", post(3)).unwrap();
    let Piped { server, stdin } = piped;
    drop(stdin);
    server
        .running
        .message("a line of stdin is no event and is skipped");
    server
        .running
        .message("stdin has ended; what came is served on");
    assert_eq!(unnumbered(&tails[0].line()), unnumbered(&post(3)));
    let all = server.tail("-n 4 --cursor 0").succeed();
    let numbers: Vec<_> = all.lines().into_iter().map(number).collect();
    assert!(
        numbers.is_sorted_by(|one, next| one + 1 == *next),
        "{numbers:?}"
    );
    let from = format!("-n 2 --cursor {}", numbers[2]);
    let rest = server.tail(&from).succeed();
    assert_eq!(rest.lines(), &all.lines()[2..]);
    let from = format!("-n 3 --cursor 2026-09-21T14:13:20.{:06}Z", 1000);
    let rest = server.tail(&from).succeed();
    assert_eq!(rest.lines(), &all.lines()[1..]);
}

#[test]
fn with_exit_at_end_it_ends_once_everybody_has_all() {
    let mut piped = Piped::start("--exit-at-end");
    let tail = piped.server.tail("-v --cursor 0").start();
    tail.message("connected");
    piped.write((0..500).map(post));
    let Piped { server, stdin } = piped;
    drop(stdin);
    let output = server.running.finish();
    output.assert_says(0, &["everything is served: 500 events sent to 1 consumer"]);
    tail.signal(Signal::TERM);
    assert_eq!(tail.finish().stdout.lines().count(), 500);
}

#[test]
fn the_filter_bounds_what_is_kept() {
    let upstream = Server::every(|request| {
        let mut connection = request.accept();
        connection.send_all([
            post(0),
            unlike(1),
            identity(2),
            account(3),
            post(100),
            unlike(4),
        ]);
        connection.until_closed();
    });
    let url = upstream.url();
    for (flags, n) in [
        ("--collection app.bsky.feed.post", vec![0, 100]),
        ("--kind identity --kind account", vec![2, 3]),
        ("--did did:plc:000000000000000000000000", vec![0, 100]),
    ] {
        let call = Rocketman::new(["serve", &url]).with(flags);
        let server = Serving::start(call.with("--begin 1"));
        let output = server.tail("-n 2 --cursor 0").succeed();
        let lines: Vec<_> = output.lines().into_iter().map(unnumbered).collect();
        let event = |n: u64| match n {
            2 => identity(2),
            3 => account(3),
            n => post(n),
        };
        let expected: Vec<_> = n.into_iter().map(|n| unnumbered(&event(n))).collect();
        assert_eq!(lines, expected, "{flags}");
    }
}

#[test]
fn consumers_stay_while_upstream_is_away() {
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let upstream = format!("ws://{address}/subscribe");
    let server = Serving::start(Rocketman::new(["serve", &upstream]));
    let mut tail = server.tail("-v").start();
    tail.message("connected");
    let listen = format!("demo:?rate=1000 --listen {address}");
    let up = Rocketman::new(["serve"]).with(&listen).start();
    up.message("serving ");
    let first = tail.line();
    // It is gone again, and comes back.
    up.kill();
    let up = Rocketman::new(["serve"]).with(&listen).start();
    up.message("serving ");
    let mut last = first;
    wait_until("the stream goes on", || {
        let line = tail.line();
        let goes_on = number(&line) > number(&last);
        last = line;
        goes_on
    });
    assert!(!tail.kill().contains("\"cursor\":0"));
}

#[test]
fn what_cannot_be_a_live_stream_is_refused() {
    for (arguments, words) in [
        (
            "wss://example.com/subscribe recorded.ndjson",
            [
                "a live stream is served by itself",
                "'recorded.ndjson'",
                "two processes",
            ],
        ),
        (
            "wss://example.com/subscribe --speed 2",
            [
                "--speed is for recordings",
                "a live stream is not one",
                "record it first",
            ],
        ),
        (
            "demo: --store x",
            [
                "--store is for live streams",
                "the source is not one",
                "https://HOST",
            ],
        ),
        ("- --retain 1h,2h", ["--retain", "one of each", "36h,100G"]),
        ("- --retain 1K", ["--retain", "at least 1M", "1K"]),
        ("- --retain 36", ["--retain", "a time has a unit", "36h"]),
        (
            "- --retain 2026-01-01",
            ["--retain", "one time, one size", "36h,100G"],
        ),
        (
            "- --begin 5",
            ["--begin", "can be read again", "stdin cannot"],
        ),
        (
            "- --store nats://x/y",
            ["--store: 'nats://x/y' is an address", "no file", "hint: "],
        ),
    ] {
        let output = Rocketman::new(["serve"]).with(arguments).run();
        output.assert_says(2, &words);
    }
}
