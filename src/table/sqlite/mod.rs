//! A SQLite database that is a table of events: either each of them, appended, or the state that
//! they lead to.
//!
//! Rows and the place in the stream are of one transaction, so that each event counts exactly once
//! whatever is killed. The database is its own cursor store: [`open`] gives both members, which
//! share one thread and one connection. Others may read it at any time.

mod account;
#[cfg(feature = "history")]
mod accounts;
mod columns;
mod cursor;
mod deletions;
mod error;
mod events;
mod job;
mod known;
mod lock;
mod numbering;
mod places;
mod schema;
mod sink;
mod state;
mod thread;
mod worker;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

#[cfg(feature = "history")]
pub use self::accounts::SqliteAccounts;
pub use self::{cursor::SqliteCursor, deletions::Deletions, sink::SqliteSink};
use self::{error::TableError, lock::Lock, thread::Worker, worker::Database};
use super::Column;
use crate::{
    cursor::{Glimpse, Saved},
    error::MemberError,
};

/// What a database holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableKind {
    /// One row for each record that there is now.
    #[default]
    State,
    /// One row for each event that came.
    Events,
}

impl TableKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Events => "events",
        }
    }
}

/// What becomes of the rows of an account that goes away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnAccountGone {
    /// Those of a deleted one are removed; those of one that was taken down, suspended or
    /// deactivated are hidden until it is back.
    #[default]
    Follow,
    /// They are hidden in each of these cases.
    Hide,
    /// They are removed in each of these cases, and an account that is back is empty.
    Remove,
    /// Nothing.
    Keep,
}

/// When a commit is on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// When the write-ahead log is next made durable: a loss of power takes the last commits back,
    /// rows and place together, and the next run reads them again.
    #[default]
    Normal,
    /// Before anything counts as accepted.
    Full,
}

/// Where and how to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The database; made where there is none.
    pub path: PathBuf,
    /// What it holds.
    pub table: TableKind,
    /// Columns of one's own.
    pub columns: Vec<Column>,
    /// Whether records are kept.
    pub keeps_record: bool,
    /// Whether removed records can be seen, in a view `tombstones` without their content.
    pub tombstones: bool,
    /// What becomes of the rows of an account that goes away.
    pub on_account_gone: OnAccountGone,
    /// When a commit is on the disk.
    pub synchronous: Synchronous,
    /// What is read, and through which filter: each pair has a place of its own in the database.
    pub source: String,
    /// See there.
    pub filter: String,
    /// How far back a table of events knows what it holds, by the time of the events, so that one
    /// that comes again is not added again.
    pub recall: Duration,
}

impl SqliteSettings {
    /// The state of what is read from `source` through `filter`, in words.
    pub fn new(
        path: impl Into<PathBuf>,
        source: impl Into<String>,
        filter: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            table: TableKind::default(),
            columns: Vec::new(),
            keeps_record: true,
            tombstones: false,
            on_account_gone: OnAccountGone::default(),
            synchronous: Synchronous::default(),
            source: source.into(),
            filter: filter.into(),
            recall: Duration::from_secs(60),
        }
    }
}

/// Where the runs that write to a database are, each with its filter. Nothing is made or changed,
/// and a process that writes to it does not notice.
///
/// Blocks on the disk.
pub fn look(path: &Path) -> Result<Vec<Glimpse>, MemberError> {
    let connection = open_to_read(path)?;
    let in_use = lock::is_held(path);
    let places = places::all(&connection, path)?.into_iter();
    let glimpse = |saved| Glimpse {
        saved: Some(saved),
        in_use,
    };
    Ok(places.map(glimpse).collect())
}

/// Where a run with these settings would go on; `None` where none has written there yet. Nothing is
/// made or changed, and a process that writes to it does not notice.
///
/// Blocks on the disk.
pub fn place_of(settings: &SqliteSettings) -> Result<Option<Saved>, MemberError> {
    if !settings.path.exists() {
        return Ok(None);
    }
    let found = places::find(&open_to_read(&settings.path)?, settings)?;
    Ok(Saved::newest(found.saved, found.reached))
}

fn open_to_read(path: &Path) -> Result<Connection, MemberError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags);
    let connection = connection.map_err(TableError::of("open", path))?;
    schema::check_ours(&connection, path)?;
    Ok(connection)
}

/// Opens the database, and starts the thread that writes to it; a second process is kept out.
///
/// Blocks on the disk.
pub fn open(settings: SqliteSettings) -> Result<(SqliteSink, SqliteCursor), MemberError> {
    let lock = Lock::take(&settings.path)?;
    let name = format!("database '{}'", settings.path.display());
    let synchronous = settings.synchronous;
    let database = Database::open(settings)?;
    let (place, recent) = (database.saved()?, database.recent()?);
    let worker = Worker::start(database, lock)?;
    let cursor = SqliteCursor::new(worker.clone(), place.saved);
    Ok((
        SqliteSink::new(name, worker, place.reached, recent, synchronous),
        cursor,
    ))
}
