//! `rocketman probe`: what servers tell, and what is shown of it.

mod reported;
mod running;
mod unusable;

use crate::support::events::now_us;

use serde_json::Value;

use crate::support::{
    compress::compress,
    events::{EPOCH, commit},
    jetstream::{Connection, Request, Server},
    program::Output,
};

/// The keys of a line of `--json`, in their order.
const KEYS: [&str; 17] = [
    "source",
    "usable",
    "error",
    "http_status",
    "connect_ms",
    "upgrade_ms",
    "ping_ms",
    "clock_ahead_ms",
    "sends_cursor",
    "v2",
    "v2_dictionary",
    "newest_time_us",
    "behind_ms",
    "oldest_time_us",
    "window_ms",
    "compressed",
    "compression_ratio",
];

/// What a dictionary of the v2 wire begins with: its magic number, and an id.
const DICTIONARY: &[u8] = b"\x37\xa4\x30\xec\x05\x00\x00\x00 and so on";

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3600 * SECOND;

/// An event of this time, with a number on a server that counts.
fn event(time_us: u64, seq: Option<u64>) -> String {
    let rest = r#","record":{"$type":"app.bsky.feed.post","text":"héllo 🚀"},"cid":"bafyrei"#;
    commit(0, seq, "create", "app.bsky.feed.post", rest)
        .replace(&EPOCH.to_string(), &time_us.to_string())
}

/// A server of several doors: the live stream, the stream from long ago, and the v2 wire.
fn server(
    live: impl Fn(Connection) + Send + Sync + 'static,
    long_ago: impl Fn(Connection) + Send + Sync + 'static,
    v2: impl Fn(Request) + Send + Sync + 'static,
) -> Server {
    Server::every(move |request| {
        if request.target.starts_with("/xrpc/") {
            v2(request);
        } else if request.cursor().is_some() {
            long_ago(request.accept());
        } else {
            live(request.accept());
        }
    })
}

/// Sends what the time makes of it, and stays.
fn sends(
    events: impl Fn(u64) -> Vec<String> + Send + Sync + 'static,
) -> impl Fn(Connection) + Send + Sync + 'static {
    move |mut connection| {
        connection.send_all(events(now_us()));
        connection.until_closed();
    }
}

/// A new server, two hours deep.
fn new_server() -> Server {
    server(
        |mut connection| {
            for n in 0..5 {
                connection.send_binary(compress(&event(now_us() - 5 * SECOND, Some(n)), true));
            }
            connection.until_closed();
        },
        sends(|now_us| vec![event(now_us - 2 * HOUR, Some(1)), event(now_us, Some(2))]),
        |request| request.bytes("", DICTIONARY),
    )
}

/// A legacy server, a day deep, that does not compress.
fn legacy_server() -> Server {
    server(
        sends(|now_us| vec![event(now_us, None); 40]),
        sends(|now_us| vec![event(now_us - 24 * HOUR, None)]),
        |request| request.refuse("404 Not Found", "", "404 page not found\n"),
    )
}

/// A server on which nothing happens, and nothing happened.
fn quiet_server() -> Server {
    let quiet = |connection: Connection| {
        connection.until_closed();
    };
    server(quiet, quiet, |request| {
        request.refuse("404 Not Found", "", "");
    })
}

fn json(output: &Output) -> Vec<Value> {
    let lines = output.stdout.lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        assert!(
            line.as_object()
                .unwrap()
                .keys()
                .all(|key| KEYS.contains(&&**key)),
            "{line}"
        );
    }
    lines
}
