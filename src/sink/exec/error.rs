//! Why programs get no more events.

use std::io;

use crate::error::{MemberError, Reason};

/// Why programs get no more events.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecError {
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

impl From<ExecError> for MemberError {
    fn from(error: ExecError) -> Self {
        let reason = match error {
            ExecError::Start { .. } => Reason::ProgramNotStarted,
            ExecError::Program { .. } => Reason::ProgramFailed,
            ExecError::Surplus(_) => Reason::ProgramSurplus,
        };
        Self::other(error).because(reason)
    }
}
