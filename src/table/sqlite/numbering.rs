//! Which numbers are those of one stream, so that they can be compared.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use crate::event::Origin;

/// The numbering of the stream that was read last, since most events are of one.
#[derive(Debug, Default)]
pub(super) struct Numberings {
    last: Option<(Arc<Origin>, Option<i64>)>,
}

impl Numberings {
    /// That of a stream, which is noted if it is new; `None` for events of no stream.
    pub(super) fn note(
        &mut self,
        connection: &Connection,
        origin: Option<&Arc<Origin>>,
    ) -> rusqlite::Result<Option<i64>> {
        self.get(origin, |name| {
            let sql = "INSERT INTO rocketman_numberings (origin) VALUES (?1)
ON CONFLICT (origin) DO UPDATE SET origin = excluded.origin RETURNING id";
            connection.query_row(sql, [name], |row| row.get(0))
        })
    }

    /// That of a stream, if the database has any of its numbers.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        origin: Option<&Arc<Origin>>,
    ) -> rusqlite::Result<Option<i64>> {
        self.get(origin, |name| {
            let sql = "SELECT id FROM rocketman_numberings WHERE origin = ?1";
            let found = connection.query_row(sql, [name], |row| row.get(0));
            Ok(found.optional()?.flatten())
        })
    }

    fn get(
        &mut self,
        origin: Option<&Arc<Origin>>,
        look: impl FnOnce(&str) -> rusqlite::Result<Option<i64>>,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(origin) = origin else {
            return Ok(None);
        };
        if let Some((last, numbering)) = &self.last
            && (Arc::ptr_eq(last, origin) || last == origin)
        {
            return Ok(*numbering);
        }
        let Origin {
            source,
            host,
            instance,
        } = &**origin;
        let instance = instance.as_deref().unwrap_or_default();
        let numbering = look(format!("{source} {host} {instance}").trim_end())?;
        self.last = Some((Arc::clone(origin), numbering));
        Ok(numbering)
    }
}
