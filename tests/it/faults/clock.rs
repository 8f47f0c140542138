//! A server whose clock is two hours ahead of ours, or behind it.

use std::{fs, sync::mpsc};

use super::script;
use crate::support::{
    DEADLINE,
    events::{EPOCH, STEP, at, http_date, legacy_post, post},
    jetstream::{Request, Server},
    program::{Output, Rocketman},
    terminal::Terminal,
};

/// How far the server's clock is off, in seconds.
const OFF: [i64; 2] = [-7200, 7200];

/// The `Date` of an answer, `seconds` from now by our clock.
fn date(seconds_from_now: i64) -> String {
    http_date((EPOCH + at(seconds_from_now) * STEP) / 1_000_000)
}

#[track_caller]
fn assert_quiet(output: &Output, messages: usize) {
    assert!(!output.stderr.contains("GAP"), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), messages, "{output:#?}");
}

#[test]
fn a_cut_loses_nothing_although_the_clocks_differ() {
    for off in OFF {
        for event in [post, legacy_post] {
            let first = at(off);
            let is_counting = event(0) == post(0);
            let server = Server::expecting([
                script(move |request: Request| {
                    let mut connection = request.accept_dated(Some(&date(off)));
                    connection.send_all((first..first + 5).map(event));
                    connection.cut();
                }),
                script(move |request: Request| {
                    let (from, expected) = if is_counting {
                        (first + 4, first + 5)
                    } else {
                        (first, EPOCH + first * STEP)
                    };
                    assert_eq!(request.cursor(), Some(expected));
                    let mut connection = request.accept_dated(Some(&date(off)));
                    connection.send_all((from..first + 10).map(event));
                    connection.until_closed();
                }),
            ]);
            let output = Rocketman::tail(&server.url()).with("-n 10").succeed();
            let expected: Vec<_> = (first..first + 10).map(event).collect();
            assert_eq!(output.lines(), expected);
            assert_quiet(&output, 4);
        }
    }
}

#[test]
fn a_cut_before_any_event_loses_nothing_despite_clock_skew() {
    for off in OFF {
        let first = at(off);
        let second_us = (EPOCH + first * STEP) / 1_000_000 * 1_000_000;
        let server = Server::expecting([
            script(move |request: Request| {
                let date = http_date(second_us / 1_000_000);
                request.accept_dated(Some(&date)).cut();
            }),
            script(move |request: Request| {
                assert_eq!(request.cursor(), Some(second_us - 10_000_000));
                let mut connection = request.accept_dated(Some(&date(off)));
                connection.send_all((first..first + 3).map(post));
                connection.until_closed();
            }),
        ]);
        let output = Rocketman::tail(&server.url()).with("-n 3").succeed();
        let expected: Vec<_> = (first..first + 3).map(post).collect();
        assert_eq!(output.lines(), expected);
        assert_quiet(&output, 4);
    }
}

#[test]
fn the_end_is_that_of_the_servers_clock_also_behind_a_cut() {
    for off in OFF {
        let times = [-60, -30, -2, 30].map(|seconds| at(off + seconds));
        let server = Server::expecting([
            script(move |request: Request| {
                let mut connection = request.accept_dated(Some(&date(off)));
                connection.send_all(times[..2].iter().copied().map(post));
                connection.cut();
            }),
            script(move |request: Request| {
                assert_eq!(request.cursor(), Some(times[1] + 1));
                // A minute has passed there, and the end is still where it was.
                let mut connection = request.accept_dated(Some(&date(off + 60)));
                connection.send_all(times[1..].iter().copied().map(post));
                connection.until_closed();
            }),
        ]);
        let output = Rocketman::tail(&server.url()).with("-e").succeed();
        let expected: Vec<_> = times[..3].iter().copied().map(post).collect();
        assert_eq!(output.lines(), expected);
        output.assert_says(0, &["the end is reached: 3 events"]);
        assert_quiet(&output, 4);
    }
}

/// The events are a minute old, whatever the clocks say.
#[test]
fn the_status_line_shows_the_lag_despite_clock_skew() {
    for off in OFF {
        let (end, is_end) = mpsc::channel();
        let server = Server::one(move |request: Request| {
            let mut connection = request.accept_dated(Some(&date(off)));
            connection.send_all((0..3).map(|n| post(at(off - 60) + n)));
            is_end.recv_timeout(DEADLINE).unwrap();
            connection.send(post(at(off)));
            connection.until_closed();
        });
        let url = server.url();
        let Some(terminal) = Terminal::run(&format!("$R tail {url} -n 4 > events")) else {
            end.send(()).unwrap();
            Rocketman::tail(&url).with("-n 4").succeed();
            return;
        };
        let status = terminal.line_with("3 delivered");
        let (before, _) = status.split_once(" s behind").expect(&status);
        let lag: u64 = before.rsplit(' ').next().unwrap().parse().expect(&status);
        assert!((58..=80).contains(&lag), "{status}");
        end.send(()).unwrap();
        terminal.line_with("exit code 0");
        let lines = fs::read_to_string(terminal.path("events")).unwrap();
        assert_eq!(lines.lines().count(), 4);
    }
}
