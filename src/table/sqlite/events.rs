//! The table of all events: one row each, appended.

use rusqlite::{CachedStatement, Connection, types::Null};

use super::columns::Columns;
use crate::{
    event::Event,
    table::{COLUMNS, Row},
};

/// The statement that adds a row.
pub(super) fn insert(columns: &Columns) -> String {
    let names = COLUMNS
        .map(str::to_owned)
        .into_iter()
        .chain(columns.names());
    let names: Vec<_> = names.collect();
    let places: Vec<_> = (1..=names.len()).map(|n| format!("?{n}")).collect();
    let (names, places) = (names.join(", "), places.join(", "));
    format!("INSERT INTO events ({names}) VALUES ({places})")
}

/// Adds rows.
pub(super) struct Append<'a> {
    insert: CachedStatement<'a>,
    keeps_record: bool,
}

impl<'a> Append<'a> {
    /// With the statement of [`insert`].
    pub(super) fn prepare(
        connection: &'a Connection,
        insert: &str,
        keeps_record: bool,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: connection.prepare_cached(insert)?,
            keeps_record,
        })
    }

    pub(super) fn add(&mut self, event: &Event<'_>, columns: &mut Columns) -> rusqlite::Result<()> {
        let row = Row::of(event);
        let insert = &mut self.insert;
        insert.raw_bind_parameter(1, row.did)?;
        insert.raw_bind_parameter(2, row.time_us.cast_signed())?;
        insert.raw_bind_parameter(3, row.seq.map(u64::cast_signed))?;
        insert.raw_bind_parameter(4, row.kind.as_ref())?;
        insert.raw_bind_parameter(5, row.operation)?;
        insert.raw_bind_parameter(6, row.collection)?;
        insert.raw_bind_parameter(7, row.rkey)?;
        insert.raw_bind_parameter(8, row.rev)?;
        insert.raw_bind_parameter(9, row.cid.as_deref())?;
        match row.record.filter(|_| self.keeps_record) {
            Some(record) => insert.raw_bind_parameter(10, record)?,
            None => insert.raw_bind_parameter(10, Null)?,
        }
        insert.raw_bind_parameter(11, row.detail)?;
        columns.bind(event, insert, COLUMNS.len())?;
        insert.raw_execute()?;
        Ok(())
    }
}
