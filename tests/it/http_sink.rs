//! Events sent over HTTP: what arrives, and what becomes of a run whose endpoint fails.

mod announced;
mod bodies;
mod clickhouse;
mod endpoint;
mod failing;
mod killed;
mod refused;
mod signed;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use serde_json::Value;

use crate::support::{
    events::posts,
    jetstream::Server,
    memory::{Load, peak_kilobytes},
    program::{Rocketman, Running},
    receiver::{Received, Receiver, Reply, assert_all_in_order},
    wait_until,
};

/// A run that sends the events of a server to the receiver.
fn into(server: &Server, receiver: &Receiver) -> Rocketman {
    Rocketman::tail(&server.url())
        .with("--cursor-file cursor --save-interval 20ms -o")
        .arg(receiver.url())
}

/// The number that the cursor file in this folder stands at; 0 without one.
fn saved_seq(folder: &Path) -> u64 {
    let saved = fs::read_to_string(folder.join("cursor")).unwrap_or_default();
    let saved = serde_json::from_str(&saved);
    saved.map_or(0, |saved: Value| saved["seq"].as_u64().unwrap_or(0))
}

/// The dead letters of a folder: the number of each event, and the letter.
fn letters(folder: &Path) -> Vec<(u64, Value)> {
    let text = fs::read_to_string(folder.join("dead")).unwrap_or_default();
    let letters = text.lines().map(|line| serde_json::from_str(line).unwrap());
    letters
        .map(|letter: Value| (letter["event"]["cursor"].as_u64().unwrap() - 1, letter))
        .collect()
}

/// Whether a request has this event in it.
fn has(request: &Received, event: u64) -> bool {
    request.events().contains(&event)
}

fn wait_for_accepted(running: &Running, receiver: &Receiver, n: u64) {
    wait_until("all events are accepted and saved", || {
        receiver.n_accepted() as u64 >= n && saved_seq(running.folder()) >= n
    });
}

#[test]
fn events_arrive_in_order_and_are_counted_once_accepted() {
    let server = Server::one(posts(2000));
    let receiver = Receiver::accepting();
    let output = into(&server, &receiver).with("-n 2000").succeed();
    assert_all_in_order(&receiver.accepted(), 2000, &[]);
    assert_eq!(receiver.accepted().len(), 2000, "none came twice");
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request.events().len() <= 500));
    assert!(requests.len() < 20, "{}", requests.len());
    let request = &requests[0];
    assert_eq!(request.head[0], "POST /hook HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
    let agent = request.header("user-agent").unwrap();
    assert!(agent.starts_with("rocketman/"), "{agent}");
    assert!(
        output.stderr.contains("2,000 events") || output.stderr.contains("2000 events"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_cursor_never_passes_an_event_that_is_not_accepted() {
    let server = Server::one(posts(300));
    let receiver = Receiver::start(|request| {
        if has(request, 150) {
            Reply::status(500)
        } else {
            Reply::status(204)
        }
    });
    let running = into(&server, &receiver)
        .with("--batch 10,50ms --http-retries 1000000")
        .start();
    wait_until("all others are accepted", || {
        let accepted = receiver.n_accepted();
        // Those of the same account wait behind it.
        accepted == 300 - 2
    });
    wait_until("the cursor is saved", || saved_seq(running.folder()) == 150);
    assert_eq!(saved_seq(running.folder()), 150);
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish();
    output.assert_says(0, &["left to the next run"]);
}

#[test]
fn a_stop_sends_what_was_read_and_leaves_what_fails() {
    let server = Server::one(posts(100));
    let receiver = Receiver::accepting();
    let running = into(&server, &receiver).with("--batch 60,1h").start();
    // No more is due for an hour: only the stop has the rest sent.
    wait_until("the first are accepted", || receiver.n_accepted() >= 60);
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let n = receiver.n_accepted() as u64;
    assert_eq!(receiver.accepted(), (0..n).collect::<Vec<_>>());
}

#[test]
fn too_much_that_is_unanswered_has_the_stream_wait() {
    let server = Server::one(posts(2000));
    let receiver = Receiver::start(|request| match request.number {
        0 => Reply::status(503),
        _ => Reply::status(204),
    });
    let running = into(&server, &receiver)
        .with("--batch 50 --max-unanswered 64K")
        .start();
    let said = running.message("unanswered");
    assert!(said.contains("--max-unanswered"), "{said}");
    wait_for_accepted(&running, &receiver, 2000);
    assert_all_in_order(&receiver.accepted(), 2000, &[]);
}

#[test]
fn a_batch_that_can_never_be_full_is_sent() {
    let server = Server::one(posts(500));
    let receiver = Receiver::accepting();
    into(&server, &receiver)
        .with("-n 500 --batch 100000,1G,1h --max-unanswered 16K")
        .succeed();
    assert_eq!(receiver.accepted(), (0..500).collect::<Vec<_>>());
}

#[test]
fn accounts_that_fail_do_not_hold_up_others() {
    let server = Server::one(posts(1000));
    let n_others = AtomicUsize::new(0);
    let receiver = Receiver::start(move |request| {
        let events = request.events();
        let is_of_7 = events.iter().any(|event| event % 100 == 7);
        if is_of_7 && n_others.load(SeqCst) < 990 {
            return Reply::status(500);
        }
        n_others.fetch_add(events.len(), SeqCst);
        Reply::status(204)
    });
    let running = into(&server, &receiver).start();
    wait_for_accepted(&running, &receiver, 1000);
    let accepted = receiver.accepted();
    assert_all_in_order(&accepted, 1000, &[]);
    let first_of_7 = accepted.iter().position(|event| event % 100 == 7).unwrap();
    assert!(
        first_of_7 > 800,
        "the others were there before: {first_of_7}"
    );
}

#[test]
fn memory_grows_by_what_may_be_unanswered() {
    let load = Load {
        events: 200_000,
        bytes: 300,
    };
    let peaks = ["1M", "16M"].map(|limit| {
        let server = load.server();
        let receiver = Receiver::start(|_| Reply::status(503));
        let running = into(&server, &receiver)
            .with("--max-unanswered")
            .with(limit)
            .start();
        running.message("the stream waits for it");
        peak_kilobytes(running.id())
    });
    let [little, much] = peaks;
    println!("{little} and {much} KB");
    let more = 15 * 1024;
    assert!(much - little > more / 2, "{little} {much}");
    assert!(much - little < more * 3 / 2, "{little} {much}");
}

/// How much of a processor a process has used, in hundredths of a second.
fn used(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let words: Vec<_> = rest.split(' ').collect();
    words[11].parse::<u64>().unwrap() + words[12].parse::<u64>().unwrap()
}

#[test]
fn a_stop_waits_for_what_is_under_way_at_rest() {
    let server = Server::one(posts(200));
    let receiver = Receiver::start(|request| match request.number {
        0 => Reply::status(204).after(Duration::from_secs(4)),
        _ => Reply::status(500),
    });
    let running = into(&server, &receiver).with("--batch 10 --jobs 2").start();
    wait_until("others fail", || receiver.answered(500).len() > 2);
    running.signal(rustix::process::Signal::TERM);
    running.message("stopping gracefully");
    let before = used(running.id());
    wait_until("the slow one is answered", || {
        !receiver.answered(204).is_empty()
    });
    let used = used(running.id()) - before;
    running.finish().assert_says(0, &["left to the next run"]);
    assert!(used < 100, "{used}");
}
