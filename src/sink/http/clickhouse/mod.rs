//! Tables of ClickHouse, filled over its interface of HTTP: one `INSERT` a request.
//!
//! The id of a request is its token of deduplication, so that one that is sent again is inserted
//! once, as far as the table remembers; and the key of the table is what makes an event the one
//! that it is.

mod codes;
mod rows;

use url::form_urlencoded;

pub(super) use self::codes::{Sort, sort};
use super::{address::TableName, parcel::Item, signature::RequestId};
use crate::table::{COLUMNS, Column, ColumnType};

/// So many inserts a table that we make knows again: far more than are sent between two saves of
/// the cursor.
const WINDOW: u32 = 10_000;

/// What the rows of a table of ClickHouse are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClickHouseRows {
    /// Columns beside those that every table has.
    pub columns: Vec<Column>,
    /// Whether records are kept as JSON.
    pub has_record: bool,
    /// The table is made if it is not there.
    pub create_table: bool,
}

impl Default for ClickHouseRows {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            has_record: true,
            create_table: false,
        }
    }
}

impl ClickHouseRows {
    /// The body of an insert with these events.
    pub(super) fn body_of(&self, items: &[Item]) -> Vec<u8> {
        let bytes: usize = items.iter().map(Item::bytes).sum();
        let mut body = Vec::with_capacity(bytes);
        for item in items {
            rows::append(&item.event.event(), self, &mut body);
        }
        body
    }

    /// Path and query of the insert that a request with this id is.
    pub(super) fn insert(&self, table: &TableName, id: RequestId) -> String {
        let names: Vec<_> = self.names().map(quoted).collect();
        let query = format!(
            "INSERT INTO {} ({}) FORMAT JSONEachRow",
            full_name(table),
            names.join(", ")
        );
        let id = id.to_string();
        target([
            ("query", query.as_str()),
            ("insert_deduplicate", "1"),
            ("insert_deduplication_token", &id),
            // Answered once the rows are in the table, all of them or none.
            ("async_insert", "0"),
            ("wait_end_of_query", "1"),
            // One insert is one block, which has one token.
            ("input_format_parallel_parsing", "0"),
            ("input_format_null_as_default", "1"),
        ])
    }

    /// Path and query of the statement that makes the table.
    pub(super) fn create(&self, table: &TableName) -> String {
        target([("query", self.create_statement(table).as_str())])
    }

    fn create_statement(&self, table: &TableName) -> String {
        let columns: Vec<_> = self
            .names()
            .map(|name| format!("{} {}", quoted(name), self.type_of(name)))
            .collect();
        format!(
            "CREATE TABLE IF NOT EXISTS {} ({}) ENGINE = ReplacingMergeTree ORDER BY (`did`, `identity`) SETTINGS non_replicated_deduplication_window = {WINDOW}",
            full_name(table),
            columns.join(", ")
        )
    }

    /// Its columns, in their order.
    fn names(&self) -> impl Iterator<Item = &str> {
        let all = COLUMNS.into_iter().chain(["identity"]);
        let kept = all.filter(|name| self.has_record || *name != "record");
        kept.chain(self.columns.iter().map(Column::name))
    }

    fn type_of(&self, name: &str) -> &'static str {
        let mut own = self.columns.iter();
        if let Some(column) = own.find(|column| column.name() == name) {
            return match column.column_type() {
                ColumnType::Text | ColumnType::Json => "Nullable(String)",
                ColumnType::Integer => "Nullable(Int64)",
                ColumnType::Real => "Nullable(Float64)",
                ColumnType::Boolean => "Nullable(Bool)",
                ColumnType::Time => "Nullable(DateTime64(6, 'UTC'))",
            };
        }
        match name {
            "did" => "String",
            "time" => "DateTime64(6, 'UTC')",
            "identity" => "UInt64",
            "seq" => "Nullable(UInt64)",
            "kind" => "LowCardinality(String)",
            "operation" | "collection" => "LowCardinality(Nullable(String))",
            "record" | "detail" => "Nullable(String) CODEC(ZSTD(3))",
            _ => "Nullable(String)",
        }
    }
}

fn full_name(table: &TableName) -> String {
    format!("{}.{}", quoted(&table.database), quoted(&table.name))
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

fn target<const N: usize>(parameters: [(&str, &str); N]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::from("/?"));
    query.extend_pairs(parameters);
    query.finish()
}

#[cfg(test)]
mod tests;
