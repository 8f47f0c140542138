//! Events that come twice, late, under other numbers, or not at all any more.

use super::{script, two_and_a_cut};
use crate::support::{
    events::{EPOCH, post},
    jetstream::{Request, Server},
    program::{Output, Rocketman},
};

/// How many lines of stderr contain this.
fn count(output: &Output, text: &str) -> usize {
    let lines = output.stderr.lines();
    lines.filter(|line| line.contains(text)).count()
}

#[test]
fn events_sent_twice_in_one_connection_are_delivered_twice() {
    let order = [0, 1, 1, 2, 0, 3];
    let server = Server::one(move |request| {
        let mut connection = request.accept();
        connection.send_all(order.map(post));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url()).with("-n 6").succeed();
    assert_eq!(output.lines(), order.map(post));
    assert_eq!(count(&output, "repeat"), 0, "{}", output.stderr);
}

/// Neither the order before the cut nor the one after it makes a difference: each event comes once.
#[test]
fn what_comes_again_after_a_cut_is_dropped_in_any_order() {
    for (before, after) in [
        ([0, 1, 4, 5, 2, 3], vec![3, 4, 5, 6, 7]),
        ([0, 1, 2, 4, 5, 3], vec![3, 5, 4, 7, 6]),
        ([0, 1, 2, 3, 4, 5], vec![5, 3, 4, 7, 6]),
        ([0, 1, 2, 3, 4, 5], vec![5, 7, 6]),
    ] {
        let last = *before.last().unwrap();
        let fresh: Vec<_> = after.iter().copied().filter(|n| *n > 5).collect();
        let server = Server::expecting([
            script(move |request: Request| {
                let mut connection = request.accept();
                connection.send_all(before.map(post));
                connection.cut();
            }),
            script(move |request: Request| {
                assert_eq!(request.cursor(), Some(last + 1));
                let mut connection = request.accept();
                connection.send_all(after.into_iter().map(post));
                connection.until_closed();
            }),
        ]);
        let output = Rocketman::tail(&server.url()).with("-n 8").succeed();
        let expected: Vec<_> = before.into_iter().chain(fresh).map(post).collect();
        assert_eq!(output.lines(), expected, "{before:?}");
    }
}

/// Event `n` under the number `seq`.
fn numbered(n: u64, seq: u64) -> String {
    post(n).replace(
        &format!("\"cursor\":{}", n + 1),
        &format!("\"cursor\":{seq}"),
    )
}

/// Another server repeats what lies within the rewind, with events among it that the first did not
/// have yet. Where it is cut in the midst of that, it goes on by its own number, and the rest of
/// what it repeats is still known.
#[test]
fn a_cut_amid_another_servers_repeats_brings_no_repeats() {
    let refuse = |request: Request| request.refuse("503 Service Unavailable", "", "");
    let first = Server::expecting([
        script(|request: Request| {
            let mut connection = request.accept();
            connection.send_all((0..10).map(post));
            connection.cut();
        }),
        script(refuse),
        // It is asked again when the second was cut and had brought nothing.
        script(refuse),
    ]);
    let order = [0, 1, 2, 20, 3, 4, 21, 5, 6, 7, 8, 9, 10, 11];
    let send = move |request: Request, from: u64, to: usize| {
        let mut connection = request.accept();
        let events = (1000..)
            .zip(order)
            .take(to)
            .skip_while(|(seq, _)| *seq < from);
        connection.send_all(events.map(|(seq, n)| numbered(n, seq)));
        connection
    };
    let second = Server::expecting([
        script(move |request: Request| {
            assert_eq!(request.cursor(), Some(EPOCH));
            send(request, 0, 4).cut();
        }),
        script(move |request: Request| {
            assert_eq!(request.cursor(), Some(1003));
            send(request, 1003, 6).cut();
        }),
        script(move |request: Request| {
            assert_eq!(request.cursor(), Some(1003));
            send(request, 1003, order.len()).until_closed();
        }),
    ]);
    let output = Rocketman::tail(&first.url())
        .arg(second.url())
        .with("-n 14")
        .succeed();
    let seqs = [(20, 1003), (21, 1006), (10, 1012), (11, 1013)];
    let fresh = seqs.map(|(n, seq)| numbered(n, seq));
    let expected: Vec<_> = (0..10).map(post).chain(fresh).collect();
    assert_eq!(output.lines(), expected, "{}", output.stderr);
}

/// 100 seconds after event 0.
const LATER: u64 = 100_000;

/// A server that counts raises a number it no longer has to its first, and says nothing.
#[test]
fn a_number_that_the_server_no_longer_has_is_a_gap() {
    for (flags, code, delivered) in [("-n 4", 0, 4), ("--on-gap fail", 4, 2)] {
        let clamped = |request: Request| {
            let mut connection = request.accept();
            connection.send_all((LATER..LATER + 2).map(post));
            connection.until_closed();
        };
        let server = Server::expecting([
            script(two_and_a_cut),
            script(move |request| {
                assert_eq!(request.cursor(), Some(2));
                clamped(request);
            }),
            script(move |request| {
                assert_eq!(request.cursor(), Some(EPOCH));
                clamped(request);
            }),
        ]);
        let output = Rocketman::tail(&server.url()).with(flags).run();
        assert_eq!(output.code, Some(code), "{output:#?}");
        let expected = [0, 1, LATER, LATER + 1].map(post);
        assert_eq!(output.lines(), expected[..delivered]);
        let line = "GAP from=2026-09-21T14:13:20.001000Z to=2026-09-21T14:15:00.000000Z: ";
        assert_eq!(count(&output, line), 1, "{}", output.stderr);
    }
}
