//! A stream of NATS into a database: messages are acknowledged once their rows are committed, and a
//! stream that is read by its numbers is in the table once.

use std::{path::Path, thread, time::Duration};

use async_nats::jetstream::stream;
use rustix::process::Signal;

use super::{
    source::{make, publish},
    workers::make_consumer,
};
use crate::{
    sqlite::{number, records, texts},
    support::{
        fold::{Accounts, Fold},
        nats::Nats,
        program::Rocketman,
        wait_until,
    },
};

fn history() -> Vec<String> {
    let mut accounts = Accounts::new(5, 40);
    let steps = std::iter::repeat_with(|| accounts.step());
    steps.take(4_000).flatten().collect()
}

/// Kills runs with these flags until `is_done`, and ends the last one. `sql` grows with what is
/// read.
fn play(nats: &Nats, folder: &Path, flags: &str, sql: &str, is_done: impl Fn() -> bool) {
    let path = folder.join("x.db");
    let start = || {
        let tail = Rocketman::tail(&nats.address("S")).inside(folder);
        tail.with("-o sqlite:x.db --save-interval 30ms")
            .with(flags)
            .start()
    };
    for _ in 0..6 {
        let running = start();
        let before = number(&path, sql);
        wait_until("it goes on", || number(&path, sql) > before || is_done());
        thread::sleep(Duration::from_micros(fastrand::u64(..20_000)));
        running.kill();
    }
    let running = start();
    running.message("reading ");
    wait_until("the end of the stream", &is_done);
    running.signal(Signal::TERM);
    running.finish().assert_says(0, &["stop"]);
}

#[test]
fn killed_readers_have_each_message_in_the_table_once() {
    let test = "killed_readers_have_each_message_in_the_table_once";
    let Some(nats) = Nats::start(test) else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    let lines = history();
    publish(&nats, "s.a", lines.iter().map(String::as_str));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let place = "SELECT max(coalesce(reached ->> '$.point.seq', 0)) FROM rocketman_places";
    let flags = "--table events --begin oldest";
    play(&nats, folder.path(), flags, place, || {
        number(&path, place) == lines.len() as u64
    });
    let rows = "SELECT seq || kind || did FROM events ORDER BY id";
    let wanted = lines.iter().map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        format!("{}{}{}", event["cursor"], text("kind"), text("did"))
    });
    assert_eq!(texts(&path, rows), wanted.collect::<Vec<_>>());
}

#[test]
fn what_a_work_queue_forgot_is_in_the_table() {
    let Some(nats) = Nats::start("what_a_work_queue_forgot_is_in_the_table") else {
        return;
    };
    let config = stream::Config {
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    };
    make(&nats, "S", config);
    let lines = history();
    publish(&nats, "s.a", lines.iter().map(String::as_str));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let left = || {
        nats.with(async |jetstream| {
            let mut stream = jetstream.get_stream("S").await.unwrap();
            stream.info().await.unwrap().state.messages
        })
    };
    make_consumer(&nats, Duration::from_secs(1));
    let flags = "--durable work";
    let rows = "SELECT count(*) FROM all_records";
    play(&nats, folder.path(), flags, rows, || left() == 0);
    let mut wanted = Fold::default();
    wanted.add(0, &lines);
    assert_eq!(records(&path, "all_records"), wanted.records());
    assert_eq!(records(&path, "records"), wanted.visible());
}
