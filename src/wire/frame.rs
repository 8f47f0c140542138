//! The header of a WebSocket frame (RFC 6455, section 5.2), read and written for both ends of a
//! connection.
//!
//! What a message may be, and in which order its frames may come, is for each end to know.

/// The opcode of a further part of a message.
pub(crate) const CONTINUATION: u8 = 0;
/// The opcode of a text message.
pub(crate) const TEXT: u8 = 1;
/// The opcode of a binary message.
pub(crate) const BINARY: u8 = 2;
/// The opcode that ends a connection; from here on frames are control frames.
pub(crate) const CLOSE: u8 = 8;
/// The opcode of a ping.
pub(crate) const PING: u8 = 9;
/// The opcode of the answer to a ping.
pub(crate) const PONG: u8 = 10;

/// The bit of a message's last frame.
pub(crate) const FINAL: u8 = 0x80;

/// The bit of a frame whose payload is masked.
const MASKED: u8 = 0x80;

/// The bits that extensions use; none is ever asked for.
const RESERVED: u8 = 0x70;

/// In place of a length: it follows in two bytes, or in eight.
const IN_TWO_BYTES: u8 = 126;
const IN_EIGHT_BYTES: u8 = 127;

/// The most bytes that a control frame carries.
const MAX_CONTROL_BYTES: u64 = 125;

/// What the payload of a client's frame is masked with.
pub(crate) type Mask = [u8; 4];

/// Which end of a connection sends a frame. Clients mask their frames, servers do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
}

/// The header of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its own length, the mask included.
    pub(crate) bytes: usize,
    pub(crate) is_final: bool,
    pub(crate) opcode: u8,
    /// The length of the payload.
    pub(crate) payload_bytes: u64,
}

/// Why bytes are not the header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Bits of an extension are set.
    Reserved,
    /// A client's frame is not masked, or a server's is.
    Masking,
    /// The opcode is unknown.
    Opcode,
    /// A control frame is too long or comes in parts.
    Control,
}

impl Header {
    /// Reads the header that these bytes begin with; `None` until its length is known. The mask may
    /// still be missing then.
    pub(crate) fn parse(bytes: &[u8], sender: Sender) -> Result<Option<Self>, Malformed> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & RESERVED != 0 {
            return Err(Malformed::Reserved);
        }
        let is_masked = second & MASKED != 0;
        if is_masked != (sender == Sender::Client) {
            return Err(Malformed::Masking);
        }
        let (is_final, opcode) = (first & FINAL != 0, first & 0x0f);
        if !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
            return Err(Malformed::Opcode);
        }
        let (bytes, payload_bytes) = match (second & !MASKED, rest) {
            (IN_TWO_BYTES, [a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
            (IN_EIGHT_BYTES, rest) => match rest.first_chunk() {
                Some(length) => (10, u64::from_be_bytes(*length)),
                None => return Ok(None),
            },
            (IN_TWO_BYTES, _) => return Ok(None),
            (small, _) => (2, u64::from(small)),
        };
        if opcode >= CLOSE && (!is_final || payload_bytes > MAX_CONTROL_BYTES) {
            return Err(Malformed::Control);
        }
        Ok(Some(Self {
            bytes: bytes + if is_masked { size_of::<Mask>() } else { 0 },
            is_final,
            opcode,
            payload_bytes,
        }))
    }
}

/// The header of a server's frame that is a whole message of a usual size, as almost all are: its
/// opcode, its own length and that of the payload. `None` says nothing.
#[inline]
pub(crate) fn peek_simple(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, header_bytes, payload_bytes) = match bytes {
        [first, IN_TWO_BYTES, a, b, ..] => (first, 4, usize::from(u16::from_be_bytes([*a, *b]))),
        [first, length @ ..IN_TWO_BYTES, ..] => (first, 2, usize::from(*length)),
        _ => return None,
    };
    let opcode = first ^ FINAL;
    (opcode == TEXT || opcode == BINARY).then_some((opcode, header_bytes, payload_bytes))
}

/// Begins a server's frame that is a whole message.
#[cfg(feature = "serve")]
pub(crate) fn push_header(out: &mut Vec<u8>, opcode: u8, payload_bytes: usize) {
    begin(out, opcode, 0, payload_bytes);
}

/// Appends a client's frame that is a whole message.
pub(crate) fn push_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: Mask) {
    begin(out, opcode, MASKED, payload.len());
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], mask);
}

fn begin(out: &mut Vec<u8>, opcode: u8, masked: u8, payload_bytes: usize) {
    out.push(FINAL | opcode);
    match (u8::try_from(payload_bytes), u16::try_from(payload_bytes)) {
        (Ok(len @ ..IN_TWO_BYTES), _) => out.push(masked | len),
        (_, Ok(len)) => {
            out.push(masked | IN_TWO_BYTES);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(masked | IN_EIGHT_BYTES);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
}

/// Masks a payload, or takes its mask off.
pub(crate) fn apply_mask(payload: &mut [u8], mask: Mask) {
    // Four at a time: the compiler makes more of it.
    let mut fours = payload.chunks_exact_mut(4);
    for four in &mut fours {
        for (byte, mask) in four.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in fours.into_remainder().iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };

    use super::*;

    /// Both sides of each limit of a length's form.
    const LENGTHS: [usize; 7] = [0, 1, 125, 126, 65_535, 65_536, 100_000];

    #[test]
    fn a_header_that_was_written_is_read_once_it_is_complete() {
        for len in LENGTHS {
            let (mut server, mut client) = (Vec::new(), Vec::new());
            push_header(&mut server, BINARY, len);
            push_masked(&mut client, BINARY, &vec![b'x'; len], [1, 2, 3, 4]);
            let length_bytes = server.len();
            for (bytes, sender, own) in [
                (&server, Sender::Server, length_bytes),
                (&client, Sender::Client, length_bytes + 4),
            ] {
                for end in 0..length_bytes {
                    assert_eq!(
                        Header::parse(&bytes[..end], sender),
                        Ok(None),
                        "{len} {end}"
                    );
                }
                let header = Header::parse(&bytes[..length_bytes], sender);
                let expected = Header {
                    bytes: own,
                    is_final: true,
                    opcode: BINARY,
                    payload_bytes: len as u64,
                };
                assert_eq!(header, Ok(Some(expected)), "{len} of a {sender:?}");
            }
        }
    }

    #[test]
    fn a_length_takes_as_few_bytes_as_it_can() {
        for (len, expected) in LENGTHS.into_iter().zip([2, 2, 2, 4, 4, 10, 10]) {
            let mut out = Vec::new();
            push_header(&mut out, TEXT, len);
            assert_eq!(out.len(), expected, "{len}");
        }
    }

    #[test]
    fn a_masked_frame_is_the_one_of_the_library() {
        for len in LENGTHS {
            let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
            let mut frame = Frame::message(payload.clone(), OpCode::Data(Data::Binary), true);
            frame.header_mut().mask = Some([7, 0, 255, 9]);
            let (mut theirs, mut ours) = (Vec::new(), Vec::new());
            frame.format(&mut theirs).unwrap();
            push_masked(&mut ours, BINARY, &payload, [7, 0, 255, 9]);
            assert!(ours == theirs, "{len} bytes");
        }
    }

    #[test]
    fn usual_headers_are_read_as_the_full_reader_reads_them() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let bytes = [first, second, 1, 0];
                let Some((opcode, header_bytes, payload_bytes)) = peek_simple(&bytes) else {
                    continue;
                };
                let expected = Header {
                    bytes: header_bytes,
                    is_final: true,
                    opcode,
                    payload_bytes: payload_bytes as u64,
                };
                assert_eq!(Header::parse(&bytes, Sender::Server), Ok(Some(expected)));
            }
        }
        assert_eq!(peek_simple(&[0x81, 125]), Some((TEXT, 2, 125)));
        assert_eq!(peek_simple(&[0x82, 126, 1, 2]), Some((BINARY, 4, 258)));
        for other in [
            &[FINAL | TEXT][..],
            &[FINAL | TEXT, 126, 1],
            &[TEXT, 1],
            &[FINAL | PING, 0],
        ] {
            assert_eq!(peek_simple(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_header_is_told_apart() {
        for (bytes, sender, expected) in [
            ([0xc1, 0x80], Sender::Client, Malformed::Reserved),
            ([0x91, 0x00], Sender::Server, Malformed::Reserved),
            ([0x81, 0x05], Sender::Client, Malformed::Masking),
            ([0x81, 0x85], Sender::Server, Malformed::Masking),
            ([0x83, 0x80], Sender::Client, Malformed::Opcode),
            ([0x8b, 0x00], Sender::Server, Malformed::Opcode),
            ([0x09, 0x80], Sender::Client, Malformed::Control),
            ([0x08, 0x00], Sender::Server, Malformed::Control),
        ] {
            assert_eq!(Header::parse(&bytes, sender), Err(expected), "{bytes:?}");
        }
        let long_ping = [FINAL | PING, 126, 0, 126];
        let found = Header::parse(&long_ping, Sender::Server);
        assert_eq!(found, Err(Malformed::Control));
    }
}
