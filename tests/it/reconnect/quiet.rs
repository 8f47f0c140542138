//! Streams on which nothing comes for hours.

use std::{fs, path::Path};

use rustix::process::Signal;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::support::events::now_us;
use crate::support::{
    events::{EPOCH, did, identity, post},
    jetstream::{Connection, Request, Server},
    program::{Output, Rocketman},
    wait_until,
};

const MINUTE: u64 = 60_000_000;

type Script = Box<dyn FnOnce(Request) + Send>;

fn saved(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Pings, and waits for the answer; false when the client is gone.
fn ping(connection: &mut Connection) -> bool {
    connection.ping();
    loop {
        match connection.try_receive() {
            Some(Message::Pong(_)) => return true,
            Some(_) => {}
            None => return false,
        }
    }
}

/// Event 0, and pings for as long as the client stays.
fn one_event_and_pings(mut connection: Connection) {
    connection.send(post(0));
    while ping(&mut connection) {}
}

#[test]
fn a_ping_behind_the_end_of_all_times_moves_nothing() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0).replace(&EPOCH.to_string(), &i64::MAX.to_string()));
        ping(&mut connection);
        connection.send(post(100));
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with(&format!("-d {} -n 2", did(0)));
    assert_eq!(call.succeed().lines().len(), 2);
}

#[test]
fn pings_move_the_saved_time_while_accounts_are_quiet() {
    let scripts: [Script; 3] = [
        Box::new(|request| one_event_and_pings(request.accept())),
        Box::new(|request| {
            let behind = now_us() - request.cursor().unwrap();
            assert!(
                (3 * MINUTE..4 * MINUTE).contains(&behind),
                "{behind} µs behind"
            );
            let mut connection = request.accept();
            let later = post(0).replace(&EPOCH.to_string(), &now_us().to_string());
            // Another event of the account.
            connection.send(later.replace("3k00000000000", "3k00000000009"));
            connection.until_closed();
        }),
        // Asks how far back the server goes, for the accounts were quiet for longer than a minute.
        Box::new(|request| {
            assert_eq!(request.parameters("wantedDids"), [""; 0]);
            one_event_and_pings(request.accept());
        }),
    ];
    let server = Server::expecting(scripts);
    let folder = tempfile::tempdir().unwrap();
    let call = || {
        Rocketman::tail(&server.url())
            .with(&format!(
                "-d {} -o out --cursor-file c --save-interval 20ms",
                did(0)
            ))
            .inside(folder.path())
    };
    let running = call().start();
    let path = folder.path().join("c");
    let time_us = || saved(&path)["time_us"].as_u64().unwrap_or_default();
    wait_until("the saved time moves", || time_us() > EPOCH + MINUTE);
    assert_eq!(
        saved(&path)["seq"],
        Value::Null,
        "a number of months ago is worth nothing"
    );
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    let output = call().with("-n 1").succeed();
    assert!(!output.stderr.contains("GAP"), "{}", output.stderr);
    assert!(time_us() > now_us() - MINUTE);
}

/// Runs with these flags against a server that sends these events, pings five times, and then sends
/// an event that is the end.
fn saved_after_pings(flags: &str, events: Vec<String>) -> (Output, u64) {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all(events);
        assert!((0..5).all(|_| ping(&mut connection)));
        connection.send(post(110_000));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let output = Rocketman::tail(&server.url())
        .with("--until 2026-09-21T14:15:00Z --cursor-file c")
        .with(flags)
        .inside(folder.path())
        .succeed();
    let time_us = saved(&folder.path().join("c"))["time_us"].as_u64().unwrap();
    (output, time_us - EPOCH)
}

#[test]
fn other_events_move_the_saved_time_and_pings_do_not() {
    let (output, after) = saved_after_pings("-c app.bsky.feed.like", vec![post(0), identity(1)]);
    assert_eq!((output.stdout.as_str(), after), ("", 1000));
}

#[test]
fn pings_count_for_nothing_while_catching_up() {
    // The connection begins at a cursor, and no event from after its beginning has come.
    let flags = format!("-d {} --cursor 1", did(0));
    let (output, after) = saved_after_pings(&flags, vec![post(0)]);
    assert_eq!((output.lines(), after), (vec![&*post(0)], 0));
}

/// A server whose clock is two hours ahead of ours says so in its handshake.
#[test]
fn the_saved_time_of_a_quiet_stream_is_by_the_servers_clock() {
    let ahead = now_us() + 120 * MINUTE;
    let date = rocketman::event::Start::Time(ahead).to_string();
    let date: jiff::Timestamp = date.parse().unwrap();
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let server = Server::one(move |request| one_event_and_pings(request.accept_dated(Some(&date))));
    let running = Rocketman::tail(&server.url())
        .with(&format!(
            "-d {} -o out --cursor-file c --save-interval 20ms",
            did(0)
        ))
        .start();
    let path = running.path("c");
    wait_until("the saved time moves", || {
        saved(&path)["time_us"].as_u64().unwrap_or_default() > now_us() + 100 * MINUTE
    });
}
