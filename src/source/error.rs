//! Why a stream cannot be read, whatever kind of stream it is.

use crate::{
    error::{BoxError, ErrorKind, MemberError, Reason},
    event::{Place, show_time},
    log::printable,
};

/// Why a stream cannot be read, or not any further, whatever kind of stream it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It could not be reached within the retries that were allowed.
    #[error("gave up on {url} after {tries} failed {}", if *tries == 1 { "try" } else { "tries in a row" })]
    Unreachable {
        /// The address of the last try.
        url: String,
        /// How often it was tried since the last progress.
        tries: u32,
        /// Why the last try failed.
        #[source]
        source: BoxError,
    },
    /// The server no longer has what was asked for, and that is to be the end.
    #[error("GAP from={} to={}: {url} no longer has the events in between", show_time(*from_us), show_time(*to_us))]
    Gap {
        /// The address.
        url: String,
        /// The last event that was read, or the time that was asked for, in microseconds since
        /// 1970.
        from_us: u64,
        /// The first event that the server has.
        to_us: u64,
    },
    /// A stream that numbers its messages no longer has what was asked for, and that is to be the
    /// end.
    #[error("GAP from={from} to={to}: {stream} {why}")]
    NumberGap {
        /// The stream.
        stream: String,
        /// The last message that was read, or the one before the first that was asked for.
        from: u64,
        /// The first message that would come next.
        to: u64,
        /// What became of those in between.
        why: &'static str,
    },
    /// The saved position belongs to another kind of source.
    #[error("the saved cursor belongs to a {found} source, and this one is {expected}")]
    Foreign {
        /// The kind in the cursor.
        found: String,
        /// The kind of this source.
        expected: &'static str,
    },
    /// The saved place is a number of a server that is not to be read.
    #[error("the saved cursor is number {seq} of {host}, which is not among the sources")]
    Elsewhere {
        /// The number.
        seq: u64,
        /// The server, escaped.
        host: String,
    },
    /// It cannot be set up at all.
    #[error("{what}")]
    Setup {
        /// What failed.
        what: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
}

impl ReadError {
    /// Refuses a saved place of another kind of source.
    pub(crate) fn refuse_foreign(place: &Place, expected: &'static str) -> Result<(), Self> {
        match place.origin() {
            Some(origin) if origin.source != expected => Err(Self::Foreign {
                found: printable(&origin.source),
                expected,
            }),
            _ => Ok(()),
        }
    }
}

impl From<ReadError> for MemberError {
    fn from(error: ReadError) -> Self {
        let kind = match error {
            ReadError::Unreachable { .. } => ErrorKind::Unreachable,
            ReadError::Gap { .. } | ReadError::NumberGap { .. } => ErrorKind::Gap,
            ReadError::Foreign { .. } | ReadError::Elsewhere { .. } | ReadError::Setup { .. } => {
                ErrorKind::Usage
            }
        };
        let reason = match error {
            ReadError::Unreachable { .. } => Some(Reason::Unreachable),
            ReadError::Gap { .. } | ReadError::NumberGap { .. } => Some(Reason::Gap),
            ReadError::Foreign { .. } => Some(Reason::CursorForeign),
            ReadError::Elsewhere { .. } => Some(Reason::CursorElsewhere),
            ReadError::Setup { .. } => None,
        };
        Self::new(kind, error).because(reason)
    }
}
