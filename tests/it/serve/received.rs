//! Webhooks that are received by `rocketman serve --http-sink`, and what goes wrong on purpose.

mod faults;

use std::fs;

use rustix::process::Signal;

use crate::support::{
    events::{post, posts},
    http::{Answer, ask, get_from},
    jetstream::Server,
    program::Rocketman,
    serve::Receiving,
    wait_until,
};

/// A run that sends the events of a server to the receiver.
fn into(server: &Server, receiving: &Receiving) -> Rocketman {
    Rocketman::tail(&server.url())
        .with("--cursor-file cursor --save-interval 20ms -o")
        .arg(&receiving.url)
}

/// Sends a body with these headers, each with the end of its line.
fn send(receiving: &Receiving, headers: &str, body: &str) -> Answer {
    let head = format!("POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}");
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    ask(receiving.address(), request.as_bytes())
}

fn lines(events: impl IntoIterator<Item = u64>) -> String {
    events.into_iter().map(|n| post(n) + "\n").collect()
}

#[test]
fn what_is_accepted_is_printed_and_counted() {
    for flags in [
        "",
        "--body array --batch 40",
        "--http-compress gzip --http-method PUT",
        "--http-compress zstd --batch 40 --jobs 1",
    ] {
        let receiving = Receiving::new("");
        let server = Server::one(posts(100));
        let call = into(&server, &receiving).with("-n 100").with(flags);
        call.succeed();
        let output = receiving.stop();
        let mut printed = output.lines();
        printed.sort_by_key(|line| crate::support::receiver::number_of(line));
        assert_eq!(printed, (0..100).map(post).collect::<Vec<_>>(), "{flags}");
        output.assert_says(0, &["stopped by SIGTERM: 100 events in "]);
        for word in ["came again", "out of order", "no events", "signed"] {
            assert!(!output.stderr.contains(word), "{}", output.stderr);
        }
    }
}

#[test]
fn repeats_are_counted_and_a_broken_order_is_an_error() {
    let receiving = Receiving::new("");
    for body in [
        lines([1, 101, 2]),
        lines([1, 2, 301]),
        "x\n".to_owned(),
        lines([201, 202]),
    ] {
        assert_eq!(send(&receiving, "", &body).status, 204);
    }
    let output = receiving.stop();
    assert_eq!(output.lines().len(), 9);
    let counts =
        "8 events in 4 of 4 requests, 2 came again, 1 came out of order, 1 lines were no events";
    let late = "app.bsky.feed.post/3l00000000201 came after a later event of its account";
    output.assert_says(1, &[counts, late, "out of order"]);
}

#[test]
fn one_id_with_two_contents_is_an_error() {
    let receiving = Receiving::new("");
    for body in [lines([1, 2]), lines([1, 2]), lines([3])] {
        let sent = send(&receiving, "webhook-id: msg_1\r\n", &body);
        assert_eq!(sent.status, 204);
    }
    let said = "the id 'msg_1' came with other events than before";
    receiving
        .stop()
        .assert_says(1, &[said, "1 requests had the id of others"]);
}

#[test]
fn only_what_is_signed_is_accepted() {
    let secret = |fill: u8| {
        let bytes = data_encoding::BASE64.encode(&[fill; 32]);
        format!("whsec_{bytes}")
    };
    let call = Rocketman::new(["serve"]).with("--http-sign-file secrets");
    fs::write(call.path("secrets"), [secret(1), secret(2)].join("\n")).unwrap();
    let receiving = Receiving::start(call);
    let server = Server::every(posts(50));
    let sending = |fill| {
        into(&server, &receiving)
            .with("-n 50 --http-compress gzip")
            .env("ROCKETMAN_HTTP_SIGN_SECRETS", secret(fill))
    };
    sending(1).succeed();
    sending(2).succeed();
    let stranger = sending(3).start();
    stranger.message("refuses whatever it is sent: HTTP 401: no signature in it is of one");
    stranger.kill();
    let plain = send(&receiving, "", &lines([1]));
    assert_eq!(
        (plain.status, &*plain.body),
        (401, "there is no header webhook-id\n")
    );
    let output = receiving.stop();
    output.assert_says(
        0,
        &[
            "100 events in ",
            "50 came again",
            "were not signed as they have to be",
        ],
    );
    assert!(!output.stderr.contains("whsec_"));
    let call = Rocketman::new(["serve"]).env("ROCKETMAN_HTTP_SIGN_SECRETS", secret(4));
    let receiving = Receiving::start(call);
    assert_eq!(send(&receiving, "", &lines([1])).status, 401);
}

#[test]
fn a_key_that_expires_is_waited_for() {
    let call = Rocketman::new(["serve"]).with("--key-file key --fault sink-expire=3");
    let key = call.path("key");
    fs::write(&key, "one").unwrap();
    let receiving = Receiving::start(call);
    let server = Server::one(posts(100));
    let call =
        into(&server, &receiving).with("-n 100 --batch 20,1h --jobs 1 --http-header-file headers");
    let headers = call.path("headers");
    fs::write(&headers, "Authorization: Bearer one").unwrap();
    let running = call.start();
    running.message("refuses whatever it is sent: HTTP 401");
    fs::write(&key, "two").unwrap();
    fs::write(&headers, "Authorization: Bearer two").unwrap();
    running.finish().assert_says(0, &["accepts events again"]);
    let output = receiving.stop();
    assert_eq!(output.lines().len(), 100);
    output.assert_says(
        0,
        &[
            "the key has expired, by the fault sink-expire",
            "did not carry the key",
        ],
    );
    assert!(!output.stderr.contains("came again"), "{}", output.stderr);
}

#[test]
fn what_is_no_webhook_gets_an_answer_that_says_so() {
    let receiving = Receiving::new("");
    let address = receiving.address();
    let closing = "Host: localhost\r\nConnection: close\r\n\r\n";
    let get = |path: &str| {
        ask(
            address,
            format!("GET {path} HTTP/1.1\r\n{closing}").as_bytes(),
        )
    };
    let found = get("/");
    assert_eq!(
        (found.status, &*found.body),
        (405, "events are sent by POST, PUT or PATCH\n")
    );
    assert!(
        found
            .head
            .to_lowercase()
            .contains("allow: post, put, patch")
    );
    assert_eq!(get("/healthz").body, "0 events in 0 requests\n");
    assert_eq!(
        send(&receiving, "Content-Encoding: br\r\n", "x").status,
        415
    );
    assert_eq!(
        send(&receiving, "Content-Type: application/json\r\n", "[").status,
        400
    );
    let large = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n";
    assert_eq!(ask(address, large.as_bytes()).status, 413);
    assert_eq!(
        get_from(address, "evil.example\r\nConnection: close", "/").status,
        403
    );
    assert_eq!(ask(address, b"\x16\x03\x01 x y\r\n\r\n").status, 400);
    receiving
        .stop()
        .assert_says(0, &["0 events in 0 of 3 requests", "evil.example"]);
}

#[test]
fn a_stop_and_a_closed_stdout_are_good_ends() {
    let receiving = Receiving::new("");
    assert_eq!(send(&receiving, "", &lines([1])).status, 204);
    receiving.running.signal(Signal::INT);
    receiving
        .running
        .finish()
        .assert_says(130, &["stopped by SIGINT: 1 events in 1 of 1"]);
    let call = Rocketman::new(["serve"]).with("--http-sink 127.0.0.1:0");
    let mut receiving = Receiving::listening(call.start());
    receiving.running.close_stdout();
    wait_until("it notices", || {
        let address = receiving.address().to_owned();
        std::net::TcpStream::connect(&address).is_err()
            || send(&receiving, "", &lines([1])).status == 503
    });
    receiving
        .running
        .finish()
        .assert_says(0, &["nobody reads stdout any more: 0 events"]);
}

#[test]
fn what_cannot_be_received_is_refused() {
    let refused = |flags: &str, words: &[&str]| {
        let output = Rocketman::new(["serve"]).with(flags).run();
        output.assert_says(2, words);
    };
    let alone = "--http-sink receives events and serves none: ";
    refused(
        "demo: --http-sink 0",
        &[&format!("{alone}SOURCE does not go with it")],
    );
    for flag in [
        "--legacy",
        "--exit-at-end",
        "--speed 1",
        "--loop",
        "--quota 1G,1M",
        "--store x",
    ] {
        let name = flag.split(' ').next().unwrap();
        refused(&format!("--http-sink 0 {flag}"), &[alone, name]);
    }
    refused(
        "--http-sink 0 --fault cut-every=1",
        &[alone, "--fault cut-every=1"],
    );
    refused(
        "--fault sink-cut=1/2",
        &["--fault sink-cut is for a receiver of webhooks"],
    );
    refused(
        "--http-sign-file x",
        &["--http-sign-file is for a receiver of webhooks"],
    );
    refused(
        "--http-sink 0 --fault sink-expire=1",
        &["sink-expire", "--key-file FILE"],
    );
    refused(
        "--http-sink 0 --fault sink-cut=2",
        &["the fault sink-cut takes M/N"],
    );
    refused(
        "--http-sink 0 --http-sign-file none",
        &["--http-sign-file: cannot read 'none'"],
    );
    refused(
        "--http-sink 0 --key-file none",
        &["--key-file: cannot read 'none'"],
    );
    let taken = Receiving::new("");
    let address = taken.address();
    refused(
        &format!("--http-sink {address}"),
        &["cannot listen on", "another port"],
    );
}
