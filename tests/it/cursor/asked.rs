//! Beginnings that were asked for on the command line.

use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

/// The `cursor` that a server is sent with these arguments.
fn sent(arguments: &[&str]) -> u64 {
    let server = counting_server(1);
    let call = Rocketman::tail(&server.url()).with("--duration 60s");
    let call = arguments.iter().fold(call, Rocketman::arg);
    let running = call.start();
    server.wait_for_requests(1);
    running.kill();
    cursors(&server)[0].parse().unwrap()
}

#[test]
fn a_number_a_time_and_microseconds_are_sent_as_given() {
    assert_eq!(sent(&["--cursor", "17"]), 17);
    assert_eq!(sent(&["--cursor", "999999999999999"]), 999_999_999_999_999);
    assert_eq!(
        sent(&["--cursor", "1790000000000123"]),
        1_790_000_000_000_123
    );
    let time = "2026-09-21T14:13:20.000123Z";
    assert_eq!(sent(&["--cursor", time]), 1_790_000_000_000_123);
    assert_eq!(sent(&["--since", time]), 1_790_000_000_000_123);
    assert_eq!(
        sent(&["--since", "2026-09-21T16:13:20+02:00"]),
        1_790_000_000_000_000
    );
}

#[test]
fn a_time_of_long_ago_is_not_sent_as_a_number_of_the_server() {
    assert_eq!(
        sent(&["--since", "1999-01-01T00:00:00Z"]),
        1_000_000_000_000_000
    );
}

#[test]
fn an_age_is_counted_from_now() {
    for flag in ["--cursor", "--since"] {
        let now = || {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::try_from(since_1970.as_micros()).unwrap()
        };
        const TWO_HOURS: u64 = 2 * 3600 * 1_000_000;
        let before = now();
        let sent = sent(&[flag, "2h"]);
        assert!(
            (before - TWO_HOURS..=now() - TWO_HOURS).contains(&sent),
            "{flag}: {sent} is not two hours before {before}"
        );
    }
}

#[test]
fn both_win_over_the_file_and_that_is_said() {
    for (flag, value, expected) in [
        ("--cursor", "3", 2),
        ("--since", "2026-09-21T14:13:20.004Z", 4),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = counting_server(30);
        write(folder.path(), &server.url(), 20);
        let output = tail(&server, folder.path())
            .with(&format!("{flag} {value} -n 2"))
            .succeed();
        assert_eq!(output.lines(), posts(expected, expected + 2));
        let said = "a beginning is given: the saved cursor is not used";
        assert_eq!(count(&output, said), 1, "{}", output.stderr);
        // What was read is what is saved, though it lies before what was there.
        assert_eq!(read(folder.path()).unwrap()["seq"], expected + 2);
    }
}

#[test]
fn a_file_stays_as_it_was_until_an_event_comes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::one(|request| send(request, std::iter::empty()));
    write(folder.path(), &server.url(), 20);
    let before = read(folder.path());
    tail(&server, folder.path())
        .with("--cursor 3 --save-interval 1ms --duration 300ms")
        .succeed();
    assert_eq!(read(folder.path()), before);
}

#[test]
fn an_output_file_is_not_cut_back_when_the_cursor_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    let with_output = || tail(&server, folder.path()).with("-o events.ndjson");
    with_output().with("-n 5").succeed();
    let file = folder.path().join("events.ndjson");
    // As after a crash: the file has more than the cursor counts.
    fs::write(&file, fs::read_to_string(&file).unwrap() + &post(5) + "\n").unwrap();
    with_output().with("--cursor 20 -n 1").succeed();
    let written = fs::read_to_string(&file).unwrap();
    let mut expected = posts(0, 6);
    expected.push(post(19));
    assert_eq!(written.lines().collect::<Vec<_>>(), expected);
}
