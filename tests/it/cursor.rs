//! Cursor files: where the next run goes on, and what is refused.

mod around;
mod asked;
mod begin;
mod command;
mod ends;
mod neighbours;
mod refused;
mod resumed;
mod saving;

use std::{fs, path::Path};

use crate::support::{
    events::{EPOCH, STEP, legacy_post, post},
    jetstream::{Request, Server},
    program::{Output, Rocketman},
    wait_until,
};

/// A server that counts, and sends `n` events from the asked one on; then it stays.
fn counting_server(total: u64) -> Server {
    Server::every(move |request| {
        let first = request.cursor().map_or(0, |cursor| {
            if cursor < EPOCH / 2 {
                cursor - 1
            } else {
                cursor.saturating_sub(EPOCH).div_ceil(STEP)
            }
        });
        send(request, (first..total).map(post));
    })
}

/// A server that does not count, and resumes by time.
fn legacy_server(total: u64) -> Server {
    Server::every(move |request| {
        let first = request
            .cursor()
            .map_or(0, |cursor| cursor.saturating_sub(EPOCH).div_ceil(STEP));
        send(request, (first..total).map(legacy_post));
    })
}

fn send(request: Request, events: impl Iterator<Item = String>) {
    let mut connection = request.accept();
    connection.send_all(events);
    connection.until_closed();
}

/// The `cursor` of each request, in order; empty where there was none.
fn cursors(server: &Server) -> Vec<String> {
    let cursor = |target: &String| {
        let cursor = target.split_once("cursor=");
        cursor.map_or(String::new(), |(_, cursor)| cursor.to_owned())
    };
    server.requests().iter().map(cursor).collect()
}

/// The call with a cursor file in a folder of the test's own.
fn tail(server: &Server, folder: &Path) -> Rocketman {
    Rocketman::tail(&server.url())
        .with("--cursor-file cursor.json")
        .inside(folder)
}

/// What a cursor file holds; `None` while there is none.
fn read(folder: &Path) -> Option<serde_json::Value> {
    let text = fs::read(folder.join("cursor.json")).ok()?;
    Some(serde_json::from_slice(&text).expect("a cursor file is valid JSON whenever it is read"))
}

/// Waits until the saved position has this number.
fn wait_for_seq(folder: &Path, seq: u64) {
    wait_until("the cursor is saved", || {
        read(folder).is_some_and(|cursor| cursor["seq"] == seq)
    });
}

/// A cursor file as the program writes it, at event `n` of this server.
fn write(folder: &Path, url: &str, n: u64) {
    let cursor = format!(
        r#"{{"format":1,"source":"jetstream","host":"{url}","seq":{},"time_us":{},"identity":null,"filter":"all kinds of events"}}"#,
        n + 1,
        EPOCH + n * STEP
    );
    fs::write(folder.join("cursor.json"), cursor).unwrap();
}

/// How many lines of stderr contain this.
fn count(output: &Output, text: &str) -> usize {
    let lines = output.stderr.lines();
    lines.filter(|line| line.contains(text)).count()
}

/// The events from `first` to before `end`.
fn posts(first: u64, end: u64) -> Vec<String> {
    (first..end).map(post).collect()
}

/// Which event a line is.
fn number(line: &str) -> u64 {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["cursor"].as_u64().unwrap() - 1
}
