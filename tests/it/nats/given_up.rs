//! Servers that were connected and do not come back: `--max-retries` holds for source, sink and
//! cursor store.

use std::fs;

use async_nats::jetstream::{consumer::pull, stream};

use super::{
    source::{make, numbers, numbers_in, numbers_of, publish},
    unavailable::number,
};
use crate::support::{
    events::post,
    http::get,
    jetstream::Server,
    nats::Nats,
    program::{Output, Rocketman},
    wait_until,
};

const FEW: &str = "--max-retries 2 --max-backoff 100ms --nats-timeout 1s";

/// A run that gave up, and said at which server.
#[track_caller]
fn assert_gave_up(nats: &Nats, output: &Output) {
    let words = format!("gave up on {}", nats.url());
    output.assert_says(
        3,
        &[
            "lost the connection",
            &words,
            "after 3 failed tries in a row",
            "IO error",
            "hint: check the address",
        ],
    );
}

#[test]
fn a_source_whose_server_stays_away_is_given_up() {
    let Some(mut nats) = Nats::start("a_source_whose_server_stays_away_is_given_up") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..4));
    let call = Rocketman::tail(&nats.address("S")).with(FEW);
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let call = call.with("--cursor 0 --cursor-file").arg(&cursor);
    let mut running = call.start();
    assert_eq!(
        numbers_in(running.lines(3).iter().map(String::as_str)),
        [1, 2, 3]
    );
    nats.kill();
    assert_gave_up(&nats, &running.finish());
    // The place is saved, so that the next run has the rest.
    nats.restart();
    publish(&nats, "s.a", numbers(4..6));
    let next = Rocketman::tail(&nats.address("S")).with("-e --cursor-file");
    assert_eq!(numbers_of(&next.arg(&cursor).succeed()), [4, 5]);
}

#[test]
fn a_worker_whose_server_stays_away_is_given_up() {
    let Some(mut nats) = Nats::start("a_worker_whose_server_stays_away_is_given_up") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream("S").await.unwrap();
        let config = pull::Config {
            durable_name: Some("w".to_owned()),
            ..pull::Config::default()
        };
        stream.create_consumer(config).await.unwrap();
    });
    publish(&nats, "s.a", numbers(1..4));
    let call = Rocketman::tail(&nats.address("S")).with("--durable w");
    let mut running = call.with(FEW).start();
    running.lines(3);
    nats.kill();
    assert_gave_up(&nats, &running.finish());
}

/// More than a pipe holds, so that the end is not read when the server dies.
#[test]
fn a_run_with_an_end_is_given_up_and_gone_on_with() {
    const ALL: u32 = 30_000;
    let Some(mut nats) = Nats::start("a_run_with_an_end_is_given_up_and_gone_on_with") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    let padding = "x".repeat(500);
    let padded = |n| format!("{{\"n\":{n},\"x\":\"{padding}\"}}");
    publish(&nats, "s.a", (1..=ALL).map(padded));
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let call = || {
        let call = Rocketman::tail(&nats.address("S")).with("--cursor-file");
        call.arg(&cursor).with("-e").with(FEW)
    };
    let mut running = call().with("--cursor 0").start();
    let mut lines = vec![running.line()];
    let next = call();
    nats.kill();
    let output = running.finish();
    assert_gave_up(&nats, &output);
    lines.extend(output.lines().into_iter().map(str::to_owned));
    nats.restart();
    let rest = next.succeed();
    lines.extend(rest.lines().into_iter().map(str::to_owned));
    let numbers = numbers_in(lines.iter().map(String::as_str));
    assert!(
        numbers.iter().copied().eq(1..=u64::from(ALL)),
        "{} lines",
        numbers.len()
    );
}

#[test]
fn a_sink_whose_server_stays_away_is_given_up() {
    let Some(mut nats) = Nats::start("a_sink_whose_server_stays_away_is_given_up") else {
        return;
    };
    let quiet = Server::every(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    // Without an event on its way when the server dies, and with.
    for source in [&*quiet.url(), "demo:?rate=500&seed=1"] {
        let stream = format!("S{}", source.len());
        let call = Rocketman::tail(source).with("--create-stream").with(FEW);
        let address = nats.address(&format!("{stream}?subject={stream}"));
        let running = call.with("-o").arg(address).start();
        wait_until("an event is stored", || nats.last_seq(&stream) > 0);
        nats.kill();
        assert_gave_up(&nats, &running.finish());
        nats.restart();
    }
}

#[test]
fn a_cursor_whose_server_stays_away_is_given_up() {
    let Some(mut nats) = Nats::start("a_cursor_whose_server_stays_away_is_given_up") else {
        return;
    };
    let key = nats.address("cursors/k");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ndjson");
    nats.with(async |jetstream| {
        let config = async_nats::jetstream::kv::Config {
            bucket: "cursors".to_owned(),
            ..Default::default()
        };
        jetstream.create_key_value(config).await.unwrap();
    });
    let call = || {
        let call = Rocketman::tail("demo:?rate=200&seed=1").with("--save-interval 50ms");
        let call = call.with(FEW).with("--cursor-kv");
        call.arg(&key).with("-o").arg(&file)
    };
    let running = call().start();
    wait_until("the cursor is saved", || nats.last_seq("KV_cursors") > 5);
    nats.kill();
    assert_gave_up(&nats, &running.finish());
    // It goes on from what was saved while the server was there, and each event is in the file
    // once.
    nats.restart();
    call().with("-n 20").succeed();
    let text = fs::read_to_string(&file).unwrap();
    let numbers: Vec<_> = text.lines().map(number).collect();
    let first = numbers[0];
    let expected = first..first + numbers.len() as u64;
    assert!(numbers.len() > 20);
    assert!(numbers.iter().copied().eq(expected), "{numbers:?}");
}

#[test]
fn a_server_that_comes_back_in_time_is_gone_on_with() {
    let Some(mut nats) = Nats::start("a_server_that_comes_back_in_time_is_gone_on_with") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..3));
    let call = Rocketman::tail(&nats.address("S")).with("--cursor 0 --metrics-addr 127.0.0.1:0");
    let mut running = call.with("-n 4 --max-retries 100 --max-backoff 1s").start();
    let told = running.message("metrics are at http://");
    let (_, page) = told.split_once("http://").unwrap();
    let (page, _) = page.split_once("/metrics").unwrap();
    running.lines(2);
    nats.kill();
    running.message("lost the connection");
    assert_eq!(get(page, "/healthz").status, 200);
    nats.restart();
    publish(&nats, "s.a", numbers(3..5));
    let lines = running.lines(2);
    assert_eq!(numbers_in(lines.iter().map(String::as_str)), [3, 4]);
    running.finish().assert_says(0, &["again after"]);
}
