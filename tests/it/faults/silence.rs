//! Connections that stay open, and on which nothing comes.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::{AT_ONCE, AT_THE_LIMIT, interrupted, script, the_last_of_three, two_and_a_cut};
use crate::support::{
    cable::Cable,
    events::{commit, post},
    front::TlsFront,
    jetstream::{Connection, Request, Server},
    program::{Output, Rocketman},
};

/// The limits of these tests.
const LIMIT: Duration = Duration::from_secs(1);
const LIMITS: &str = "--frame-timeout 1s --connect-timeout 1s --max-backoff 100ms";

#[test]
fn a_frame_that_never_ends_is_left() {
    let survived = interrupted(LIMITS, |mut connection| {
        // A text message of 60,000 bytes, of which some come.
        connection.send_raw(&[0x81, 126, 0xea, 0x60]);
        connection.send_raw(&[b'x'; 1000]);
        connection.stall();
    });
    survived.assert_told("nothing was received for 1s", AT_THE_LIMIT);
}

/// A text message of 64 KiB, in pieces that take four times the limit.
fn send_slowly(connection: &mut Connection, text: &str) {
    let length = u64::try_from(text.len()).unwrap();
    connection.send_raw(&[&[0x81, 127][..], &length.to_be_bytes()].concat());
    let pieces = text.as_bytes().chunks(text.len().div_ceil(40));
    for piece in pieces {
        connection.send_raw(piece);
        thread::sleep(LIMIT / 10);
    }
}

#[test]
fn a_message_that_keeps_arriving_is_no_silence() {
    let large = commit(
        1,
        Some(2),
        "create",
        "app.bsky.feed.post",
        &format!(
            r#","record":{{"text":"{}"}},"cid":"b"#,
            "x".repeat(64 * 1024)
        ),
    );
    for (flags, expected) in [
        ("-n 3", vec![post(0), large.clone(), post(2)]),
        // Stepped over, byte by byte, like any other that is too large.
        ("-n 2 --max-frame-size 32K", vec![post(0), post(2)]),
    ] {
        let large = large.clone();
        let server = Server::one(move |request| {
            let mut connection = request.accept();
            connection.send(post(0));
            send_slowly(&mut connection, &large);
            connection.send(post(2));
            connection.until_closed();
        });
        let call = Rocketman::tail(&server.url()).with(LIMITS).with(flags);
        assert_eq!(call.succeed().lines(), expected, "{flags}");
    }
}

/// Half-open: neither a FIN nor a reset tells anybody. And as long as the cable is out, whatever
/// accepts a connection says nothing, with TLS not even to the greeting.
#[test]
fn a_pulled_cable_is_noticed_and_resumed_once_it_is_back() {
    for is_secure in [false, true] {
        let server = Server::expecting([
            script(|request| {
                let mut connection = request.accept();
                connection.send_all((0..2).map(post));
                // Answers pings, for as long as they come.
                connection.until_closed();
            }),
            script(the_last_of_three),
        ]);
        let front = TlsFront::before(server.port());
        let cable = Cable::to(if is_secure { front.port } else { server.port() });
        let scheme = if is_secure { "wss" } else { "ws" };
        let call = Rocketman::tail(&format!("{scheme}://127.0.0.1:{}/subscribe", cable.port));
        fs::write(call.path("roots.pem"), &front.certificate).unwrap();
        let call = call.env("SSL_CERT_FILE", "roots.pem").with(LIMITS);
        let call = call.logging_each_try();
        let mut running = call.with("-n 3").start();
        assert_eq!(running.lines(2), [post(0), post(1)]);
        let begin = Instant::now();
        cable.pull();
        running.message("nothing was received for 1s; trying again in");
        assert!(begin.elapsed() < LIMIT + AT_ONCE, "{:?}", begin.elapsed());
        running.message("no answer within 1s; trying again in");
        assert!(begin.elapsed() < 2 * (LIMIT + AT_ONCE));
        cable.plug();
        assert_eq!(running.line(), post(2));
        let output = running.finish();
        output.assert_says(0, &["connected again to", ", 1 repeat dropped"]);
        assert_eq!(lines_with(&output, ": lost "), 1, "{output:#?}");
    }
}

#[test]
fn a_server_that_says_nothing_behind_its_tls_is_left() {
    let server = Server::expecting([
        script(two_and_a_cut),
        script(Request::until_gone),
        script(the_last_of_three),
    ]);
    let front = TlsFront::before(server.port());
    let call = Rocketman::tail(&format!("wss://127.0.0.1:{}/subscribe", front.port));
    fs::write(call.path("roots.pem"), &front.certificate).unwrap();
    let call = call.env("SSL_CERT_FILE", "roots.pem").with(LIMITS);
    let mut running = call.logging_each_try().with("-n 3").start();
    assert_eq!(running.lines(2), [post(0), post(1)]);
    server.wait_for_requests(2);
    let begin = Instant::now();
    running.message("no answer within 1s; trying again in");
    assert!(begin.elapsed() < LIMIT + AT_ONCE, "{:?}", begin.elapsed());
    assert_eq!(running.line(), post(2));
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(output.stderr.lines().count(), 5, "{output:#?}");
}

fn lines_with(output: &Output, text: &str) -> usize {
    let lines = output.stderr.lines();
    lines.filter(|line| line.contains(text)).count()
}
