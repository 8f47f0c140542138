//! The ways in which a connection can end, and where the next one begins.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use super::{assert_lines, count};
use crate::{
    faults::{AT_ONCE, interrupted},
    support::{
        events::{EPOCH, STEP, commit, legacy_post, post},
        jetstream::{Connection, Request, Server},
        program::{Output, Rocketman},
    },
};

type Script = Box<dyn FnOnce(Request) + Send>;

fn script(script: impl FnOnce(Request) + Send + 'static) -> Script {
    Box::new(script)
}

/// What came of a connection that ended in this way. That it ended has to be told at once.
fn after(end: impl FnOnce(Connection) + Send + 'static) -> Output {
    let survived = interrupted("", end);
    survived.assert_told(": lost ", Duration::ZERO..AT_ONCE);
    survived.output
}

#[test]
fn an_end_without_a_close_frame_is_resumed() {
    let output = after(Connection::cut);
    assert_eq!(
        count(&output, "ended without a close frame"),
        1,
        "{output:#?}"
    );
}

#[test]
fn a_cut_in_the_middle_of_a_frame_is_resumed() {
    after(|mut connection| {
        // A text message of 126 bytes and more, of which only the beginning comes.
        connection.send_raw(&[0x81, 126, 1, 0]);
        connection.send_raw(br#"{"did":"did:plc:half"#);
        connection.cut();
    });
}

#[test]
fn a_close_is_resumed_and_its_code_and_reason_are_told() {
    for (code, reason, told) in [
        (1000, "", "(code 1000)"),
        (1001, "going away", "(code 1001: going away)"),
        (1008, "too slow", "(code 1008: too slow)"),
        (1011, "it \x1b[31mbroke", "(code 1011: it \\x1b[31mbroke)"),
    ] {
        let output = after(move |connection| connection.close(code, reason));
        assert_eq!(count(&output, told), 1, "{output:#?}");
    }
}

/// What the reset destroys on its way is sent again, so only the outcome is fixed.
#[test]
fn a_reset_is_resumed() {
    let server = Server::every(|request| {
        let cursor = request.cursor().filter(|cursor| *cursor < EPOCH / 2);
        let first = cursor.map_or(0, |cursor| cursor - 1);
        let mut connection = request.accept();
        connection.send_all((first..first + 3).map(post));
        if first < 50 {
            connection.reset();
        } else {
            connection.until_closed();
        }
    });
    let output = Rocketman::tail(&server.url()).with("-n 50").succeed();
    assert_lines(&output, (0..50).map(post));
    assert!(count(&output, ": lost ") > 1, "{}", output.stderr);
}

#[test]
fn a_cut_before_any_event_resumes_10_s_before_the_handshake() {
    // EPOCH is 2026-09-21T14:13:20Z.
    const DATE: &str = "Mon, 21 Sep 2026 14:13:20 GMT";
    let expected = EPOCH - 10_000_000;
    let server = Server::expecting([
        script(|request| {
            assert_eq!(request.cursor(), None);
            request.accept_dated(Some(DATE)).cut();
        }),
        script(move |request| {
            assert_eq!(request.cursor(), Some(expected));
            request.accept().cut();
        }),
        script(move |request| {
            assert_eq!(request.cursor(), Some(expected));
            let mut connection = request.accept();
            connection.send_all((0..3).map(post));
            connection.until_closed();
        }),
    ]);
    let output = Rocketman::tail(&server.url()).with("-n 3").succeed();
    assert_lines(&output, (0..3).map(post));
}

#[test]
fn only_the_leading_events_before_the_asked_time_are_dropped() {
    let server = Server::one(|request| {
        assert_eq!(request.cursor(), Some(EPOCH + 5 * STEP));
        let mut connection = request.accept();
        // Event 2 comes late: it is behind the first event of the asked time.
        connection.send_all([0, 1, 3, 4, 5, 2, 6].map(post));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with(&format!("-n 3 --cursor {}", EPOCH + 5 * STEP))
        .succeed();
    assert_lines(&output, [5, 2, 6].map(post).into_iter());
    assert_eq!(
        count(&output, "4 earlier events dropped"),
        1,
        "{}",
        output.stderr
    );
}

/// Runs against a server that does not count: each connection sends its events and cuts, the last
/// one stays.
fn legacy(connections: impl IntoIterator<Item = Vec<String>>, n: usize) -> (Output, Vec<String>) {
    let connections: VecDeque<_> = connections.into_iter().collect();
    let left = Mutex::new(connections);
    let server = Server::every(move |request| {
        let (events, is_last) = {
            let mut left = left.lock().unwrap();
            (left.pop_front().unwrap(), left.is_empty())
        };
        let mut connection = request.accept();
        connection.send_all(events);
        if is_last {
            connection.until_closed();
        } else {
            connection.cut();
        }
    });
    let output = Rocketman::tail(&server.url())
        .with(&format!("-n {n}"))
        .succeed();
    let cursors = server
        .requests()
        .iter()
        .map(|target| {
            let cursor = target.split_once("cursor=");
            cursor.map_or(String::new(), |(_, cursor)| cursor.to_owned())
        })
        .collect();
    (output, cursors)
}

#[test]
fn events_of_equal_time_across_a_cut_are_told_apart() {
    let same_time = |n: u64| {
        let time = |n: u64| format!("\"time_us\":{}", EPOCH + n * STEP);
        legacy_post(n).replace(&time(n), &time(1))
    };
    let (output, cursors) = legacy(
        [
            vec![legacy_post(0), same_time(1), same_time(2)],
            vec![
                legacy_post(0),
                same_time(1),
                same_time(2),
                same_time(3),
                legacy_post(4),
            ],
        ],
        5,
    );
    let expected = [
        legacy_post(0),
        same_time(1),
        same_time(2),
        same_time(3),
        legacy_post(4),
    ];
    assert_lines(&output, expected.into_iter());
    assert_eq!(cursors, [String::new(), EPOCH.to_string()]);
}

#[test]
fn a_time_that_goes_backwards_across_a_cut_loses_nothing() {
    let (output, cursors) = legacy(
        [
            vec![legacy_post(0), legacy_post(5), legacy_post(3)],
            [0, 5, 3, 2, 9, 1].map(legacy_post).to_vec(),
        ],
        6,
    );
    assert_lines(&output, [0, 5, 3, 2, 9, 1].map(legacy_post).into_iter());
    assert_eq!(cursors, [String::new(), EPOCH.to_string()]);
}

#[test]
fn a_time_that_goes_backwards_before_a_cut_brings_no_repeats() {
    let events = |order: &[u64]| order.iter().map(|n| legacy_post(*n)).collect::<Vec<_>>();
    let (output, _) = legacy([events(&[0, 5, 3, 4]), events(&[5, 3, 4, 6, 7])], 6);
    assert_lines(&output, events(&[0, 5, 3, 4, 6, 7]).into_iter());
}

/// A record that is created, deleted and created again is three events.
#[test]
fn events_of_one_record_are_not_taken_for_repeats_of_each_other() {
    let events = |rev: u64| {
        ["create", "delete"].map(|operation| {
            commit(rev, Some(2 * rev), operation, "app.bsky.feed.like", "")
                .replace(&format!("3l{rev:011}"), "self")
                .replace(
                    &format!("\"cursor\":{}", 2 * rev),
                    &format!("\"cursor\":{}", 2 * rev + u64::from(operation == "delete")),
                )
        })
    };
    let [create, delete] = events(1);
    let [create_again, delete_again] = events(2);
    let all = [create, delete, create_again, delete_again];
    let (first, second) = (all[..2].to_vec(), all[1..].to_vec());
    let (output, cursors) = legacy([first, second], 4);
    assert_lines(&output, all.into_iter());
    assert_eq!(cursors, ["", "3"]);
}
