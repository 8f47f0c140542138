//! What usable servers tell of themselves.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::Value;

use super::{
    DICTIONARY, HOUR, KEYS, SECOND, event, json, legacy_server, new_server, now_us, quiet_server,
    sends, server,
};
use crate::support::{
    front::{Proxy, TlsFront},
    jetstream::{Connection, Server},
    program::{Output, Rocketman},
    world::World,
};

/// What a measured time may be too long by on a busy machine, in milliseconds.
const BUSY_MS: f64 = 20_000.0;

/// What is told of one usable server.
fn report_of(server: &Server) -> Value {
    let output = Rocketman::probe([server.url()]).with("--json").succeed();
    assert_eq!(output.stderr, "");
    json(&output).remove(0)
}

/// Wants a number of milliseconds that is not below this, and not above it by more than a busy
/// machine makes of it.
#[track_caller]
fn assert_about(value: &Value, expected_ms: f64) {
    let ms = value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"));
    assert!(
        (expected_ms..expected_ms + BUSY_MS).contains(&ms),
        "{value}"
    );
}

#[test]
fn a_new_server_tells_what_it_is_and_how_far_it_goes_back() {
    let server = new_server();
    let told = report_of(&server);
    assert_eq!(told["source"], server.url());
    assert_eq!(told["usable"], true);
    for key in ["connect_ms", "upgrade_ms", "ping_ms"] {
        assert_about(&told[key], 0.0);
    }
    for (key, expected) in [("sends_cursor", true), ("v2", true), ("compressed", true)] {
        assert_eq!(told[key], expected, "{told}");
    }
    for key in ["error", "http_status", "clock_ahead_ms"] {
        assert_eq!(told[key], Value::Null, "{told}");
    }
    assert_about(&told["behind_ms"], 5000.0);
    assert_about(&told["window_ms"], 7_200_000.0);
    assert!(told["compression_ratio"].as_f64().unwrap() > 1.5, "{told}");
    let (newest, oldest) = (
        told["newest_time_us"].as_u64(),
        told["oldest_time_us"].as_u64(),
    );
    assert!(newest.unwrap() > oldest.unwrap() + HOUR, "{told}");
    assert_eq!(told["v2_dictionary"], 5);
    let mut asked = server.requests();
    asked.sort();
    assert_eq!(
        asked,
        [
            "/subscribe?compress=true",
            "/subscribe?cursor=1000000000000000",
            "/xrpc/network.bsky.jetstream.getZstdDictionary"
        ]
    );
}

#[test]
fn a_legacy_server_is_told_from_a_new_one() {
    let told = report_of(&legacy_server());
    for key in ["sends_cursor", "v2", "compressed"] {
        assert_eq!(told[key], false, "{told}");
    }
    assert_eq!(told["compression_ratio"], Value::Null);
    assert_about(&told["window_ms"], 86_400_000.0);
    assert_about(&told["behind_ms"], 0.0);
}

#[test]
fn the_keys_are_these_and_the_help_explains_them() {
    let server = legacy_server();
    let line = Rocketman::probe([server.url()])
        .with("--json")
        .succeed()
        .stdout;
    let help = Rocketman::new(["probe", "--help"]).succeed().stdout;
    let mut places = Vec::new();
    for key in KEYS {
        places.push(line.find(&format!("\"{key}\":")));
        assert!(help.contains(key), "the help says nothing of {key}");
    }
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{line}"
    );
    assert_eq!(
        json(&Output {
            code: None,
            stdout: line,
            stderr: String::new()
        })[0]
            .as_object()
            .unwrap()
            .len(),
        KEYS.len()
    );
}

#[test]
fn several_servers_are_probed_at_once_and_shown_in_order() {
    let (quiet, new, legacy) = (quiet_server(), new_server(), legacy_server());
    let refusing = Server::every(|request| request.refuse("503 Service Unavailable", "", "soon\n"));
    let servers = [
        &quiet, &new, &quiet, &refusing, &legacy, &quiet, &quiet, &quiet,
    ];
    let began = Instant::now();
    let call = Rocketman::probe(servers.map(Server::url)).with("--timeout 3s");
    let output = call.succeed();
    let took = began.elapsed();
    assert!(
        took >= Duration::from_secs(3) && took < Duration::from_secs(12),
        "{took:?}"
    );
    let rows: Vec<Vec<_>> = output
        .stdout
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    let sources: Vec<_> = rows.iter().skip(1).map(|row| row[0].to_owned()).collect();
    assert_eq!(
        sources,
        servers.map(|server| format!("ws://127.0.0.1:{}", server.port()))
    );
    assert_eq!(rows[4][1..], ["HTTP", "503:", "soon"]);
    let ends: Vec<_> = [1, 2, 5].map(|row| rows[row][7..].join(" ")).into();
    assert_eq!(ends[0], "quiet ? no ? ?");
    assert!(
        ends[1].contains(" s new yes 2 h ") && ends[1].ends_with('x'),
        "{ends:?}"
    );
    assert!(ends[2].ends_with(" s legacy no 24 h no"), "{ends:?}");
    let heads = output.stdout.lines().next().unwrap();
    let guide = include_str!("../../../docs/guide.md");
    assert!(
        guide.contains(heads.trim_start_matches("SOURCE").trim_start()),
        "{heads}"
    );
    assert_eq!(output.stderr, "");
}

#[test]
fn a_quiet_stream_is_no_failure() {
    let server = quiet_server();
    let output = Rocketman::probe([server.url()])
        .with("--json --timeout 1s")
        .succeed();
    let told = &json(&output)[0];
    assert_eq!(
        (&told["usable"], &told["v2"]),
        (&Value::Bool(true), &Value::Bool(false)),
        "{told}"
    );
    assert_about(&told["ping_ms"], 0.0);
    for key in [
        "sends_cursor",
        "newest_time_us",
        "behind_ms",
        "window_ms",
        "compressed",
    ] {
        assert_eq!(told[key], Value::Null, "{told}");
    }
}

#[test]
fn a_server_that_does_not_go_back_has_no_window() {
    let live = || sends(|now_us| (0..40).map(|n| event(now_us + n, Some(n))).collect());
    let server = server(live(), live(), |request| request.bytes("", DICTIONARY));
    let told = report_of(&server);
    assert_eq!(told["window_ms"], 0.0, "{told}");
    let output = Rocketman::probe([server.url()]).succeed();
    assert!(output.lines()[1].contains("  none  "), "{output:#?}");
}

#[test]
fn what_a_server_does_not_tell_is_no_failure() {
    let server = Server::every(|request| {
        if request.target.contains("cursor=") {
            request.refuse("429 Too Many Requests", "", "");
        } else if request.target.starts_with("/xrpc/") {
            request.cut();
        } else {
            // It answers no ping, and is gone when it has sent what it has.
            let mut connection = request.accept();
            connection.send(event(now_us(), Some(7)));
            connection.cut();
        }
    });
    let told = report_of(&server);
    assert_eq!(
        (&told["usable"], &told["sends_cursor"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
    for key in ["v2", "window_ms", "oldest_time_us"] {
        assert_eq!(told[key], Value::Null, "{told}");
    }
    let output = Rocketman::probe([server.url()]).succeed();
    let row: Vec<_> = output.lines()[1].split_whitespace().collect();
    assert!(row.join(" ").ends_with(" s new ? ? no"), "{row:?}");
}

#[test]
fn ages_are_by_the_servers_clock_and_a_skew_is_shown() {
    // The server's clock is two hours and a half behind ours.
    let server = Server::every(|request| {
        let server_us = now_us() - 5 * HOUR / 2;
        let date = jiff::Timestamp::from_microsecond(server_us.try_into().unwrap()).unwrap();
        let date = DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&date)
            .unwrap();
        if request.target.starts_with("/xrpc/") {
            return request.bytes("", DICTIONARY);
        }
        let age = if request.cursor().is_some() {
            HOUR
        } else {
            2 * SECOND
        };
        let mut connection = request.accept_dated(Some(&date));
        connection.send(event(server_us - age, Some(1)));
        connection.until_closed();
    });
    let output = Rocketman::probe([server.url()]).with("--json").succeed();
    let told = &json(&output)[0];
    let ahead = told["clock_ahead_ms"].as_f64().unwrap();
    assert!((ahead - 9_000_000.0).abs() < BUSY_MS, "{told}");
    // A date has whole seconds, so that half a second is as close as it gets.
    assert_about(&told["behind_ms"], 1400.0);
    assert_about(&told["window_ms"], 3_599_400.0);
    let url = server.url();
    let said = format!("warning: the clock of this machine is 2 h ahead of that of {url}");
    output.assert_says(0, &[&said]);
}

#[test]
fn no_more_is_read_than_is_needed() {
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let flood = move |mut connection: Connection| {
        let now_us = now_us();
        for n in 0..200_000 {
            if !connection.try_send(event(now_us + n, Some(n))) {
                return;
            }
            counter.fetch_add(1, Ordering::SeqCst);
        }
    };
    let trickle = |mut connection: Connection| {
        while connection.try_send(event(now_us(), Some(1))) {
            thread::sleep(Duration::from_millis(1));
        }
    };
    let server = server(trickle, flood, |request| request.bytes("", DICTIONARY));
    let began = Instant::now();
    let output = Rocketman::probe([server.url()])
        .with("--timeout 60s")
        .succeed();
    assert!(began.elapsed() < Duration::from_secs(15), "{output:#?}");
    drop(server);
    // What lies in the sockets' buffers was sent, and read by nobody.
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 100_000, "{sent} events were sent");
}

#[test]
fn tls_and_proxies_are_used_for_every_question() {
    let server = new_server();
    let front = TlsFront::before(server.port());
    let proxy = Proxy::before(front.port, "200 Connection established");
    let call = Rocketman::probe(["jetstream.test"]).with("--json");
    fs::write(call.path("roots.pem"), &front.certificate).unwrap();
    let call = call.env("HTTPS_PROXY", format!("http://127.0.0.1:{}", proxy.port));
    let output = call.env("SSL_CERT_FILE", "roots.pem").succeed();
    let told = &json(&output)[0];
    assert_eq!(told["source"], "https://jetstream.test");
    assert_eq!(
        (&told["v2"], &told["sends_cursor"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
    assert_about(&told["window_ms"], 7_200_000.0);
    assert_eq!(proxy.heads().len(), 3);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn the_official_server_tells_the_truth() {
    let Some(world) = World::start("the_official_server_tells_the_truth") else {
        return;
    };
    // It goes back to its own beginning, which has to be older than what counts as live.
    let mut running = Rocketman::tail(&world.url()).with("-q --cursor 1").start();
    let mut time_us = || {
        let event: Value = serde_json::from_str(&running.line()).unwrap();
        event["time_us"].as_u64().unwrap()
    };
    let first_us = time_us();
    while time_us() < first_us + 3 * SECOND {}
    running.kill();
    let began_us = now_us();
    let output = Rocketman::probe([world.url()]).with("--json").succeed();
    let told = &json(&output)[0];
    println!("{told}");
    for key in ["usable", "sends_cursor", "v2", "compressed"] {
        assert_eq!(told[key], true, "{told}");
    }
    assert_eq!(told["clock_ahead_ms"], 0, "{told}");
    assert_about(&told["behind_ms"], 0.0);
    assert!(told["compression_ratio"].as_f64().unwrap() > 1.2, "{told}");
    assert!(
        told["newest_time_us"].as_u64().unwrap() >= began_us - 5 * SECOND,
        "{told}"
    );
    let oldest_us = told["oldest_time_us"].as_u64().unwrap();
    // Compaction may have taken the very first events away.
    assert!(
        oldest_us.abs_diff(first_us) < 10 * SECOND && oldest_us < began_us,
        "{first_us} {told}"
    );
    let window = Duration::from_micros(began_us - oldest_us);
    assert_about(&told["window_ms"], window.as_secs_f64() * 1000.0);
}
