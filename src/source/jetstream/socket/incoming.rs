//! What comes over a socket.

/// What came.
#[derive(Debug)]
pub(in crate::source::jetstream) enum Incoming<'a> {
    /// A whole text message.
    Text(&'a [u8]),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// The beginning of a message that is larger than allowed; the rest is stepped over.
    TooLarge(&'a [u8]),
    /// A ping, which is answered.
    Ping,
    /// The answer to a ping.
    Pong,
    /// A part of a message.
    Other,
    /// The server closes.
    Close(String),
}

/// Why the other side closes, as it says itself: a code, and some words.
pub(super) fn reason(payload: &[u8]) -> String {
    match payload {
        [a, b] => format!("code {}", u16::from_be_bytes([*a, *b])),
        [a, b, words @ ..] => {
            let code = u16::from_be_bytes([*a, *b]);
            format!("code {code}: {}", words.escape_ascii())
        }
        _ => "without a code".to_owned(),
    }
}
