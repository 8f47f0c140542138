//! Requests that say who sent them.

use std::fs;

use data_encoding::BASE64;
use ring::hmac::{HMAC_SHA256, Key, verify};

use super::{into, saved_seq};
use crate::support::{
    events::{now_us, posts},
    jetstream::Server,
    receiver::{Received, Receiver, Reply},
    wait_until,
};

/// A secret of so many bytes of this value.
fn secret(byte: u8) -> String {
    format!("whsec_{}", BASE64.encode(&[byte; 32]))
}

/// Whether the request is signed with the secret of this byte, for this moment.
fn is_signed(request: &Received, byte: u8) -> bool {
    let header = |name| request.header(name).unwrap_or_default();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let seconds: u64 = time.parse().unwrap_or_default();
    assert!(seconds.abs_diff(now_us() / 1_000_000) < 60, "{time}");
    let mut signed = format!("{id}.{time}.").into_bytes();
    signed.extend_from_slice(&request.body);
    let key = Key::new(HMAC_SHA256, &[byte; 32]);
    let mut signatures = header("webhook-signature").split(' ');
    signatures.any(|signature| {
        let bytes = signature.strip_prefix("v1,").unwrap();
        let bytes = BASE64.decode(bytes.as_bytes()).unwrap();
        verify(&key, &signed, &bytes).is_ok()
    })
}

fn id_of(request: &Received) -> &str {
    request.header("webhook-id").unwrap()
}

#[test]
fn requests_are_signed_and_their_ids_are_those_of_their_events() {
    let server = Server::every(posts(300));
    // Each is sent twice at least.
    let receiver = Receiver::start(|request| {
        if request.number % 2 == 0 {
            Reply::lost()
        } else {
            Reply::status(204)
        }
    });
    let call = into(&server, &receiver).with("-n 300 --batch 30 --http-sign-file secrets");
    fs::write(call.path("secrets"), format!("{}\n", secret(1))).unwrap();
    call.succeed();
    let call = into(&server, &receiver).with("-n 300 --batch 40 --http-compress gzip");
    call.env(
        "ROCKETMAN_HTTP_SIGN_SECRETS",
        format!("{} {}", secret(2), secret(1)),
    )
    .succeed();
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| is_signed(request, 1)));
    let plain = requests
        .iter()
        .filter(|request| request.header("content-encoding").is_none());
    let mut known = Vec::new();
    for request in plain {
        known.push((id_of(request).to_owned(), request.events()));
    }
    assert!(
        known
            .iter()
            .all(|(id, _)| id.starts_with("msg_") && id.len() == 36)
    );
    for (id, events) in &known {
        for (other_id, other) in &known {
            assert_eq!(id == other_id, events == other, "{events:?} {other:?}");
        }
    }
    let compressed = requests
        .iter()
        .filter(|request| request.header("content-encoding").is_some());
    assert!(
        compressed.clone().count() > 0 && compressed.clone().all(|request| is_signed(request, 2))
    );
}

#[test]
fn a_secret_that_is_replaced_in_its_file_is_taken_up() {
    let server = Server::one(posts(100));
    let receiver = Receiver::start(|request| {
        if is_signed(request, if request.number < 3 { 1 } else { 2 }) {
            Reply::status(204)
        } else {
            Reply::status(401)
        }
    });
    let call = into(&server, &receiver).with("--batch 10 --jobs 1 --http-sign-file secrets");
    let path = call.path("secrets");
    fs::write(&path, secret(1)).unwrap();
    let running = call.start();
    running.message("refuses whatever it is sent");
    fs::write(&path, format!("{}\n{}\n", secret(2), secret(1))).unwrap();
    wait_until("all count", || saved_seq(running.folder()) == 100);
}

#[test]
fn what_is_no_secret_is_refused_and_not_shown() {
    let call = crate::support::program::Rocketman::tail("ws://127.0.0.1:1/subscribe")
        .with("-o https://h.example/x");
    let output = call.env("ROCKETMAN_HTTP_SIGN_SECRETS", "s3cret").run();
    output.assert_says(2, &["ROCKETMAN_HTTP_SIGN_SECRETS", "begins with whsec_"]);
    assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
}
