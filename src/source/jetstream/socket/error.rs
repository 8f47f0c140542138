//! Why nothing more can be read from a socket.

use std::io;

use crate::wire::frame::Malformed;

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::source::jetstream) enum SocketError {
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error("the connection ended without a close frame")]
    Eof,
    #[error("the server broke the WebSocket protocol: {0}")]
    Protocol(&'static str),
}

impl From<Malformed> for SocketError {
    fn from(malformed: Malformed) -> Self {
        Self::Protocol(match malformed {
            Malformed::Reserved => "a frame uses an extension that was not asked for",
            Malformed::Masking => "a frame is masked",
            Malformed::Opcode => "a frame is of an unknown kind",
            Malformed::Control => "a control frame is too long or in parts",
        })
    }
}
