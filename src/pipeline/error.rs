//! Why a run failed.

use std::time::Duration;

use crate::error::{ErrorKind, MemberError};

/// Why a run failed.
///
/// `Display` says what failed; the cause is in [`source`](std::error::Error::source) and nowhere
/// else.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source.
    #[error(transparent)]
    Source(MemberError),
    /// The sink.
    #[error(transparent)]
    Sink(MemberError),
    /// The cursor store.
    #[error(transparent)]
    Cursor(MemberError),
    /// A member that could not be made, so that no run began: what `?` makes of its error.
    #[error(transparent)]
    Setup(#[from] MemberError),
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
    /// The source does not say of which stream its events are, so that no cursor can be saved.
    #[error(
        "the source named no origin for its events: set the origin of each batch, or run without a cursor"
    )]
    NoOrigin,
    /// The sink accepted events that it did not take. The cursor stays where it was before.
    #[error("{sink} accepted {accepted} events, of {taken} that it took")]
    Overrun {
        /// The sink.
        sink: String,
        /// How many events it accepted.
        accepted: u64,
        /// How many it took.
        taken: u64,
    },
    /// The stream of events has given its error already.
    #[error("the stream of events has failed before")]
    Over,
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
            Self::Source(error) | Self::Sink(error) | Self::Cursor(error) | Self::Setup(error) => {
                error.kind()
            }
            Self::Idle { .. } | Self::Behind { .. } => ErrorKind::Stalled,
            Self::NoOrigin | Self::Over | Self::Overrun { .. } | Self::Hung { .. } => {
                ErrorKind::Failed
            }
        }
    }
}
