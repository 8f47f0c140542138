//! The tables, and whether those that are there are ours.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tracing::info;

use super::{SqliteSettings, Synchronous, TableKind, error::TableError};
use crate::{
    error::MemberError,
    log::STATE,
    table::{Column, ColumnType},
};

/// What marks a database as ours, in its head: "rkmn".
const APPLICATION: i64 = 0x726b_6d6e;

/// The version of the tables.
const VERSION: i64 = 1;

/// How long a write waits for another program that writes.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// What both kinds of tables need.
const COMMON: &str = "
CREATE TABLE rocketman_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rocketman_columns (name TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rocketman_places (
  source TEXT NOT NULL, filter TEXT NOT NULL,
  reached TEXT, saved TEXT,
  PRIMARY KEY (source, filter)
) WITHOUT ROWID;
";

const EVENTS: &str = "
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  did TEXT NOT NULL, time INTEGER NOT NULL, seq INTEGER, kind TEXT NOT NULL, operation TEXT,
  collection TEXT, rkey TEXT, rev TEXT, cid TEXT, record TEXT, detail TEXT
);
CREATE TABLE rocketman_recent (id INTEGER PRIMARY KEY, latest INTEGER NOT NULL, points BLOB NOT NULL);
";

/// `numbering` tells whose numbers `seq` is of.
const STATE_TABLES: &str = "
CREATE TABLE all_records (
  id INTEGER PRIMARY KEY,
  uri TEXT NOT NULL UNIQUE, did TEXT NOT NULL, collection TEXT NOT NULL, rkey TEXT NOT NULL,
  cid TEXT, rev TEXT NOT NULL, seq INTEGER, time INTEGER NOT NULL, record TEXT, numbering INTEGER
);
CREATE INDEX all_records_did ON all_records (did, collection);
CREATE INDEX all_records_time ON all_records (collection, time);
CREATE TABLE accounts (
  did TEXT PRIMARY KEY, active INTEGER NOT NULL, status TEXT, hidden INTEGER NOT NULL,
  seq INTEGER, time INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX accounts_hidden ON accounts (did) WHERE hidden;
CREATE TABLE handles (
  did TEXT PRIMARY KEY, handle TEXT, seq INTEGER, time INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX handles_handle ON handles (handle);
CREATE TABLE rocketman_deleted (
  uri TEXT PRIMARY KEY, rev TEXT NOT NULL, seq INTEGER, time INTEGER NOT NULL, numbering INTEGER
) WITHOUT ROWID;
CREATE TABLE rocketman_floors (
  did TEXT NOT NULL, kind TEXT NOT NULL, numbering INTEGER NOT NULL,
  seq INTEGER, time INTEGER NOT NULL, rev TEXT NOT NULL,
  PRIMARY KEY (did, kind, numbering)
) WITHOUT ROWID;
CREATE TABLE rocketman_numberings (id INTEGER PRIMARY KEY, origin TEXT NOT NULL UNIQUE);
";

/// Removed records that were not written again.
const TOMBSTONES: &str = "CREATE VIEW tombstones AS
SELECT uri, rev, seq, time FROM rocketman_deleted AS deleted
WHERE NOT EXISTS (SELECT 1 FROM all_records WHERE all_records.uri = deleted.uri)";

/// Opens a database and has its tables made or checked.
pub(super) fn open(settings: &SqliteSettings) -> Result<Connection, MemberError> {
    let path = &settings.path;
    let mut connection = Connection::open(path).map_err(TableError::of("open", path))?;
    prepare(&mut connection, settings).map_err(|error| error.of(path))?;
    Ok(connection)
}

/// What stops the preparation.
enum Prepared {
    Sqlite(rusqlite::Error),
    Member(MemberError),
}

impl Prepared {
    fn of(self, path: &Path) -> MemberError {
        match self {
            Self::Sqlite(error) => TableError::of("prepare", path)(error),
            Self::Member(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Prepared {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<TableError> for Prepared {
    fn from(error: TableError) -> Self {
        Self::Member(error.into())
    }
}

fn prepare(connection: &mut Connection, settings: &SqliteSettings) -> Result<(), Prepared> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(32);
    check(connection, settings)?;
    // Tables first: what cannot be used is left as it was.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(
        None,
        "synchronous",
        match settings.synchronous {
            Synchronous::Normal => "normal",
            Synchronous::Full => "full",
        },
    )?;
    // In KiB: what the pages of indexes need that are written to at random.
    connection.pragma_update(None, "cache_size", -24 * 1024)?;
    // In pages of 4 KiB; and in bytes, what is left of a larger log.
    connection.pragma_update(None, "wal_autocheckpoint", 4096)?;
    connection.pragma_update(None, "journal_size_limit", 32 * 1024 * 1024)?;
    let is_new = mark(connection, "application_id")? == 0;
    if !is_new && has_columns(connection, settings)? && has_views(connection, settings)? {
        // Whoever writes to it meanwhile does not have to be waited for.
        return Ok(());
    }
    let changes = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if is_new {
        make(&changes, settings)?;
    }
    bring_columns(&changes, settings)?;
    bring_views(&changes, settings)?;
    changes.commit()?;
    Ok(())
}

/// Whether a database that is only read is ours.
pub(super) fn check_ours(connection: &Connection, path: &Path) -> Result<(), MemberError> {
    let failed = TableError::of("read", path);
    let marks = mark(connection, "application_id")
        .and_then(|application| Ok((application, mark(connection, "user_version")?)));
    match marks.map_err(failed)? {
        (APPLICATION, VERSION) => Ok(()),
        (APPLICATION, found) => Err(TableError::Version {
            path: path.to_owned(),
            found,
            known: VERSION,
        }
        .into()),
        _ => Err(TableError::Foreign(path.to_owned()).into()),
    }
}

/// Whether a database that is only read holds a state.
pub(super) fn check_state(
    connection: &Connection,
    settings: &SqliteSettings,
) -> Result<(), MemberError> {
    let path = &settings.path;
    let checked = mark(connection, "application_id").map_err(Prepared::from);
    let checked = checked.and_then(|application| match application {
        APPLICATION => check(connection, settings),
        _ => Err(TableError::Foreign(path.clone()).into()),
    });
    checked.map_err(|error| error.of(path))
}

/// A number in the head of the database.
fn mark(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// Whether the database is new or ours, and holds what is asked for.
fn check(connection: &Connection, settings: &SqliteSettings) -> Result<(), Prepared> {
    let path = &settings.path;
    let application = mark(connection, "application_id")?;
    let version = mark(connection, "user_version")?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && version == 0 && objects == 0 {
        return Ok(());
    }
    if application != APPLICATION {
        return Err(TableError::Foreign(path.clone()).into());
    }
    if version != VERSION {
        return Err(TableError::Version {
            path: path.clone(),
            found: version,
            known: VERSION,
        }
        .into());
    }
    let kind: String = connection.query_row(
        "SELECT value FROM rocketman_settings WHERE name = 'table'",
        [],
        |row| row.get(0),
    )?;
    let asked = settings.table.as_str();
    if kind != asked {
        let what = format!("holds a table of {kind}, and not of {asked}");
        return Err(other(path, what));
    }
    Ok(())
}

fn other(path: &Path, what: String) -> Prepared {
    let path = path.to_owned();
    TableError::Other { path, what }.into()
}

fn make(connection: &Connection, settings: &SqliteSettings) -> rusqlite::Result<()> {
    connection.execute_batch(COMMON)?;
    connection.execute_batch(match settings.table {
        TableKind::State => STATE_TABLES,
        TableKind::Events => EVENTS,
    })?;
    connection.execute(
        "INSERT INTO rocketman_settings VALUES ('table', ?1)",
        [settings.table.as_str()],
    )?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)
}

/// How a column was defined when it was added.
fn definition(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT definition FROM rocketman_columns WHERE name = ?1 COLLATE NOCASE";
    connection
        .query_row(sql, [name], |row| row.get(0))
        .optional()
}

fn has_columns(connection: &Connection, settings: &SqliteSettings) -> rusqlite::Result<bool> {
    for column in &settings.columns {
        if definition(connection, column.name())? != Some(column.to_string()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Adds the columns that are new; one of the same name has to be the same.
fn bring_columns(connection: &Connection, settings: &SqliteSettings) -> Result<(), Prepared> {
    let table = rows_of(settings.table);
    let any = format!("SELECT EXISTS (SELECT 1 FROM {table})");
    let any: bool = connection.query_row(&any, [], |row| row.get(0))?;
    for column in &settings.columns {
        let (name, wanted) = (column.name(), column.to_string());
        match definition(connection, name)? {
            Some(known) if known == wanted => continue,
            Some(known) => {
                let what = format!("has a column {known}, and not {wanted}");
                return Err(other(&settings.path, what));
            }
            None => {}
        }
        let sql = format!(
            "ALTER TABLE {table} ADD COLUMN \"{name}\" {}",
            type_of(column)
        );
        connection.execute(&sql, [])?;
        connection.execute(
            "INSERT INTO rocketman_columns VALUES (?1, ?2)",
            [name, &wanted],
        )?;
        if any {
            let path = settings.path.display();
            info!(target: STATE, "column '{name}' is new in '{path}': rows that are there hold null in it");
        }
    }
    Ok(())
}

/// The table that has the columns of one's own.
pub(super) fn rows_of(kind: TableKind) -> &'static str {
    match kind {
        TableKind::State => "all_records",
        TableKind::Events => "events",
    }
}

fn type_of(column: &Column) -> &'static str {
    match column.column_type() {
        ColumnType::Text | ColumnType::Json => "TEXT",
        ColumnType::Real => "REAL",
        ColumnType::Integer | ColumnType::Boolean | ColumnType::Time => "INTEGER",
    }
}

/// Makes the views anew where they are not those that are needed.
fn bring_views(connection: &Connection, settings: &SqliteSettings) -> rusqlite::Result<()> {
    for (name, sql) in views(connection, settings)? {
        if view(connection, name)?.as_deref() != Some(sql.as_str()) {
            connection.execute_batch(&format!("DROP VIEW IF EXISTS {name}; {sql}"))?;
        }
    }
    Ok(())
}

fn has_views(connection: &Connection, settings: &SqliteSettings) -> rusqlite::Result<bool> {
    for (name, sql) in views(connection, settings)? {
        if view(connection, name)?.as_deref() != Some(sql.as_str()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The views that are needed.
fn views(
    connection: &Connection,
    settings: &SqliteSettings,
) -> rusqlite::Result<Vec<(&'static str, String)>> {
    if settings.table == TableKind::Events {
        return Ok(Vec::new());
    }
    let mut names = connection.prepare("SELECT name FROM rocketman_columns ORDER BY name")?;
    let names = names.query_map([], |row| row.get::<_, String>(0))?;
    let own: String = names
        .map(|name| Ok(format!(", \"{}\"", name?)))
        .collect::<rusqlite::Result<_>>()?;
    let records = format!(
        "CREATE VIEW records AS
SELECT uri, did, collection, rkey, cid, rev, seq, time, record{own} FROM all_records
WHERE NOT EXISTS (
  SELECT 1 FROM accounts WHERE accounts.did = all_records.did AND accounts.hidden
)"
    );
    let tombstones = settings
        .tombstones
        .then(|| ("tombstones", TOMBSTONES.to_owned()));
    Ok([("records", records)]
        .into_iter()
        .chain(tombstones)
        .collect())
}

/// How a view is defined that is there.
fn view(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?1";
    connection
        .query_row(sql, [name], |row| row.get(0))
        .optional()
}
