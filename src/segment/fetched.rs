//! A block that did not come out of a file at hand, with what is known of it beforehand.

use std::{
    ops::{Range, RangeInclusive},
    path::Path,
    sync::Arc,
};

use super::entry::BlockEntry;

/// The frame of a block, in memory.
#[derive(Debug, Clone)]
pub(crate) struct FetchedBlock {
    /// What errors call the file.
    pub(crate) path: Arc<Path>,
    pub(crate) block: u32,
    /// What was fetched, and which part of that is the frame.
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) frame: Range<usize>,
    pub(crate) expected: Expected,
}

/// What a block has to hold.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// What the footer says.
    Entry(BlockEntry),
    /// Numbers within these.
    Within(RangeInclusive<u64>),
}

impl FetchedBlock {
    /// The frame; empty where the range lies outside of what was fetched.
    pub(crate) fn frame(&self) -> &[u8] {
        self.bytes.get(self.frame.clone()).unwrap_or_default()
    }
}
