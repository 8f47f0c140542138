//! The accounts that a state has records of, and what a run over an archive owes them.

use rusqlite::{Connection, OptionalExtension};

use super::thread::Worker;
use crate::{
    error::MemberError,
    event::Did,
    source::history::{Answer, StateAccounts},
};

/// Under which name the debt is among the settings: `NUMBER SERVICE`.
const OWED: &str = "owed to accounts";

/// One account after the other: the index has each of them once for each of its records.
const LIST: &str = "
WITH RECURSIVE one (did) AS (
  SELECT min(did) FROM all_records
  UNION ALL
  SELECT (SELECT min(did) FROM all_records WHERE all_records.did > one.did) FROM one
  WHERE one.did IS NOT NULL
)
SELECT did FROM one WHERE did IS NOT NULL LIMIT ?1";

/// The accounts of a database that is a state, on the thread that writes to it.
#[derive(Debug)]
pub struct SqliteAccounts(Worker);

impl SqliteAccounts {
    pub(super) fn new(worker: Worker) -> Self {
        Self(worker)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, MemberError> {
        let read = self.0.read(read).await?;
        read.map_err(|error| MemberError::caused("cannot read the accounts of the database", error))
    }
}

impl StateAccounts for SqliteAccounts {
    fn owe<'a>(&'a self, service: &'a str, from: u64) -> Answer<'a, ()> {
        let service = service.to_owned();
        Box::pin(self.0.change(move |connection| {
            let from = owed(connection, &service)?.map_or(from, |owed| owed.min(from));
            let value = format!("{from} {service}");
            let sql = "INSERT OR REPLACE INTO rocketman_settings (name, value) VALUES (?1, ?2)";
            connection.execute(sql, [OWED, &value]).map(drop)
        }))
    }

    fn owed<'a>(&'a self, service: &'a str) -> Answer<'a, Option<u64>> {
        let service = service.to_owned();
        Box::pin(self.read(move |connection| owed(connection, &service)))
    }

    fn settle(&self) -> Answer<'_, ()> {
        Box::pin(self.0.change(|connection| {
            let sql = "DELETE FROM rocketman_settings WHERE name = ?1";
            connection.execute(sql, [OWED]).map(drop)
        }))
    }

    fn list(&self, most: usize) -> Answer<'_, Vec<Did>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Box::pin(self.read(move |connection| {
            let mut query = connection.prepare(LIST)?;
            let names = query.query_map([most], |row| row.get::<_, String>(0))?;
            let mut dids = Vec::new();
            for name in names {
                // What is none an archive is not asked for.
                dids.extend(Did::parse(&name?).ok());
            }
            Ok(dids)
        }))
    }
}

fn owed(connection: &Connection, service: &str) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT value FROM rocketman_settings WHERE name = ?1";
    let value: Option<String> = connection
        .query_row(sql, [OWED], |row| row.get(0))
        .optional()?;
    Ok(value.map(|value| match value.split_once(' ') {
        Some((from, of)) if of == service => from.parse().unwrap_or(1),
        _ => 1,
    }))
}
