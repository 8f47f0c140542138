//! What the programs in `examples/` do.

use std::fs;

use rocketman::{event::OwnedEvent, sink::ingest::BatchIngestor};
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use super::{batches, concurrent, several, start};
use crate::support::{
    DEADLINE,
    events::{account, commit, did, post, unlike},
    jetstream::Server,
};

/// Sends these events to each client, and waits until the client is gone.
fn sending(events: Vec<String>) -> Server {
    Server::one(move |request| {
        let mut connection = request.accept();
        connection.send_all(events);
        connection.until_closed();
    })
}

/// A record with this text in it.
fn with_record(n: u64, collection: &str, record: &str) -> String {
    let rest = format!(r#","record":{record},"cid":"bafyrei"#);
    commit(n, Some(n + 1), "create", collection, &rest)
}

/// Waits until the cursor in this folder is at this number.
async fn until_saved(folder: &std::path::Path, name: &str, seq: u64) {
    let reached = async {
        let expected = format!("\"seq\": {seq},");
        while !fs::read_to_string(folder.join(name)).is_ok_and(|text| text.contains(&expected)) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, reached).await.unwrap();
}

#[test]
fn one_collection_shows_posts_and_passes_over_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let deleted = commit(3, Some(4), "delete", "app.bsky.feed.post", "");
    let server = sending(vec![
        with_record(0, "app.bsky.feed.post", r#"{"text":"a","langs":["en"]}"#),
        with_record(1, "app.bsky.feed.post", r#"{"text":7}"#),
        unlike(2),
        deleted,
        post(4),
    ]);
    let mut program = start("one_collection", &server.url(), folder.path());
    let mut said = Vec::new();
    while said.len() < 3 {
        let line = program.line();
        // The others are of the process that it is in.
        if line.starts_with("did:") {
            said.push(line);
        }
    }
    let expected = [
        format!("{} [en] \"a\"", did(0)),
        format!("{} deleted 3l00000000003", did(3)),
        format!("{} [] \"héllo 🚀\"", did(4)),
    ];
    assert_eq!(said, expected);
    program.kill();
    let asked = &server.requests()[0];
    assert!(
        asked.contains("wantedCollections=app.bsky.feed.post"),
        "{asked}"
    );
}

#[tokio::test]
async fn several_keeps_its_cursor_and_dead_letters_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let like = r#"{"subject":{"uri":"at://did:plc:a/app.bsky.feed.post/1"}}"#;
    let server = sending(vec![
        with_record(0, "app.bsky.feed.like", like),
        with_record(1, "app.bsky.feed.like", "{}"),
        with_record(2, "app.bsky.graph.follow", r#"{"subject":"did:plc:b"}"#),
        with_record(3, "app.bsky.graph.follow", r#"{"subject":8}"#),
        account(4),
        post(5),
    ]);
    let stop = CancellationToken::new();
    let run = several::run(Some(server.url()), folder.path(), stop.cancelled());
    let watch = async {
        until_saved(folder.path(), "several.cursor", 6).await;
        stop.cancel();
    };
    let (result, ()) = tokio::join!(run, watch);
    result.unwrap();
    let letters = fs::read_to_string(folder.path().join("several.dead")).unwrap();
    let letter: serde_json::Value = serde_json::from_str(&letters).unwrap();
    assert_eq!(letter["event"]["commit"]["record"]["subject"], 8);
}

#[tokio::test]
async fn concurrent_comes_to_the_last_event_whatever_fails_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let profile = |n| with_record(n, "app.bsky.actor.profile", r#"{"displayName":"a"}"#);
    let server = sending((0..40).map(profile).collect());
    let run = concurrent::run(Some(server.url()), folder.path());
    tokio::select! {
        result = run => panic!("it ended: {result:?}"),
        () = until_saved(folder.path(), "concurrent.cursor", 40) => {}
    }
}

#[tokio::test]
async fn batches_mirrors_what_is_there_and_forgets_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut events: Vec<_> = (0..200).map(post).collect();
    // Account 3 is deleted with its posts 3 and 103; account 4 has deleted one of its two.
    events.push(account(203));
    events.push(
        post(4)
            .replace("\"create\"", "\"delete\"")
            .replace("3k00000000004", "3k00000000204"),
    );
    let n_events = events.len();
    let last = r#"{"did":"did:plc:z","time_us":1790000001000000,"cursor":300,"kind":"account","account":{"active":true,"did":"did:plc:z","seq":1,"time":"2026-07-04T14:38:07.877Z"}}"#;
    events.push(last.to_owned());
    let server = sending(events);
    let run = batches::run(Some(server.url()), folder.path());
    tokio::select! {
        result = run => panic!("it ended: {result:?}"),
        () = until_saved(folder.path(), "mirror.cursor", 300) => {}
    }
    assert_eq!(n_events, 202);
    let mirror = rusqlite::Connection::open(folder.path().join("mirror.db")).unwrap();
    let count = |what: &str| -> i64 {
        let query = format!("SELECT count(*) FROM records WHERE {what}");
        mirror.query_row(&query, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("record IS NOT NULL"), 197);
    assert_eq!(count(&format!("did = '{}'", did(3))), 0);
    let of_4 = format!("did = '{}' AND record", did(4));
    assert_eq!(
        (
            count(&format!("{of_4} IS NULL")),
            count(&format!("{of_4} IS NOT NULL"))
        ),
        (1, 1)
    );
}

/// On a runtime of one thread: the transaction waits for another one, which only ends if the task
/// that began it gets its turn meanwhile.
#[tokio::test]
async fn a_transaction_that_waits_leaves_the_thread_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirror.db");
    let mirror = batches::Mirror::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let events = [OwnedEvent::from_line(post(0)).unwrap()];
    let (written, ()) = tokio::join!(mirror.ingest(&events), async {
        other.execute_batch("COMMIT").unwrap();
    });
    written.unwrap();
    let count = other.query_row("SELECT count(*) FROM records", [], |row| row.get(0));
    assert_eq!(count, Ok(1));
}
