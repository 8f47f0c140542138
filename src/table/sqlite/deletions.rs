//! What tables of the state know to be removed, asked of versions of records that were kept
//! elsewhere.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::{
    SqliteSettings, error::TableError, known::Known, numbering::Numberings, schema, state::IS_GONE,
};
use crate::{error::MemberError, event::Origin, table::RecordVersion};

const STATUS: &str = "SELECT hidden, seq, time FROM accounts WHERE did = ?1";

/// What was removed, as one or more tables of the state know it.
#[derive(Debug)]
pub struct Deletions {
    tables: Vec<Table>,
    removes_hidden: bool,
}

/// One table, which is only read.
#[derive(Debug)]
struct Table {
    path: PathBuf,
    connection: Connection,
    removed: Known,
    hidden: Known,
    numberings: Numberings,
    /// Repositories that were reset count as emptied: what they hold since then came again behind
    /// that, to where the table and the records are of.
    counts_resets: bool,
    uri: String,
}

/// A status of an account, and when the upstream said it.
#[derive(Debug)]
struct Status {
    is_hidden: bool,
    seq: Option<i64>,
    time: i64,
}

impl Status {
    /// By the upstream's numbers, or else its times.
    fn is_after(&self, other: &Self) -> bool {
        let numbers = self
            .seq
            .zip(other.seq)
            .filter(|(one, other)| *one > 0 && *other > 0);
        numbers.map_or(self.time > other.time, |(one, other)| one > other)
    }
}

impl Deletions {
    /// Opens tables of the state. `own` was read from the same place as the records that are asked
    /// about, and `others` from anywhere.
    ///
    /// Blocks on the disk.
    pub fn open(own: &Path, others: &[PathBuf]) -> Result<Self, MemberError> {
        let own = Table::open(own, true);
        let others = others.iter().map(|path| Table::open(path, false));
        Ok(Self {
            tables: std::iter::once(own)
                .chain(others)
                .collect::<Result<_, _>>()?,
            removes_hidden: false,
        })
    }

    /// Has records of accounts count as removed while those are taken down, suspended or
    /// deactivated.
    #[must_use]
    pub fn of_hidden_accounts(mut self, removes_hidden: bool) -> Self {
        self.removes_hidden = removes_hidden;
        self
    }

    /// Whether this version of a record was removed: by a later deletion, or with its account. The
    /// origin is that of its number.
    ///
    /// Blocks on the disk, where the record or its account was ever removed from.
    pub fn has(
        &mut self,
        version: &RecordVersion<'_>,
        origin: Option<&Arc<Origin>>,
    ) -> Result<bool, MemberError> {
        for table in &mut self.tables {
            if table.has(version, origin)? {
                return Ok(true);
            }
        }
        Ok(self.removes_hidden && self.is_hidden(version.did)?)
    }

    /// Whether the newest status of an account hides it.
    fn is_hidden(&mut self, did: &str) -> Result<bool, MemberError> {
        if !self.tables.iter().any(|table| table.hidden.may_have(did)) {
            return Ok(false);
        }
        let mut newest: Option<Status> = None;
        for table in &self.tables {
            if let Some(status) = table.status(did)?
                && newest.as_ref().is_none_or(|newest| status.is_after(newest))
            {
                newest = Some(status);
            }
        }
        Ok(newest.is_some_and(|status| status.is_hidden))
    }
}

impl Table {
    fn open(path: &Path, counts_resets: bool) -> Result<Self, MemberError> {
        let failed = |action| TableError::of(action, path);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed("open"))?;
        schema::check_state(&connection, &SqliteSettings::new(path, "", ""))?;
        let names = |sql: &[&str]| Known::load(&connection, sql).map_err(failed("read"));
        Ok(Self {
            path: path.to_owned(),
            removed: names(&Known::REMOVED)?,
            hidden: names(&["SELECT did FROM accounts WHERE hidden"])?,
            numberings: Numberings::default(),
            counts_resets,
            uri: String::new(),
            connection,
        })
    }

    fn has(
        &mut self,
        version: &RecordVersion<'_>,
        origin: Option<&Arc<Origin>>,
    ) -> Result<bool, MemberError> {
        let RecordVersion {
            did,
            collection,
            rkey,
            rev,
            seq,
            time_us,
        } = *version;
        self.uri.clear();
        for part in ["at://", did, "/", collection, "/", rkey] {
            self.uri.push_str(part);
        }
        if !self.removed.may_have(&self.uri) && !self.removed.may_have(did) {
            return Ok(false);
        }
        let failed = TableError::of("read", &self.path);
        let numbering = self.numberings.find(&self.connection, origin);
        let found = numbering.and_then(|numbering| {
            let (seq, time) = (seq.map(u64::cast_signed), time_us.cast_signed());
            let values = params![self.uri, did, rev, seq, time, numbering, self.counts_resets];
            let mut is_gone = self.connection.prepare_cached(IS_GONE)?;
            is_gone.query_row(values, |row| row.get(0))
        });
        found.map_err(failed)
    }

    /// The newest status of an account.
    fn status(&self, did: &str) -> Result<Option<Status>, MemberError> {
        let look = || {
            let mut status = self.connection.prepare_cached(STATUS)?;
            let found = status.query_row([did], |row| {
                Ok(Status {
                    is_hidden: row.get(0)?,
                    seq: row.get(1)?,
                    time: row.get(2)?,
                })
            });
            found.optional()
        };
        look().map_err(TableError::of("read", &self.path))
    }
}
