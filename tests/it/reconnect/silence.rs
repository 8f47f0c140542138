//! Silence: ours, the server's, and the line's.

use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::Message;

use super::count;
use crate::{
    faults::{AT_THE_LIMIT, interrupted},
    support::{
        events::post,
        jetstream::{Connection, Server},
        program::Rocketman,
    },
};

#[test]
fn a_server_that_says_nothing_at_all_is_left() {
    let survived = interrupted("--frame-timeout 1s", Connection::stall);
    survived.assert_told("nothing was received for 1s", AT_THE_LIMIT);
}

#[test]
fn a_server_that_says_nothing_after_the_socket_opened_is_left() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::every(move |request| {
        if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            request.until_gone();
        } else {
            let mut connection = request.accept();
            connection.send(post(0));
            connection.until_closed();
        }
    });
    let output = Rocketman::tail(&server.url())
        .with("-n 1 --connect-timeout 1s")
        .succeed();
    assert_eq!(
        count(&output, "no answer within 1s"),
        1,
        "{}",
        output.stderr
    );
}

#[test]
fn a_short_silence_of_a_server_that_answers_pings_is_none() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        let start = Instant::now();
        // Reading answers the pings. Longer than two limits nothing else comes.
        while start.elapsed() < Duration::from_millis(2500) {
            let message = connection.receive();
            assert!(matches!(message, Message::Ping(_)), "{message:?}");
        }
        connection.send(post(0));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("-n 1 --frame-timeout 1s")
        .succeed();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(count(&output, "lost"), 0, "{}", output.stderr);
}

#[test]
fn a_servers_pings_are_answered() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.ping();
        let answer = connection.receive();
        assert_eq!(answer, Message::Pong("are you there".into()));
        connection.send(post(0));
        connection.until_closed();
    });
    Rocketman::tail(&server.url()).with("-n 1").succeed();
}

#[test]
fn a_server_that_only_pings_is_not_left_at_once() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(2200) {
            connection.ping();
            // Waits for the answer to each, whatever else comes in between.
            while !matches!(connection.receive(), Message::Pong(_)) {}
        }
        connection.send(post(0));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("-n 1 --frame-timeout 1s")
        .succeed();
    assert_eq!(count(&output, "lost"), 0, "{}", output.stderr);
}
