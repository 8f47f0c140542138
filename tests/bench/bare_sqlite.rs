//! The yardstick for tables: a WebSocket loop that parses each event and writes it to SQLite with
//! prepared statements, 10,000 rows a transaction, in the same tables. It keeps no place, knows no
//! repeats, and takes the stream's word for everything.

use std::borrow::Cow;

use futures_util::StreamExt;
use rusqlite::{Connection, Statement, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// How many rows a transaction has.
const ROWS: usize = 10_000;

const SETTINGS: &str = "PRAGMA journal_mode = wal; PRAGMA synchronous = normal;
PRAGMA cache_size = -24576; PRAGMA wal_autocheckpoint = 4096;";

const EVENTS: &str = "CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, did TEXT NOT NULL, time INTEGER NOT NULL, seq INTEGER, kind TEXT NOT NULL,
  operation TEXT, collection TEXT, rkey TEXT, rev TEXT, cid TEXT, record TEXT, detail TEXT)";

const RECORDS: &str = "CREATE TABLE IF NOT EXISTS records (
  id INTEGER PRIMARY KEY, uri TEXT NOT NULL UNIQUE, did TEXT NOT NULL, collection TEXT NOT NULL,
  rkey TEXT NOT NULL, cid TEXT, rev TEXT NOT NULL, seq INTEGER, time INTEGER NOT NULL, record TEXT);
CREATE INDEX IF NOT EXISTS records_did ON records (did, collection);
CREATE INDEX IF NOT EXISTS records_time ON records (collection, time)";

const INSERT: &str =
    "INSERT INTO events (did, time, seq, kind, operation, collection, rkey, rev, cid, record)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const UPSERT: &str = "INSERT INTO records (uri, did, collection, rkey, cid, rev, seq, time, record)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (uri) DO UPDATE SET cid = excluded.cid, rev = excluded.rev, seq = excluded.seq,
  time = excluded.time, record = excluded.record WHERE excluded.rev > records.rev";

const DELETE: &str = "DELETE FROM records WHERE uri = ?1 AND rev <= ?2";

#[derive(Deserialize)]
struct Event<'a> {
    did: &'a str,
    time_us: i64,
    cursor: Option<i64>,
    kind: &'a str,
    #[serde(borrow)]
    commit: Option<Commit<'a>>,
}

#[derive(Deserialize)]
struct Commit<'a> {
    rev: &'a str,
    operation: &'a str,
    collection: &'a str,
    rkey: &'a str,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    #[serde(borrow)]
    cid: Option<Cow<'a, str>>,
}

/// Reads `n` events into a database: all of them, or the state.
pub fn run(url: &str, n_events: usize, path: &str, is_state: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let database = Connection::open(path).unwrap();
    database.execute_batch(SETTINGS).unwrap();
    database
        .execute_batch(if is_state { RECORDS } else { EVENTS })
        .unwrap();
    let mut write = database
        .prepare(if is_state { UPSERT } else { INSERT })
        .unwrap();
    let mut delete = is_state.then(|| database.prepare(DELETE).unwrap());
    runtime.block_on(async {
        let (mut socket, _) = connect_async(url).await.unwrap();
        database.execute_batch("BEGIN").unwrap();
        for n in 1..=n_events {
            let Message::Text(text) = socket.next().await.unwrap().unwrap() else {
                panic!("a frame that is no text");
            };
            let event: Event<'_> = serde_json::from_str(&text).unwrap();
            match &mut delete {
                Some(delete) => fold(&event, &mut write, delete),
                None => append(&event, &mut write),
            }
            if n % ROWS == 0 {
                database.execute_batch("COMMIT; BEGIN").unwrap();
            }
        }
        database.execute_batch("COMMIT").unwrap();
    });
    drop((write, delete));
    database.close().unwrap();
}

fn append(event: &Event<'_>, insert: &mut Statement<'_>) {
    let commit = event.commit.as_ref();
    let values = params![
        event.did,
        event.time_us,
        event.cursor,
        event.kind,
        commit.map(|commit| commit.operation),
        commit.map(|commit| commit.collection),
        commit.map(|commit| commit.rkey),
        commit.map(|commit| commit.rev),
        commit.and_then(|commit| commit.cid.as_deref()),
        commit.and_then(|commit| commit.record).map(RawValue::get),
    ];
    insert.execute(values).unwrap();
}

fn fold(event: &Event<'_>, upsert: &mut Statement<'_>, delete: &mut Statement<'_>) {
    let Some(commit) = &event.commit else { return };
    let uri = format!("at://{}/{}/{}", event.did, commit.collection, commit.rkey);
    if commit.operation == "delete" {
        delete.execute(params![uri, commit.rev]).unwrap();
        return;
    }
    let values = params![
        uri,
        event.did,
        commit.collection,
        commit.rkey,
        commit.cid,
        commit.rev,
        event.cursor,
        event.time_us,
        commit.record.map(RawValue::get),
    ];
    upsert.execute(values).unwrap();
}
