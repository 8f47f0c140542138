//! The head of a WebSocket frame (RFC 6455, section 5.2), as a client reads it.

use super::SocketError;

/// The head of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) bytes: usize,
    pub(super) is_final: bool,
    pub(super) opcode: u8,
    pub(super) length: u64,
}

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// The bit of a message's last frame.
pub(super) const FINAL: u8 = 0x80;

impl Head {
    /// `None` while it is incomplete.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, SocketError> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(SocketError::Protocol(
                "a frame uses an extension that was not asked for",
            ));
        }
        if second & 0x80 != 0 {
            return Err(SocketError::Protocol("a frame is masked"));
        }
        let (is_final, opcode) = (first & FINAL != 0, first & 0x0f);
        if !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
            return Err(SocketError::Protocol("a frame is of an unknown kind"));
        }
        let (bytes, length) = match (second & 0x7f, rest) {
            (126, [a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
            (127, rest) => match rest.first_chunk() {
                Some(length) => (10, u64::from_be_bytes(*length)),
                None => return Ok(None),
            },
            (126, _) => return Ok(None),
            (small, _) => (2, u64::from(small)),
        };
        if opcode >= CLOSE && (!is_final || length > 125) {
            return Err(SocketError::Protocol(
                "a control frame is too long or in parts",
            ));
        }
        Ok(Some(Self {
            bytes,
            is_final,
            opcode,
            length,
        }))
    }
}
