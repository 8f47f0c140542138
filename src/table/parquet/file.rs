//! A Parquet file of events, to be read.

use std::{fs::File, io};

use super::groups::Groups;
use crate::event::Point;

/// The row groups of a Parquet file of events, complete or as long as it is written to.
#[derive(Debug)]
pub struct ParquetFile {
    file: File,
    groups: Groups,
}

impl ParquetFile {
    /// Reads what is said of the file at its end, or at this place before it: the end of the last
    /// finished row group of a file that is written to.
    pub fn open(file: File, end: u64) -> io::Result<Self> {
        let groups = Groups::read(&file, end)?;
        Ok(Self { file, groups })
    }

    /// Whether all of it is there: what is still written to has no footer.
    pub fn is_complete(&self) -> bool {
        self.groups.is_complete()
    }

    /// How many row groups there are.
    pub fn row_groups(&self) -> usize {
        self.groups.len()
    }

    /// Appends the lines of a row group's events, each with its line end: as they came, but for what
    /// no column holds, and without records where those were not kept.
    pub fn push_lines(&self, row_group: usize, out: &mut Vec<u8>) -> io::Result<()> {
        self.groups.push_lines(&self.file, row_group, out)
    }

    /// Reads a row group, all columns of it, and returns the places of its events. Those of events
    /// without a number of the upstream are known by their line, and have no identity here.
    pub fn points(&self, row_group: usize) -> io::Result<Vec<Point>> {
        self.groups.check(&self.file, row_group)?;
        self.groups.points(&self.file, row_group)
    }
}
