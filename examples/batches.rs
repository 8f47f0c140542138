//! Many events at once, in one transaction of SQLite each: a mirror of some collections that
//! survives `kill -9`.
//!
//! ```text
//! cargo run --example batches
//! cargo run --example batches ws://127.0.0.1:6008/subscribe
//! ```
//!
//! The mirror is `mirror.db`, the cursor `mirror.cursor`. The cursor follows what is committed, so
//! after a crash the last transactions may come again. They change nothing the second time: a
//! record is stored by its address, and only if its revision is not older than what is there.

use std::{
    env,
    error::Error,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rocketman::{
    Pipeline, PipelineSettings,
    cursor::FileCursor,
    event::{CollectionPattern, Kind, Operation, OwnedEvent},
    filter::Filter,
    sink::ingest::{BatchIngestor, Batches, IngestError},
    source::jetstream::{Jetstream, JetstreamSettings},
};
use rusqlite::{Connection, Statement, params};
use serde_json::value::RawValue;

/// The mirror.
#[derive(Debug)]
pub struct Mirror(Arc<Mutex<Connection>>);

impl Mirror {
    /// Opens the database, or makes it.
    pub fn open(path: &Path) -> Result<Self, rusqlite::Error> {
        let database = Connection::open(path)?;
        database.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS records (
                 uri TEXT PRIMARY KEY, did TEXT NOT NULL, collection TEXT NOT NULL, rev TEXT NOT NULL, record TEXT
             ) WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS records_of_account ON records (did);",
        )?;
        Ok(Self(Arc::new(Mutex::new(database))))
    }
}

impl BatchIngestor for Mirror {
    async fn ingest(&self, events: &[OwnedEvent]) -> Result<(), IngestError> {
        // SQLite blocks, so it has a thread of its own. The copies share the events' lines.
        let (database, events) = (Arc::clone(&self.0), events.to_vec());
        let writing = tokio::task::spawn_blocking(move || {
            write(
                &mut database.lock().unwrap_or_else(PoisonError::into_inner),
                &events,
            )
        });
        writing.await?
    }
}

/// Writes events in one transaction.
fn write(database: &mut Connection, events: &[OwnedEvent]) -> Result<(), IngestError> {
    let transaction = database.transaction()?;
    let mut upsert = transaction.prepare(UPSERT)?;
    let mut remove = transaction.prepare("DELETE FROM records WHERE did = ?1")?;
    for event in events {
        match event.kind() {
            Kind::Commit => store(&mut upsert, event)?,
            Kind::Account => forget(&mut remove, event)?,
            _ => {}
        }
    }
    drop((upsert, remove));
    transaction.commit()?;
    Ok(())
}

/// A deletion leaves the address behind, without a record: what comes again from before it must not
/// bring the record back.
const UPSERT: &str = "
    INSERT INTO records (uri, did, collection, rev, record) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (uri) DO UPDATE SET rev = excluded.rev, record = excluded.record
    WHERE excluded.rev >= rev";

fn store(upsert: &mut Statement<'_>, event: &OwnedEvent) -> Result<(), IngestError> {
    let record: Option<Box<RawValue>> = match event.operation() {
        Some(Operation::Create | Operation::Update) => event.record()?,
        _ => None,
    };
    upsert.execute(params![
        event.uri(),
        event.did(),
        event.collection(),
        event.rev(),
        record.as_deref().map(RawValue::get),
    ])?;
    Ok(())
}

/// A store of records has to honour that their account is gone.
fn forget(remove: &mut Statement<'_>, event: &OwnedEvent) -> Result<(), IngestError> {
    // One of another shape says nothing of the account, and must not keep the whole batch out.
    let Ok(Some(account)) = event.account() else {
        return Ok(());
    };
    if !account.active && matches!(account.status.as_deref(), Some("deleted" | "takendown")) {
        remove.execute([event.did()])?;
    }
    Ok(())
}

/// Mirrors from this server, or from the public ones, into `folder`.
pub async fn run(server: Option<String>, folder: &Path) -> Result<(), Box<dyn Error>> {
    let collections = ["app.bsky.feed.post", "app.bsky.actor.profile"];
    let collections = collections.map(CollectionPattern::parse);
    let collections = collections.into_iter().collect::<Result<Vec<_>, _>>()?;
    let filter = Filter::new()
        .collections(collections.clone())
        .kinds([Kind::Commit, Kind::Account]);
    let source = Jetstream::new(JetstreamSettings {
        collections,
        ..JetstreamSettings::of(server)?
    });
    let mirror = Mirror::open(&folder.join("mirror.db"))?;
    let batches = Batches::new(mirror)
        .at_most(500)
        .within(Duration::from_millis(200));
    Pipeline::new(source, batches)
        .filter(filter)
        .cursor(FileCursor::open(folder.join("mirror.cursor"))?)
        .settings(PipelineSettings {
            save_every: Duration::from_millis(200),
            ..PipelineSettings::default()
        })
        .run(std::future::pending())
        .await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run(env::args().nth(1), Path::new(".")).await
}
