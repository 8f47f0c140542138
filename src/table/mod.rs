//! Events as rows: the columns that every table of events has, and those that its user adds.
//!
//! | column | what it holds |
//! | --- | --- |
//! | `did` | the account |
//! | `time` | when the server got the event, in microseconds since 1970 |
//! | `seq` | the server's number of the event |
//! | `kind` | `commit`, `identity`, `account`, `sync`, or whatever else a server sends |
//! | `operation`, `collection`, `rkey`, `rev`, `cid` | what a commit says of its record |
//! | `record` | the record of a commit, as JSON |
//! | `detail` | what an event of another kind holds under the name of its kind, as JSON |
//!
//! All but `did`, `time` and `kind` may be missing, and are then null.

mod column;
mod lines;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
mod row;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod version;

#[cfg(feature = "parquet")]
pub use self::parquet::{ParquetFile, prune_parquet};
pub use self::{
    column::{Cell, Column, ColumnType},
    lines::prune_lines,
    row::Row,
    version::{Pruned, RecordVersion},
};

/// The columns that every table of events has, in their order.
#[cfg(any(feature = "parquet", feature = "sqlite", feature = "http"))]
pub(crate) const COLUMNS: [&str; 11] = [
    "did",
    "time",
    "seq",
    "kind",
    "operation",
    "collection",
    "rkey",
    "rev",
    "cid",
    "record",
    "detail",
];
