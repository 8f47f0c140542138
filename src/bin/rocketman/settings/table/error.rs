//! What does not go together about tables.

use std::path::PathBuf;

use rocketman::ParseError;

/// How many columns may be added.
pub(super) const MAX_COLUMNS: usize = 100;

/// What does not go together about tables.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableFlagError {
    #[error("{0} is for tables")]
    ForTables(&'static str),
    #[error("{0} is for the state that events lead to, and not for --table events")]
    ForState(&'static str),
    #[error("{0} is for databases, and not for files of rows")]
    ForDatabases(&'static str),
    #[error("{0} is for files that end in .parquet")]
    ForParquet(&'static str),
    #[error("{0} does not go with files that end in .parquet, which have columns")]
    WithParquet(&'static str),
    #[error("{0} does not go with a database")]
    NotForDatabases(&'static str),
    #[error("the place in database '{}' is that of its rows, and cannot be moved", .0.display())]
    NotMoved(PathBuf),
    #[error("--output: a database is written to")]
    NoDatabase,
    #[error("--output sqlite: names no file")]
    NoFile,
    #[error("--output: '{}' ends as databases do, and would be a file of lines", .0.display())]
    Lines(PathBuf),
    #[error("--column")]
    Column(#[source] ParseError),
    #[error("--column: there are two of the name '{0}'")]
    Twice(String),
    #[error("--column: {0} columns are more than {MAX_COLUMNS}")]
    TooMany(usize),
}

impl TableFlagError {
    pub(in crate::settings) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::ForTables(_) => "name one: --output sqlite:FILE, or FILE.parquet",
            Self::ForDatabases(_) => "leave it off, or name one: --output sqlite:FILE",
            Self::ForState(_) => "leave one of the two off",
            Self::NotForDatabases("--cursor-file" | "--cursor-kv") => {
                "leave it off: a database keeps the place itself, with the rows that it counts"
            }
            Self::NotMoved(_) => {
                "begin elsewhere with rocketman tail --output sqlite:FILE --cursor VALUE"
            }
            Self::NoDatabase => "name one: --output sqlite:FILE",
            Self::ForParquet(_) => "name one: --output FILE.parquet, or leave it off",
            Self::WithParquet("--format") => "leave it off, and add columns with --column",
            Self::WithParquet(_) | Self::NotForDatabases(_) => {
                "leave it off: rows are made of the events as they are"
            }
            Self::NoFile => "name one: --output sqlite:posts.db",
            Self::Lines(_) => "write sqlite: before it, or end it in .ndjson",
            Self::Column(_) => return None,
            Self::Twice(_) | Self::TooMany(_) => "leave some off",
        })
    }
}
