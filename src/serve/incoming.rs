//! What consumers send: masked WebSocket frames (RFC 6455, section 5), read from bytes as they
//! come.
//!
//! Bounded: a message larger than the limit is reported when its length is known, and its bytes are
//! stepped over.

use crate::{
    source::jetstream::MAX_HELLO_BYTES,
    wire::frame::{
        CLOSE, CONTINUATION, Header, Malformed, Mask, PING, PONG, Sender, TEXT, apply_mask,
    },
};

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Text(Vec<u8>),
    Binary,
    Ping(Vec<u8>),
    Pong,
    /// The other side closes; with the code it gave, if any.
    Close(Option<u16>),
}

/// A breach of the protocol: the close code for it (RFC 6455, section 7.4.1), and the reason in
/// words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation(pub(super) u16, pub(super) &'static str);

const PROTOCOL: u16 = 1002;
const TOO_BIG: u16 = 1009;

/// A read takes at most this much, beside what is missing of a message: room that is kept.
const KEPT_BYTES: usize = 4096;

/// Reads one consumer's messages.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Received, and not stepped over yet.
    bytes: Vec<u8>,
    /// How much of `bytes` is read.
    from: usize,
    /// The message whose further parts are expected: its opcode, and what there is of it.
    message: Option<(u8, Vec<u8>)>,
    /// How many bytes of a message that was refused are still to come.
    skip: u64,
    /// No message is kept any more.
    is_refusing: bool,
}

impl Incoming {
    /// Begins with what came behind the request.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }

    /// Where to put what is received next.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The next message; `None` until more bytes have come.
    pub(super) fn next(&mut self) -> Option<Result<Message, Violation>> {
        loop {
            if self.skip > 0 {
                let unread = self.unread().len();
                let skipped = usize::try_from(self.skip).map_or(unread, |skip| skip.min(unread));
                self.from += skipped;
                self.skip -= skipped as u64;
                if self.skip > 0 {
                    return None;
                }
            }
            let (header, mask) = match self.header()? {
                Ok(header) => header,
                Err(violation) => {
                    self.from = self.bytes.len();
                    return Some(Err(violation));
                }
            };
            let before = self.message.as_ref().map_or(0, |(_, parts)| parts.len());
            let is_refused = self.is_refusing && header.opcode < CLOSE;
            if is_refused
                || header.payload_bytes.saturating_add(before as u64) > MAX_HELLO_BYTES as u64
            {
                self.from += header.bytes;
                self.skip = header.payload_bytes;
                self.message = None;
                return Some(Err(Violation(
                    TOO_BIG,
                    "messages have at most 10000000 bytes",
                )));
            }
            let mut payload = self.payload(&header)?;
            apply_mask(&mut payload, mask);
            if let Some(result) = self.take(&header, payload) {
                return Some(result);
            }
        }
    }

    /// Forgets what is read, and makes room for what is missing of a message, or for a few small
    /// ones. Called once for all messages that were received together, when there is none left.
    ///
    /// The room grows with what has come, and not with what was announced.
    pub(super) fn tidy(&mut self) {
        self.bytes.drain(..self.from);
        self.from = 0;
        let missing = match self.header() {
            Some(Ok((header, _))) => frame_bytes(&header).saturating_sub(self.bytes.len()),
            _ => 0,
        };
        let most = self.bytes.len().max(KEPT_BYTES);
        if self.bytes.capacity() > self.bytes.len() + most {
            self.bytes.shrink_to(KEPT_BYTES);
        }
        if self.bytes.capacity() == self.bytes.len() {
            self.bytes.reserve_exact(missing.clamp(KEPT_BYTES, most));
        }
    }

    /// How much memory unfinished messages take, beside what every consumer has.
    pub(super) fn held_bytes(&self) -> usize {
        let parts = self.message.as_ref();
        let parts = parts.map_or(0, |(_, parts)| parts.capacity());
        self.bytes.capacity().saturating_sub(KEPT_BYTES) + parts
    }

    /// Whether there is a part of a message.
    pub(super) fn is_within(&self) -> bool {
        self.skip > 0 || self.message.is_some() || self.from < self.bytes.len()
    }

    /// Whether further parts of a message are expected.
    pub(super) fn is_in_parts(&self) -> bool {
        self.message.is_some()
    }

    /// Steps over all messages from now on, also over the one that is under way.
    pub(super) fn refuse(&mut self) {
        self.is_refusing = true;
        self.message = None;
    }

    fn unread(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }

    /// The payload of a frame, once it is whole, still masked. A large one is not copied.
    fn payload(&mut self, header: &Header) -> Option<Vec<u8>> {
        let whole = self.unread().get(..frame_bytes(header))?;
        if whole.len() < KEPT_BYTES {
            let payload = whole.get(header.bytes..)?.to_vec();
            self.from += frame_bytes(header);
            return Some(payload);
        }
        let end = self.from + frame_bytes(header);
        let rest = self.bytes.split_off(end);
        let mut payload = std::mem::replace(&mut self.bytes, rest);
        payload.drain(..self.from + header.bytes);
        self.from = 0;
        Some(payload)
    }

    /// The header of the next frame and its mask, once both are whole.
    fn header(&self) -> Option<Result<(Header, Mask), Violation>> {
        let unread = self.unread();
        let header = match Header::parse(unread, Sender::Client) {
            Ok(header) => header?,
            Err(malformed) => return Some(Err(malformed.into())),
        };
        let is_first = header.opcode != CONTINUATION;
        let is_message = header.opcode < CLOSE && !self.is_refusing;
        if is_message && is_first == self.message.is_some() {
            let reason = "the parts of a message are out of order";
            return Some(Err(Violation(PROTOCOL, reason)));
        }
        let mask = *unread.get(..header.bytes)?.last_chunk()?;
        Some(Ok((header, mask)))
    }

    /// The message that a frame ends, if it ends one.
    fn take(&mut self, header: &Header, payload: Vec<u8>) -> Option<Result<Message, Violation>> {
        match header.opcode {
            CLOSE => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                return Some(Ok(Message::Close(code)));
            }
            PING => return Some(Ok(Message::Ping(payload))),
            PONG => return Some(Ok(Message::Pong)),
            CONTINUATION => self.message.as_mut()?.1.extend_from_slice(&payload),
            opcode => self.message = Some((opcode, payload)),
        }
        if !header.is_final {
            return None;
        }
        let (opcode, message) = self.message.take()?;
        Some(Ok(if opcode == TEXT {
            Message::Text(message)
        } else {
            Message::Binary
        }))
    }
}

/// The length of a whole frame. One that does not fit into memory has been refused before.
fn frame_bytes(header: &Header) -> usize {
    usize::try_from(header.payload_bytes)
        .map_or(usize::MAX, |bytes| bytes.saturating_add(header.bytes))
}

impl From<Malformed> for Violation {
    fn from(malformed: Malformed) -> Self {
        let reason = match malformed {
            Malformed::Reserved => "reserved bits are set",
            Malformed::Masking => "frames of clients have to be masked",
            Malformed::Opcode => "the opcode is not known",
            Malformed::Control => "a control frame is too long or not whole",
        };
        Self(PROTOCOL, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            len @ 0..126 => bytes.push(0x80 | u8::try_from(len).unwrap()),
            len => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        bytes.extend_from_slice(&mask);
        bytes.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    }

    /// What comes of these bytes, whatever the pieces they arrive in.
    fn read(bytes: &[u8], piece: usize) -> Vec<Result<Message, Violation>> {
        let mut incoming = Incoming::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(piece) {
            incoming.room().extend_from_slice(piece);
            while let Some(message) = incoming.next() {
                found.push(message);
            }
            incoming.tidy();
        }
        found
    }

    #[test]
    fn messages_are_read_from_pieces_of_any_size() {
        let bytes = [
            frame(0x81, b"whole"),
            frame(0x01, b"in "),
            frame(0x89, b"ping"),
            frame(0x80, b"parts"),
            frame(0x82, &[0; 300]),
            frame(0x8a, b""),
            frame(0x88, &[3, 232]),
        ]
        .concat();
        for piece in [1, 7, 10_000] {
            let expected = [
                Ok(Message::Text(b"whole".to_vec())),
                Ok(Message::Ping(b"ping".to_vec())),
                Ok(Message::Text(b"in parts".to_vec())),
                Ok(Message::Binary),
                Ok(Message::Pong),
                Ok(Message::Close(Some(1000))),
            ];
            assert_eq!(read(&bytes, piece), expected, "{piece}");
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused_and_stepped_over() {
        let fits = vec![b'x'; MAX_HELLO_BYTES];
        let mut bytes = frame(0x81, &fits);
        assert_eq!(read(&bytes, 100_000), [Ok(Message::Text(fits.clone()))]);
        bytes = [
            frame(0x81, &[fits.as_slice(), b"x"].concat()),
            frame(0x88, b""),
        ]
        .concat();
        let found = read(&bytes, 100_000);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].as_ref().unwrap_err().0, 1009);
        assert_eq!(found[1], Ok(Message::Close(None)));
        bytes = [frame(0x01, &fits), frame(0x80, b"x")].concat();
        assert_eq!(read(&bytes, 100_000)[0].as_ref().unwrap_err().0, 1009);
    }

    #[test]
    fn breaches_of_the_protocol_are_told() {
        let long_ping = frame(0x89, &[0; 126]);
        for bytes in [
            &frame(0xc1, b"")[..],
            &frame(0x83, b""),
            &frame(0x80, b"part of nothing"),
            &frame(0x09, b"ping in parts"),
            &long_ping,
            &[frame(0x01, b""), frame(0x81, b"")].concat(),
            b"\x81\x05hello",
            b"GET / HTTP/1.1\r\n\r\n",
        ] {
            let found = read(bytes, 1000);
            assert_eq!(found[0].as_ref().unwrap_err().0, 1002, "{bytes:?}");
        }
    }

    #[test]
    fn memory_follows_what_came_and_is_given_back() {
        let (mut incoming, large) = (Incoming::default(), frame(0x81, &vec![b'x'; 1_000_000]));
        incoming.tidy();
        let mut received = 0;
        while received < large.len() {
            let room = incoming.room();
            // As a socket that always has more than there is room for.
            let n = (room.capacity() - room.len()).min(large.len() - received);
            assert!(n > 0, "no room after {received} bytes");
            room.extend_from_slice(&large[received..received + n]);
            received += n;
            let message = incoming.next();
            incoming.tidy();
            assert_eq!(message.is_some(), received == large.len());
            let most = 2 * received + KEPT_BYTES;
            assert!(incoming.held_bytes() <= most, "{received} bytes came");
            assert_eq!(incoming.is_within(), received < large.len());
        }
        // The beginning of the next message does not keep the memory of the last one.
        let both = [&large[..], &large[..1]].concat();
        incoming.room().extend_from_slice(&both);
        assert!(matches!(incoming.next(), Some(Ok(Message::Text(_)))));
        assert_eq!(incoming.next(), None);
        incoming.tidy();
        assert!(incoming.held_bytes() < 16 && incoming.is_within());
    }

    #[test]
    fn many_small_messages_at_once_take_linear_time() {
        let n = 300_000;
        let pings = frame(0x89, b"").repeat(n);
        // Minutes, where each message moves all that follow it.
        assert_eq!(read(&pings, pings.len()).len(), n);
    }
}
