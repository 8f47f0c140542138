//! What an HTTP status other than the upgrade means: whether it would be the same again.

use super::{connect::ConnectError, endpoint::Endpoint};
use crate::{error::MemberError, source::jetstream::JetstreamError};

/// Whether the server would say the same again; 408, 425, 429 and everything from 500 on may pass.
pub(super) fn is_final(status: u16) -> bool {
    matches!(status, 300..=499) && !matches!(status, 408 | 425 | 429)
}

/// The end of a run that met a final answer.
pub(super) fn refused(
    endpoint: &Endpoint,
    status: u16,
    location: Option<&str>,
    error: &ConnectError,
) -> MemberError {
    JetstreamError::Refused {
        url: endpoint.to_string(),
        status,
        answer: error.to_string(),
        moved_to: location.map(str::to_owned),
    }
    .into()
}
