//! What a sink meets that is no file of ours.

use std::io;

use crate::error::MemberError;

/// The operating system refused something with an output that is no file of ours.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {target}")]
pub(crate) struct OutputError {
    /// What was tried.
    pub(crate) action: &'static str,
    /// The output.
    pub(crate) target: String,
    /// The refusal.
    #[source]
    pub(crate) source: io::Error,
}

impl From<OutputError> for MemberError {
    fn from(error: OutputError) -> Self {
        Self::other(error)
    }
}
