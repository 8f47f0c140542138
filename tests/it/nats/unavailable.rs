//! Servers that are there, and cannot do what is asked just now.

use async_nats::jetstream::stream;
use rustix::process::Signal;

use crate::support::{
    cluster::{Cluster, NODES},
    nats::Nats,
    program::Rocketman,
};

/// Only one of three servers runs, so nobody leads: source, worker, sink and cursor store wait for
/// that, and say so.
#[test]
fn a_cluster_without_a_leader_is_waited_for_at_the_start() {
    let test = "a_cluster_without_a_leader_is_waited_for_at_the_start";
    let Some(mut cluster) = Cluster::start(test) else {
        return;
    };
    let make = |name: &str, subject: &str, retention| stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        num_replicas: 3,
        retention,
        ..stream::Config::default()
    };
    let configs = [
        make("S", "s.>", stream::RetentionPolicy::Limits),
        make("Q", "q.>", stream::RetentionPolicy::WorkQueue),
        make(
            "KV_cursors",
            "$KV.cursors.>",
            stream::RetentionPolicy::Limits,
        ),
    ];
    for config in configs {
        cluster.ask("a stream", async |jetstream| {
            jetstream.get_or_create_stream(config.clone()).await.ok()
        });
    }
    for subject in ["s.a", "q.a"] {
        cluster.ask("a message", async |jetstream| {
            let ack = jetstream.publish(subject, "hello".into()).await;
            ack.ok()?.await.ok()
        });
    }
    for node in 0..NODES {
        cluster.end(node, Signal::KILL);
    }
    cluster.launch(0);
    let call = |source: &str, more: &str| {
        let call = Rocketman::tail(source).with("--nats-timeout 1s --max-backoff 300ms");
        call.with(more)
    };
    let (stream, queue) = (cluster.address("S"), cluster.address("Q"));
    let calls = || {
        [
            call(&stream, "--cursor 0 -n 1"),
            call(&queue, "--durable w -n 1"),
            call(
                "demo:?rate=max",
                "--create-stream --stream-replicas 3 -n 5 -o",
            )
            .arg(cluster.address("FH?subject=fh")),
            call("demo:?rate=max", "-n 5 --cursor-kv").arg(cluster.address("cursors/k")),
        ]
    };
    for call in calls() {
        let output = call.with("--max-retries 1").run();
        output.assert_says(3, &["after 2 failed tries in a row"]);
    }
    let running = calls().map(Rocketman::start);
    for running in &running {
        running.message("trying again in");
    }
    for node in 1..NODES {
        cluster.launch(node);
    }
    for (running, lines) in running.into_iter().zip([1, 1, 0, 5]) {
        let output = running.finish();
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_eq!(output.lines().len(), lines, "{output:#?}");
    }
    let Some(plain) = Nats::start(test) else {
        return;
    };
    if !plain.is_at_least(2, 11) {
        println!("{test}: not read back, for such a cluster may not make its replicas whole again");
        return;
    }
    // A consumer may be made where the stream is not whole again, and has its end there.
    cluster.ask("whole replicas", async |jetstream| {
        let stream = jetstream.get_stream("FH").await.ok()?;
        let replicas = &stream.cached_info().cluster.as_ref()?.replicas;
        let is_whole = |lag: Option<u64>| lag.unwrap_or_default() == 0;
        let mut replicas = replicas.iter();
        replicas
            .all(|replica| replica.current && is_whole(replica.lag))
            .then_some(())
    });
    let read = Rocketman::tail(&cluster.address("FH")).with("--cursor 0 -e");
    assert_eq!(read.succeed().lines().len(), 5);
}

/// Its leader takes messages that it cannot store. When they come again it refuses them, or (2.10)
/// calls them duplicates of a message without a number.
#[test]
fn a_sink_outlives_a_leader_without_a_majority() {
    let test = "a_sink_outlives_a_leader_without_a_majority";
    let Some(mut cluster) = Cluster::start(test) else {
        return;
    };
    let call = Rocketman::tail("demo:?rate=200&seed=3").with("--nats-timeout 1s -n 800");
    let call = call.with("--create-stream --stream-replicas 3 -o");
    let running = call.arg(cluster.address("FH?subject=fh")).start();
    cluster.ask("some messages", async |jetstream| {
        let stream = jetstream.get_stream("FH").await.ok()?;
        (stream.cached_info().state.messages > 100).then_some(())
    });
    let leader = cluster.leader("FH");
    let others = || (0..NODES).filter(|node| *node != leader);
    for node in others() {
        cluster.end(node, Signal::KILL);
    }
    // That it stores nothing, or that its end cannot be seen where the leader has given up already.
    running.message("the stream 'FH'");
    for node in others() {
        cluster.launch(node);
    }
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    cluster.ask("all of them", async |jetstream| {
        let stream = jetstream.get_stream("FH").await.ok()?;
        (stream.cached_info().state.messages == 800).then_some(())
    });
}

#[test]
fn too_many_messages_at_once_are_sent_again() {
    let test = "too_many_messages_at_once_are_sent_again";
    let Some(plain) = Nats::start(test) else {
        return;
    };
    if !plain.is_at_least(2, 11) {
        println!("{test}: skipped, for this server has no such limit");
        return;
    }
    let limited = "jetstream { max_buffered_msgs: 200 }";
    let Some(nats) = Nats::configured(test, limited) else {
        return;
    };
    let call = Rocketman::tail("demo:?rate=max&seed=3").with("-n 6000 --create-stream -o");
    call.arg(nats.address("FH?subject=fh")).succeed();
    let read = Rocketman::tail(&nats.address("FH")).with("--cursor 0 -e");
    let numbers = read
        .succeed()
        .stdout
        .lines()
        .map(number)
        .collect::<Vec<_>>();
    assert!(numbers.iter().copied().eq(1..=6_000), "{numbers:?}");
}

/// The number that an event had where it came from.
pub(super) fn number(line: &str) -> u64 {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["cursor"].as_u64().unwrap()
}

#[test]
fn who_may_not_hear_answers_is_told_so() {
    let users = r#"authorization { users: [{user: "ann", password: "b", permissions: {subscribe: "x"}}] }, jetstream {}"#;
    let Some(nats) = Nats::configured("who_may_not_hear_answers_is_told_so", users) else {
        return;
    };
    let address = nats.address("S");
    let calls = [
        Rocketman::tail(&address),
        Rocketman::tail("demo:").with("-o").arg(&address),
        Rocketman::tail("demo:")
            .with("--cursor-kv")
            .arg(nats.address("b/k")),
    ];
    for call in calls {
        let call = call.env("NATS_USER", "ann").env("NATS_PASSWORD", "b");
        let words = [
            "does not allow it",
            "Permissions Violation for Subscription",
        ];
        call.run().assert_says(6, &words);
    }
}

#[test]
fn an_account_without_jetstream_stays_wrong_usage() {
    let accounts = r#"accounts { A: { users: [{user: "ann", password: "b"}] }, B: { jetstream: enabled } }, jetstream {}"#;
    let Some(nats) = Nats::configured("an_account_without_jetstream_stays_wrong_usage", accounts)
    else {
        return;
    };
    let Some(none) = Nats::configured("an_account_without_jetstream_stays_wrong_usage", "") else {
        return;
    };
    for nats in [&nats, &none] {
        for call in [
            Rocketman::tail(&nats.address("S")),
            Rocketman::tail("demo:").with("-o").arg(nats.address("S")),
            Rocketman::tail("demo:")
                .with("--cursor-kv")
                .arg(nats.address("b/k")),
        ] {
            let call = call.env("NATS_USER", "ann").env("NATS_PASSWORD", "b");
            call.run()
                .assert_says(2, &["no JetStream for this account"]);
        }
    }
}
