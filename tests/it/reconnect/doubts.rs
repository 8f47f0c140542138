//! First events that come later than was asked for: what is a gap, what is not, and what nobody
//! can tell.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::count;
use crate::support::{
    events::{EPOCH, STEP, legacy_post, post},
    http::get,
    jetstream::{Request, Server},
    program::{Output, Rocketman},
    wait_until,
};

/// What asks for everything that a server has.
const LONG_AGO: u64 = 1_000_000_000_000_000;

/// What `rocketman cursor set` makes, and a few other tests need.
fn set(server: &Server, seq: u64, folder: &std::path::Path) {
    let output = Rocketman::new(["cursor", "set", "c"])
        .with(&format!("{seq} --source {}", server.url()))
        .inside(folder)
        .run();
    assert_eq!(output.code, Some(0), "{output:#?}");
}

fn serve(request: Request, events: impl IntoIterator<Item = String>) {
    let mut connection = request.accept();
    connection.send_all(events);
    connection.until_closed();
}

/// A server whose first number is `floor + 1`: it raises what lies below, and says nothing. Of
/// those that are sent on the main connection `hole` are left out, as by a filter.
fn from(floor: u64, hole: u64) -> Server {
    Server::every(move |request| {
        let first = match request.cursor() {
            Some(LONG_AGO) => floor,
            Some(seq) => floor.max(seq - 1 + hole),
            None => panic!("it begins somewhere"),
        };
        serve(request, (first..first + 50).map(post));
    })
}

#[test]
fn a_number_below_the_servers_floor_is_a_gap() {
    let server = from(4999, 0);
    let running = Rocketman::tail(&server.url()).with("--cursor 100").start();
    running.message("GAP from=100 to=5000: ");
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish();
    // It was not held up meanwhile.
    assert_eq!(output.lines().first(), Some(&&*post(4999)));
    output.assert_says(0, &[", 1 gap"]);
}

#[test]
fn on_gap_fail_delivers_nothing_after_a_number_that_is_gone() {
    for is_set in [false, true] {
        let server = from(4999, 0);
        let call = Rocketman::tail(&server.url()).with("--on-gap fail --cursor-file c");
        let call = if is_set {
            set(&server, 100, call.folder());
            call
        } else {
            call.with("--cursor 100")
        };
        let output = call.run();
        output.assert_says(4, &["GAP from=100 to=5000: ", "no longer has the events"]);
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn a_hole_in_the_numbers_is_no_gap() {
    for flags in ["--on-gap fail", "--on-gap warn"] {
        let server = from(10, 25);
        let output = Rocketman::tail(&server.url())
            .with(flags)
            .with("-n 3 --cursor 100")
            .succeed();
        assert_eq!(output.lines(), [124, 125, 126].map(post), "{flags}");
        assert_eq!(count(&output, "GAP"), 0, "{}", output.stderr);
        // To ask how far back a server goes is no reconnect, also where the stream waits for it.
        assert_eq!(count(&output, "reconnect"), 0, "{}", output.stderr);
    }
}

/// Compaction takes events away, the first ones too.
#[test]
fn a_hole_before_a_servers_first_event_ends_nothing() {
    for (asked, said) in [(95, 1), (1, 0)] {
        let server = Server::every(|request| serve(request, (99..150).map(post)));
        let output = Rocketman::tail(&server.url())
            .with(&format!("-n 3 --on-gap fail --cursor {asked}"))
            .succeed();
        assert_eq!(output.lines(), [99, 100, 101].map(post));
        let words = "cannot tell whether events are missing, as numbers have holes";
        assert_eq!(count(&output, words), said, "{}", output.stderr);
    }
}

#[test]
fn a_first_event_of_the_number_asks_nobody() {
    let server = Server::one(|request| serve(request, (99..110).map(post)));
    let output = Rocketman::tail(&server.url())
        .with("-n 3 --cursor 100")
        .succeed();
    assert_eq!(output.lines(), [99, 100, 101].map(post));
}

#[test]
fn a_server_that_does_not_tell_its_floor_ends_nothing() {
    let tries = AtomicUsize::new(0);
    let server = Server::every(move |request| {
        if request.cursor() == Some(LONG_AGO) {
            assert_eq!(tries.fetch_add(1, Ordering::SeqCst), 0);
            return request.until_gone();
        }
        serve(request, (500..510).map(post));
    });
    let output = Rocketman::tail(&server.url())
        .with("-n 3 --cursor 100 --on-gap fail --connect-timeout 1s")
        .succeed();
    assert_eq!(output.lines(), [500, 501, 502].map(post));
    let said = "GAP? from=100 to=501: cannot tell whether events are missing";
    assert_eq!(count(&output, said), 1, "{}", output.stderr);
}

#[test]
fn a_changed_filter_does_not_hide_that_a_number_is_gone() {
    let server = Server::every(|request| {
        let first = match request.cursor() {
            None => 0,
            Some(_) => 700,
        };
        // All of it within a minute, so that only the numbers tell.
        serve(request, (first..first + 50).map(post));
    });
    let folder = tempfile::tempdir().unwrap();
    let run = |flags: &str| {
        let call = Rocketman::tail(&server.url()).with("--cursor-file c");
        call.with(flags).inside(folder.path()).run()
    };
    assert_eq!(run("-n 10").code, Some(0));
    let output = run("-n 3 -c app.bsky.feed.post --on-gap fail");
    output.assert_says(4, &["GAP from=10 to=701: "]);
}

/// Events of these minutes ago, and whether the server has only these.
fn since_an_hour(flags: &str, events: Vec<String>, floor: Vec<String>) -> Output {
    let server = Server::every(move |request| {
        let is_look = request.cursor() == Some(LONG_AGO);
        let events = if is_look { &floor } else { &events };
        serve(request, events.clone());
    });
    let output = Rocketman::tail(&server.url())
        .with(flags)
        .with("--since 2026-09-21T14:13:20Z")
        .run();
    assert!(server.requests().len() > 1, "nobody was asked");
    output
}

/// Ten minutes after event 0.
const TEN: u64 = 600_000;

#[test]
fn a_quiet_server_of_ones_own_has_no_gap() {
    let quiet: Vec<_> = [TEN, 4 * TEN, 5 * TEN].map(legacy_post).to_vec();
    for flags in ["-n 3", "-n 3 --on-gap fail"] {
        let output = since_an_hour(flags, quiet.clone(), quiet.clone());
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_eq!(output.lines(), quiet);
        assert_eq!(count(&output, "GAP"), 0, "{}", output.stderr);
        let said = "begins at 2026-09-21T14:23:20.000000Z; nothing before that";
        assert_eq!(count(&output, said), 1, "{}", output.stderr);
    }
}

#[test]
fn a_server_that_goes_back_far_enough_has_no_gap() {
    let floor = (0..2).map(legacy_post).collect();
    let output = since_an_hour("-n 1 --on-gap fail", vec![legacy_post(TEN)], floor);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(count(&output, "GAP"), 0, "{}", output.stderr);
    assert_eq!(count(&output, "begins at"), 0, "{}", output.stderr);
}

#[test]
fn the_first_event_that_a_server_ever_had_is_no_gap() {
    let numbered = |n: u64| {
        let number = |seq: u64| format!("\"cursor\":{seq},");
        post(TEN + n).replace(&number(TEN + n + 1), &number(n + 1))
    };
    let events: Vec<_> = (0..50).map(numbered).collect();
    let output = since_an_hour("-n 3 --on-gap fail", events.clone(), events);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(
        count(&output, "nothing before that"),
        1,
        "{}",
        output.stderr
    );
}

#[test]
fn a_busy_stream_that_begins_later_has_a_gap() {
    let events: Vec<_> = (TEN..TEN + 50).map(legacy_post).collect();
    let output = since_an_hour("--on-gap fail", events.clone(), events);
    let said = "GAP from=2026-09-21T14:13:20.000000Z to=2026-09-21T14:23:20.000000Z: ";
    output.assert_says(4, &[said]);
    assert_eq!(output.stdout, "");
}

#[test]
fn a_time_that_has_not_come_yet_is_refused_by_the_servers_clock() {
    let clock = |request: Request| {
        let connection = request.accept_dated(Some("Mon, 21 Sep 2026 14:14:00 GMT"));
        connection.until_closed();
    };
    for flags in ["--since 2026-09-21T14:15:01Z", "--cursor 1790000161000000"] {
        let server = Server::one(clock);
        let output = Rocketman::tail(&server.url()).with(flags).run();
        let words = [
            "lies beyond the clock of ws://127.0.0.1:",
            "which shows 2026-09-21T14:14:0",
            "hint: write a time such as",
        ];
        output.assert_says(2, &words);
    }
    let server = Server::one(|request| {
        let mut connection = request.accept_dated(Some("Mon, 21 Sep 2026 14:14:00 GMT"));
        connection.send(post(100_000));
        connection.until_closed();
    });
    Rocketman::tail(&server.url())
        .with("-n 1 --since 2026-09-21T14:14:55Z")
        .succeed();
}

#[test]
fn a_number_beyond_what_the_server_counts_is_refused() {
    for event in [post, legacy_post] {
        let server = Server::one(move |request| serve(request, (0..5).map(event)));
        let output = Rocketman::tail(&server.url())
            .with("--cursor 99999999999 --cursor-file c")
            .run();
        let words = [
            "does not begin with number 99999999999: it has not come so far",
            "hint: ",
            "--since 2h",
        ];
        output.assert_says(2, &words);
        assert_eq!(output.stdout, "");
    }
}

/// An hour of events before the one that is asked for, ten at a time.
fn early_run(request: Request, until: impl Fn() -> bool) {
    let mut connection = request.accept();
    let mut n = 0;
    while !until() {
        if !connection.try_send(post(n)) {
            return;
        }
        n += 1;
        thread::sleep(Duration::from_millis(20));
    }
    connection.send_all((100_000..100_003).map(post));
    connection.until_closed();
}

#[test]
fn earlier_events_are_a_sign_of_life() {
    let server = Server::one(|request| {
        let begin = Instant::now();
        early_run(request, || begin.elapsed() > Duration::from_secs(4));
    });
    let output = Rocketman::tail(&server.url())
        .with("--idle-timeout 2s --since 2026-09-21T14:15:00Z -n 3")
        .succeed();
    assert_eq!(output.lines(), [100_000, 100_001, 100_002].map(post));
}

#[test]
fn a_stop_among_earlier_events_saves_the_beginning() {
    let server = Server::every(|request| {
        let asked = request.cursor().unwrap();
        assert_eq!(asked, EPOCH + 100_000 * STEP);
        static TRIES: AtomicUsize = AtomicUsize::new(0);
        let is_first = TRIES.fetch_add(1, Ordering::SeqCst) == 0;
        let begin = Instant::now();
        early_run(request, || {
            !is_first && begin.elapsed() > Duration::from_millis(100)
        });
    });
    let folder = tempfile::tempdir().unwrap();
    let call = |flags: &str| {
        let call = Rocketman::tail(&server.url()).with("--cursor-file c -o out");
        call.with(flags).inside(folder.path())
    };
    let running = call("--since 2026-09-21T14:15:00Z --metrics-addr 127.0.0.1:0").start();
    let line = running.message("metrics are at http://");
    let address = line.split_once("http://").unwrap().1;
    let address = address.split_once("/metrics").unwrap().0;
    wait_until("it is shown where it is", || {
        let health = get(address, "/healthz");
        health.status == 200 && health.body.contains("not yet at the beginning, ")
    });
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    let saved = std::fs::read_to_string(folder.path().join("c")).unwrap();
    let beginning = format!("\"time_us\": {}", EPOCH + 100_000 * STEP);
    assert!(saved.contains(&beginning), "{saved}");
    call("-n 2").succeed();
    let out = std::fs::read_to_string(folder.path().join("out")).unwrap();
    let expected = [100_000, 100_001].map(|n| post(n) + "\n").concat();
    assert_eq!(out, expected);
}
