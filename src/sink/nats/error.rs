//! Why a stream cannot be written to as promised.

use crate::error::{ErrorKind, MemberError, Reason};

/// Why a stream cannot be written to, or not any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// Its configuration does not allow what is promised: another stream is needed.
    #[error("the stream '{stream}' {why}")]
    Unfit {
        /// The stream.
        stream: String,
        /// What stands against it.
        why: &'static str,
    },
    /// It does not acknowledge messages.
    #[error(
        "the stream '{stream}' does not acknowledge messages, so that nobody can know what is stored"
    )]
    NoAcks {
        /// The stream.
        stream: String,
    },
    /// It does not take the subjects that events are written to.
    #[error("the stream '{stream}' takes {subjects}, and events are written to {needed}")]
    NoSubjects {
        /// The stream.
        stream: String,
        /// What it takes.
        subjects: String,
        /// What it would have to take.
        needed: String,
    },
    /// It does not take the subject of a message that keeps its own.
    #[error("the stream '{stream}' takes {subjects}, and a message has the subject {subject}")]
    NoSubject {
        /// The stream.
        stream: String,
        /// What it takes.
        subjects: String,
        /// What it would have to take.
        subject: String,
    },
    /// Another stream of the account takes the subject of an event.
    #[error("the stream '{stream}' does not take the subject of an event, and another stream does")]
    Overlap {
        /// The stream.
        stream: String,
        /// Messages keep their own subjects, and are not written below a prefix.
        keeps_subjects: bool,
    },
    /// It is the stream that is read.
    #[error("the stream '{stream}' is what is read, so that it would be copied for ever")]
    Origin {
        /// The stream.
        stream: String,
    },
    /// Its last message tells nothing of where to go on.
    #[error(
        "the last message of the stream '{stream}', number {seq}, was not written by rocketman"
    )]
    NotOurs {
        /// The stream.
        stream: String,
        /// The number of the message.
        seq: u64,
    },
    /// Its last message was deleted or has aged out.
    #[error(
        "the last message of the stream '{stream}', number {seq}, is gone, and with it where to go on"
    )]
    Gone {
        /// The stream.
        stream: String,
        /// The number of the message.
        seq: u64,
    },
    /// Another process writes to it.
    #[error("another process writes to the stream '{stream}'")]
    AnotherWriter {
        /// The stream.
        stream: String,
    },
    /// It has lost messages that were stored before.
    #[error("the stream '{stream}' ends at message {seq}, although it had stored more")]
    Shorter {
        /// The stream.
        stream: String,
        /// The number of its last message.
        seq: u64,
    },
    /// It was deleted and made anew.
    #[error("the stream '{stream}' was deleted and made anew")]
    Recreated {
        /// The stream.
        stream: String,
    },
    /// It takes no more.
    #[error("the stream '{stream}' is full: {answer}")]
    Full {
        /// The stream.
        stream: String,
        /// What the server said.
        answer: String,
    },
    /// An event is larger than a message may be.
    #[error("{event} is too large for the stream '{stream}': {answer}")]
    TooLarge {
        /// The stream.
        stream: String,
        /// The event, as its address or its account.
        event: String,
        /// Which limit it exceeds.
        answer: String,
    },
    /// It refuses a message for a reason of its own.
    #[error("the stream '{stream}' takes no more: {answer}")]
    Refused {
        /// The stream.
        stream: String,
        /// What the server said.
        answer: String,
    },
}

impl StreamError {
    /// What kind of failure it is.
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unfit { .. }
            | Self::NoAcks { .. }
            | Self::NoSubjects { .. }
            | Self::NoSubject { .. }
            | Self::Overlap { .. }
            | Self::Origin { .. }
            | Self::NotOurs { .. }
            | Self::Gone { .. } => ErrorKind::Usage,
            Self::AnotherWriter { .. } => ErrorKind::CursorTaken,
            Self::Shorter { .. }
            | Self::Recreated { .. }
            | Self::Full { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. } => ErrorKind::Failed,
        }
    }

    /// What exactly it was; `None` where the server has a reason of its own.
    fn reason(&self) -> Option<Reason> {
        Some(match self {
            Self::Unfit { .. } => Reason::StreamUnfit,
            Self::NoAcks { .. } => Reason::StreamNoAcks,
            Self::NoSubjects { stream, needed, .. } => Reason::StreamNoSubjects {
                stream: stream.clone(),
                needed: needed.clone(),
            },
            Self::NoSubject { stream, .. } => Reason::StreamNoSubject {
                stream: stream.clone(),
            },
            &Self::Overlap { keeps_subjects, .. } => Reason::StreamOverlap { keeps_subjects },
            Self::Origin { .. } => Reason::StreamIsSource,
            Self::NotOurs { stream, .. } => Reason::StreamNotOurs {
                stream: stream.clone(),
            },
            Self::Gone { .. } => Reason::StreamLastGone,
            Self::AnotherWriter { .. } => Reason::StreamInUse,
            Self::Shorter { .. } => Reason::StreamShorter,
            Self::Recreated { .. } => Reason::StreamRecreated,
            Self::Full { stream, .. } => Reason::StreamFull {
                stream: stream.clone(),
            },
            Self::TooLarge { .. } => Reason::StreamTooLarge,
            Self::Refused { .. } => return None,
        })
    }
}

impl From<StreamError> for MemberError {
    fn from(error: StreamError) -> Self {
        let reason = error.reason();
        Self::new(error.kind(), error).because(reason)
    }
}
