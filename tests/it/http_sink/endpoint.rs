//! An endpoint that refuses whatever it is sent: no event leaves, and the run waits or ends.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering::SeqCst},
    },
};

use super::{into, letters, saved_seq, wait_for_accepted};
use crate::support::{
    events::posts,
    jetstream::Server,
    receiver::{Receiver, Reply, assert_all_in_order},
    wait_until,
};

#[test]
fn a_refusal_is_waited_out_and_nothing_is_given_up() {
    for (status, words) in [
        (401, "HTTP 401"),
        (404, "HTTP 404"),
        (302, "which is not followed"),
    ] {
        let server = Server::one(posts(500));
        let answer = Arc::new(AtomicU16::new(204));
        let shared = Arc::clone(&answer);
        let receiver = Receiver::start(move |request| {
            if request.number == 3 {
                shared.store(status, SeqCst);
            }
            let reply = Reply::status(shared.load(SeqCst));
            reply.header("Location: http://127.0.0.1:1/elsewhere")
        });
        let call =
            into(&server, &receiver).with("--batch 20 --jobs 2 --on-http-error dead-letter=dead");
        let folder = tempfile::tempdir().unwrap();
        let running = call.inside(folder.path()).start();
        let said = running.message("refuses whatever it is sent");
        assert!(
            said.contains(words) && said.contains("nothing is lost"),
            "{said}"
        );
        let n = receiver.answered(status).len();
        wait_until("it is tried again", || {
            receiver.answered(status).len() > n + 1
        });
        answer.store(204, SeqCst);
        running.message("accepts events again");
        wait_until("all count", || saved_seq(folder.path()) == 500);
        assert_all_in_order(&receiver.accepted(), 500, &[]);
        assert!(letters(folder.path()).is_empty());
    }
}

#[test]
fn with_stop_a_refusal_ends_the_run() {
    let server = Server::one(posts(50));
    let receiver = Receiver::start(|_| Reply::status(403).saying("who are you?"));
    let folder = tempfile::tempdir().unwrap();
    let output = into(&server, &receiver)
        .with("--on-http-refusal stop --on-http-error skip")
        .inside(folder.path())
        .run();
    output.assert_says(
        6,
        &[
            "refuses whatever it is sent: HTTP 403: who are you?",
            "--http-header-file",
        ],
    );
    assert!(
        saved_seq(folder.path()) <= 1,
        "it begins with the first event"
    );
}

#[test]
fn a_token_that_is_replaced_in_its_file_is_taken_up() {
    let server = Server::one(posts(300));
    let receiver = Receiver::start(|request| {
        let is_new = request.number > 4;
        match (is_new, request.header("authorization")) {
            (false, Some("Bearer old")) | (true, Some("Bearer new")) => Reply::status(204),
            _ => Reply::status(401),
        }
    });
    let call = into(&server, &receiver).with("--batch 20 --jobs 1 --http-header-file headers");
    let path = call.path("headers");
    fs::write(&path, "Authorization: Bearer old\n").unwrap();
    let running = call.start();
    running.message("refuses whatever it is sent");
    fs::write(&path, "Authorization: Bearer new\n").unwrap();
    wait_for_accepted(&running, &receiver, 300);
    assert_all_in_order(&receiver.accepted(), 300, &[]);
}

#[test]
fn twenty_refused_events_in_a_row_are_the_endpoints_doing() {
    let server = Server::one(posts(200));
    let answer = Arc::new(AtomicU16::new(400));
    let shared = Arc::clone(&answer);
    let receiver = Receiver::start(move |_| Reply::status(shared.load(SeqCst)));
    let call = into(&server, &receiver).with("--on-http-error dead-letter=dead --batch 10");
    let folder = tempfile::tempdir().unwrap();
    let running = call.inside(folder.path()).start();
    running.message("refuses one event after the other");
    wait_until("letters are written", || letters(folder.path()).len() >= 19);
    let n = receiver.requests().len();
    wait_until("it is tried again", || receiver.requests().len() > n + 2);
    let n_letters = letters(folder.path()).len();
    assert!(n_letters < 25, "{n_letters}");
    answer.store(204, SeqCst);
    wait_until("all count", || saved_seq(folder.path()) == 200);
    let mut all: Vec<_> = letters(folder.path())
        .iter()
        .map(|(event, _)| *event)
        .collect();
    all.extend(receiver.accepted());
    all.sort_unstable();
    assert_eq!(all, (0..200).collect::<Vec<_>>());
}

/// What one event does to its endpoint is not all that it gets.
#[test]
fn one_event_that_always_fails_does_not_stop_the_rest() {
    let server = Server::one(posts(400));
    let receiver = Receiver::start(|request| {
        if super::has(request, 0) {
            Reply::status(500)
        } else {
            Reply::status(204)
        }
    });
    let running = into(&server, &receiver).with("--batch 1").start();
    wait_until("the other accounts go on", || {
        receiver.n_accepted() == 400 - 4
    });
    assert!(
        saved_seq(running.folder()) <= 1,
        "it begins with that event"
    );
}
