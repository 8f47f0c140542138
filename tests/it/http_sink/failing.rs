//! What fails for a while, or for good, and what becomes of the events.

use std::time::{Duration, Instant};

use super::{has, into, letters, saved_seq};
use crate::support::{
    events::posts,
    jetstream::Server,
    program::Rocketman,
    receiver::{Received, Receiver, Reply, assert_all_in_order},
    wait_until,
};

#[test]
fn what_may_pass_is_tried_again_until_it_is_accepted() {
    for status in [408, 425, 429, 500, 503] {
        let server = Server::one(posts(300));
        let receiver = Receiver::start(move |request| match request.number % 3 {
            0 => Reply::status(status).saying("not just now"),
            _ => Reply::status(204),
        });
        let output = into(&server, &receiver).with("-n 300 --batch 30").succeed();
        assert_all_in_order(&receiver.accepted(), 300, &[]);
        output.assert_says(
            0,
            &[&format!("HTTP {status}: not just now"), "trying again "],
        );
    }
}

#[test]
fn retry_after_is_obeyed() {
    let server = Server::one(posts(10));
    let receiver = Receiver::start(|request| match request.number {
        0 => Reply::status(429).header("Retry-After: 2"),
        _ => Reply::status(204),
    });
    into(&server, &receiver).with("-n 10").succeed();
    let requests = receiver.requests();
    let waited = requests[1].at - requests[0].at;
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
}

#[test]
fn no_answer_within_the_timeout_is_a_failure() {
    let server = Server::one(posts(10));
    let receiver = Receiver::start(|request| match request.number {
        0 => Reply::status(204).after(Duration::from_secs(30)),
        _ => Reply::status(204),
    });
    let began = Instant::now();
    let output = into(&server, &receiver)
        .with("-n 10 --http-timeout 300ms")
        .succeed();
    output.assert_says(0, &["nothing came for 300ms"]);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn an_answer_that_stops_in_its_body_counts_by_its_status() {
    let server = Server::one(posts(20));
    let receiver = Receiver::start(|_| Reply::status(200).saying("ok").unfinished());
    into(&server, &receiver).with("-n 20 --batch 10").succeed();
    assert_eq!(receiver.answered(200).len(), 2, "none came twice");
}

#[test]
fn lost_and_closed_connections_lose_nothing() {
    let server = Server::one(posts(600));
    let receiver = Receiver::start(|request| match request.number % 5 {
        1 => Reply::lost(),
        2 => Reply::status(204).closing(),
        _ => Reply::status(204),
    });
    into(&server, &receiver).with("-n 600 --batch 20").succeed();
    assert_all_in_order(&receiver.accepted(), 600, &[]);
    let reused = receiver.requests();
    assert!(reused.iter().any(|request| request.reused > 0));
}

#[test]
fn an_endpoint_that_is_not_there_yet_is_waited_for() {
    let server = Server::one(posts(10));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let running = Rocketman::tail(&server.url())
        .with("-n 10 -o")
        .arg(format!("http://{address}/"))
        .start();
    let said = running.message("accepts nothing");
    assert!(
        said.contains("nothing is lost") && said.contains("cannot connect"),
        "{said}"
    );
    running.signal(rustix::process::Signal::TERM);
    running
        .finish()
        .assert_says(0, &["stopped by SIGTERM: 0 events delivered"]);
}

#[test]
fn a_refused_event_stands_alone_in_the_dead_letters() {
    for status in [400, 422] {
        let server = Server::one(posts(1000));
        let receiver = Receiver::start(move |request| {
            if has(request, 321) {
                Reply::status(status).saying("no such thing")
            } else {
                Reply::status(204)
            }
        });
        let call = into(&server, &receiver).with("-n 1000 --on-http-error dead-letter=dead");
        let folder = tempfile::tempdir().unwrap();
        call.inside(folder.path()).succeed();
        assert_all_in_order(&receiver.accepted(), 1000, &[321]);
        let letters = letters(folder.path());
        assert_eq!(letters.len(), 1);
        let (event, letter) = &letters[0];
        assert_eq!((*event, &letter["status"]), (321, &status.into()));
        assert_eq!(letter["error"], format!("HTTP {status}: no such thing"));
        assert_eq!(letter["tries"], 1);
        assert_eq!(saved_seq(folder.path()), 1000);
        let n_requests = receiver.requests().len();
        assert!(n_requests < 60, "it is found by halves: {n_requests}");
    }
}

#[test]
fn a_refused_event_is_skipped_or_ends_the_run() {
    let receiver = || {
        Receiver::start(|request| {
            if has(request, 33) {
                Reply::status(422)
            } else {
                Reply::status(204)
            }
        })
    };
    let server = Server::every(posts(200));
    let skipping = receiver();
    let output = into(&server, &skipping)
        .with("-n 200 --on-http-error skip")
        .succeed();
    assert_all_in_order(&skipping.accepted(), 200, &[33]);
    output.assert_says(0, &["it is skipped"]);
    let stopping = receiver();
    let folder = tempfile::tempdir().unwrap();
    let output = into(&server, &stopping)
        .with("-n 200")
        .inside(folder.path())
        .run();
    output.assert_says(1, &["does not accept at://", "HTTP 422", "--on-http-error"]);
    assert!(saved_seq(folder.path()) <= 33, "it begins with that event");
}

#[test]
fn one_that_is_too_large_makes_smaller_requests() {
    let server = Server::one(posts(1000));
    let receiver = Receiver::start(|request| {
        if request.body.len() > 40_000 {
            Reply::status(413)
        } else {
            Reply::status(204)
        }
    });
    into(&server, &receiver).with("-n 1000").succeed();
    assert_all_in_order(&receiver.accepted(), 1000, &[]);
    let refused = receiver.answered(413).len();
    assert!(refused < 12, "it is learnt: {refused}");
}

#[test]
fn an_event_that_always_fails_is_given_up_while_others_pass() {
    let server = Server::one(posts(2000));
    let receiver = Receiver::start(|request| {
        if has(request, 77) {
            Reply::status(500)
        } else {
            // Some go on for long enough to show that it is not the endpoint.
            Reply::status(204).after(Duration::from_millis(20))
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let running = into(&server, &receiver)
        .with("--batch 5 --jobs 2 --http-retries 1 --on-http-error dead-letter=dead")
        .inside(folder.path())
        .start();
    wait_until("it is given up", || !letters(folder.path()).is_empty());
    wait_until("all count", || saved_seq(folder.path()) == 2000);
    drop(running);
    let letters = letters(folder.path());
    assert_eq!((letters.len(), letters[0].0), (1, 77));
    assert_eq!(letters[0].1["tries"], 2);
    assert_all_in_order(&receiver.accepted(), 2000, &[77]);
}

#[test]
fn all_faults_together_lose_nothing_and_keep_the_order() {
    let server = Server::one(posts(3000));
    let receiver = Receiver::start(|request| match request.number % 11 {
        _ if has(request, 1234) => Reply::status(422),
        1 => Reply::status(500),
        2 => Reply::lost(),
        3 => Reply::status(204).closing(),
        4 => Reply::status(204).after(Duration::from_millis(400)),
        5 => Reply::status(429).header("Retry-After: 0"),
        6 => Reply::status(401),
        _ => Reply::status(204).after(Duration::from_millis(2)),
    });
    let call = into(&server, &receiver)
        .with("--batch 40 --http-timeout 300ms --on-http-error dead-letter=dead");
    let folder = tempfile::tempdir().unwrap();
    let running = call.inside(folder.path()).start();
    wait_until("all count", || saved_seq(folder.path()) == 3000);
    drop(running);
    assert_all_in_order(&receiver.accepted(), 3000, &[1234]);
    let letters: Vec<_> = letters(folder.path())
        .iter()
        .map(|(event, _)| *event)
        .collect();
    assert_eq!(letters, [1234]);
}

#[test]
fn who_failed_alone_is_sent_alone_for_a_while() {
    let server = Server::one(posts(2000));
    let is_of_7 = |event: &u64| event % 100 == 7;
    let receiver = Receiver::start(move |request| {
        let events = request.events();
        if events.contains(&7) && (events.len() > 1 || request.number % 4 > 0) {
            Reply::status(500)
        } else {
            Reply::status(204).after(Duration::from_millis(1))
        }
    });
    let call = into(&server, &receiver).with("-n 2000 --batch 100");
    call.succeed();
    assert_all_in_order(&receiver.accepted(), 2000, &[]);
    let requests = receiver.requests();
    let mut requests = requests.iter().map(Received::events);
    let is_alone = |events: &Vec<u64>| events.iter().all(is_of_7);
    requests.find(is_alone).unwrap();
    let later: Vec<_> = requests
        .filter(|events| events.iter().any(is_of_7))
        .collect();
    assert!(!later.is_empty() && later.iter().all(is_alone), "{later:?}");
}

#[test]
fn fate_strikes_what_was_accepted() {
    let server = Server::every(posts(200));
    let receiver = Receiver::accepting();
    let folder = tempfile::tempdir().unwrap();
    let struck = into(&server, &receiver)
        .with("-n 200 --batch 5 --fate 0.02 --fate-seed 3")
        .inside(folder.path())
        .run();
    struck.assert_says(1, &["on purpose"]);
    let running = into(&server, &receiver).inside(folder.path()).start();
    wait_until("all count", || saved_seq(folder.path()) == 200);
    drop(running);
    assert_all_in_order(&receiver.accepted(), 200, &[]);
}
