//! Several processes that empty one work queue: what each of them takes, gives back, and may take
//! out of it.

use std::fs;

use async_nats::jetstream::stream;
use serde_json::Value;

use super::{
    source::{make, numbers, numbers_in, publish},
    workers::{state_in, state_of},
};
use crate::support::{
    events::{identity, post},
    http::get,
    nats::Nats,
    program::Rocketman,
    wait_until,
};

/// Makes a work queue.
fn make_queue(nats: &Nats, name: &str) {
    let config = stream::Config {
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    };
    make(nats, name, config);
}

#[test]
fn a_worker_takes_no_more_than_it_can_begin() {
    let Some(nats) = Nats::start("a_worker_takes_no_more_than_it_can_begin") else {
        return;
    };
    for (name, arguments, at_once) in [
        ("ONE", "-x sh -c", 1),
        ("THREE", "--jobs 3 -x sh -c", 3),
        ("STREAM", "--exec-mode stream --in-flight 2 -x sh -c", 2),
    ] {
        make_queue(&nats, name);
        let subject = name.to_lowercase();
        for n in 1..13 {
            publish(&nats, &format!("{subject}.{n}"), numbers(n..n + 1));
        }
        let worker = || Rocketman::tail(&nats.address(name)).with("-v --durable work");
        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go");
        // In stream mode it answers what it was given, else it is done with its event.
        let wait = format!("while [ ! -e {} ]; do sleep 0.1; done; cat", go.display());
        let mut slow = worker().with(arguments).arg(wait).start();
        slow.message("sharing the consumer 'work'");
        wait_until("the slow worker to have begun", || {
            state_in(&nats, name, "work").0 == at_once
        });
        let mut quick = worker().with(&format!("-n {}", 12 - at_once)).start();
        let lines = quick.lines(12 - at_once);
        let mut all = numbers_in(lines.iter().map(String::as_str));
        quick.finish().assert_says(0, &[]);
        assert_eq!(state_in(&nats, name, "work"), (at_once, 0));
        fs::write(go, "").unwrap();
        let lines = slow.lines(at_once);
        all.extend(numbers_in(lines.iter().map(String::as_str)));
        slow.signal(rustix::process::Signal::TERM);
        slow.finish().assert_says(0, &["stopped by SIGTERM"]);
        assert_eq!(state_in(&nats, name, "work"), (0, 0));
        all.sort_unstable();
        assert_eq!(all, (1..13).collect::<Vec<_>>());
    }
}

#[test]
fn a_worker_that_is_busy_for_long_hears_no_silence() {
    let Some(nats) = Nats::start("a_worker_that_is_busy_for_long_hears_no_silence") else {
        return;
    };
    make_queue(&nats, "S");
    publish(&nats, "s.a", numbers(1..3));
    let call = Rocketman::tail(&nats.address("S")).with("--durable work -n 2");
    let call = call.with("--frame-timeout 600ms --idle-timeout 2s -x sh -c");
    let output = call.arg("sleep 3; cat").succeed();
    assert_eq!(numbers_in(output.lines()), [1, 2]);
    assert!(!output.stderr.contains("lost the consumer"), "{output:#?}");
}

#[test]
fn what_a_worker_took_and_did_not_begin_is_given_back() {
    let Some(nats) = Nats::start("what_a_worker_took_and_did_not_begin_is_given_back") else {
        return;
    };
    make_queue(&nats, "S");
    publish(&nats, "s.a", numbers(1..41));
    let worker = || Rocketman::tail(&nats.address("S")).with("--durable work");
    let mut all = numbers_in(worker().with("-n 3").succeed().lines());
    assert_eq!(all.len(), 3);
    // It comes at once, and not when the server has waited long enough.
    let mut next = worker().with("-n 37").start();
    let lines = next.lines(37);
    all.extend(numbers_in(lines.iter().map(String::as_str)));
    next.finish().assert_says(0, &[]);
    all.sort_unstable();
    assert_eq!(all, (1..41).collect::<Vec<_>>());
}

#[test]
fn what_is_owed_outlives_a_consumer_that_cannot_be_reopened() {
    let test = "what_is_owed_outlives_a_consumer_that_cannot_be_reopened";
    let Some(mut nats) = Nats::start(test) else {
        return;
    };
    make_queue(&nats, "S");
    publish(&nats, "s.a", numbers(1..2));
    let folder = tempfile::tempdir().unwrap();
    let (begun, go) = (folder.path().join("begun"), folder.path().join("go"));
    let wait = format!(
        "touch {}; while [ ! -e {} ]; do sleep 0.1; done",
        begun.display(),
        go.display()
    );
    let call = Rocketman::tail(&nats.address("S")).with("--durable work -x sh -c");
    let worker = call.arg(wait).start();
    wait_until("the program to have begun", || begun.exists());
    nats.kill();
    nats.configure(
        "authorization { users = [{ user: a, password: a }, { user: b, password: b, permissions {
            publish { deny: \"$JS.API.CONSUMER.INFO.>\" } } }] }, no_auth_user: b, jetstream {}",
    );
    nats.restart();
    worker.message("connected to");
    fs::write(go, "").unwrap();
    worker.finish().assert_says(6, &["$JS.API.CONSUMER.INFO"]);
    nats.kill();
    nats.configure("jetstream {}");
    nats.restart();
    wait_until("what was delivered to be acknowledged", || {
        state_of(&nats, "work") == (0, 0)
    });
}

/// A server that takes large messages, and a work queue with one that is too large for most calls
/// here, one that is no text, and two that are fine.
fn hard_queue(test: &str) -> Option<Nats> {
    let nats = Nats::configured(test, "max_payload: 8MB\njetstream {}")?;
    make_queue(&nats, "S");
    let large = format!("{{\"n\":2,\"x\":\"{}\"}}", "x".repeat(2_000_000));
    publish(&nats, "s.a", ["{\"n\":1}", &large]);
    publish(&nats, "s.a", [b"\xff\xfe".to_vec(), b"{\"n\":4}".to_vec()]);
    Some(nats)
}

/// A worker for which two of them are undeliverable.
fn choosy(nats: &Nats, arguments: &str) -> Rocketman {
    let worker = Rocketman::tail(&nats.address("S")).with("--durable work");
    worker
        .with("--max-frame-size 1M --envelope never")
        .with(arguments)
}

fn left_in(nats: &Nats) -> u64 {
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream("S").await.unwrap();
        stream.cached_info().state.messages
    })
}

#[test]
fn nothing_is_taken_out_of_a_queue_that_was_not_delivered() {
    let test = "nothing_is_taken_out_of_a_queue_that_was_not_delivered";
    let Some(nats) = hard_queue(test) else {
        return;
    };
    // Given back, they come again and again, while the others flow.
    let mut keeping = choosy(&nats, "--metrics-addr 127.0.0.1:0").start();
    let said = keeping.message("metrics are at http://");
    let address = said.split_once("http://").unwrap().1;
    let address = address.split_once("/metrics").unwrap().0;
    let lines = keeping.lines(2);
    assert_eq!(numbers_in(lines.iter().map(String::as_str)), [1, 4]);
    let kept = "rocketman_undeliverable_messages_total{outcome=\"kept\"}";
    wait_until("them to come again", || {
        let page = get(address, "/metrics").body;
        let line = page.lines().find(|line| line.starts_with(kept));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()) >= Some(4_u64)
    });
    keeping.signal(rustix::process::Signal::TERM);
    let output = keeping.finish();
    output.assert_says(
        0,
        &["message 2 of", "limit of 1048576 bytes", "message 3 of"],
    );
    let said = output.stderr.matches("cannot deliver").count();
    assert_eq!(said, 2, "{output:#?}");
    assert_eq!(left_in(&nats), 2);
    // The end, with the message left where it is.
    let stopped = choosy(&nats, "--on-undeliverable stop").run();
    stopped.assert_says(1, &["cannot deliver message", "it stays in the stream"]);
    assert_eq!(left_in(&nats), 2);
    // The others take them.
    let able = Rocketman::tail(&nats.address("S")).with("--durable work -n 2");
    assert_eq!(able.succeed().lines().len(), 2);
    assert_eq!(left_in(&nats), 0);
}

#[test]
fn an_undeliverable_message_is_skipped_or_kept_as_asked() {
    let test = "an_undeliverable_message_is_skipped_or_kept_as_asked";
    let Some(nats) = hard_queue(test) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead");
    let arguments = format!("-e --on-undeliverable dead-letter={}", dead.display());
    let output = choosy(&nats, &arguments).succeed();
    assert_eq!(numbers_in(output.lines()), [1, 4]);
    output.assert_says(0, &["2 undeliverable messages kept as dead letters"]);
    assert_eq!(left_in(&nats), 0);
    let letters = fs::read_to_string(dead).unwrap();
    let letters: Vec<Value> = letters
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(letters[0]["event"]["data"]["n"], 2);
    assert_eq!(letters[0]["error"], "it is larger than the size limit");
    assert_eq!(letters[0]["tries"], 1);
    let event = &letters[1]["event"];
    assert_eq!(
        (&event["subject"], &event["data"], &event["encoding"]),
        (&"s.a".into(), &"//4=".into(), &"base64".into())
    );
    publish(&nats, "s.a", [b"\xff".to_vec()]);
    let output = choosy(&nats, "-e --on-undeliverable skip").succeed();
    output.assert_says(0, &["1 undeliverable message terminated"]);
    assert_eq!(left_in(&nats), 0);
    for (arguments, words) in [
        ("--on-undeliverable dead-letter=", "dead-letter=FILE"),
        (
            "--on-undeliverable dead-letter=f -o f",
            "--on-undeliverable",
        ),
        (
            "--on-undeliverable dead-letter=no/such",
            "--on-undeliverable",
        ),
    ] {
        choosy(&nats, arguments).run().assert_says(2, &[words]);
    }
    let alone = Rocketman::tail(&nats.address("S")).with("--on-undeliverable skip");
    alone.run().assert_says(2, &["--durable"]);
}

#[test]
fn a_filter_on_a_work_queue_is_refused_unless_it_may_drop() {
    let test = "a_filter_on_a_work_queue_is_refused_unless_it_may_drop";
    let Some(nats) = Nats::start(test) else {
        return;
    };
    make_queue(&nats, "S");
    publish(&nats, "s.a", [post(0), identity(1)]);
    for filter in [
        "-c app.bsky.feed.post",
        "-d did:plc:abc",
        "-k identity",
        "--op create",
        "-k commit --on-undeliverable keep",
    ] {
        let worker = Rocketman::tail(&nats.address("S")).with("-e --durable work");
        let output = worker.with(filter).run();
        output.assert_says(2, &["work queue", "?subject=", "--on-undeliverable skip"]);
    }
    assert_eq!(left_in(&nats), 2);
    let worker = Rocketman::tail(&nats.address("S")).with("-e --durable work -k identity");
    let output = worker.with("--on-undeliverable skip").succeed();
    assert_eq!(output.lines(), [identity(1)]);
    assert_eq!(left_in(&nats), 0);
}
