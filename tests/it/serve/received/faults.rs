//! Each fault of a receiver, and how our own sink copes.

use super::{into, lines, send};
use crate::support::{
    events::posts,
    http::ask,
    jetstream::Server,
    program::Output,
    receiver::{assert_all_in_order, number_of},
    serve::Receiving,
};

/// Sends 300 events to a receiver with this fault: what each side printed and said.
fn sent(fault: &str, flags: &str) -> (Output, Output) {
    let receiving = Receiving::new(&format!("--fault {fault} --fault seed=7"));
    let server = Server::one(posts(300));
    let call = into(&server, &receiving)
        .with("-n 300 --batch 10")
        .with(flags);
    (call.succeed(), receiving.stop())
}

fn numbers(received: &Output) -> Vec<u64> {
    received.lines().into_iter().map(number_of).collect()
}

#[test]
fn errors_and_lost_answers_lose_nothing() {
    for (fault, flags, said) in [
        ("sink-errors=1/5", "", "HTTP 50"),
        ("sink-429=1/9:0", "", "HTTP 429"),
        ("sink-cut=1/5", "", "the connection broke"),
        (
            "sink-stall=1/8",
            "--http-timeout 200ms",
            "nothing came for 200ms",
        ),
    ] {
        let (sender, received) = sent(fault, flags);
        assert_all_in_order(&numbers(&received), 300, &[]);
        received.assert_says(0, &[]);
        let is_silent = fault.contains("cut") || fault.contains("stall");
        assert_eq!(
            received.stderr.contains("came again"),
            is_silent,
            "{received:#?}"
        );
        sender.assert_says(0, &[said]);
    }
}

#[test]
fn closed_connections_and_slow_reads_lose_nothing() {
    for fault in ["sink-close=1/3", "sink-slow=1/10"] {
        let (_, received) = sent(fault, "");
        assert_all_in_order(&numbers(&received), 300, &[]);
        // On a busy machine some go before they are full, or into a connection that is being closed.
        received.assert_says(0, &["300 events in "]);
    }
}

#[test]
fn a_refused_record_key_is_never_accepted() {
    let (_, received) = sent(
        "sink-refuse=3l00000000123",
        "--on-http-error dead-letter=dead",
    );
    assert_all_in_order(&numbers(&received), 300, &[123]);
    received.assert_says(0, &["299 events in "]);
}

#[test]
fn the_wait_of_a_429_is_the_one_that_was_typed() {
    for (fault, expected) in [("sink-429=1/1", "1"), ("sink-429=1/1:30", "30")] {
        let receiving = Receiving::new(&format!("--fault {fault}"));
        let answer = send(&receiving, "", &lines([1]));
        let wait = format!("retry-after: {expected}\r\n");
        assert_eq!(answer.status, 429);
        assert!(
            answer.head.to_lowercase().contains(&wait),
            "{}",
            answer.head
        );
    }
}

#[test]
fn a_connection_is_closed_behind_an_answer_without_a_word() {
    let receiving = Receiving::new("--fault sink-close=1/1");
    // Read to its end, though it was not asked to close.
    let request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    let answer = ask(receiving.address(), request.as_bytes());
    assert_eq!(answer.status, 204);
    assert!(
        !answer.head.to_lowercase().contains("connection: close"),
        "{}",
        answer.head
    );
}
