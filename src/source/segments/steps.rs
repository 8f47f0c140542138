//! What is to be printed, said by whatever knows the blocks.

use std::sync::Arc;

use super::{
    job::{Job, Mark},
    wanted::Wanted,
};
use crate::error::MemberError;

/// What comes next.
#[derive(Debug)]
pub(in crate::source) enum Step {
    /// Something is missing.
    Gap,
    /// These rows.
    Print(Job),
    /// Nothing more of a file is wanted, which goes up to there.
    Passed(Option<Mark>),
}

/// What was read and what was left out.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::source) struct ReadCounts {
    pub(in crate::source) files: u64,
    pub(in crate::source) blocks: u64,
    pub(in crate::source) bytes: u64,
    pub(in crate::source) left_blocks: u64,
    pub(in crate::source) left_bytes: u64,
}

/// Says what is to be printed, one block after the other.
pub(in crate::source) trait Steps: Send {
    /// What comes next; `None` at the end. After an error it is not asked again.
    ///
    /// Cancel safety: dropped and asked again at any time.
    fn next(
        &mut self,
        counts: &mut ReadCounts,
    ) -> impl Future<Output = Result<Option<Step>, MemberError>> + Send;

    /// Rows of other accounts are wanted from the next block on.
    fn want(&mut self, wanted: Arc<Wanted>);

    /// Says how much was read, and how much was not.
    fn tell_end(&self, counts: &ReadCounts);
}
