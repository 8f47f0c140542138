//! Cuts, restarts and silences: what comes out is what an undisturbed stream would have been.

mod doubts;
mod eventless;
mod failures;
mod flood;
mod gaps;
mod lost;
mod outages;
mod quiet;
mod renumbered;
mod silence;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{
    events::{EPOCH, STEP, legacy_post, post},
    jetstream::{Request, Server},
    program::{Output, Rocketman},
};

/// A server that counts and cuts the connection after each run of new events, the last included.
fn cutting_server(total: u64, every: u64) -> Server {
    Server::every(move |request| {
        // Inclusive: the event with the number `cursor` is event `cursor - 1`, and comes first.
        let first = request.cursor().map_or(0, |cursor| cursor - 1);
        serve(request, first, total, every, post);
    })
}

/// A server that does not count, and resumes by time. Each connection has some events more than the
/// one before.
fn cutting_legacy_server(total: u64, every: u64) -> Server {
    let end = AtomicU64::new(0);
    Server::every(move |request| {
        let first = request
            .cursor()
            .map_or(0, |cursor| cursor.saturating_sub(EPOCH).div_ceil(STEP));
        let end = every + end.fetch_add(every, Ordering::SeqCst);
        serve_up_to(request, first, end.min(total), total, legacy_post);
    })
}

fn serve(request: Request, first: u64, total: u64, every: u64, event: fn(u64) -> String) {
    let fresh = if first == 0 { 0 } else { first + 1 };
    serve_up_to(request, first, (fresh + every).min(total), total, event);
}

fn serve_up_to(request: Request, first: u64, end: u64, total: u64, event: fn(u64) -> String) {
    let mut connection = request.accept();
    connection.send_all((first..end).map(event));
    if end < total {
        connection.cut();
    } else {
        connection.until_closed();
    }
}

/// Fails on the first line that is not as it should be, and shows no more than that one.
fn assert_lines(output: &Output, expected: impl Iterator<Item = String>) {
    let mut lines = output.stdout.lines();
    for (n, expected) in expected.enumerate() {
        assert_eq!(lines.next(), Some(expected.as_str()), "line {n}");
    }
    assert_eq!(lines.next(), None, "too many lines");
}

/// How many lines of stderr contain this.
fn count(output: &Output, text: &str) -> usize {
    let lines = output.stderr.lines();
    lines.filter(|line| line.contains(text)).count()
}

#[test]
fn two_hundred_cuts_change_nothing_in_the_output() {
    const TOTAL: u64 = 200_000;
    let server = cutting_server(TOTAL, 1000);
    let output = Rocketman::tail(&server.url())
        .with(&format!("-n {TOTAL}"))
        .succeed();
    assert_lines(&output, (0..TOTAL).map(post));
    assert!(server.requests().len() >= 200);
    // One line for each change of state that is told, and no other.
    let told = count(&output, ": lost ");
    assert_eq!(count(&output, "connected again to"), told);
    assert_eq!(
        output.stderr.lines().count(),
        2 * told + 2,
        "an introduction and a summary besides"
    );
}

#[test]
fn cuts_change_nothing_on_a_server_that_does_not_count() {
    const TOTAL: u64 = 5000;
    let server = cutting_legacy_server(TOTAL, 100);
    let output = Rocketman::tail(&server.url())
        .with(&format!("-n {TOTAL}"))
        .succeed();
    assert_lines(&output, (0..TOTAL).map(legacy_post));
    assert!(server.requests().len() >= 50);
}
