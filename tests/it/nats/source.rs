//! What is read of a stream, from where on, and in which form.

mod gaps;
mod lagging;
pub(crate) mod outages;
mod subjects;

use std::{
    fs,
    time::{Duration, SystemTime},
};

use async_nats::{HeaderMap, jetstream::stream};
use serde_json::Value;

use crate::support::{
    events::{identity, post},
    nats::Nats,
    program::{Output, Rocketman},
};

/// Makes a stream of everything below its own name in small letters.
pub(super) fn make(nats: &Nats, name: &str, config: stream::Config) {
    nats.with(async |jetstream| {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![format!("{}.>", name.to_lowercase())],
            ..config
        };
        jetstream.create_stream(config).await.unwrap();
    });
}

/// Stores these payloads, in order.
pub(super) fn publish<P: Into<Vec<u8>>>(
    nats: &Nats,
    subject: &str,
    payloads: impl IntoIterator<Item = P>,
) {
    nats.with(async |jetstream| {
        let mut last = None;
        for payload in payloads {
            let payload = payload.into().into();
            last = Some(
                jetstream
                    .publish(subject.to_owned(), payload)
                    .await
                    .unwrap(),
            );
        }
        if let Some(last) = last {
            last.await.unwrap();
        }
    });
}

pub(super) fn numbers(range: std::ops::Range<u32>) -> impl Iterator<Item = String> {
    range.map(|n| format!("{{\"n\":{n}}}"))
}

/// The numbers in lines of [`numbers`], in or out of an envelope.
pub(super) fn numbers_in<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<u64> {
    lines
        .into_iter()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let data = line.get("data").unwrap_or(&line);
            data["n"].as_u64().unwrap()
        })
        .collect()
}

pub(super) fn numbers_of(output: &Output) -> Vec<u64> {
    numbers_in(output.lines())
}

#[test]
fn a_stream_is_read_from_a_number_time_or_start_to_its_head() {
    let Some(nats) = Nats::start("a_stream_is_read_from_a_number_time_or_start_to_its_head") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..6));
    let between = humantime::format_rfc3339_nanos(SystemTime::now()).to_string();
    publish(&nats, "s.b", numbers(6..9));
    let read = |path: &str, arguments: &str| {
        let output = Rocketman::tail(&nats.address(path))
            .with(arguments)
            .succeed();
        assert!(output.stderr.contains("the end is reached"), "{output:#?}");
        numbers_of(&output)
    };
    assert_eq!(read("S", "--cursor 0 -e"), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(read("S", "--cursor 4 -e"), [4, 5, 6, 7, 8], "inclusive");
    assert_eq!(read("S", &format!("--since {between} -e")), [6, 7, 8]);
    assert_eq!(read("S", "--since 1h -e").len(), 8);
    assert_eq!(read("S", "-e"), [0; 0], "from now on");
    assert_eq!(read("S?subject=s.a", "--cursor 3 -e"), [3, 4, 5]);
    assert_eq!(read("S?subject=s.nothing", "--cursor 0 -e"), [0; 0]);
}

#[test]
fn without_a_cursor_only_new_messages_come() {
    let Some(nats) = Nats::start("without_a_cursor_only_new_messages_come") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..4));
    let mut new = Rocketman::tail(&nats.address("S")).with("-v -n 2").start();
    new.message("reading from message 4 on");
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let read = |arguments: &str| {
        let call = Rocketman::tail(&nats.address("S")).with(arguments);
        call.arg("--cursor-file").arg(&cursor).succeed()
    };
    assert_eq!(numbers_of(&read("--cursor 0 -n 2")), [1, 2]);
    assert_eq!(numbers_of(&read("-e")), [3]);
    publish(&nats, "s.a", numbers(4..6));
    assert_eq!(numbers_in(new.lines(2).iter().map(String::as_str)), [4, 5]);
    assert_eq!(numbers_of(&read("-n 1")), [4]);
    let saved: Value = serde_json::from_slice(&fs::read(&cursor).unwrap()).unwrap();
    assert_eq!(
        (&saved["source"], &saved["seq"]),
        (&"nats".into(), &4.into())
    );
    assert_eq!(saved["host"], nats.address("S"));
    assert!(
        saved["instance"].as_str().unwrap().ends_with('Z'),
        "{saved}"
    );
}

#[test]
fn a_new_cursor_of_each_sort_begins_with_the_oldest_message() {
    let Some(nats) = Nats::start("a_new_cursor_of_each_sort_begins_with_the_oldest_message") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..7));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor");
    let key = nats.address("cursors/s");
    let cursors = [
        ("--cursor-file", file.to_str().unwrap()),
        ("--cursor-kv", key.as_str()),
        ("--durable", "work"),
    ];
    for (flag, cursor) in cursors {
        let read = |begin: &str| {
            let call = Rocketman::tail(&nats.address("S"))
                .with("-n 3 --begin")
                .arg(begin);
            let call = call.arg(flag).arg(cursor);
            let call = if flag == "--cursor-kv" {
                call.arg("--create-bucket")
            } else {
                call
            };
            let mut numbers = numbers_of(&call.succeed());
            // What a worker did not finish comes again after what nobody had.
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(read("oldest"), [1, 2, 3], "{flag}");
        assert_eq!(read("1"), [4, 5, 6], "{flag}");
    }
}

#[test]
fn events_go_through_as_they_are_and_are_filtered() {
    let Some(nats) = Nats::start("events_go_through_as_they_are_and_are_filtered") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(
        &nats,
        "s.a",
        [post(0), identity(1), "no event".to_owned(), post(2)],
    );
    let tail = || Rocketman::tail(&nats.address("S")).with("--cursor 0 -e");
    let output = tail().with("-c app.bsky.feed.post").succeed();
    assert_eq!(output.lines(), [post(0), post(2)]);
    output.assert_says(0, &["skipped a message", "1 malformed message skipped"]);
    let all = tail().succeed();
    assert_eq!(all.lines()[..2], [post(0), identity(1)]);
    assert!(all.lines()[2].contains(r#""data":"no event"}"#), "{all:#?}");
    let wrapped = tail().with("--envelope always -n 1").succeed();
    assert!(
        wrapped
            .stdout
            .ends_with(&format!("\"data\":{}}}\n", post(0))),
        "{wrapped:#?}"
    );
    let bare = tail().with("--envelope never").succeed();
    assert_eq!(
        bare.lines(),
        [post(0), identity(1), "no event".to_owned(), post(2)]
    );
}

#[test]
fn a_stream_of_an_rjet_program_reads_as_rjet_reads_it() {
    let Some(nats) = Nats::start("a_stream_of_an_rjet_program_reads_as_rjet_reads_it") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    nats.with(async |jetstream| {
        for (number, key) in [("7", "s.user.12"), ("8", "s.user.13")] {
            let mut headers = HeaderMap::new();
            headers.insert("reflex_type", number);
            let sent = jetstream.publish_with_headers(key, headers, "{\"name\":\"A\"}".into());
            sent.await.unwrap().await.unwrap();
        }
        let untyped = jetstream.publish("s.user.14", b"\x00\xff".to_vec().into());
        untyped.await.unwrap().await.unwrap();
    });
    let output = Rocketman::tail(&nats.address("S"))
        .with("--cursor 0 -e")
        .succeed();
    let parsed: Vec<Value> = output
        .lines()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = parsed
        .iter()
        .map(|line| (&line["seq"], &line["type"], &line["key"], &line["data"]))
        .collect();
    let data = serde_json::json!({"name": "A"});
    assert_eq!(
        told,
        [
            (&1.into(), &7.into(), &"s.user.12".into(), &data),
            (&2.into(), &8.into(), &"s.user.13".into(), &data),
            (&3.into(), &0.into(), &"s.user.14".into(), &"AP8=".into()),
        ]
    );
    let stored: jiff::Timestamp = parsed[0]["time"].as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(stored);
    assert!(age.as_secs() < 60, "{stored}");
    // A program per message learns its number, its time and that it is no event.
    let variables = "$ROCKETMAN_EVENT_KIND $ROCKETMAN_EVENT_CURSOR [$ROCKETMAN_EVENT_DID] $ROCKETMAN_EVENT_RKEY $ROCKETMAN_EVENT_TIME_US";
    let call = Rocketman::tail(&nats.address("S")).with("--cursor 2 -n 1 -x sh -c");
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    call.arg(format!("echo \"{variables}\" > {}", told.display()))
        .succeed();
    let told = fs::read_to_string(told).unwrap();
    assert!(told.starts_with("other 2 [] s.user.13 1"), "{told}");
}

#[test]
fn messages_are_held_back_until_they_are_as_old_as_asked() {
    let Some(nats) = Nats::start("messages_are_held_back_until_they_are_as_old_as_asked") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..4));
    let mut tail = Rocketman::tail(&nats.address("S"))
        .with("--cursor 0 -n 3 --lag 2s")
        .start();
    let line: Value = serde_json::from_str(&tail.line()).unwrap();
    let stored: SystemTime = humantime::parse_rfc3339(line["time"].as_str().unwrap()).unwrap();
    let age = stored.elapsed().unwrap();
    assert!(age >= Duration::from_secs(2), "{age:?}");
    assert!(age < Duration::from_secs(10), "{age:?}");
    let output = tail.finish();
    assert_eq!(output.lines().len(), 2, "{output:#?}");
}

#[test]
fn messages_larger_than_a_request_or_limit_hold_nothing_up() {
    let test = "messages_larger_than_a_request_or_limit_hold_nothing_up";
    let Some(nats) = Nats::configured(test, "max_payload: 8MB\njetstream {}") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    let large = format!("{{\"n\":2,\"x\":\"{}\"}}", "x".repeat(6_000_000));
    publish(&nats, "s.a", ["{\"n\":1}", &large, "{\"n\":3}"]);
    let tail = || Rocketman::tail(&nats.address("S")).with("--cursor 0 -e");
    assert_eq!(numbers_of(&tail().succeed()), [1, 2, 3]);
    let output = tail().with("--max-frame-size 1M").succeed();
    assert_eq!(numbers_of(&output), [1, 3]);
    output.assert_says(0, &["larger than the size limit"]);
}

#[test]
fn what_cannot_be_read_is_refused_with_the_way_out() {
    let nats = "nats://127.0.0.1:1/S";
    for (arguments, words) in [
        (format!("{nats} demo:"), &["stands alone", "'demo:'"][..]),
        (format!("{nats} {nats}"), &["stands alone"]),
        (
            format!("{nats} --no-compress"),
            &["--no-compress", "Jetstream servers"],
        ),
        (format!("{nats} --threads 2"), &["--threads"]),
        (format!("{nats} --quiet-timeout 5m"), &["--quiet-timeout"]),
        (
            format!("{nats} --max-message-size 1K"),
            &["--max-message-size"],
        ),
        (
            format!("{nats} --envelope always -c a.b.c"),
            &["--envelope always", "--collection", "subject=FILTER"],
        ),
        ("nats://127.0.0.1:1".to_owned(), &["nats://HOST/STREAM"]),
        (
            "nats://user:geheim@127.0.0.1/S".to_owned(),
            &["'127.0.0.1'", "NATS_USER"],
        ),
        (
            "nats://127.0.0.1/S?filter=x".to_owned(),
            &["'filter'", "subject"],
        ),
        (
            "demo: --envelope never".to_owned(),
            &["--envelope", "streams of NATS"],
        ),
        ("demo: --lag 1s".to_owned(), &["--lag", "streams of NATS"]),
    ] {
        let output = Rocketman::new(["tail"]).with(&arguments).run();
        output.assert_says(2, words);
        assert!(!output.stderr.contains("geheim"), "{output:#?}");
    }
    let output = Rocketman::probe([nats]).run();
    output.assert_says(2, &["a stream of NATS", "nats stream info"]);
    let set = Rocketman::new(["cursor", "set", "c", "7", "--source", nats]).run();
    set.assert_says(2, &["a stream of NATS", "--cursor N"]);
}

#[test]
fn a_filter_on_messages_that_are_no_events_is_refused() {
    let Some(nats) = Nats::start("a_filter_on_messages_that_are_no_events_is_refused") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..3));
    for filter in [
        "-c app.bsky.feed.post",
        "-d did:plc:abc",
        "-k identity",
        "--op create",
    ] {
        let call = Rocketman::tail(&nats.address("S"))
            .with("--cursor 0 -e")
            .with(filter);
        call.run()
            .assert_says(2, &["message 1 of", "'s.a'", "no event", "?subject=FILTER"]);
    }
    let gone = Rocketman::tail(&nats.address("NOWHERE")).run();
    gone.assert_says(2, &["no stream 'NOWHERE'"]);
}

#[test]
fn a_fate_leaves_no_message_out_that_is_no_event() {
    let Some(nats) = Nats::start("a_fate_leaves_no_message_out_that_is_no_event") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(0..100));
    for seed in 1..4 {
        let output = Rocketman::tail(&nats.address("S"))
            .with(&format!("--cursor 0 -e --fate 0.1 --fate-seed {seed}"))
            .run();
        output.assert_says(1, &["failed on purpose"]);
        let told = numbers_of(&output);
        assert!(
            !told.is_empty() && told.iter().copied().eq(0..told.len() as u64),
            "{told:?}"
        );
    }
}

#[test]
fn a_refusal_is_told_once_and_in_words_of_ours() {
    let users = r#"authorization { token: "geheim" }, jetstream {}"#;
    let Some(nats) = Nats::configured("a_refusal_is_told_once_and_in_words_of_ours", users) else {
        return;
    };
    let output = Rocketman::tail(&nats.address("S")).run();
    output.assert_says(6, &["a user without credentials", "NATS_CREDS"]);
    let errors = output.stderr.matches("rocketman: error:").count();
    assert_eq!(errors, 1, "{output:#?}");
}
