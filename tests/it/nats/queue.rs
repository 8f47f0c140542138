//! Several processes that empty one work queue: what each of them takes, gives back, and may take out of it.

use std::fs;

use async_nats::jetstream::stream;

use super::{
    source::{make, numbers, numbers_in, publish},
    workers::{state_in, state_of},
};
use crate::support::{nats::Nats, program::Rocketman, wait_until};

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
