//! A server that counts its events anew behind the same name.

use super::{assert_lines, count};
use crate::support::{
    events::{EPOCH, STEP, commit, post},
    jetstream::{Request, Server},
    program::Rocketman,
};

type Script = Box<dyn FnOnce(Request) + Send>;

/// Event `n` under the number `seq`.
fn numbered(n: u64, seq: u64) -> String {
    post(n).replace(
        &format!("\"cursor\":{}", n + 1),
        &format!("\"cursor\":{seq}"),
    )
}

/// Reads events 0 to 4, is cut, meets `first` instead of event 4, and resumes by time on a server
/// that counts from `seq`.
fn renumbered(first: String, seq: u64) {
    let scripts: [Script; 3] = [
        Box::new(|request| {
            let mut connection = request.accept();
            connection.send_all((0..5).map(post));
            connection.cut();
        }),
        Box::new(move |request| {
            assert_eq!(request.cursor(), Some(5));
            let mut connection = request.accept();
            connection.send(first);
            connection.until_closed();
        }),
        Box::new(move |request| {
            assert_eq!(request.cursor(), Some(EPOCH + 4 * STEP - 2000));
            let mut connection = request.accept();
            connection.send_all((1..9).map(|n| numbered(n, seq + n)));
            connection.until_closed();
        }),
    ];
    let server = Server::expecting(scripts);
    // A rewind of two events: event 1 lies before it, 2 to 4 are repeats.
    let output = Rocketman::tail(&server.url())
        .with("-n 9 --rewind 2ms")
        .succeed();
    let expected = (0..5).map(post).chain((5..9).map(|n| numbered(n, seq + n)));
    assert_lines(&output, expected);
    let said = "renumbered its events; resuming by time";
    assert_eq!(count(&output, said), 1, "{}", output.stderr);
    assert_eq!(count(&output, "3 repeats dropped"), 1, "{}", output.stderr);
    // The cut; that it is asked by time then is our own doing.
    assert_eq!(count(&output, ", 1 reconnect,"), 1, "{}", output.stderr);
    assert_eq!(
        count(&output, "1 earlier event dropped"),
        1,
        "{}",
        output.stderr
    );
}

#[test]
fn another_event_under_the_last_number_loses_nothing() {
    renumbered(numbered(7, 5), 100);
}

#[test]
fn a_lower_number_is_noticed_and_nothing_is_lost() {
    renumbered(numbered(4, 1), 10);
}

#[test]
fn a_higher_number_is_noticed_and_nothing_is_lost() {
    renumbered(numbered(8, 77), 69);
}

#[test]
fn a_server_that_no_longer_counts_loses_nothing() {
    renumbered(commit(6, None, "create", "app.bsky.feed.like", ""), 1000);
}

/// Numbers are trusted again as soon as a new event came with one.
#[test]
fn after_another_numbering_the_new_numbers_are_used() {
    let scripts: [Script; 4] = [
        Box::new(|request| {
            let mut connection = request.accept();
            connection.send_all((0..5).map(post));
            connection.cut();
        }),
        Box::new(|request| {
            let mut connection = request.accept();
            connection.send(numbered(4, 1));
            connection.until_closed();
        }),
        Box::new(|request| {
            let mut connection = request.accept();
            connection.send_all((0..7).map(|n| numbered(n, n + 50)));
            connection.cut();
        }),
        Box::new(|request| {
            assert_eq!(request.cursor(), Some(56));
            let mut connection = request.accept();
            connection.send_all((6..8).map(|n| numbered(n, n + 50)));
            connection.until_closed();
        }),
    ];
    let server = Server::expecting(scripts);
    let output = Rocketman::tail(&server.url()).with("-n 8").succeed();
    let expected = (0..5).map(post).chain((5..8).map(|n| numbered(n, n + 50)));
    assert_lines(&output, expected);
}
