//! Several processes that share one stream.

use std::{collections::HashMap, fs, path::Path};

use rustix::process::Signal;

use crate::support::{
    events::{did, identity, post, posts},
    jetstream::Server,
    program::{Output, Rocketman},
    wait_until,
};

/// More than there are accounts, so that each comes more than once.
const TOTAL: u64 = 250;

/// Reads the first `TOTAL` events of a stream behind a cursor file of that folder, and returns the
/// numbers of those that are of this shard, with what was said.
fn run(server: &Server, folder: &Path, shard: &str, cursor: &str) -> (Vec<u64>, Output) {
    let call = Rocketman::tail(&server.url()).with("--save-interval 10ms -o");
    let call = call.with(&format!("{cursor}.out --cursor-file {cursor}"));
    let call = call.inside(folder);
    let running = call.env("ROCKETMAN_SHARD", shard).start();
    // Events of other shards move it too.
    wait_until("a cursor at the last event", || {
        let text = fs::read_to_string(folder.join(cursor)).unwrap_or_default();
        text.contains(&format!("\"seq\": {TOTAL},"))
    });
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    let lines = fs::read_to_string(folder.join(format!("{cursor}.out"))).unwrap();
    (numbers(&lines), output)
}

#[test]
fn shards_of_one_stream_share_its_accounts() {
    let server = Server::every(posts(TOTAL));
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    let mut of_account = HashMap::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let (numbers, output) = run(&server, folder.path(), shard, &shard.replace('/', "-of-"));
        output.assert_says(0, &[&format!("all kinds of events, shard {shard}")]);
        assert!(numbers.len() > 50, "{shard}: {numbers:?}");
        assert!(numbers.is_sorted());
        for n in &numbers {
            let other = of_account.insert(did(*n), shard);
            assert!(other.is_none_or(|other| other == shard), "{}", did(*n));
        }
        all.extend(numbers);
    }
    all.sort_unstable();
    assert_eq!(all, (0..TOTAL).collect::<Vec<_>>());
}

#[test]
fn a_copied_cursor_splits_one_process_without_loss_or_repeats() {
    let server = Server::every(posts(TOTAL));
    let folder = tempfile::tempdir().unwrap();
    let alone = Rocketman::tail(&server.url()).with("--cursor-file c -n 100");
    let mut all = numbers(&alone.inside(folder.path()).succeed().stdout);
    for (shard, cursor) in [("1/2", "c1"), ("2/2", "c2")] {
        fs::copy(folder.path().join("c"), folder.path().join(cursor)).unwrap();
        let (numbers, output) = run(&server, folder.path(), shard, cursor);
        output.assert_says(0, &["the saved cursor was made with another filter"]);
        all.extend(numbers);
    }
    all.sort_unstable();
    assert_eq!(all, (0..TOTAL).collect::<Vec<_>>());
}

#[test]
fn the_server_still_filters_and_the_shard_is_our_own_business() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all([identity(1), post(2), post(3)]);
        connection.until_closed();
    });
    let flags = format!("-c app.bsky.feed.post -d {} -d {}", did(2), did(3));
    // By the hash of NATS, account 2 has 0xb25155cb and account 3 has 0xb1515438.
    let output = Rocketman::tail(&server.url())
        .with(&flags)
        .with("--shard 1/2 -n 1")
        .succeed();
    assert_eq!(output.lines(), [post(3)]);
    let asked = &server.requests()[0];
    assert!(asked.contains("wantedCollections=app.bsky.feed.post"));
    assert_eq!(asked.matches("wantedDids=").count(), 2, "{asked}");
    assert!(!asked.contains("hard"), "{asked}");
}

/// The numbers of these posts.
fn numbers(lines: &str) -> Vec<u64> {
    let number = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["cursor"].as_u64().unwrap() - 1
    };
    lines.lines().map(number).collect()
}
