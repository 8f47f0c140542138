//! Why programs get no more events.

use std::io;

use crate::sink::SinkError;

/// Why programs get no more events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// A program could not be started.
    #[error("cannot start '{program}'")]
    Start {
        /// The program.
        program: String,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// A program failed on an event.
    #[error("'{program}' failed on {event}: {why}")]
    Program {
        /// The program.
        program: String,
        /// The event, as its address or its account.
        event: String,
        /// What went wrong.
        why: String,
    },
    /// A program that lives on has printed a line more than it was given events.
    #[error("'{0}' answered more events than it was given")]
    Surplus(String),
}

impl From<ExecError> for SinkError {
    fn from(error: ExecError) -> Self {
        Self::other(error)
    }
}
