//! A SQLite database as a table of events, or of the state that they lead to.

mod accounts;
mod archived;
mod flags;
mod killed;
mod laws;
mod refused;

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{
    jetstream::{Request, Server},
    program::Rocketman,
};

/// The database of a folder, to read.
fn database(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// A number that a query gives; 0 where there is nothing to ask yet.
pub fn number(path: &Path, sql: &str) -> u64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let number = Connection::open_with_flags(path, flags)
        .and_then(|database| database.query_row(sql, [], |row| row.get::<_, i64>(0)));
    number.map_or(0, i64::unsigned_abs)
}

/// The texts of a query's only column.
pub fn texts(path: &Path, sql: &str) -> Vec<String> {
    let database = database(path);
    let mut query = database.prepare(sql).unwrap();
    let texts = query.query_map([], |row| row.get(0)).unwrap();
    texts.map(Result::unwrap).collect()
}

/// Hash and content of the records in a table, by their address.
pub fn records(path: &Path, table: &str) -> BTreeMap<String, (String, Value)> {
    let database = database(path);
    let mut query = database
        .prepare(&format!("SELECT uri, cid, record FROM {table}"))
        .unwrap();
    let rows = query.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))
    });
    let rows = rows.unwrap().map(Result::unwrap);
    rows.map(|(uri, cid, record)| (uri, (cid, serde_json::from_str(&record).unwrap())))
        .collect()
}

/// A server that has these events, from 1 on, and stays.
fn serving(lines: Vec<String>) -> Server {
    Server::every(move |request: Request| {
        let from = request.cursor().map_or(0, |cursor| {
            let first: Value = serde_json::from_str(&lines[0]).unwrap();
            let first_us = first["time_us"].as_u64().unwrap();
            match cursor {
                seq if seq < first_us => usize::try_from(seq - 1).unwrap(),
                _ => 0,
            }
        });
        let mut connection = request.accept();
        connection.send_all(lines[from.min(lines.len())..].to_vec());
        connection.until_closed();
    })
}

/// `rocketman tail -o sqlite:x.db` in a folder that stays.
fn into(server: &Server, folder: &Path) -> Rocketman {
    Rocketman::tail(&server.url())
        .with("-o sqlite:x.db --no-compress")
        .inside(folder)
}
