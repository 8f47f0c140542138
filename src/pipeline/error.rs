//! Why a run failed.

use std::time::Duration;

use crate::{cursor::CursorError, error::ErrorKind, sink::SinkError, source::SourceError};

/// Why a run failed.
///
/// `Display` says what failed; the cause is in [`source`](std::error::Error::source) and nowhere else.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The cursor store.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// No event came for as long as was allowed.
    #[error("no event came for {}", humantime::format_duration(*limit))]
    Idle {
        /// How long it was waited.
        limit: Duration,
    },
    /// The stream is read further behind than was allowed.
    #[error("the stream is {:.0} s behind, more than the {} that are allowed", lag.as_secs_f64(), humantime::format_duration(*most))]
    Behind {
        /// How far behind it is.
        lag: Duration,
        /// How far it may be.
        most: Duration,
    },
    /// A stop was asked for, and the sink did not come to an end.
    #[error("{sink} did not take the rest within {}; the cursor stays at what it took", humantime::format_duration(*grace))]
    Hung {
        /// The sink.
        sink: String,
        /// How long it was waited for.
        grace: Duration,
    },
}

impl Error {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Source(error) => match error {
                SourceError::Unreachable { .. } => ErrorKind::Unreachable,
                SourceError::Refused { .. } => ErrorKind::Refused,
                SourceError::Gap { .. }
                | SourceError::LeftOut { .. }
                | SourceError::NumberGap { .. } => ErrorKind::Gap,
                #[cfg(feature = "nats")]
                SourceError::Nats(error) => error.kind(),
                SourceError::Undeliverable { .. } | SourceError::Other(..) => ErrorKind::Failed,
                SourceError::Foreign { .. }
                | SourceError::Elsewhere { .. }
                | SourceError::NoSuchNumber { .. }
                | SourceError::Future { .. }
                | SourceError::NoEvents { .. }
                | SourceError::FilteredQueue { .. }
                | SourceError::Setup { .. } => ErrorKind::Usage,
            },
            Self::Cursor(error) if error.is_taken() => ErrorKind::CursorTaken,
            Self::Sink(SinkError::Reserved(_)) => ErrorKind::Usage,
            Self::Cursor(error) if error.is_irregular() => ErrorKind::Usage,
            #[cfg(feature = "nats")]
            Self::Cursor(CursorError::NoBucket { .. }) => ErrorKind::Usage,
            #[cfg(feature = "nats")]
            Self::Sink(SinkError::Nats(error)) | Self::Cursor(CursorError::Nats(error)) => {
                error.kind()
            }
            #[cfg(feature = "nats")]
            Self::Sink(SinkError::Stream(error)) => error.kind(),
            Self::Sink(SinkError::InUse(_)) => ErrorKind::CursorTaken,
            Self::Idle { .. } | Self::Behind { .. } => ErrorKind::Stalled,
            Self::Sink(_) | Self::Cursor(_) | Self::Hung { .. } => ErrorKind::Failed,
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Source(SourceError::Refused { hint, .. }) => hint.clone(),
            Self::Source(SourceError::Unreachable { .. }) => Some(
                "check the address and the network; without --max-retries it keeps trying"
                    .to_owned(),
            ),
            Self::Source(SourceError::Foreign { .. }) => {
                Some("give each source a --cursor-file of its own".to_owned())
            }
            Self::Source(SourceError::Elsewhere { .. }) => Some(
                "name that server as a SOURCE, or set the cursor to a time: rocketman cursor set FILE 2h"
                    .to_owned(),
            ),
            Self::Source(SourceError::NoSuchNumber { .. }) => {
                Some("set the cursor to a time, or begin at one: rocketman cursor set FILE 2h, --since 2h".to_owned())
            }
            Self::Source(SourceError::Future { .. }) => Some(
                "write a time such as 2026-11-23T10:00:00Z, an age such as 2h, or microseconds since 1970, which have 16 digits"
                    .to_owned(),
            ),
            Self::Source(SourceError::NoEvents { .. }) => Some(
                "leave off --collection, --did, --kind, --op and --shard, and choose messages by their subject: nats://HOST/STREAM?subject=FILTER"
                    .to_owned(),
            ),
            Self::Source(SourceError::FilteredQueue { .. }) => Some(
                "choose messages by their subject: nats://HOST/STREAM?subject=FILTER; or say with --on-undeliverable skip that what --collection, --did, --kind and --op drop may go"
                    .to_owned(),
            ),
            Self::Source(SourceError::Undeliverable { .. }) => Some(
                "it stays in the stream; --on-undeliverable keep reads on without it, and skip or dead-letter=FILE takes it out"
                    .to_owned(),
            ),
            Self::Source(
                SourceError::Gap { .. }
                | SourceError::LeftOut { .. }
                | SourceError::NumberGap { .. },
            ) => Some("to go on behind the gap, leave --on-gap fail off once".to_owned()),
            #[cfg(feature = "nats")]
            Self::Source(SourceError::Nats(error)) => error.hint(),
            Self::Source(SourceError::Setup { .. } | SourceError::Other(..)) => None,
            Self::Sink(error) => error.hint(),
            Self::Cursor(error) => error.hint(),
            Self::Idle { .. } => Some(
                "it can be started again where it was, with a cursor file; allow more with --idle-timeout"
                    .to_owned(),
            ),
            Self::Behind { .. } => Some(
                "look at what takes the events, or at the network; allow more with --max-lag"
                    .to_owned(),
            ),
            Self::Hung { .. } => {
                Some("allow it more time with --grace, or look at what reads it".to_owned())
            }
        }
    }
}
