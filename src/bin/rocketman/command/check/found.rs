//! What was found of one file.

use std::path::Path;

use super::tally::Tally;
use rocketman::compressed::FrameFormat;

/// How a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Readable to its end.
    Whole,
    /// All but its end is whole.
    Torn,
    /// Something before its end is not as it should be.
    Damaged,
    /// It cannot be opened or read.
    Unreadable,
    /// It was torn, and its end was cut off.
    Repaired,
}

/// What a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines, compressed so.
    Lines(FrameFormat),
    /// Row groups, as of Parquet.
    Table,
}

/// What was found of a file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) form: Form,
    pub(super) state: State,
    pub(super) why: Option<String>,
    pub(super) is_in_use: bool,
    pub(super) bytes: u64,
    pub(super) whole_bytes: u64,
    pub(super) frames: u64,
    pub(super) tally: Tally,
}

/// Whether a file says in its name that it is unfinished.
pub(super) fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix == "partial")
}
