//! From stream to stream: what a program reads of the copy by rjet's rules is what it would have
//! read of the original.

use async_nats::{
    HeaderMap,
    jetstream::{Message, stream},
};
use rustix::process::Signal;

use crate::support::{
    nats::Nats,
    program::{Rocketman, Running},
    wait_until,
};

/// A message as rjet reads it: the foreign ID is the subject, the type a number in a header, the
/// metadata the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reflex {
    pub(super) foreign_id: String,
    pub(super) event_type: i64,
    pub(super) meta_data: Vec<u8>,
    /// All headers but those of the stream itself, sorted.
    headers: Vec<String>,
}

/// Everything in a stream, in its order.
pub(super) fn read(nats: &Nats, stream: &str) -> Vec<Reflex> {
    nats.read(stream, reflex)
}

fn reflex(message: &Message) -> Reflex {
    let headers = message.headers.clone().unwrap_or_default();
    let event_type = headers.get("reflex_type");
    let mut lines: Vec<_> = headers
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| format!("{name}: {value}")))
        .filter(|line| !line.starts_with("Nats-") && !line.starts_with("rocketman-"))
        .collect();
    lines.sort();
    Reflex {
        foreign_id: message.subject.to_string(),
        event_type: event_type.map_or(0, |number| number.as_str().parse().unwrap()),
        meta_data: message.payload.to_vec(),
        headers: lines,
    }
}

fn make(nats: &Nats, name: &str, subjects: &[&str]) {
    nats.add_stream(stream::Config {
        name: name.to_owned(),
        subjects: subjects
            .iter()
            .map(|subject| (*subject).to_owned())
            .collect(),
        allow_rollup: name == "A",
        ..stream::Config::default()
    });
}

fn publish(nats: &Nats, messages: &[(&str, HeaderMap, &[u8])]) {
    nats.with(async |jetstream| {
        for (subject, headers, payload) in messages {
            let payload = payload.to_vec().into();
            let sent =
                jetstream.publish_with_headers((*subject).to_owned(), headers.clone(), payload);
            sent.await.unwrap().await.unwrap();
        }
    });
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, *value);
    }
    headers
}

fn copying(from: &str, to: &str) -> Rocketman {
    Rocketman::tail(from).with("--cursor 0 -o").arg(to)
}

const EVENT: &[u8] = b"{\"did\":\"did:plc:a\",\"time_us\":1800000000000000,\r\n\"kind\":\"commit\",\"commit\":{\"rev\":\"r\",\"operation\":\"create\",\"collection\":\"c.d.e\",\"rkey\":\"k\",\"record\":{},\"cid\":\"x\"}}\n";

#[test]
fn messages_arrive_as_they_were() {
    let test = "messages_arrive_as_they_were";
    let (Some(from), Some(to)) = (Nats::start(test), Nats::start(test)) else {
        return;
    };
    make(&from, "A", &["orders.>", "other"]);
    make(&to, "B", &["orders.>", "other"]);
    let bytes: Vec<u8> = (0..=255).collect();
    let typed = || {
        headers(&[
            ("reflex_type", "7"),
            ("Also", "one"),
            ("Also", "t: wo"),
            ("Empty", ""),
        ])
    };
    publish(
        &from,
        &[
            ("orders.1.paid", typed(), b"{\n \"id\": 1 }\r\n"),
            ("orders.2", headers(&[("Nats-Msg-Id", "m2")]), &bytes),
            ("other", headers(&[("Nats-Rollup", "sub")]), b""),
            ("orders.3", HeaderMap::new(), EVENT),
            // The same event again is a message of its own.
            ("orders.3", headers(&[("rocketman-cursor", "5 7")]), EVENT),
            ("orders.\u{e9}", headers(&[("reflex_type", "-2")]), b"text"),
        ],
    );
    copying(&from.address("A"), &to.address("B"))
        .with("-e")
        .succeed();
    let original = read(&from, "A");
    let copy = read(&to, "B");
    assert_eq!(copy.len(), 6);
    let without = |message: &Reflex| Reflex {
        headers: message
            .headers
            .iter()
            .filter(|line| !line.starts_with("original-"))
            .cloned()
            .collect(),
        ..message.clone()
    };
    let plain: Vec<_> = copy.iter().map(without).collect();
    assert_eq!(plain, original);
    let moved: Vec<_> = copy.iter().flat_map(|message| &message.headers).collect();
    for line in [
        "original-Nats-Msg-Id: m2",
        "original-Nats-Rollup: sub",
        "original-rocketman-cursor: 5 7",
    ] {
        assert!(
            moved.iter().any(|there| *there == line),
            "no {line} in {moved:?}"
        );
    }
    // The next run goes on behind it, and a filter looks into events all the same.
    publish(
        &from,
        &[
            ("orders.3", HeaderMap::new(), EVENT),
            ("orders.4", HeaderMap::new(), b"4"),
        ],
    );
    let next = Rocketman::tail(&from.address("A"))
        .with("-e -c c.d.* -o")
        .arg(to.address("B"));
    next.succeed();
    let copy = read(&to, "B");
    assert_eq!(copy.len(), 7);
    assert_eq!(copy[6].meta_data, EVENT);
}

#[test]
fn in_one_account_a_prefix_tells_the_streams_apart() {
    let Some(nats) = Nats::start("in_one_account_a_prefix_tells_the_streams_apart") else {
        return;
    };
    make(&nats, "A", &["orders.>"]);
    publish(
        &nats,
        &[("orders.1", headers(&[("reflex_type", "7")]), b"one")],
    );
    let call = |from: &str, to: &str| copying(&nats.address(from), &nats.address(to)).with("-e");
    call("A", "B?subject=copy")
        .with("--create-stream --partitions 1")
        .succeed();
    let copy = read(&nats, "B");
    assert_eq!(
        (&*copy[0].foreign_id, copy[0].event_type),
        ("copy.0.orders.1", 7)
    );
    make(&nats, "C", &["other.>"]);
    let words = [
        "another stream does",
        "no two streams have the same subjects",
        "?subject=PREFIX",
    ];
    call("A", "C").run().assert_says(2, &words);
    make(&nats, "L", &["loop.>"]);
    let same = call("L", "L?subject=loop.copy").run();
    same.assert_says(2, &["stream 'L' cannot be both"]);
    // By another name the server tells.
    let other_name = nats
        .address("L?subject=loop.copy")
        .replace("127.0.0.1", "localhost");
    let onto_itself = Rocketman::tail(&nats.address("L")).with("--cursor 0 -v -o");
    let running = onto_itself.arg(other_name).start();
    running.message("reading from message");
    publish(&nats, &[("loop.1", HeaderMap::new(), b"one")]);
    let words = ["'L' is what is read", "copied for ever"];
    running.finish().assert_says(2, &words);
    let none = call("A", "D").with("--create-stream").run();
    none.assert_says(2, &["--create-stream", "none is named", "?subject=SUBJECT"]);
    let none = call("A", "C").with("--partitions 2").run();
    none.assert_says(2, &["--partitions", "?subject=PREFIX"]);
    let two = call("A", "C?subject=a&subject=b").run();
    two.assert_says(2, &["there is one subject"]);
    // Who asks for lines gets lines, below a subject of ours.
    call("A", "E?subject=lines")
        .with("--create-stream --envelope auto")
        .succeed();
    let lines = read(&nats, "E");
    assert_eq!(lines[0].foreign_id, "lines.other");
    assert!(String::from_utf8_lossy(&lines[0].meta_data).contains(r#""type":7,"#));
}

#[test]
fn a_subject_that_the_copy_does_not_take_is_named() {
    let test = "a_subject_that_the_copy_does_not_take_is_named";
    let (Some(from), Some(to)) = (Nats::start(test), Nats::start(test)) else {
        return;
    };
    make(&from, "A", &["orders.>", "other"]);
    make(&to, "B", &["orders.>"]);
    publish(
        &from,
        &[
            ("orders.1", HeaderMap::new(), b"1"),
            ("other", HeaderMap::new(), b"2"),
        ],
    );
    let output = copying(&from.address("A"), &to.address("B"))
        .with("-e")
        .run();
    output.assert_says(
        2,
        &["'B' takes orders.>", "the subject other", "--subjects"],
    );
    to.delete_stream("B");
    let several = "A?subject=orders.>&subject=other";
    let call = copying(&from.address(several), &to.address("C")).with("-e --create-stream");
    call.succeed();
    assert_eq!(read(&to, "C").len(), 2);
}

/// Killed five times, both sides too: each message is there once, in order and as it was.
#[test]
fn a_copy_survives_kills_of_everything() {
    const TOTAL: u64 = 6000;
    let test = "a_copy_survives_kills_of_everything";
    let (Some(mut from), Some(mut to)) = (Nats::start(test), Nats::start(test)) else {
        return;
    };
    make(&from, "A", &["orders.>"]);
    make(&to, "B", &["orders.>"]);
    from.with(async |jetstream| {
        for n in 0..TOTAL {
            let mut headers = headers(&[("reflex_type", "7")]);
            headers.insert("Number", n.to_string());
            let subject = format!("orders.{}", n % 7);
            let payload = format!("{{\"n\":\n{n}}}").into();
            let sent = jetstream.publish_with_headers(subject, headers, payload);
            let sent = sent.await.unwrap();
            // One answer speaks for those before it.
            if n % 500 == 499 || n + 1 == TOTAL {
                sent.await.unwrap();
            }
        }
    });
    let start = || -> Running {
        let call = copying(&from.address("A"), &to.address("B"));
        call.with("--publish-window 16 --nats-timeout 1s").start()
    };
    let mut running = Some(start());
    for round in 1..=5 {
        wait_until("a part of the copy", || {
            to.last_seq("B") >= round * TOTAL / 8
        });
        if round == 2 {
            to.kill();
            to.restart();
        }
        if round == 3 {
            from.kill();
            from.restart();
        }
        drop(running.take().map(Running::kill));
        // Who copies goes on by itself, wherever it was told to begin.
        let call =
            Rocketman::tail(&from.address("A")).with("--publish-window 16 --nats-timeout 1s -o");
        running = Some(call.arg(to.address("B")).start());
    }
    wait_until("all of the copy", || to.last_seq("B") >= TOTAL);
    running.as_ref().unwrap().signal(Signal::TERM);
    assert_eq!(running.take().unwrap().finish().code, Some(0));
    assert!(
        read(&to, "B") == read(&from, "A"),
        "lost, twice, out of order or changed"
    );
}
