//! Where the stream is read up to, and what of it a table of events holds of late.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use serde::{Serialize, de::DeserializeOwned};

use super::{SqliteSettings, error::TableError};
use crate::{
    cursor::Saved,
    error::MemberError,
    event::{Identity, Point, Position, micros},
};

/// What the database says of where a run goes on.
pub(super) struct Found {
    /// What a cursor would say.
    pub(super) saved: Option<Saved>,
    /// Where the rows come to, which may be further.
    pub(super) reached: Option<Position>,
}

/// The bytes of one point: its time, and its identity.
const POINT: usize = 16;

pub(super) fn find(
    connection: &Connection,
    settings: &SqliteSettings,
) -> Result<Found, MemberError> {
    let path = &settings.path;
    let found = connection
        .query_row(
            "SELECT saved, reached FROM rocketman_places WHERE source = ?1 AND filter = ?2",
            [&settings.source, &settings.filter],
            |row| {
                Ok((
                    row.get::<_, Option<String>>(0)?,
                    row.get::<_, Option<String>>(1)?,
                ))
            },
        )
        .optional()
        .map_err(TableError::of("read the place in", path))?;
    let (saved, reached) = found.unwrap_or_default();
    Ok(Found {
        saved: parsed(saved.as_deref(), path)?,
        reached: parsed(reached.as_deref(), path)?,
    })
}

/// The places of all runs, each with its filter, in the order of what they read.
pub(super) fn all(connection: &Connection, path: &Path) -> Result<Vec<Saved>, MemberError> {
    let rows = || {
        let mut rows = connection.prepare(
            "SELECT filter, saved, reached FROM rocketman_places ORDER BY source, filter",
        )?;
        let rows = rows.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, Option<String>>(1)?,
                row.get::<_, Option<String>>(2)?,
            ))
        });
        rows?.collect::<rusqlite::Result<Vec<_>>>()
    };
    let mut places = Vec::new();
    for (filter, saved, reached) in rows().map_err(TableError::of("read the places in", path))? {
        let place = Saved::newest(
            parsed(saved.as_deref(), path)?,
            parsed(reached.as_deref(), path)?,
        );
        places.extend(place.map(|place| Saved {
            filter: Some(filter),
            ..place
        }));
    }
    Ok(places)
}

fn parsed<T: DeserializeOwned>(text: Option<&str>, path: &Path) -> Result<Option<T>, MemberError> {
    let parsed = text.map(serde_json::from_str).transpose();
    parsed.map_err(|source| {
        let path = path.to_owned();
        TableError::Place { path, source }.into()
    })
}

/// Notes where rows come to.
pub(super) fn note_reached(
    connection: &Connection,
    [source, filter]: [&str; 2],
    reached: &Position,
) -> rusqlite::Result<()> {
    const NOTE: &str = "INSERT INTO rocketman_places (source, filter, reached) VALUES (?1, ?2, ?3)
ON CONFLICT (source, filter) DO UPDATE SET reached = excluded.reached";
    note(connection, NOTE, [source, filter], reached)
}

/// Forgets where rows of earlier runs come to: this one began elsewhere, and has none yet.
pub(super) fn forget_reached(
    connection: &Connection,
    [source, filter]: [&str; 2],
) -> rusqlite::Result<()> {
    const FORGET: &str =
        "UPDATE rocketman_places SET reached = NULL WHERE source = ?1 AND filter = ?2";
    connection
        .prepare_cached(FORGET)?
        .execute([source, filter])?;
    Ok(())
}

/// Notes a cursor.
pub(super) fn note_saved(
    connection: &Connection,
    [source, filter]: [&str; 2],
    saved: &Saved,
) -> rusqlite::Result<()> {
    const NOTE: &str = "INSERT INTO rocketman_places (source, filter, saved) VALUES (?1, ?2, ?3)
ON CONFLICT (source, filter) DO UPDATE SET saved = excluded.saved";
    note(connection, NOTE, [source, filter], saved)
}

fn note(
    connection: &Connection,
    sql: &str,
    [source, filter]: [&str; 2],
    value: &impl Serialize,
) -> rusqlite::Result<()> {
    let text = serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached(sql)?
        .execute([source, filter, &text])?;
    Ok(())
}

/// Appends a point in the form in which it is kept.
pub(super) fn push_point(point: &Point, out: &mut Vec<u8>) {
    if let Some(identity) = point.identity {
        out.extend_from_slice(&point.time_us.to_le_bytes());
        out.extend_from_slice(&identity.to_bits().to_le_bytes());
    }
}

/// Notes the events of a transaction, the latest of which is of this time, and forgets those that
/// lie further back than is asked for.
pub(super) fn note_recent(
    connection: &Connection,
    settings: &SqliteSettings,
    latest_us: u64,
    points: &[u8],
) -> rusqlite::Result<()> {
    let since_us = latest_us.saturating_sub(micros(settings.recall));
    connection
        .prepare_cached("INSERT INTO rocketman_recent (latest, points) VALUES (?1, ?2)")?
        .execute((latest_us.cast_signed(), points))?;
    connection
        .prepare_cached("DELETE FROM rocketman_recent WHERE latest < ?1")?
        .execute([since_us.cast_signed()])?;
    Ok(())
}

/// The events that were added of late.
pub(super) fn recent(connection: &Connection) -> rusqlite::Result<Vec<Point>> {
    let mut rows = connection.prepare("SELECT points FROM rocketman_recent ORDER BY id")?;
    let mut rows = rows.query([])?;
    let mut points = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(0)?.as_blob()?;
        let (pairs, _) = bytes.as_chunks::<POINT>();
        points.extend(pairs.iter().map(point));
    }
    Ok(points)
}

fn point(pair: &[u8; POINT]) -> Point {
    let (halves, _) = pair.as_chunks::<8>();
    let mut numbers = halves.iter().map(|half| u64::from_le_bytes(*half));
    Point {
        seq: None,
        time_us: numbers.next().unwrap_or_default(),
        identity: numbers.next().map(Identity::from_bits),
    }
}
