//! Parquet files of events: their columns, their row groups, and how they grow.

mod block;
mod file;
mod group;
mod groups;
mod layout;
mod lines;
mod points;
mod prune;
mod rows;

use std::io;

use ::parquet::errors::ParquetError;

pub use self::{file::ParquetFile, prune::prune_parquet};
pub(crate) use self::{
    groups::Groups,
    layout::{Layout, MAGIC},
    rows::Rows,
};

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => io::Error::other(source),
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
