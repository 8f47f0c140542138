//! Why a Jetstream server cannot be read as asked.

use crate::{
    error::{ErrorKind, MemberError, Reason},
    event::show_time,
};

/// Why a Jetstream server cannot be read as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JetstreamError {
    /// The other side said no, and would say no again.
    #[error("{url} refused: {answer}")]
    Refused {
        /// The address.
        url: String,
        /// The HTTP status of its answer.
        status: u16,
        /// Its answer, escaped and bounded.
        answer: String,
        /// Where it says that it has moved to, escaped and bounded.
        moved_to: Option<String>,
    },
    /// The first event of the server lies before the number that was to be the beginning, or has
    /// none.
    #[error(
        "{url} does not begin with number {seq}: it has not come so far, counts otherwise than it did, or does not count at all"
    )]
    NoSuchNumber {
        /// The address.
        url: String,
        /// The number.
        seq: u64,
    },
    /// A message did not arrive in time, again and again, and leaving it out is to be the end.
    #[error("GAP from={} to={}: {url}: {why}", show_time(*from_us), show_time(*to_us))]
    LeftOut {
        /// The address.
        url: String,
        /// The last event that was read, in microseconds since 1970.
        from_us: u64,
        /// The first event that comes after the message.
        to_us: u64,
        /// What happened to the message.
        why: String,
    },
    /// The time that was to be the beginning has not come yet.
    #[error(
        "the beginning {} lies beyond the clock of {url}, which shows {}", show_time(*time_us), show_time(*server_us)
    )]
    Future {
        /// The address.
        url: String,
        /// The time, in microseconds since 1970.
        time_us: u64,
        /// What the server's clock shows, in microseconds since 1970.
        server_us: u64,
    },
}

impl From<JetstreamError> for MemberError {
    fn from(error: JetstreamError) -> Self {
        let kind = match error {
            JetstreamError::Refused { .. } => ErrorKind::Refused,
            JetstreamError::LeftOut { .. } => ErrorKind::Gap,
            JetstreamError::NoSuchNumber { .. } | JetstreamError::Future { .. } => ErrorKind::Usage,
        };
        let reason = match &error {
            JetstreamError::Refused {
                url,
                status,
                moved_to,
                ..
            } => Reason::Refused {
                url: url.clone(),
                status: *status,
                moved_to: moved_to.clone(),
            },
            JetstreamError::NoSuchNumber { .. } => Reason::NoSuchNumber,
            JetstreamError::LeftOut { .. } => Reason::Gap,
            JetstreamError::Future { .. } => Reason::FutureStart,
        };
        Self::new(kind, error).because(reason)
    }
}
