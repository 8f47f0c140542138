//! Messages that the client library cannot take off the wire: nothing but them is stepped over, and
//! they hold nothing up.

use std::{fs, time::Duration};

use async_nats::jetstream::stream;
use rustix::process::Signal;
use serde_json::Value;

use super::{
    source::{make, numbers, numbers_in, numbers_of, publish},
    workers::{make_consumer, state_of},
};
use crate::support::{nats::Nats, program::Rocketman, wait_until};

/// Subjects and headers of which the client library can read none.
const UNREADABLE: [(&[u8], &[u8]); 7] = [
    (b"s.\xff", b""),
    (b"s.a", b"NATS/1.0\r\nA: \xe9\r\n\r\n"),
    (b"s.a", b"NATS/1.0\r\nA b: c\r\n\r\n"),
    (b"s.a", b"NATS/1.0\r\n\xc3\x84: c\r\n\r\n"),
    (b"s.a", b"NATS/1.0\r\nno colon\r\n\r\n"),
    (b"s.a", b"HTTP/1.1\r\nA: b\r\n\r\n"),
    (b"s.\xc2\xa0a", b"NATS/1.0\r\nA: b\r\n\r\n"),
];

/// Odd ones that it can.
const READABLE: [(&[u8], &[u8]); 5] = [
    (b"s.\xef\xbf\xbd", b""),
    (b"s.\xc2\xa0a", b""),
    (b"s.a", b"NATS/1.0\r\nA: \xc3\xa4\r\n\r\n"),
    (b"s.a", b"NATS/1.0\r\nA: b\r\n  c\r\n\r\n"),
    (b"s.a", b"NATS/1.0 503\r\n\r\n"),
];

/// A stream of numbers: the first and the last are plain messages, those in between have these
/// subjects and headers.
fn odd_stream(nats: &Nats, config: stream::Config, odd: &[(&[u8], &[u8])]) {
    make(nats, "S", config);
    publish(nats, "s.plain", numbers(1..2));
    for (n, (subject, headers)) in (2..).zip(odd) {
        nats.publish_raw(subject, headers, format!("{{\"n\":{n}}}").as_bytes());
    }
    let last = 2 + u32::try_from(odd.len()).unwrap();
    publish(nats, "s.plain", numbers(last..last + 1));
}

#[test]
fn a_message_that_the_client_cannot_read_is_stepped_over() {
    let test = "a_message_that_the_client_cannot_read_is_stepped_over";
    let Some(nats) = Nats::start(test) else {
        return;
    };
    odd_stream(&nats, stream::Config::default(), &UNREADABLE);
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad");
    let call = Rocketman::tail(&nats.address("S")).with("--cursor 0 -e --max-retries 3");
    let output = call.arg("--bad-events").arg(&bad).succeed();
    assert_eq!(numbers_of(&output), [1, 9]);
    output.assert_says(
        0,
        &[
            "cannot read message 2 of",
            "its subject is not UTF-8",
            "7 malformed messages skipped",
        ],
    );
    assert_eq!(output.stderr.matches("cannot read message").count(), 1);
    let kept = fs::read_to_string(bad).unwrap();
    let kept: Vec<Value> = kept
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(kept.len(), UNREADABLE.len());
    assert!(kept.iter().all(|line| line["class"] == "unreadable"));
    assert!(
        kept[2]["text"]
            .as_str()
            .unwrap()
            .ends_with("A b: c\r\n\r\n{\"n\":4}")
    );
    wait_until("no consumer to be left", || nats.consumers("S") == 0);
    // By time, by subject, and as the last one.
    let by_time = Rocketman::tail(&nats.address("S?subject=s.*")).with("--since 1h -e");
    assert_eq!(numbers_of(&by_time.succeed()), [1, 9]);
    nats.publish_raw(b"s.\xff", b"", b"");
    let last = Rocketman::tail(&nats.address("S")).with("--cursor 9 -e");
    assert_eq!(numbers_of(&last.succeed()), [9]);
}

#[test]
fn a_message_that_is_merely_odd_is_delivered() {
    let Some(nats) = Nats::start("a_message_that_is_merely_odd_is_delivered") else {
        return;
    };
    odd_stream(&nats, stream::Config::default(), &READABLE);
    let call = Rocketman::tail(&nats.address("S")).with("--cursor 0 -e");
    let output = call.succeed();
    assert_eq!(numbers_of(&output), [1, 2, 3, 4, 5, 6, 7]);
    assert!(!output.stderr.contains("cannot read"), "{output:#?}");
}

#[test]
fn an_unreadable_message_that_cannot_be_looked_at_holds_the_run() {
    let test = "an_unreadable_message_that_cannot_be_looked_at_holds_the_run";
    let users = "authorization { users = [{ user: a, password: a, permissions {
        publish { deny: \"$JS.API.STREAM.MSG.GET.>\" } } }] }, no_auth_user: a, jetstream {}";
    let Some(nats) = Nats::configured(test, users) else {
        return;
    };
    odd_stream(&nats, stream::Config::default(), &UNREADABLE[..1]);
    let call = Rocketman::tail(&nats.address("S")).with("--cursor 0 -e --max-retries 4");
    let output = call.run();
    output.assert_says(
        3,
        &[
            "message 2",
            "$JS.API.STREAM.MSG.GET",
            "after 5 failed tries",
        ],
    );
    assert_eq!(numbers_of(&output), [1]);
    wait_until("no consumer to be left", || nats.consumers("S") == 0);
}

/// A queue with one unreadable message, and a consumer that gives up on a worker after a second.
fn odd_queue(nats: &Nats) {
    let queue = stream::Config {
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    };
    odd_stream(nats, queue, &UNREADABLE[1..2]);
    publish(nats, "s.plain", numbers(4..31));
    make_consumer(nats, Duration::from_secs(1));
}

#[test]
fn an_unreadable_message_stays_queued_while_others_flow() {
    let test = "an_unreadable_message_stays_queued_while_others_flow";
    let Some(nats) = Nats::start(test) else {
        return;
    };
    odd_queue(&nats);
    let mut worker = Rocketman::tail(&nats.address("S"))
        .with("--durable work")
        .start();
    let lines = worker.lines(29);
    let mut all = numbers_in(lines.iter().map(String::as_str));
    all.sort_unstable();
    all.dedup();
    assert!(all.len() >= 28 && !all.contains(&2), "{all:?}");
    worker.message("the NATS client cannot read message 2");
    wait_until("only that one to be left", || {
        state_of(&nats, "work") == (1, 0)
    });
    worker.signal(Signal::TERM);
    worker.finish().assert_says(0, &["it stays in the stream"]);
    let n_left = nats.with(async |jetstream| {
        let stream = jetstream.get_stream("S").await.unwrap();
        stream.cached_info().state.messages
    });
    assert_eq!(n_left, 1);
}

#[test]
fn an_unreadable_message_becomes_a_dead_letter_as_asked() {
    let test = "an_unreadable_message_becomes_a_dead_letter_as_asked";
    let Some(nats) = Nats::start(test) else {
        return;
    };
    odd_queue(&nats);
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead");
    let call = Rocketman::tail(&nats.address("S")).with("--durable work");
    let call = call.with(&format!(
        "--on-undeliverable dead-letter={}",
        dead.display()
    ));
    let worker = call.with("--save-interval 50ms -o out").start();
    wait_until("the queue to be empty", || {
        state_of(&nats, "work") == (0, 0)
    });
    worker.signal(Signal::TERM);
    worker
        .finish()
        .assert_says(0, &["1 undeliverable message kept as a dead letter"]);
    let letter: Value = serde_json::from_str(&fs::read_to_string(dead).unwrap()).unwrap();
    assert_eq!(letter["error"], "its headers are not UTF-8");
    let event = &letter["event"];
    assert_eq!(
        (&event["seq"], &event["subject"]),
        (&2.into(), &"s.a".into())
    );
    assert_eq!(event["data"]["n"], 2);
    let raw = data_encoding::BASE64.decode(event["raw_headers"].as_str().unwrap().as_bytes());
    assert_eq!(raw.unwrap(), UNREADABLE[1].1);
}
