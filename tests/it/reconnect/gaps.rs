//! What a server no longer has.

use std::fs;

use super::count;
use crate::support::{
    events::{EPOCH, STEP, did, legacy_post},
    jetstream::Server,
    program::Rocketman,
};

/// 100 seconds after event 0.
const LATER: u64 = 100_000;

/// Cuts after three events, and then has lost more than a minute of them.
fn forgetful() -> Server {
    Server::every(|request| {
        let is_first = request.cursor().is_none();
        let mut connection = request.accept();
        if is_first {
            connection.send_all((0..3).map(legacy_post));
            connection.cut();
        } else {
            connection.send_all([legacy_post(LATER), legacy_post(LATER + 1)]);
            connection.until_closed();
        }
    })
}

#[test]
fn a_gap_is_one_line_with_from_and_to_and_reading_goes_on() {
    let server = forgetful();
    let output = Rocketman::tail(&server.url()).with("-n 5").succeed();
    let expected = [0, 1, 2, LATER, LATER + 1].map(legacy_post);
    assert_eq!(output.lines(), expected);
    let line = "GAP from=2026-09-21T14:13:20.002000Z to=2026-09-21T14:15:00.000000Z: ";
    assert_eq!(count(&output, line), 1, "{}", output.stderr);
    assert_eq!(count(&output, ", 1 gap"), 1, "{}", output.stderr);
}

#[test]
fn on_gap_fail_ends_with_the_cursor_before_the_gap() {
    let server = forgetful();
    let call = Rocketman::tail(&server.url()).with("--on-gap fail --cursor-file c -o out");
    let folder = call.folder().to_owned();
    let running = call.start();
    running.message("GAP from=2026-09-21T14:13:20.002000Z");
    let cursor = || fs::read_to_string(folder.join("c")).unwrap();
    let out = folder.join("out");
    crate::support::wait_until("the end", || {
        cursor().contains(&(EPOCH + 2 * STEP).to_string())
    });
    let three = [0, 1, 2].map(|n| legacy_post(n) + "\n").concat();
    assert_eq!(fs::read_to_string(out).unwrap(), three);
    assert_eq!(running.finish().code, Some(4));
}

#[test]
fn a_since_that_the_server_no_longer_has_is_a_gap() {
    let server = Server::every(|request| {
        let mut connection = request.accept();
        connection.send_all((LATER..LATER + 30).map(legacy_post));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("-n 1 --since 2026-09-21T14:13:20Z")
        .succeed();
    assert_eq!(
        count(&output, "GAP from=2026-09-21T14:13:20.000000Z to="),
        1,
        "{}",
        output.stderr
    );
}

#[test]
fn with_accounts_of_its_own_a_pause_is_not_called_a_gap() {
    let server = forgetful();
    let accounts = [0, 1, 2].map(did).join(" -d ");
    let call = Rocketman::tail(&server.url())
        .with(&format!("-d {accounts}"))
        .with("--on-gap fail -n 5");
    let output = call.succeed();
    assert_eq!(
        count(&output, "cannot tell whether events are missing"),
        1,
        "{}",
        output.stderr
    );
    assert_eq!(count(&output, "GAP from"), 0, "{}", output.stderr);
}

#[test]
fn a_first_event_behind_the_end_is_the_end_and_is_not_delivered() {
    // Nothing since a long time ago, and then something of the far future.
    let server = Server::every(|request| {
        let mut connection = request.accept_dated(Some("Mon, 21 Sep 2026 14:14:00 GMT"));
        connection.send(legacy_post(LATER));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("-e --since 2026-09-21T14:13:20Z")
        .succeed();
    assert_eq!(output.stdout, "");
    assert_eq!(count(&output, "the end is reached"), 1, "{}", output.stderr);
}
