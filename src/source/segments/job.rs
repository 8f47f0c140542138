//! What is to be inflated and printed, and places in the numbers of a server.

use std::{path::Path, sync::Arc};

use super::wanted::Wanted;
use crate::segment::{BlockEntry, FetchedBlock, SegmentFile};

/// What is to be inflated and printed, and which rows of it.
#[derive(Debug)]
pub(in crate::source) struct Job {
    pub(in crate::source) part: Part,
    pub(in crate::source) wanted: Arc<Wanted>,
}

/// Where rows are.
#[derive(Debug)]
pub(in crate::source) enum Part {
    /// In a block of a sealed file, of which the footer says this.
    Block(Arc<SegmentFile>, u32, BlockEntry),
    /// In all of a file that is not sealed.
    Active(Arc<SegmentFile>),
    /// In a block that was fetched.
    Fetched(FetchedBlock),
}

impl Part {
    /// The file that they are of.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Block(file, ..) | Self::Active(file) => file.path(),
            Self::Fetched(block) => &block.path,
        }
    }
}

/// A place in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) struct Mark {
    pub(in crate::source) number: u64,
    /// When the server saw the event there.
    pub(in crate::source) witnessed_at: i64,
}
