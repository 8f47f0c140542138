//! kill -9 of programs whose ingestors write to SQLite.

use std::{fs, path::Path, sync::Mutex, time::Duration};

use rocketman::{
    Pipeline, PipelineSettings,
    cursor::FileCursor,
    event::Event,
    sink::ingest::{Ingest, IngestError, Ingestor},
    source::jetstream::{Endpoint, Jetstream, JetstreamSettings},
};
use rusqlite::{Connection, OpenFlags, params};

use super::start;
use crate::support::{
    events::{did, posts},
    jetstream::Server,
    wait_until,
};

const TOTAL: u64 = 6_000;

/// Notes how often it was given each event. What a killed process has written is there; only a lost
/// machine would need more.
struct Counting(Mutex<Connection>);

impl Counting {
    fn open(folder: &Path) -> Self {
        let database = Connection::open(folder.join("events.db")).unwrap();
        database
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = OFF;
                 CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, did TEXT, times INTEGER);",
            )
            .unwrap();
        Self(Mutex::new(database))
    }
}

impl Ingestor for Counting {
    async fn ingest(&self, event: Event<'_>) -> Result<(), IngestError> {
        self.0.lock().unwrap().execute(
            "INSERT INTO events VALUES (?1, ?2, 1) ON CONFLICT (seq) DO UPDATE SET times = times + 1",
            params![event.seq().map(u64::cast_signed), event.did()],
        )?;
        Ok(())
    }
}

/// The program that is killed: posts from this server, with a cursor that is saved often.
pub(super) async fn ingest(server: &str, folder: &Path, jobs: usize) {
    let counting = Counting::open(folder);
    let ingest = Ingest::new().on("app.bsky.feed.post", counting).jobs(jobs);
    let source = JetstreamSettings {
        endpoints: vec![Endpoint::parse(server).unwrap()],
        ..JetstreamSettings::default()
    };
    let source = Jetstream::new(source);
    Pipeline::new(source, ingest)
        .cursor(FileCursor::open(folder.join("cursor")).unwrap())
        .settings(PipelineSettings {
            save_every: Duration::from_millis(5),
            ..PipelineSettings::default()
        })
        .run(std::future::pending())
        .await
        .unwrap();
}

/// One number from a database that may still have to be made.
fn number(folder: &Path, database: &str, query: &str) -> u64 {
    let path = folder.join(database);
    let read = || {
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.query_row(query, [], |row| row.get::<_, Option<i64>>(0))
    };
    read().ok().flatten().map_or(0, i64::cast_unsigned)
}

/// The last event that the cursor counts.
pub(super) fn cursor(folder: &Path, name: &str) -> u64 {
    let Ok(text) = fs::read_to_string(folder.join(name)) else {
        return 0;
    };
    let cursor: serde_json::Value = serde_json::from_str(&text).unwrap();
    let seq = cursor["seq"].as_u64().unwrap();
    // A mere beginning counts nothing.
    if cursor["identity"].is_null() {
        seq - 1
    } else {
        seq
    }
}

/// Kills a program again and again, each time when a number has grown by some more, until it
/// reaches `total`. `look` is called after each kill.
fn kill_until_done(
    program: &str,
    server: &Server,
    folder: &Path,
    progress: impl Fn() -> u64,
    total: u64,
    mut look: impl FnMut(),
) {
    let mut random = fastrand::Rng::with_seed(6);
    let mut n_kills = 0;
    while progress() < total {
        let running = start(program, &server.url(), folder);
        let target = (progress() + random.u64(1..total / 8)).min(total);
        wait_until("progress", || progress() >= target);
        running.kill();
        n_kills += 1;
        look();
    }
    assert!(n_kills > 4, "{n_kills} kills");
}

/// Lets the program come to the end of the stream, its cursor too.
fn settle(program: &str, server: &Server, folder: &Path, name: &str, total: u64) {
    let running = start(program, &server.url(), folder);
    wait_until("the cursor at the end", || cursor(folder, name) == total);
    running.kill();
}

fn nothing_is_lost_and_repeats_are_what_the_cursor_had_not_counted(program: &str) {
    let server = Server::every(posts(TOTAL));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let count = |query: &str| number(folder, "events.db", query);
    let mut repeatable = 0;
    let look = || {
        let (counted, last) = (
            cursor(folder, "cursor"),
            count("SELECT max(seq) FROM events"),
        );
        // Everything that the cursor counts is stored, and what is stored beyond it may come once
        // more.
        let stored = format!("SELECT count(*) FROM events WHERE seq <= {counted}");
        assert_eq!(count(&stored), counted);
        repeatable += last - counted;
    };
    let progress = || count("SELECT count(*) FROM events");
    kill_until_done(program, &server, folder, progress, TOTAL, look);
    settle(program, &server, folder, "cursor", TOTAL);
    assert_eq!(progress(), TOTAL);
    assert_eq!(count("SELECT min(seq) FROM events"), 1);
    assert_eq!(count("SELECT max(seq) FROM events"), TOTAL);
    let repeats = count("SELECT sum(times - 1) FROM events");
    assert!(repeats > 0, "the kills met nothing");
    assert!(
        repeats <= repeatable,
        "{repeats} repeats, {repeatable} at most"
    );
}

#[test]
fn a_killed_ingestor_repeats_only_what_was_not_counted() {
    nothing_is_lost_and_repeats_are_what_the_cursor_had_not_counted("sqlite");
}

#[test]
fn several_at_once_that_are_killed_lose_nothing_either() {
    nothing_is_lost_and_repeats_are_what_the_cursor_had_not_counted("sqlite with jobs");
}

/// A stream in which every record is made, every second one replaced, and every third one deleted
/// again, some time later.
fn event(n: u64) -> String {
    let (record, operation) = match n % 3 {
        0 => (n / 3, "create"),
        1 if (n / 3).is_multiple_of(2) => (n / 3, "update"),
        // Of a record made a hundred records ago.
        2 if n > 300 && ((n / 3) - 100).is_multiple_of(3) => ((n / 3) - 100, "delete"),
        _ => (n + 1_000_000, "create"),
    };
    let rest = match operation {
        "delete" => String::new(),
        _ => format!(r#","cid":"c","record":{{"text":"{n}"}}"#),
    };
    format!(
        r#"{{"did":"{}","time_us":{},"cursor":{},"kind":"commit","commit":{{"rev":"3k{n:011}","operation":"{operation}","collection":"app.bsky.feed.post","rkey":"3l{record:011}"{rest}}}}}"#,
        did(record),
        1_790_000_000_000_000 + n * 1000,
        n + 1
    )
}

#[test]
fn a_mirror_in_batches_that_is_killed_comes_out_right() {
    let server = Server::every(|request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        connection.send_all((from..TOTAL).map(event));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let progress = || {
        let newest = "SELECT max(substr(rev, 3) + 1) FROM records";
        number(folder, "mirror.db", newest)
    };
    kill_until_done("batches", &server, folder, progress, TOTAL, || {
        assert!(cursor(folder, "mirror.cursor") <= progress());
    });
    settle("batches", &server, folder, "mirror.cursor", TOTAL);
    // What a map makes of the same stream, without any kill.
    let mut expected = std::collections::BTreeMap::new();
    for n in 0..TOTAL {
        let event: serde_json::Value = serde_json::from_str(&event(n)).unwrap();
        let rkey = event["commit"]["rkey"].as_str().unwrap().to_owned();
        let record = event["commit"].get("record").map(ToString::to_string);
        expected.insert(rkey, record);
    }
    let mirror = Connection::open(folder.join("mirror.db")).unwrap();
    let mut rows = mirror
        .prepare("SELECT substr(uri, -13), record FROM records")
        .unwrap();
    let found: std::collections::BTreeMap<String, Option<String>> = rows
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(found, expected);
}
