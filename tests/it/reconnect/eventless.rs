//! Servers that take the connection, answer pings, and bring no event.

use std::{
    io::Read,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rocketman::{
    Ended, Pipeline,
    sink::ingest::Ingest,
    source::jetstream::{Endpoint, Jetstream, JetstreamSettings},
};

use super::count;
use crate::support::events::now_us;
use crate::support::{
    events::{EPOCH, STEP, did, identity, legacy_post, post},
    http::get,
    jetstream::{Request, Server},
    program::Rocketman,
    wait_until,
};

type Script = Box<dyn FnOnce(Request) + Send>;

/// Answers pings, and sends nothing for as long as the client stays.
fn nothing(request: Request) {
    request.accept().until_closed();
}

/// Event `n`, as if it happened in a minute: later than any connection of the test began.
fn fresh(n: u64) -> String {
    let soon = now_us() + 60_000_000;
    post(n).replace(&(EPOCH + n * STEP).to_string(), &soon.to_string())
}

fn sending(events: impl IntoIterator<Item = String> + Send + 'static) -> Script {
    Box::new(|request| {
        let mut connection = request.accept();
        connection.send_all(events);
        connection.until_closed();
    })
}

#[test]
fn a_quiet_server_makes_room_for_the_next() {
    let quiet = Server::one(nothing);
    let event = fresh(0);
    let other = Server::expecting([sending([event.clone()])]);
    let output = Rocketman::tail(&quiet.url())
        .arg(other.url())
        .with("-n 1 --quiet-timeout 300ms --max-retries 0")
        .succeed();
    assert_eq!(output.lines(), [event]);
    let said = format!(
        "{}: no event came for 300ms, although it answers; trying {}",
        quiet.url(),
        other.url()
    );
    assert_eq!(count(&output, &said), 1, "{}", output.stderr);
    assert_eq!(count(&output, "connected again to"), 1, "{}", output.stderr);
}

/// Neither the silence before the first event nor those after it cost or repeat any.
#[test]
fn a_single_quiet_server_loses_and_repeats_nothing() {
    type Make = fn(u64) -> String;
    for make in [post as Make, legacy_post] {
        let server = Server::expecting([
            Box::new(nothing) as Script,
            sending([make(0), make(1)]),
            sending([make(1)]),
            sending([make(1), make(2)]),
        ]);
        let output = Rocketman::tail(&server.url())
            .with("-n 3 --quiet-timeout 200ms --max-retries 0")
            .with("--since 2026-09-21T14:13:20Z")
            .succeed();
        assert_eq!(output.lines(), [0, 1, 2].map(make));
        let said = "no event came for 200ms, although it answers; reconnecting";
        assert_eq!(count(&output, said), 1, "{}", output.stderr);
        for word in ["lost", "trying", "GAP", "connected again", "otherwise"] {
            assert_eq!(count(&output, word), 0, "{word:?} in {}", output.stderr);
        }
    }
}

#[test]
fn a_quiet_server_is_connected_to_at_growing_distances() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    let server = Server::every(move |request| {
        seen.lock().unwrap().push(Instant::now());
        nothing(request);
    });
    let running = Rocketman::tail(&server.url())
        .with("--quiet-timeout 200ms --metrics-addr 127.0.0.1:0")
        .start();
    let line = running.message("metrics are at http://");
    let address = line.split_once("http://").unwrap().1;
    let address = address.split_once("/metrics").unwrap().0;
    server.wait_for_requests(5);
    let answer = get(address, "/healthz");
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_until("it is shown as quiet", || {
        get(address, "/healthz").body.contains("  quiet  ")
    });
    let page = get(address, "/metrics").body;
    assert!(page.contains(r#"rocketman_reconnects_total{cause="quiet"} "#));
    let times = times.lock().unwrap();
    for (n, pair) in times.windows(2).enumerate() {
        let least = Duration::from_millis(200) * 2_u32.pow(u32::try_from(n).unwrap());
        assert!(pair[1] - pair[0] >= least, "{n}: {:?}", pair[1] - pair[0]);
    }
}

#[test]
fn early_and_unwanted_events_are_no_silence() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(5) {
            // From before the time that is asked for, and of another kind than asked for.
            connection.send(identity(0));
            connection.send(identity(3));
            thread::sleep(Duration::from_millis(100));
        }
        connection.send(post(4));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("-n 1 --quiet-timeout 2s -c app.bsky.feed.post")
        .with("--since 2026-09-21T14:13:20.002Z")
        .succeed();
    assert_eq!(output.lines(), [post(4)]);
    assert_eq!(count(&output, "no event came"), 0, "{}", output.stderr);
}

#[test]
fn time_in_which_the_output_takes_nothing_is_no_silence() {
    let server = Server::expecting([sending((0..20_000).map(post))]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = Rocketman::tail(&server.url())
        .with("-n 20000 --quiet-timeout 1s")
        .stdout(Stdio::from(writer))
        .start_elsewhere();
    server.wait_for_requests(1);
    // On purpose: longer than the limit.
    thread::sleep(Duration::from_secs(3));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 20_000);
    let output = running.finish();
    assert_eq!(count(&output, "no event came"), 0, "{}", output.stderr);
}

#[test]
fn a_quiet_server_is_kept_where_only_some_accounts_are_read() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(1500) {
            connection.ping();
            connection.receive();
            thread::sleep(Duration::from_millis(50));
        }
        connection.send(post(0));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with(&format!("-n 1 --quiet-timeout 300ms -d {}", did(0)))
        .succeed();
    assert_eq!(output.lines(), [post(0)]);
}

#[test]
fn the_end_is_assumed_once_every_server_was_silent() {
    let servers = [Server::one(nothing), Server::one(nothing)];
    let output = Rocketman::tail(&servers[0].url())
        .arg(servers[1].url())
        .with("-e --quiet-timeout 300ms")
        .succeed();
    assert_eq!(count(&output, "the end is assumed"), 1, "{output:#?}");
}

#[test]
fn the_end_of_a_single_server_takes_two_connections() {
    let server = Server::expecting([
        sending([post(0), post(1)]),
        // The last event comes again, and is nothing new.
        sending([post(1)]),
    ]);
    let output = Rocketman::tail(&server.url())
        .with("-e --quiet-timeout 300ms --cursor 1")
        .succeed();
    assert_eq!(output.lines(), [post(0), post(1)]);
    assert_eq!(count(&output, "the end is assumed"), 1, "{output:#?}");
}

/// What a server withheld on one connection may come on the next.
#[test]
fn the_end_is_not_assumed_while_the_next_server_brings_events() {
    let stuck = Server::one(nothing);
    let hour = 3_600_000_000;
    let future = move || {
        let now = now_us();
        post(1).replace(&(EPOCH + STEP).to_string(), &(now + hour).to_string())
    };
    let other = Server::one(move |request| {
        let mut connection = request.accept();
        connection.send_all([post(0), future()]);
        connection.until_closed();
    });
    let output = Rocketman::tail(&stuck.url())
        .arg(other.url())
        .with("-e --quiet-timeout 300ms --since 2026-09-21T14:13:20Z")
        .succeed();
    assert_eq!(output.lines(), [post(0)]);
    assert_eq!(count(&output, "the end is reached"), 1, "{output:#?}");
}

#[test]
fn the_end_of_some_accounts_is_assumed_after_one_silence() {
    let server = Server::one(nothing);
    let settings = JetstreamSettings {
        endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
        dids: vec![rocketman::event::Did::parse(&did(0)).unwrap()],
        exit_at_end: true,
        end_silence: Duration::from_millis(300),
        quiet_timeout: Duration::from_millis(1),
        ..JetstreamSettings::default()
    };
    let source = Jetstream::new(settings);
    let pipeline = Pipeline::new(source, Ingest::new());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let summary = runtime
        .block_on(pipeline.run(std::future::pending()))
        .unwrap();
    assert_eq!(summary.ended, Ended::EndAssumed);
}

/// Sends a message that is no event `n` times, and stays.
fn strange(message: &'static [u8], times: usize) -> impl Fn(Request) + Send + Sync + 'static {
    move |request| {
        let mut connection = request.accept();
        for _ in 0..times {
            match str::from_utf8(message) {
                Ok(text) => connection.send(text),
                Err(_) => connection.send_binary(message.to_vec()),
            }
        }
        connection.until_closed();
    }
}

const V2: &[u8] = br#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","collection":"app.bsky.feed.like","did":"did:plc:invented","operation":"delete","rev":"3m","rkey":"3m","seq":1,"time":"2026-11-28T09:00:00.000000Z"}}"#;

/// The beginning of a commit of `com.atproto.sync.subscribeRepos`.
const FIREHOSE: &[u8] = b"\xa2\x61t\x67#commit\x62op\x01\xa4\xff";

#[test]
fn a_server_of_another_wire_is_named_and_left() {
    let cases: [(&[u8], &str); 4] = [
        (V2, "this looks like the v2 wire"),
        (FIREHOSE, "this looks like the CBOR firehose of a relay"),
        (b"<html>moved</html>", "this looks like a page of the web"),
        (b"{\"ok\":true}", "this looks like no Jetstream"),
    ];
    for (message, like) in cases {
        let server = Server::one(strange(message, 100));
        let event = fresh(0);
        let other = Server::expecting([sending([event.clone()])]);
        let output = Rocketman::tail(&server.url())
            .arg(other.url())
            .with("-n 1")
            .succeed();
        assert_eq!(output.lines(), [event]);
        let said = format!("none of its first 100 messages is an event: {like}");
        assert_eq!(count(&output, &said), 1, "{}", output.stderr);
    }
}

#[test]
fn a_single_server_of_another_wire_fails_like_one_that_is_lost() {
    let server = Server::every(strange(V2, 150));
    let output = Rocketman::tail(&server.url()).with("--max-retries 1").run();
    output.assert_says(
        3,
        &[
            "gave up",
            "after 2 failed tries in a row",
            "this looks like the v2 wire",
        ],
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_single_server_of_another_wire_is_named_at_a_pace() {
    let server = Server::every(strange(V2, 100));
    let begin = Instant::now();
    let output = Rocketman::tail(&server.url())
        .with("--max-retries 12 --max-backoff 200ms")
        .run();
    assert_eq!(output.code, Some(3), "{output:#?}");
    let times = count(&output, "lost ws://") as u64;
    let most = 1 + begin.elapsed().as_secs() / 3;
    assert!((1..=most).contains(&times), "{}", output.stderr);
}

/// Each of two is worth its line.
#[test]
fn each_server_of_another_wire_is_named_once_at_first() {
    let servers = [V2, FIREHOSE].map(|message| Server::every(strange(message, 100)));
    let running = Rocketman::tail(&servers[0].url())
        .arg(servers[1].url())
        .start();
    servers[1].wait_for_requests(2);
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish();
    for like in ["the v2 wire", "the CBOR firehose"] {
        assert!(count(&output, like) >= 1, "{like}: {}", output.stderr);
    }
}

#[test]
fn messages_that_are_no_events_do_not_end_a_silence() {
    let tries = AtomicUsize::new(0);
    let server = Server::every(move |request| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => strange(FIREHOSE, 5)(request),
        _ => sending([fresh(0)])(request),
    });
    let output = Rocketman::tail(&server.url())
        .with("-n 1 --quiet-timeout 300ms")
        .succeed();
    let said = "no event came for 300ms, although it answers: this looks like the CBOR firehose";
    assert_eq!(count(&output, said), 1, "{}", output.stderr);
}

#[test]
fn behind_an_event_many_that_are_none_are_stepped_over() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.send_all((0..500).map(|_| "no event".to_owned()));
        connection.send(post(1));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url()).with("-n 2").succeed();
    assert_eq!(output.lines(), [post(0), post(1)]);
}

#[test]
fn the_refusal_of_a_relay_points_to_a_jetstream() {
    let server = Server::one(|request| {
        let answer = r#"{"error":"InvalidRequest","message":"no such cursor"}"#;
        request.refuse("400 Bad Request", "", answer);
    });
    let url = server
        .url()
        .replace("/subscribe", "/xrpc/com.atproto.sync.subscribeRepos");
    let output = Rocketman::tail(&url).run();
    output.assert_says(6, &["this is no address of a Jetstream", "https://"]);
}
