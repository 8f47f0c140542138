//! The state: one row for each record that there is now, by the revision of its repository.
//!
//! What comes twice, or late, changes nothing: of two commits on one record the one with the later
//! revision counts, in whatever order they come. A repository that was read as a whole has one
//! revision for all its records; then the number decides where both are of one numbering, and else
//! the deletion, and between two contents their hash, so that the outcome is the same again.

use rusqlite::{CachedStatement, Connection, params, types::Null};

use super::{columns::Columns, known::Known};
use crate::{
    event::{Event, Operation},
    table::Row,
};

/// The columns that every record has.
const NAMES: [&str; 10] = [
    "uri",
    "did",
    "collection",
    "rkey",
    "cid",
    "rev",
    "seq",
    "time",
    "record",
    "numbering",
];

/// Whether a record is removed by what came later, or lies before what its account was emptied by.
/// Parameters: address, account, revision, number, time, numbering, whether resets count.
pub(super) const IS_GONE: &str = "SELECT EXISTS (
  SELECT 1 FROM rocketman_deleted AS deleted WHERE deleted.uri = ?1 AND (
    ?3 > deleted.rev OR (?3 = deleted.rev AND deleted.numbering = ?6 AND ?4 > deleted.seq)
  ) IS NOT TRUE
) OR EXISTS (
  SELECT 1 FROM rocketman_floors AS floor WHERE floor.did = ?2 AND (?7 OR floor.kind = 'deleted') AND CASE
    WHEN floor.numbering = ?6 AND floor.seq IS NOT NULL AND ?4 IS NOT NULL THEN ?4 < floor.seq
    WHEN floor.kind = 'deleted' THEN ?5 < floor.time
    ELSE ?3 < floor.rev END
)";

const NOTE_DELETED: &str = "
INSERT INTO rocketman_deleted (uri, rev, seq, time, numbering) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (uri) DO UPDATE SET
  rev = excluded.rev, seq = excluded.seq, time = excluded.time, numbering = excluded.numbering
WHERE excluded.rev > rev OR (excluded.rev = rev AND excluded.numbering = numbering AND excluded.seq > seq)";

const DELETE: &str = "
DELETE FROM all_records WHERE uri = ?1
AND (rev < ?2 OR (rev = ?2 AND (numbering = ?4 AND seq > ?3) IS NOT TRUE))";

/// The statement that writes a record.
pub(super) fn upsert(columns: &Columns) -> String {
    let own: Vec<_> = columns.names().collect();
    let names: Vec<_> = NAMES
        .map(str::to_owned)
        .into_iter()
        .chain(own.clone())
        .collect();
    let places: Vec<_> = (1..=names.len()).map(|n| format!("?{n}")).collect();
    let kept = ["cid", "rev", "seq", "time", "record", "numbering"];
    let set = kept.map(str::to_owned).into_iter().chain(own);
    let set: Vec<_> = set
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    let (names, places, set) = (names.join(", "), places.join(", "), set.join(", "));
    format!(
        "INSERT INTO all_records ({names}) VALUES ({places})
ON CONFLICT (uri) DO UPDATE SET {set}
WHERE excluded.rev > all_records.rev OR (excluded.rev = all_records.rev AND CASE
  WHEN excluded.numbering = all_records.numbering AND excluded.seq IS NOT NULL AND all_records.seq IS NOT NULL
  THEN excluded.seq > all_records.seq
  ELSE excluded.cid > all_records.cid END)"
    )
}

/// Brings records up to date.
pub(super) struct Fold<'a> {
    upsert: CachedStatement<'a>,
    is_gone: CachedStatement<'a>,
    note_deleted: CachedStatement<'a>,
    delete: CachedStatement<'a>,
    keeps_record: bool,
    numbering: Option<i64>,
    uri: String,
}

impl<'a> Fold<'a> {
    /// With the statement of [`upsert`], for events of this numbering.
    pub(super) fn prepare(
        connection: &'a Connection,
        upsert: &str,
        keeps_record: bool,
        numbering: Option<i64>,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            upsert: connection.prepare_cached(upsert)?,
            is_gone: connection.prepare_cached(IS_GONE)?,
            note_deleted: connection.prepare_cached(NOTE_DELETED)?,
            delete: connection.prepare_cached(DELETE)?,
            keeps_record,
            numbering,
            uri: String::new(),
        })
    }

    /// Adds a commit.
    pub(super) fn add(
        &mut self,
        event: &Event<'_>,
        columns: &mut Columns,
        known: &mut Known,
    ) -> rusqlite::Result<()> {
        let row = Row::of(event);
        let names = (row.collection, row.rkey, row.rev);
        let (Some(collection), Some(rkey), Some(rev)) = names else {
            return Ok(());
        };
        self.uri.clear();
        for part in ["at://", row.did, "/", collection, "/", rkey] {
            self.uri.push_str(part);
        }
        match event.operation() {
            Some(Operation::Create | Operation::Update) => {
                if self.is_gone(&row, rev, known)? {
                    return Ok(());
                }
                self.write(event, &row, rev, columns)
            }
            Some(Operation::Delete) => {
                known.add(&self.uri);
                self.remove(&row, rev)
            }
            // What else a server may send says nothing of a record that could be kept.
            Some(Operation::Other) | None => Ok(()),
        }
    }

    fn is_gone(&mut self, row: &Row<'_>, rev: &str, known: &Known) -> rusqlite::Result<bool> {
        if !known.may_have(&self.uri) && !known.may_have(row.did) {
            return Ok(false);
        }
        let (seq, time) = (row.seq.map(u64::cast_signed), row.time_us.cast_signed());
        let values = params![self.uri, row.did, rev, seq, time, self.numbering, true];
        self.is_gone.query_row(values, |row| row.get(0))
    }

    fn write(
        &mut self,
        event: &Event<'_>,
        row: &Row<'_>,
        rev: &str,
        columns: &mut Columns,
    ) -> rusqlite::Result<()> {
        let upsert = &mut self.upsert;
        upsert.raw_bind_parameter(1, self.uri.as_str())?;
        upsert.raw_bind_parameter(2, row.did)?;
        upsert.raw_bind_parameter(3, row.collection)?;
        upsert.raw_bind_parameter(4, row.rkey)?;
        upsert.raw_bind_parameter(5, row.cid.as_deref())?;
        upsert.raw_bind_parameter(6, rev)?;
        upsert.raw_bind_parameter(7, row.seq.map(u64::cast_signed))?;
        upsert.raw_bind_parameter(8, row.time_us.cast_signed())?;
        match row.record.filter(|_| self.keeps_record) {
            Some(record) => upsert.raw_bind_parameter(9, record)?,
            None => upsert.raw_bind_parameter(9, Null)?,
        }
        upsert.raw_bind_parameter(10, self.numbering)?;
        columns.bind(event, upsert, NAMES.len())?;
        upsert.raw_execute()?;
        Ok(())
    }

    fn remove(&mut self, row: &Row<'_>, rev: &str) -> rusqlite::Result<()> {
        let (seq, time) = (row.seq.map(u64::cast_signed), row.time_us.cast_signed());
        self.note_deleted
            .execute(params![self.uri, rev, seq, time, self.numbering])?;
        self.delete
            .execute(params![self.uri, rev, seq, self.numbering])?;
        Ok(())
    }
}
