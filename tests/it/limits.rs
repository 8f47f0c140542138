//! Limits on a stream that stands still or falls behind: exit code 5, and nothing lost.

use std::{fs, process::Stdio, time::Instant};

use crate::support::events::now_us;
use crate::support::{
    events::{EPOCH, identity, post, posts},
    jetstream::{Request, Server},
    program::Rocketman,
};

/// Event `n`, as if it had just happened.
fn fresh(n: u64) -> String {
    let time = |us: u64| format!("\"time_us\":{us}");
    post(n).replace(&time(EPOCH + n * 1000), &time(now_us()))
}

#[test]
fn a_stream_without_events_ends_after_the_idle_timeout() {
    let server = Server::every(posts(3));
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let output = Rocketman::tail(&server.url())
        .with("--idle-timeout 500ms --cursor-file c")
        .inside(folder.path())
        .run();
    assert!(start.elapsed().as_millis() >= 500);
    output.assert_says(5, &["no event came for 500ms", "hint: ", "--idle-timeout"]);
    assert_eq!(output.lines(), (0..3).map(post).collect::<Vec<_>>());
    let saved = fs::read_to_string(folder.path().join("c")).unwrap();
    assert!(saved.contains("\"seq\": 3"), "{saved}");
}

#[test]
fn unwanted_events_and_pings_are_told_apart_by_the_idle_timeout() {
    // Events that are not wanted are events; pings are not.
    let server = Server::one(|request| {
        let mut connection = request.accept();
        let start = Instant::now();
        let mut n = 0;
        while start.elapsed().as_millis() < 1500 {
            connection.send(identity(n));
            n += 1;
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        for _ in 0..100 {
            connection.ping();
            if connection.try_receive().is_none() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("pings kept it going");
    });
    let start = Instant::now();
    let output = Rocketman::tail(&server.url())
        .with("-c app.bsky.feed.post --idle-timeout 700ms")
        .run();
    output.assert_says(5, &["no event came for 700ms"]);
    assert!(start.elapsed().as_millis() >= 1500);
}

#[test]
fn time_without_a_connection_counts_for_the_idle_timeout() {
    let server = Server::every(|request| request.refuse("503 Service Unavailable", "", ""));
    let output = Rocketman::tail(&server.url())
        .with("--idle-timeout 300ms")
        .run();
    output.assert_says(5, &["no event came for 300ms", "HTTP 503"]);
}

#[test]
fn a_reader_that_takes_its_time_does_not_trip_the_idle_timeout() {
    let server = Server::every(posts(20_000));
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = Rocketman::tail(&server.url())
        .with("-n 20000 --idle-timeout 300ms")
        .stdout(Stdio::from(writer))
        .start_elsewhere();
    server.wait_for_requests(1);
    // On purpose: longer than the limit.
    std::thread::sleep(std::time::Duration::from_millis(900));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    assert_eq!(text.lines().count(), 20_000);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn a_stream_behind_max_lag_delivers_what_came_and_ends() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(fresh(0));
        connection.ping();
        connection.receive();
        // An hour old: this is where it falls behind.
        connection.send(post(1));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url()).with("--max-lag 1m").run();
    output.assert_says(
        5,
        &["behind, more than the 1m that are allowed", "--max-lag"],
    );
    assert_eq!(output.lines().len(), 2);
}

#[test]
fn falling_behind_and_catching_up_are_each_logged_once() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        // Each is read before the next is sent.
        for event in [post(1), post(2), fresh(3), fresh(4)] {
            connection.send(event);
            connection.ping();
            connection.receive();
        }
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with("--lag-alert 1m -n 4");
    let output = call.succeed();
    output.assert_says(
        0,
        &[
            "behind, more than the lag alert of 1m; --lag-alert",
            "near its end again",
        ],
    );
    assert_eq!(output.stderr.matches("lag alert").count(), 1, "{output:#?}");
}

#[test]
fn a_run_that_begins_far_back_may_catch_up_under_max_lag() {
    let server = Server::one(|request| {
        assert_eq!(request.cursor(), Some(1));
        let mut connection = request.accept();
        connection.send_all((0..1000).map(post));
        connection.send(fresh(1000));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("--cursor 1 --max-lag 1m -n 1001")
        .succeed();
    assert_eq!(output.lines().len(), 1001);
}

#[test]
fn a_server_that_stays_away_counts_towards_max_lag() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::every(move |request: Request| {
        if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 {
            return request.refuse("503 Service Unavailable", "", "");
        }
        let mut connection = request.accept();
        connection.send(fresh(0));
        connection.cut();
    });
    let output = Rocketman::tail(&server.url()).with("--max-lag 2s").run();
    output.assert_says(5, &["more than the 2s that are allowed"]);
}

#[test]
fn a_quiet_stream_is_not_behind() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(fresh(0));
        // On purpose: longer than the limit, and longer than until it is looked again.
        std::thread::sleep(std::time::Duration::from_millis(2500));
        connection.send(fresh(1));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("--max-lag 1s -n 2")
        .succeed();
    assert_eq!(output.lines().len(), 2);
}
