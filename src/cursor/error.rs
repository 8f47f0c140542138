//! Why a cursor cannot be kept or read.

use std::time::Duration;

use crate::error::{ErrorKind, member_error};

member_error! {
    /// Why a cursor cannot be kept or read.
    CursorError
}

impl CursorError {
    /// Whether another process has the cursor, so that it is of no use to try again.
    pub fn is_taken(&self) -> bool {
        self.kind() == ErrorKind::CursorTaken
    }

    /// Whether it is of no use to try again.
    pub(crate) fn is_final(&self) -> bool {
        self.is_taken() || self.kind() == ErrorKind::Unreachable
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

impl From<SaveError> for CursorError {
    fn from(error: SaveError) -> Self {
        Self::other(error)
    }
}
