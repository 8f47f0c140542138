//! Why an endpoint gets no more events.

use std::{io, path::PathBuf};

use crate::error::{ErrorKind, MemberError, ParseError, Reason};

/// Why an endpoint gets no more events.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// An event is refused for what it is, or failed as often as it may.
    #[error("'{address}' does not accept {event}: {why}")]
    Event {
        address: String,
        event: String,
        why: String,
    },
    /// The endpoint refuses whatever it is sent.
    #[error("'{address}' refuses whatever it is sent: {why}")]
    Refusal { address: String, why: String },
    /// A secret would go over a way on which anybody can listen in.
    #[error(
        "the header '{header}' may hold a secret, and anybody can listen in on the way to '{address}'"
    )]
    Overheard { address: String, header: String },
    /// A file with headers or secrets cannot be read.
    #[error("cannot read the {what} in '{}'", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// It holds something else.
    #[error("the {what} in '{}' cannot be used", path.display())]
    Contents {
        what: &'static str,
        path: PathBuf,
        source: ParseError,
    },
}

impl From<HttpError> for MemberError {
    fn from(error: HttpError) -> Self {
        let (kind, reason) = match &error {
            HttpError::Event { .. } => (ErrorKind::Failed, Some(Reason::EndpointEvent)),
            HttpError::Refusal { .. } => (ErrorKind::Refused, Some(Reason::EndpointRefused)),
            HttpError::Overheard { .. } => (ErrorKind::Usage, Some(Reason::EndpointOverheard)),
            HttpError::File { .. } | HttpError::Contents { .. } => (ErrorKind::Usage, None),
        };
        Self::new(kind, error).because(reason)
    }
}
