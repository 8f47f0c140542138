//! What consumers send: masked WebSocket frames (RFC 6455, section 5), read from bytes as they come.
//!
//! Bounded: a message larger than the limit is reported when its length is known, and its bytes are stepped over.

use crate::source::jetstream::MAX_HELLO_BYTES;

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Text(Vec<u8>),
    Binary,
    Ping(Vec<u8>),
    Pong,
    /// The other side takes leave; with the code it gave, if any.
    Close(Option<u16>),
}

/// A breach of the protocol: the close code for it (RFC 6455, section 7.4.1), and the reason in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation(pub(super) u16, pub(super) &'static str);

const PROTOCOL: u16 = 1002;
const TOO_BIG: u16 = 1009;

/// Control frames carry at most this much.
const MOST_IN_CONTROL: u64 = 125;

/// So much room is kept for messages to come.
const KEEP: usize = 4096;

/// Reads one consumer's messages.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Received, and not read yet.
    pub(super) bytes: Vec<u8>,
    /// The message whose further parts are expected: its opcode, and what there is of it.
    message: Option<(u8, Vec<u8>)>,
    /// So many bytes of a message that was refused are still to come.
    skip: u64,
}

struct Header {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    payload_bytes: u64,
    /// Its own length, mask included.
    len: usize,
}

impl Incoming {
    /// Begins with what came behind the request.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }

    /// The next message; `None` until more bytes have come.
    pub(super) fn next(&mut self) -> Option<Result<Message, Violation>> {
        loop {
            if self.skip > 0 {
                let skipped = usize::try_from(self.skip)
                    .map_or(self.bytes.len(), |skip| skip.min(self.bytes.len()));
                self.bytes.drain(..skipped);
                self.skip -= skipped as u64;
                if self.skip > 0 {
                    return None;
                }
            }
            let header = match self.header()? {
                Ok(header) => header,
                Err(violation) => {
                    self.bytes.clear();
                    return Some(Err(violation));
                }
            };
            let before = self.message.as_ref().map_or(0, |(_, parts)| parts.len());
            if header.payload_bytes.saturating_add(before as u64) > MAX_HELLO_BYTES as u64 {
                self.bytes.drain(..header.len);
                self.skip = header.payload_bytes;
                self.message = None;
                return Some(Err(Violation(
                    TOO_BIG,
                    "messages have at most 10000000 bytes",
                )));
            }
            let end = header.len + usize::try_from(header.payload_bytes).ok()?;
            if self.bytes.len() < end {
                return None;
            }
            let mut payload: Vec<u8> = self.bytes.drain(..end).skip(header.len).collect();
            for (byte, mask) in payload.iter_mut().zip(header.mask.iter().cycle()) {
                *byte ^= mask;
            }
            if let Some(result) = self.take(&header, payload) {
                return Some(result);
            }
        }
    }

    /// Gives the memory of large messages back.
    pub(super) fn shrink(&mut self) {
        if self.bytes.is_empty() {
            self.bytes.shrink_to(KEEP);
        }
    }

    /// How much memory unfinished messages take.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.len() + self.message.as_ref().map_or(0, |(_, parts)| parts.len())
    }

    fn header(&self) -> Option<Result<Header, Violation>> {
        let [first, second] = *self.bytes.first_chunk()?;
        let breach = |reason| Some(Err(Violation(PROTOCOL, reason)));
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return breach("reserved bits are set");
        }
        if !matches!(opcode, 0..=2 | 8..=10) {
            return breach("the opcode is not known");
        }
        if second & 0x80 == 0 {
            return breach("frames of clients have to be masked");
        }
        let rest = self.bytes.get(2..)?;
        let (payload_bytes, len) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 8),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 14),
            small => (u64::from(small), 6),
        };
        let is_control = opcode >= 8;
        if is_control && (!fin || payload_bytes > MOST_IN_CONTROL) {
            return breach("a control frame is too long or not whole");
        }
        if !is_control && (opcode == 0) != self.message.is_some() {
            return breach("the parts of a message are out of order");
        }
        let mask = *self.bytes.get(len - 4..len)?.first_chunk()?;
        Some(Ok(Header {
            fin,
            opcode,
            mask,
            payload_bytes,
            len,
        }))
    }

    /// The message that a frame ends, if it ends one.
    fn take(&mut self, header: &Header, payload: Vec<u8>) -> Option<Result<Message, Violation>> {
        match header.opcode {
            8 => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                return Some(Ok(Message::Close(code)));
            }
            9 => return Some(Ok(Message::Ping(payload))),
            10 => return Some(Ok(Message::Pong)),
            0 => self.message.as_mut()?.1.extend_from_slice(&payload),
            opcode => self.message = Some((opcode, payload)),
        }
        if !header.fin {
            return None;
        }
        let (opcode, message) = self.message.take()?;
        Some(Ok(if opcode == 1 {
            Message::Text(message)
        } else {
            Message::Binary
        }))
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
            incoming.bytes.extend_from_slice(piece);
            while let Some(message) = incoming.next() {
                found.push(message);
            }
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
}
