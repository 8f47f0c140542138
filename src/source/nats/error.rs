//! Why a stream of NATS cannot be read as asked.

use crate::{
    error::{ErrorKind, MemberError, Reason},
    event::BadEvent,
};

/// Why a stream of NATS cannot be read as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NatsSourceError {
    /// The messages of a stream are no events, and a filter is to look into them.
    #[error(
        "message {seq} of {stream} (subject '{subject}') is no event of a Jetstream, so no filter can look into it"
    )]
    NoEvents {
        /// The stream.
        stream: String,
        /// The message.
        seq: u64,
        /// Its subject, escaped and bounded.
        subject: String,
    },
    /// A message of a durable consumer cannot be delivered, and that is to be the end.
    #[error("cannot deliver message {seq} of {stream} (subject '{subject}')")]
    Undeliverable {
        /// The stream.
        stream: String,
        /// The message.
        seq: u64,
        /// Its subject, escaped and bounded.
        subject: String,
        /// What is wrong with it.
        #[source]
        why: BadEvent,
    },
    /// A work queue is to be read through a filter: what that drops would be removed.
    #[error("{stream} is a work queue, which loses what a filter drops")]
    FilteredQueue {
        /// The stream.
        stream: String,
    },
}

impl From<NatsSourceError> for MemberError {
    fn from(error: NatsSourceError) -> Self {
        let kind = match error {
            NatsSourceError::Undeliverable { .. } => ErrorKind::Failed,
            NatsSourceError::NoEvents { .. } | NatsSourceError::FilteredQueue { .. } => {
                ErrorKind::Usage
            }
        };
        let reason = match error {
            NatsSourceError::NoEvents { .. } => Reason::NoEvents,
            NatsSourceError::Undeliverable { .. } => Reason::Undeliverable,
            NatsSourceError::FilteredQueue { .. } => Reason::FilteredQueue,
        };
        Self::new(kind, error).because(reason)
    }
}
