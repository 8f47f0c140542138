//! `rocketman cursor` with a key in a bucket: shown without a claim, and never moved under the
//! hands of a running process.

mod access;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use super::{certificates::Certificates, hostile::INFO};
use crate::support::events::now_us;
use crate::support::{http::ask, nats::Nats, program::Rocketman, serve::Serving, wait_until};

const KEY: &str = "cursors/feed.1_of_4";

/// `rocketman cursor` with these arguments, of which `{}` is the address.
fn cursor(arguments: &str, address: &str) -> Rocketman {
    Rocketman::new(["cursor"]).with(&arguments.replace("{}", address))
}

/// Each of the three commands, with this address.
fn all(address: &str) -> [Rocketman; 3] {
    ["show {}", "set {} 2h", "rewind {} 1s"].map(|arguments| cursor(arguments, address))
}

fn reading(source: &str, nats: &Nats, n: u64) -> Rocketman {
    Rocketman::tail(source)
        .with(&format!(
            "-n {n} --create-bucket --save-interval 50ms --cursor-kv"
        ))
        .arg(nats.address(KEY))
}

/// What `rocketman cursor show --json` says of the key.
fn shown(nats: &Nats) -> Value {
    let output = cursor("show --json {}", &nats.address(KEY)).succeed();
    assert_eq!((output.stdout.lines().count(), &*output.stderr), (1, ""));
    serde_json::from_str(&output.stdout).unwrap()
}

/// The address of a key at a server that lets everybody in, and answers no request.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            writeln!(client, "{INFO}\r").unwrap();
            let lines = BufReader::new(client.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                if line == "PING" {
                    write!(client, "PONG\r\n").ok();
                }
            }
        }
    });
    format!("nats://{address}/{KEY}")
}

/// Makes the bucket, with this under the key.
fn put(nats: &Nats, text: &'static str) {
    nats.with(async |jetstream| {
        let config = async_nats::jetstream::kv::Config {
            bucket: "cursors".to_owned(),
            ..Default::default()
        };
        let bucket = jetstream.create_key_value(config).await.unwrap();
        bucket.put("feed.1_of_4", text.into()).await.unwrap();
    });
}

/// The numbers of the events on stdout.
fn numbers(stdout: &str) -> Vec<u64> {
    let events = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    events
        .map(|event: Value| event["cursor"].as_u64().unwrap())
        .collect()
}

fn time_us(line: &str) -> u64 {
    let event: Value = serde_json::from_str(line).unwrap();
    event["time_us"].as_u64().unwrap()
}

#[test]
fn a_key_is_shown_as_a_file_is_and_is_not_claimed() {
    let Some(nats) = Nats::start("a_key_is_shown_as_a_file_is_and_is_not_claimed") else {
        return;
    };
    let serving = Serving::new("demo:?rate=1000");
    let read = numbers(&reading(&serving.url, &nats, 100).succeed().stdout);
    let saves = nats.last_seq("KV_cursors");
    let report = shown(&nats);
    assert_eq!(report["file"], Value::Null);
    assert_eq!(report["key"], nats.address(KEY));
    assert_eq!(report["seq"], read[99]);
    assert_eq!(report["place"], "event");
    assert_eq!(report["in_use"], false);
    let people = cursor("show {}", &nats.address(KEY)).succeed().stdout;
    let number = format!("number    {}\n", read[99]);
    for words in [&*number, "filter    ", "in use    no\n"] {
        assert!(people.contains(words), "{people}");
    }
    assert_eq!(nats.last_seq("KV_cursors"), saves, "something was written");
    let running = reading(&serving.url, &nats, 1_000_000)
        .stdout(Stdio::null())
        .start_elsewhere();
    wait_until("a save", || shown(&nats)["in_use"] == true);
    let people = cursor("show {}", &nats.address(KEY)).succeed().stdout;
    assert!(
        people.contains("in use    yes, by a running process\n"),
        "{people}"
    );
    let before = shown(&nats)["seq"].as_u64().unwrap();
    wait_until("the owner to go on", || {
        shown(&nats)["seq"].as_u64().unwrap() > before
    });
    running.signal(Signal::TERM);
    running.finish().assert_says(0, &["cursor saved at"]);
}

#[test]
fn a_key_is_set_and_moved_back_and_tail_goes_on_there() {
    let Some(nats) = Nats::start("a_key_is_set_and_moved_back_and_tail_goes_on_there") else {
        return;
    };
    let serving = Serving::new("demo:?rate=max&seed=7");
    reading(&serving.url, &nats, 1).succeed();
    nats.with(async |jetstream| {
        let bucket = jetstream.get_key_value("cursors").await.unwrap();
        bucket.purge("feed.1_of_4").await.unwrap();
    });
    let address = nats.address(KEY);
    let without = cursor("set {} 50", &address).run();
    without.assert_says(
        2,
        &[
            "there is no cursor 'nats://",
            "name the server with --source",
        ],
    );
    let made = cursor("set {} 50 --source", &address)
        .arg(&serving.url)
        .succeed();
    made.assert_says(0, &["feed.1_of_4' to number 50 of ", "; it is a new key"]);
    assert_eq!(
        (&shown(&nats)["place"], &shown(&nats)["seq"]),
        (&"seq".into(), &50.into())
    );
    let next = reading(&serving.url, &nats, 20_000).succeed();
    assert_eq!(numbers(&next.stdout), (50..20_050).collect::<Vec<_>>());
    let lines = next.lines();
    let highest_us = shown(&nats)["highest_us"].as_u64().unwrap();
    let back_us = highest_us - time_us(lines[10_000]);
    let back = format!("rewind {{}} {back_us}us");
    let moved = cursor(&back, &address).succeed();
    moved.assert_says(0, &["moved 'nats://", "back by "]);
    let report = shown(&nats);
    assert_eq!(report["time_us"], time_us(lines[10_000]));
    assert_eq!(report["place"], "time");
    assert_eq!(report["seq"], Value::Null);
    let first = lines
        .iter()
        .find(|line| time_us(line) >= highest_us - back_us)
        .unwrap();
    let again = reading(&serving.url, &nats, 1).succeed();
    assert_eq!(numbers(&again.stdout), numbers(first));
    cursor("set {} 2h", &address)
        .succeed()
        .assert_says(0, &["; it was at "]);
    let age = shown(&nats)["age_seconds"].as_u64().unwrap();
    assert!((7200..7300).contains(&age), "{age} at {}", now_us());
}

#[test]
fn a_key_that_a_process_has_is_not_moved() {
    let Some(nats) = Nats::start("a_key_that_a_process_has_is_not_moved") else {
        return;
    };
    let serving = Serving::new("demo:?rate=1000");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.ndjson");
    let running = reading(&serving.url, &nats, 1_000_000)
        .arg("-o")
        .arg(&file)
        .start();
    wait_until("a save", || {
        let output = cursor("show --json {}", &nats.address(KEY)).run();
        output.stdout.contains("\"in_use\":true")
    });
    let move_it = [
        "set {} 2h",
        "set {} 3",
        "rewind {} 1s",
        "rewind {} 1s --forget-files",
    ];
    for arguments in move_it {
        let output = cursor(arguments, &nats.address(KEY)).run();
        let words = [
            "feed.1_of_4' is in use by another process",
            "a key of its own",
        ];
        output.assert_says(7, &words);
    }
    running.kill();
    let saves = nats.last_seq("KV_cursors");
    let refused = cursor("rewind {} 1s", &nats.address(KEY)).run();
    let words = [
        "error: cursor 'nats://",
        "counts on output file '",
        "--forget-files",
    ];
    refused.assert_says(2, &words);
    assert_eq!(nats.last_seq("KV_cursors"), saves, "something was written");
    let moved = cursor("rewind {} 1s --forget-files", &nats.address(KEY)).succeed();
    moved.assert_says(0, &["out.ndjson' stays as it is"]);
    assert_eq!(shown(&nats)["files"], Value::Array(Vec::new()));
    assert_eq!(shown(&nats)["in_use"], false);
    reading(&serving.url, &nats, 1).succeed();
}

#[test]
fn a_key_that_cannot_be_had_is_refused_with_the_way_out() {
    let test = "a_key_that_cannot_be_had_is_refused_with_the_way_out";
    let Some(nats) = Nats::start(test) else {
        return;
    };
    let refused = |address: &str, code, words: &[&str]| {
        for call in all(address) {
            let output = call.run();
            output.assert_says(code, words);
            assert_eq!(output.stdout, "");
        }
    };
    let address = nats.address(KEY);
    let words = [
        "no bucket 'cursors'",
        "tail --create-bucket",
        "nats kv add cursors",
    ];
    refused(&address, 2, &words);
    put(&nats, "{\"format\": 1");
    refused(&address, 1, &["feed.1_of_4' cannot be used", "nats kv del"]);
    for arguments in ["show {}", "rewind {} 1s"] {
        let output = cursor(arguments, &nats.address("cursors/other")).run();
        let there_is = format!("there is no cursor '{}'", nats.address("cursors/other"));
        let hint = format!(
            "rocketman cursor set '{}' 2h",
            nats.address("cursors/other")
        );
        output.assert_says(2, &[&there_is, &hint]);
    }
    refused("nats:cursors", 2, &["is not the address of a key"]);
    refused("ws://localhost/x", 2, &["is not the address of a key"]);
    refused("nats:b/a..b", 2, &["is not a bucket and a key"]);
    let secret = nats.address(KEY).replace("//", "//ann:geheim@");
    refused(
        &secret,
        2,
        &["carries a user name, password or token", "NATS_USER"],
    );
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let words = ["after 3 failed tries in a row", "whether the server runs"];
    refused(&format!("nats://{free}/{KEY}"), 3, &words);
    let Some(plain) = Nats::configured(test, "") else {
        return;
    };
    refused(
        &plain.address(KEY),
        2,
        &["no JetStream for this account", "nats-server -js"],
    );
}
