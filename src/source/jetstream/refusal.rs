//! What an HTTP status other than the upgrade means: whether it would be the same again, and what
//! to do about it.

use super::{
    connect::ConnectError,
    endpoint::{Endpoint, WireVersion},
};
use crate::source::{SourceError, jetstream::JetstreamError};

/// Whether the address is one where the firehoses of relays are, and not the v2 wire.
fn is_other_xrpc(endpoint: &Endpoint) -> bool {
    let wire = endpoint.wire();
    wire == Some(WireVersion::V1) && endpoint.path(WireVersion::V1).starts_with("/xrpc/")
}

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
) -> SourceError {
    let hint = match (status, location) {
        (400, _) if is_other_xrpc(endpoint) => Some("this is no address of a Jetstream: give https:// and the host".to_owned()),
        (300..=399, Some(location)) => Some(format!("the server has moved: give {location} as the source if you trust it")),
        (401 | 403, _) => Some("the server wants credentials, which the Jetstream wire does not carry: choose another source".to_owned()),
        (404, _) => Some("there is no Jetstream at this address: give https:// and the host alone, or the path, which is usually /subscribe".to_owned()),
        _ => None,
    };
    JetstreamError::Refused {
        url: endpoint.to_string(),
        status,
        answer: error.to_string(),
        hint,
    }
    .into()
}
