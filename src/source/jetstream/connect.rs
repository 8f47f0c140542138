//! Why one try to connect to a server failed.

use std::time::Duration;

use super::handshake::HandshakeError;
use crate::wire::dial::DialError;

/// Why one try to connect failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::source) enum ConnectError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error("no answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
}

impl ConnectError {
    /// One word for it, for machines.
    pub(super) fn cause(&self) -> &'static str {
        match self {
            Self::Dial(error) => error.cause(),
            Self::Handshake(HandshakeError::Status { status, .. }) => match status {
                429 => "http_429",
                300..=399 => "http_3xx",
                400..=499 => "http_4xx",
                500..=599 => "http_5xx",
                _ => "upgrade",
            },
            Self::Handshake(_) => "upgrade",
            Self::TimedOut(_) => "connect_timeout",
        }
    }
}
