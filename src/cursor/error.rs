//! Why a cursor cannot be kept or read.

use std::time::Duration;

use crate::error::{ErrorKind, MemberError};

impl MemberError {
    /// Of a cursor: whether it is of no use to try again, since another process has it, or since no
    /// server was reached within the tries that were allowed.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.kind(), ErrorKind::CursorTaken | ErrorKind::Unreachable)
    }
}

/// Why a save did not come to an end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    /// A save took too long while running.
    #[error("the save did not come to an end within {}", humantime::format_duration(*.0))]
    Unanswered(Duration),
    /// The last save did not come to an end.
    #[error("the cursor could not be saved in time")]
    TimedOut,
}

impl From<SaveError> for MemberError {
    fn from(error: SaveError) -> Self {
        Self::other(error)
    }
}
