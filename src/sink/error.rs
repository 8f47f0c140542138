//! Why a sink takes no more.

use std::io;

use crate::error::member_error;

member_error! {
    /// Why a sink takes no more.
    SinkError
}

impl SinkError {
    /// The reader of the output went away. That is an end, not a failure.
    pub fn closed() -> Self {
        Self::other(Closed)
    }

    /// Whether the reader of the output went away.
    pub fn is_closed(&self) -> bool {
        self.downcast_ref::<Closed>().is_some()
    }
}

impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        Self::other(error)
    }
}

/// The reader of stdout went away.
#[derive(Debug, thiserror::Error)]
#[error("stdout was closed by its reader")]
struct Closed;

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

impl From<OutputError> for SinkError {
    fn from(error: OutputError) -> Self {
        Self::other(error)
    }
}
