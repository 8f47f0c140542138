//! A cluster of three NATS servers under a source and under a sink, with leaders killed and frozen,
//! every server started anew, and our own process killed: nothing is lost, nothing comes twice, all
//! is in order, and nobody starts anything again by hand.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use async_nats::jetstream::stream;
use rustix::process::Signal;
use serde_json::Value;

use super::is_wanted;
use crate::support::{
    cluster::{Cluster, NODES, START_TIMEOUT},
    nats::block_on_within,
    program::{Rocketman, Running},
};

/// How long a frozen leader is left alone: longer than a request may take, and than the other
/// servers wait for it.
const FROZEN: Duration = Duration::from_secs(12);

/// How long all of a run takes at most.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long a killed server stays away, so that the others go on without it.
const AWAY: Duration = Duration::from_secs(4);

/// The numbers that came, in their order.
struct Came(Vec<u64>);

impl Came {
    /// Wants each number from 0 up to the total once, in order.
    #[track_caller]
    fn assert_whole(&self, total: u64, test: &str) {
        let Self(numbers) = self;
        let distinct: HashSet<_> = numbers.iter().copied().collect();
        let lost = (0..total).filter(|n| !distinct.contains(n)).count();
        let twice = numbers.len() - distinct.len();
        let back = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
        println!(
            "{test}: {} came of {total}, {lost} lost, {twice} twice, {back} out of order",
            numbers.len()
        );
        assert_eq!((lost, twice, back), (0, 0, 0));
        assert_eq!(numbers.len() as u64, total);
    }
}

/// What is done to the servers, while the program under test goes on. `killed` is done between the
/// freeze and the rolling restart.
fn harm(cluster: &mut Cluster, stream: &str, mut killed: impl FnMut()) {
    let leader = cluster.leader(stream);
    cluster.end(leader, Signal::KILL);
    thread::sleep(AWAY);
    cluster.launch(leader);
    cluster.ask("all servers", async |jetstream| {
        jetstream.query_account().await.ok()
    });
    killed();
    let leader = cluster.leader(stream);
    cluster.signal(leader, Signal::STOP);
    thread::sleep(FROZEN);
    cluster.signal(leader, Signal::CONT);
    for node in 0..NODES {
        cluster.leader(stream);
        cluster.end(node, Signal::TERM);
        thread::sleep(AWAY);
        cluster.launch(node);
    }
    // The leader and we ourselves at once.
    let leader = cluster.leader(stream);
    cluster.end(leader, Signal::KILL);
    killed();
    thread::sleep(AWAY);
    cluster.launch(leader);
}

fn make(cluster: &Cluster, name: &str, subject: &str) {
    let config = stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        num_replicas: NODES,
        ..stream::Config::default()
    };
    cluster.ask("the stream", async |jetstream| {
        jetstream.get_or_create_stream(config.clone()).await.ok()
    });
}

fn last_seq(cluster: &Cluster, stream: &str) -> u64 {
    cluster.ask("the stream", async |jetstream| {
        let stream = jetstream.get_stream(stream).await.ok()?;
        Some(stream.cached_info().state.last_sequence)
    })
}

/// Publishes numbers until it is told to stop, each until it is stored once.
fn publish(urls: &[String], is_over: impl Fn() -> bool) -> u64 {
    block_on_within(LONGEST, async {
        let client = async_nats::connect(urls).await.unwrap();
        let mut jetstream = async_nats::jetstream::new(client);
        jetstream.set_timeout(Duration::from_secs(2));
        let mut n = 0;
        while !is_over() {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Nats-Msg-Id", format!("m{n}"));
            let payload = format!("{{\"n\":{n}}}").into();
            let subject = format!("ch.{}", n % 7);
            let sent = jetstream
                .publish_with_headers(subject, headers, payload)
                .await;
            let is_stored = match sent {
                Ok(sent) => sent.await.is_ok(),
                Err(_) => false,
            };
            n += u64::from(is_stored);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        n
    })
}

/// The number and the sequence number of each message that the stream has.
fn stored(cluster: &Cluster, stream: &str) -> Vec<(u64, u64)> {
    let last = last_seq(cluster, stream);
    let mut stored = Vec::new();
    while (stored.len() as u64) < last {
        let from = stored.len() as u64 + 1;
        stored.extend(cluster.ask("the messages", async |jetstream| {
            let stream = jetstream.get_stream(stream).await.ok()?;
            let mut messages = Vec::new();
            for seq in from..=last.min(from + 99) {
                let message = stream.get_raw_message(seq).await.ok()?;
                let payload: Value = serde_json::from_slice(&message.payload).ok()?;
                messages.push((seq, payload["n"].as_u64()?));
            }
            Some(messages)
        }));
    }
    stored
}

/// Waits for a condition as long as a cluster may take.
#[track_caller]
fn wait_long(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + START_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let whole = text.lines().map(serde_json::from_str);
    whole.map_while(Result::ok).collect()
}

/// Sends a signal to the program and starts it again as it was, as a service manager does after a
/// kill.
fn start_anew(running: &mut Option<Running>, start: impl Fn() -> Running) {
    if let Some(running) = running.take() {
        running.kill();
    }
    *running = Some(start());
}

/// Wants it to end by a stop alone: it was never started again but after our own kills.
#[track_caller]
fn stop(running: Option<Running>) {
    let running = running.unwrap();
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn a_source_survives_the_chaos_of_a_cluster() {
    let test = "a_source_survives_the_chaos_of_a_cluster";
    if !is_wanted(test) {
        return;
    }
    let Some(mut cluster) = Cluster::start(test) else {
        return;
    };
    make(&cluster, "CH", "ch.>");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.ndjson");
    let address = cluster.address("CH");
    let start = || {
        let call = Rocketman::tail(&address).with("--cursor-file cursor -o");
        call.arg(&file).inside(folder.path()).start()
    };
    let first = Rocketman::tail(&address).with("--cursor 0 --cursor-file cursor -o");
    let mut running = Some(first.arg(&file).inside(folder.path()).start());
    let over = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    let urls = cluster.urls();
    let total = thread::scope(|scope| {
        let publisher = scope.spawn(|| publish(&urls, || over.load(order)));
        wait_long("the first lines", || lines(&file).len() > 100);
        harm(&mut cluster, "CH", || start_anew(&mut running, start));
        over.store(true, order);
        publisher.join().unwrap()
    });
    // A cluster may store a message twice when its leader goes while it is published: what came is
    // held against what the stream has, each message once.
    let stored = stored(&cluster, "CH");
    wait_long("all lines", || lines(&file).len() >= stored.len());
    stop(running);
    let came: Vec<_> = lines(&file)
        .iter()
        .map(|line| {
            (
                line["seq"].as_u64().unwrap(),
                line["data"]["n"].as_u64().unwrap(),
            )
        })
        .collect();
    let seqs = came.iter().map(|(seq, _)| seq - 1).collect();
    Came(seqs).assert_whole(stored.len() as u64, test);
    assert_eq!(came, stored);
    let published: BTreeSet<_> = came.iter().map(|(_, n)| *n).collect();
    assert!(
        published.iter().copied().eq(0..total),
        "of {total} published"
    );
    let n_twice = came.len() as u64 - total;
    println!("{test}: {n_twice} messages are in the stream twice");
}

#[test]
fn a_sink_survives_the_chaos_of_a_cluster() {
    const RATE: u64 = 200;
    let test = "a_sink_survives_the_chaos_of_a_cluster";
    if !is_wanted(test) {
        return;
    }
    let Some(mut cluster) = Cluster::start(test) else {
        return;
    };
    let address = cluster.address("FH?subject=fh");
    let serving = crate::support::serve::Serving::new(&format!("demo:?rate={RATE}"));
    let start = |more: &str| {
        let call = Rocketman::tail(&serving.url).with("--create-stream --stream-replicas 3");
        call.with(more).arg("-o").arg(&address).start()
    };
    // From now on: what the demo invented since the beginning of its year would come all at once.
    let mut running = Some(start(""));
    wait_long("the first events", || last_seq(&cluster, "FH") > 100);
    harm(&mut cluster, "FH", || {
        start_anew(&mut running, || start(""));
    });
    let then = last_seq(&cluster, "FH");
    wait_long("it to go on", || last_seq(&cluster, "FH") > then + 5 * RATE);
    stop(running);
    let read = Rocketman::tail(&cluster.address("FH"))
        .with("--cursor 0 -e")
        .succeed();
    let number = |line: &str| {
        serde_json::from_str::<Value>(line).unwrap()["cursor"]
            .as_u64()
            .unwrap()
    };
    let numbers: Vec<_> = read.stdout.lines().map(number).collect();
    let first = numbers[0];
    let total = numbers.last().unwrap() - first + 1;
    Came(numbers.into_iter().map(|n| n - first).collect()).assert_whole(total, test);
}
