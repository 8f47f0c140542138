//! One outage is one warning and its end, however many tries there were in between.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;

use super::count;
use crate::faults::the_last_of_three;
use crate::support::{
    events::post,
    jetstream::{Request, Server},
    program::Rocketman,
    resolver::{Answer, Resolver},
};

/// A server that refuses all requests but the first, and that with this number.
fn away_until(tries: usize) -> Server {
    let requests = AtomicUsize::new(0);
    Server::every(
        move |request| match requests.fetch_add(1, Ordering::SeqCst) {
            0 => {
                let mut connection = request.accept();
                connection.send_all((0..2).map(post));
                connection.cut();
            }
            n if n < tries => request.refuse("503 Service Unavailable", "", "away"),
            _ => the_last_of_three(request),
        },
    )
}

/// A server that sends one post and cuts; `others` answers all later requests, counted from 1.
fn cut_after_one(others: impl Fn(usize, Request) + Send + Sync + 'static) -> Server {
    let requests = AtomicUsize::new(0);
    Server::every(
        move |request| match requests.fetch_add(1, Ordering::SeqCst) {
            0 => {
                let mut connection = request.accept();
                connection.send(post(0));
                connection.cut();
            }
            n => others(n, request),
        },
    )
}

#[test]
fn an_outage_is_one_warning_and_its_end() {
    let server = away_until(9);
    let output = Rocketman::tail(&server.url()).with("-n 3").succeed();
    assert_eq!(output.lines(), [0, 1, 2].map(post));
    assert_eq!(server.requests().len(), 10);
    let said: Vec<_> = output.stderr.lines().collect();
    let [_, lost, again, _] = said[..] else {
        panic!("{said:#?}");
    };
    let words = format!("rocketman: warning: lost {}: ", server.url());
    assert!(lost.starts_with(&words), "{lost}");
    let words = format!("rocketman: connected again to {} after ", server.url());
    assert!(again.starts_with(&words), "{again}");
    assert!(again.ends_with(" s, from cursor 2"), "{again}");
}

#[test]
fn a_start_that_fails_for_a_while_is_said_once() {
    let requests = AtomicUsize::new(0);
    let server = Server::every(move |request| {
        if requests.fetch_add(1, Ordering::SeqCst) < 5 {
            return request.refuse("503 Service Unavailable", "", "away");
        }
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url()).with("-n 1").succeed();
    assert_eq!(count(&output, "warning: "), 1, "{}", output.stderr);
    let words = [
        &format!("warning: cannot reach {}: ", server.url()),
        ": away; trying again in ",
        &format!("rocketman: connected to {} after ", server.url()),
    ];
    output.assert_says(0, &words);
}

#[test]
fn a_long_wait_is_said_although_the_outage_was() {
    let server = cut_after_one(|n, request| match n {
        1 => request.refuse("503 Service Unavailable", "", "away"),
        _ => request.refuse("429 Too Many Requests", "Retry-After: 3600\r\n", "later"),
    });
    let mut running = Rocketman::tail(&server.url()).start();
    assert_eq!(running.line(), post(0));
    let said = running.message("; trying again in 3600.0 s");
    assert!(said.contains("warning: no connection for "), "{said}");
    assert!(said.contains(" s, after 3 tries: cannot reach "), "{said}");
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(count(&output, "warning: "), 2, "{}", output.stderr);
}

#[test]
fn the_last_error_is_said_where_an_outage_is_the_end() {
    // Too short a wait for a line of its own.
    let server = cut_after_one(|_, request| {
        request.refuse("503 Service Unavailable", "Retry-After: 30\r\n", "away");
    });
    let mut running = Rocketman::tail(&server.url()).logging_each_try().start();
    assert_eq!(running.line(), post(0));
    running.message("debug: cannot reach ");
    running.signal(Signal::TERM);
    let output = running.finish();
    let words = [
        "warning: no connection for ",
        &format!(" s: cannot reach {}: HTTP 503: away\n", server.url()),
    ];
    output.assert_says(0, &words);
    assert_eq!(count(&output, "warning: "), 2, "{}", output.stderr);
}

#[test]
fn no_name_that_is_known_is_one_sentence_and_a_hint() {
    let Some(resolver) = Resolver::start() else {
        return;
    };
    resolver.answer(Answer::Failure);
    for (servers, words) in [
        (1, "cannot look up 'a0.test': "),
        (4, "cannot look up any of the 4 servers: "),
    ] {
        let urls = (0..servers).map(|n| format!("wss://a{n}.test/subscribe"));
        let mut call = Rocketman::new(["tail"]).with("--max-backoff 1ms --max-retries 12");
        for url in urls {
            call = call.arg(url);
        }
        let output = call.with_resolver(&resolver.conf()).run();
        assert_eq!(count(&output, "warning: "), 1, "{}", output.stderr);
        let warning = output.stderr.lines().find(|line| line.contains("warning"));
        let warning = warning.unwrap();
        assert!(warning.contains(words), "{warning}");
        let hint = "; rocketman tail demo: needs no network";
        assert!(warning.ends_with(hint), "{warning}");
        assert!(warning.len() < 160, "{warning}");
        output.assert_says(3, &["after 13 failed tries in a row: cannot look up 'a"]);
    }
}

#[test]
fn a_name_that_is_not_known_is_named_with_its_substitute() {
    let Some(resolver) = Resolver::start() else {
        return;
    };
    resolver.answer(Answer::Unknown);
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    let call = Rocketman::tail("ws://a.test/subscribe").arg(server.url());
    let output = call.with("-n 1").with_resolver(&resolver.conf()).succeed();
    assert_eq!(count(&output, "warning: "), 0, "{}", output.stderr);
    let words = format!(
        "connected to {}, from now, as 'a.test' cannot be looked up\n",
        server.url()
    );
    output.assert_says(0, &[&words]);
}
