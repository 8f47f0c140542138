//! What a request is made of.

use std::io::Read;

use super::into;
use crate::support::{
    events::{post, posts},
    jetstream::Server,
    receiver::{Receiver, Reply},
};

/// The body of the only request, which has three events.
fn body_of_three(flags: &str) -> (Receiver, Vec<u8>) {
    let server = Server::one(posts(3));
    let receiver = Receiver::accepting();
    into(&server, &receiver).with("-n 3").with(flags).succeed();
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    let body = requests[0].body.clone();
    (receiver, body)
}

fn header(receiver: &Receiver, name: &str) -> String {
    let requests = receiver.requests();
    requests[0].header(name).unwrap_or_default().to_owned()
}

#[test]
fn lines_are_those_of_every_output_byte_for_byte() {
    let (_, body) = body_of_three("");
    let wanted = format!("{}\n{}\n{}\n", post(0), post(1), post(2));
    assert_eq!(String::from_utf8(body).unwrap(), wanted);
}

#[test]
fn an_array_is_json() {
    let (receiver, body) = body_of_three("--body array");
    let wanted = format!("[{},{},{}]", post(0), post(1), post(2));
    assert_eq!(String::from_utf8(body).unwrap(), wanted);
    assert_eq!(header(&receiver, "content-type"), "application/json");
}

#[test]
fn a_text_of_ones_own_is_around_the_events() {
    let server = Server::one(posts(3));
    let receiver = Receiver::accepting();
    into(&server, &receiver)
        .with("-n 3 --body")
        .arg(r#"{"streams":[{"stream":{"job":"x"},"values":[%{,}]}]}"#)
        .arg("--format")
        .arg(r#"["%m000",%J]"#)
        .succeed();
    let body: serde_json::Value = serde_json::from_slice(&receiver.requests()[0].body).unwrap();
    let values = body["streams"][0]["values"].as_array().unwrap();
    let lines: Vec<_> = values
        .iter()
        .map(|value| value[1].as_str().unwrap())
        .collect();
    assert_eq!(lines, [post(0), post(1), post(2)]);
    assert_eq!(values[1][0], "1790000000001000000");
    assert_eq!(header(&receiver, "content-type"), "application/json");
}

#[test]
fn a_format_makes_bodies_for_whom_they_are() {
    let (receiver, body) = body_of_three("--format csv --fields did,commit.rkey");
    let text = String::from_utf8(body).unwrap();
    assert!(text.starts_with("did,commit.rkey\ndid:plc:"), "{text}");
    assert_eq!(text.lines().count(), 4);
    assert_eq!(header(&receiver, "content-type"), "text/csv; charset=utf-8");
    let (_, body) = body_of_three(r#"--format {"create":{}}\n%j\n"#);
    let text = String::from_utf8(body).unwrap();
    let wanted = format!("{{\"create\":{{}}}}\n{}\n", post(0));
    assert!(text.starts_with(&wanted), "{text}");
}

#[test]
fn bodies_are_compressed_on_demand() {
    let wanted = format!("{}\n{}\n{}\n", post(0), post(1), post(2));
    let (receiver, body) = body_of_three("--http-compress gzip");
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&*body);
    decoder.read_to_string(&mut text).unwrap();
    assert_eq!(
        (text, header(&receiver, "content-encoding")),
        (wanted.clone(), "gzip".to_owned())
    );
    let (receiver, body) = body_of_three("--http-compress zstd");
    let mut text = String::new();
    let mut decoder = zstd::stream::read::Decoder::new(&*body).unwrap();
    decoder.read_to_string(&mut text).unwrap();
    assert_eq!(text, wanted);
    assert_eq!(header(&receiver, "content-encoding"), "zstd");
}

#[test]
fn the_method_is_the_one_that_is_named() {
    for (typed, method) in [("PUT", "PUT"), ("patch", "PATCH")] {
        let (receiver, _) = body_of_three(&format!("--http-method {typed}"));
        assert_eq!(
            receiver.requests()[0].head[0],
            format!("{method} /hook HTTP/1.1")
        );
    }
}

#[test]
fn a_batch_ends_with_its_count_its_bytes_or_its_time() {
    let requests = |flags: &str| {
        let server = Server::one(posts(100));
        let receiver = Receiver::accepting();
        into(&server, &receiver)
            .with("-n 100")
            .with(flags)
            .succeed();
        let requests = receiver.requests();
        requests
            .iter()
            .map(|request| request.events().len())
            .collect::<Vec<_>>()
    };
    assert_eq!(requests("--batch 1"), vec![1; 100]);
    assert_eq!(requests("--batch 25,1h --jobs 1"), vec![25; 4]);
    let line = post(0).len();
    let by_bytes = requests(&format!("--batch {},1h --jobs 1", line * 10 + 20));
    assert!(by_bytes.len() == 1, "a count alone: {by_bytes:?}");
    let by_bytes = requests("--batch 2K,1h --jobs 1");
    assert!(
        by_bytes.iter().all(|n| (1..=2048 / line).contains(n)),
        "{by_bytes:?}"
    );
    let server = Server::one(posts(3));
    let receiver = Receiver::accepting();
    let running = into(&server, &receiver).with("--batch 1000,10ms").start();
    super::wait_for_accepted(&running, &receiver, 3);
}

#[test]
fn as_many_requests_are_under_way_as_there_are_jobs() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };
    for jobs in [1, 3] {
        let (now, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (current, highest) = (Arc::clone(&now), Arc::clone(&most));
        let server = Server::one(posts(60));
        let receiver = Receiver::start(move |_| {
            highest.fetch_max(current.fetch_add(1, SeqCst) + 1, SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(20));
            current.fetch_sub(1, SeqCst);
            Reply::status(204)
        });
        into(&server, &receiver)
            .with(&format!("-n 60 --batch 5 --jobs {jobs}"))
            .succeed();
        assert_eq!(most.load(SeqCst), jobs);
    }
}

#[test]
fn headers_come_from_flags_a_variable_and_a_file() {
    let server = Server::one(posts(1));
    let receiver = Receiver::accepting();
    let call = into(&server, &receiver).with("-n 1 --http-header-file headers");
    std::fs::write(call.path("headers"), "# of the hook\nX-Api-Key: of-file\n").unwrap();
    let output = call
        .arg("--http-header")
        .arg("X-Tenant: a b")
        .arg("--http-header")
        .arg("Content-Type: text/x-events")
        .env(
            "ROCKETMAN_HTTP_HEADERS",
            "Authorization: Bearer s3cret\nX-Two: 2",
        )
        .succeed();
    for (name, value) in [
        ("x-api-key", "of-file"),
        ("x-tenant", "a b"),
        ("content-type", "text/x-events"),
        ("authorization", "Bearer s3cret"),
        ("x-two", "2"),
    ] {
        assert_eq!(header(&receiver, name), value);
    }
    assert!(!output.stderr.contains("s3cret") && !output.stderr.contains("of-file"));
}
