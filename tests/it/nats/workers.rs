//! Several processes that read one stream: shares of it by account or key, and a queue that they
//! empty together.

use std::{fs, time::Duration};

use async_nats::jetstream::{consumer::pull, stream};

use super::source::{make, numbers, numbers_in, publish};
use crate::support::{events::post, nats::Nats, program::Rocketman, wait_until};

/// What the server knows of a durable consumer: messages without acknowledgement, and messages to
/// come.
pub(super) fn state_of(nats: &Nats, name: &str) -> (usize, u64) {
    state_in(nats, "S", name)
}

/// The same of a consumer of this stream.
pub(super) fn state_in(nats: &Nats, stream: &str, name: &str) -> (usize, u64) {
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream(stream).await.unwrap();
        let mut consumer = stream.get_consumer::<pull::Config>(name).await.unwrap();
        let info = consumer.info().await.unwrap();
        (info.num_ack_pending, info.num_pending)
    })
}

/// Makes the durable consumer `work`, which gives a message to another worker after this time.
pub(super) fn make_consumer(nats: &Nats, ack_wait: Duration) {
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream("S").await.unwrap();
        let config = pull::Config {
            durable_name: Some("work".to_owned()),
            ack_wait,
            ..pull::Config::default()
        };
        stream.create_consumer(config).await.unwrap();
    });
}

#[test]
fn workers_of_one_durable_consumer_share_its_messages() {
    let Some(nats) = Nats::start("workers_of_one_durable_consumer_share_its_messages") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    let folder = tempfile::tempdir().unwrap();
    let files = ["a", "b", "c"].map(|name| folder.path().join(name));
    let worker = || Rocketman::tail(&nats.address("S")).with("-v --durable work");
    let workers = files.each_ref().map(|file| {
        let worker = worker().with("--save-interval 50ms -o").arg(file).start();
        worker.message("sharing the consumer 'work'");
        worker
    });
    publish(&nats, "s.a", numbers(1..3001));
    wait_until("every message to be acknowledged", || {
        state_of(&nats, "work") == (0, 0)
    });
    // Who comes later finds nothing left.
    let late = worker().with("-e").succeed();
    assert_eq!(late.stdout, "");
    for worker in workers {
        worker.signal(rustix::process::Signal::TERM);
        worker.finish().assert_says(0, &["stopped by SIGTERM"]);
    }
    let mut all = Vec::new();
    for file in files {
        let mine = numbers_in(fs::read_to_string(file).unwrap().lines());
        assert!(mine.is_sorted(), "{mine:?}");
        all.extend(mine);
    }
    all.sort_unstable();
    assert_eq!(all, (1..3001).collect::<Vec<_>>());
}

#[test]
fn what_a_killed_worker_had_comes_to_another() {
    let Some(nats) = Nats::start("what_a_killed_worker_had_comes_to_another") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    make_consumer(&nats, Duration::from_secs(1));
    publish(&nats, "s.a", numbers(1..201));
    let worker = || Rocketman::tail(&nats.address("S")).with("--durable work");
    // It has a share of them, and never finishes the first.
    let stuck = worker().with("-x sleep 2").start();
    wait_until("it to have some", || state_of(&nats, "work").0 > 0);
    stuck.kill();
    let mut healthy = worker().with("-n 200").start();
    let lines = healthy.lines(200);
    let mut all = numbers_in(lines.iter().map(String::as_str));
    all.sort_unstable();
    assert_eq!(all, (1..201).collect::<Vec<_>>());
    healthy.finish();
    assert_eq!(state_of(&nats, "work"), (0, 0));
}

#[test]
fn a_slow_worker_keeps_what_it_has() {
    let Some(nats) = Nats::start("a_slow_worker_keeps_what_it_has") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    make_consumer(&nats, Duration::from_millis(400));
    publish(&nats, "s.a", numbers(1..4));
    // Each takes longer than the server waits.
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let call = Rocketman::tail(&nats.address("S")).with("--durable work -n 3 -x sh -c");
    call.arg(format!("sleep 0.7; cat >> {}", told.display()))
        .succeed();
    let told = fs::read_to_string(told).unwrap();
    assert_eq!(numbers_in(told.lines()), [1, 2, 3]);
    assert_eq!(state_of(&nats, "work"), (0, 0));
}

#[test]
fn a_work_queue_is_read_with_acks_from_its_first_message() {
    let Some(nats) = Nats::start("a_work_queue_is_read_with_acks_from_its_first_message") else {
        return;
    };
    let queue = stream::Config {
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    };
    make(&nats, "S", queue);
    publish(&nats, "s.a", numbers(1..4));
    let tail = || Rocketman::tail(&nats.address("S")).with("-e");
    let without = tail().with("--cursor 0").run();
    without.assert_says(2, &["as a work queue", "--durable NAME"]);
    let elsewhere = tail().with("--cursor 2 --durable work").run();
    elsewhere.assert_says(1, &["must be deliver all"]);
    let output = tail().with("--durable work").succeed();
    assert_eq!(numbers_in(output.lines()), [1, 2, 3]);
    assert_eq!(state_of(&nats, "work"), (0, 0));
    assert_eq!(tail().with("--durable work").succeed().stdout, "");
}

#[test]
fn a_consumer_that_does_not_fit_is_refused() {
    let Some(nats) = Nats::start("a_consumer_that_does_not_fit_is_refused") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream("S").await.unwrap();
        for (name, ack_policy, filter) in [
            ("all", async_nats::jetstream::consumer::AckPolicy::All, ""),
            (
                "part",
                async_nats::jetstream::consumer::AckPolicy::Explicit,
                "s.b",
            ),
        ] {
            let config = pull::Config {
                durable_name: Some(name.to_owned()),
                ack_policy,
                filter_subject: filter.to_owned(),
                ..pull::Config::default()
            };
            stream.create_consumer(config).await.unwrap();
        }
    });
    for (name, words) in [("all", "AckExplicit"), ("part", "other subjects")] {
        let call = Rocketman::tail(&nats.address("S"))
            .with("--durable")
            .arg(name);
        call.run()
            .assert_says(1, &[&format!("share the consumer '{name}'"), words]);
    }
    for (arguments, words) in [
        ("--durable a.b", "'a.b'"),
        ("--durable work --cursor-file c", "cannot be used with"),
        (
            "--durable work --cursor-kv nats://h/b/k",
            "cannot be used with",
        ),
        ("--durable work --shard 1/2", "cannot be used with"),
    ] {
        let call = Rocketman::tail(&nats.address("S")).with(arguments);
        call.run().assert_says(2, &["--durable", words]);
    }
}

/// The numbers that each of the shards gets from this source.
fn shares(nats: &Nats, source: &str, of: u32) -> Vec<Vec<u64>> {
    let shards = (1..=of).map(|number| format!("{number}/{of}"));
    shards
        .map(|shard| {
            let call = Rocketman::tail(&nats.address(source)).with("--cursor 0 -e --shard");
            numbers_in(call.arg(shard).succeed().lines())
        })
        .collect()
}

fn assert_whole(shares: &[Vec<u64>], n: u64) {
    assert!(
        shares
            .iter()
            .all(|share| share.is_sorted() && !share.is_empty())
    );
    let mut all = shares.concat();
    all.sort_unstable();
    assert_eq!(all, (1..=n).collect::<Vec<_>>());
}

#[test]
fn shards_split_messages_by_subject_and_events_by_account() {
    let Some(nats) = Nats::start("shards_split_messages_by_subject_and_events_by_account") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    for n in 1..21 {
        publish(&nats, &format!("s.key{}", n % 10), numbers(n..n + 1));
    }
    let by_key = shares(&nats, "S", 3);
    assert_whole(&by_key, 20);
    for share in &by_key {
        // With a message of a key come all others of it.
        assert!(
            share
                .iter()
                .all(|n| share.contains(&(if *n > 10 { n - 10 } else { n + 10 })))
        );
    }
    publish(&nats, "s.events", (1..31).map(post));
    let events = (1..=3).flat_map(|shard| {
        let call =
            Rocketman::tail(&nats.address("S?subject=s.events")).with("--cursor 0 -e --shard");
        let output = call.arg(format!("{shard}/3")).succeed();
        assert!(output.lines().len() < 30, "{output:#?}");
        output
            .lines()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let mut events: Vec<_> = events.collect();
    let mut expected: Vec<_> = (1..31).map(post).collect();
    events.sort_unstable();
    expected.sort_unstable();
    assert_eq!(events, expected);
}

#[test]
fn a_shard_that_the_subject_names_is_all_that_the_server_sends() {
    let Some(nats) = Nats::start("a_shard_that_the_subject_names_is_all_that_the_server_sends")
    else {
        return;
    };
    let partitioned = stream::Config {
        subject_transform: Some(stream::SubjectTransform {
            source: "s.*".to_owned(),
            destination: "s.{{partition(4,1)}}.{{wildcard(1)}}".to_owned(),
        }),
        ..stream::Config::default()
    };
    make(&nats, "S", partitioned);
    for n in 1..41 {
        publish(&nats, &format!("s.key{n}"), numbers(n..n + 1));
    }
    let by_server = shares(&nats, "S?subject=s.{shard}.*", 4);
    assert_whole(&by_server, 40);
    // It is the share that our own hash of the key gives too.
    make_plain(&nats);
    assert_eq!(by_server, shares(&nats, "P", 4));
    let one = Rocketman::tail(&nats.address("S?subject=s.{shard}.*")).with("--cursor 0 -e");
    let output = one.with("--shard 1/4 -v").succeed();
    output.assert_says(0, &["subject s.0.*", "shard 1/4"]);
    let none = Rocketman::tail(&nats.address("S?subject=s.{shard}.*")).run();
    none.assert_says(2, &["{shard}", "no --shard"]);
}

/// The same messages with their keys alone as subjects.
fn make_plain(nats: &Nats) {
    nats.with(async |jetstream| {
        let config = stream::Config {
            name: "P".to_owned(),
            subjects: vec!["*".to_owned()],
            ..stream::Config::default()
        };
        jetstream.create_stream(config).await.unwrap();
    });
    for n in 1..41 {
        publish(nats, &format!("key{n}"), numbers(n..n + 1));
    }
}

/// Four workers with a key each, all killed five times while messages come: each message is in its
/// worker's file, exactly once and in the order of its key. A fifth with a key that is taken is
/// turned away.
#[test]
fn killed_shards_lose_nothing_and_keep_each_keys_order() {
    let Some(nats) = Nats::start("killed_shards_lose_nothing_and_keep_each_keys_order") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    let folder = tempfile::tempdir().unwrap();
    let file = |shard: u32| folder.path().join(shard.to_string());
    let with_key = |shard: u32| {
        let call = Rocketman::tail(&nats.address("S")).with("--save-interval 20ms --create-bucket");
        let call = call.arg("--shard").arg(format!("{shard}/4"));
        let call = call.arg("--cursor-kv");
        call.arg(nats.address(&format!("cursors/work.{shard}_of_4")))
    };
    let worker = |shard: u32| with_key(shard).arg("-o").arg(file(shard));
    let store = |range: std::ops::Range<u32>| {
        nats.with(async |jetstream| {
            for n in range {
                let subject = format!("s.key{}", n % 16);
                let sent = jetstream.publish(subject, format!("{{\"n\":{n}}}").into());
                sent.await.unwrap().await.unwrap();
            }
        });
    };
    let lines = || -> usize {
        let texts = (1..=4).map(|shard| fs::read_to_string(file(shard)).unwrap_or_default());
        texts.map(|text| text.lines().count()).sum()
    };
    store(1..17);
    for shard in 1..=4 {
        worker(shard).with("--cursor 0 -e").succeed();
    }
    for round in 0..5 {
        let workers = [1, 2, 3, 4].map(|shard| worker(shard).start());
        store(17 + round * 400..417 + round * 400);
        let enough = 16 + round as usize * 400 + 200;
        wait_until("half of it to be written", || lines() >= enough);
        if round == 4 {
            with_key(2).run().assert_says(7, &["work.2_of_4"]);
        }
        for worker in workers {
            worker.kill();
        }
    }
    for shard in 1..=4 {
        worker(shard).with("-e").succeed();
    }
    let mut all = Vec::new();
    for shard in 1..=4 {
        let written = numbers_in(fs::read_to_string(file(shard)).unwrap().lines());
        for key in 0..16 {
            let of_key: Vec<_> = written.iter().filter(|n| **n % 16 == key).collect();
            assert!(of_key.is_sorted(), "shard {shard}, key {key}: {of_key:?}");
        }
        all.extend(written);
    }
    all.sort_unstable();
    assert_eq!(all, (1..2017).collect::<Vec<_>>());
}
