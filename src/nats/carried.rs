//! A message of a stream on its way to another stream, as it is: subject, headers and payload, byte
//! for byte.
//!
//! Its form in a batch is known here and nowhere else: two lengths, the subject, the headers as on
//! the wire, the payload.

use async_nats::{HeaderMap, HeaderName, HeaderValue};

/// The bytes of the two lengths.
const LENGTHS_BYTES: usize = 8;

/// What stands before a header that means something else in the stream that is written to.
const ORIGINAL_PREFIX: &str = "original-";

/// Headers of ours that say where a message comes from: in another stream that is the stream it was
/// read from.
const OUR_HEADERS: [&str; 3] = ["rocketman-cursor", "rocketman-source", "rocketman-writer"];

/// A message, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carried<'a> {
    pub(crate) subject: &'a str,
    /// A line for each value, as on the wire.
    pub(crate) headers: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl<'a> Carried<'a> {
    /// Writes what stands before the payload.
    pub(crate) fn write_head(buffer: &mut Vec<u8>, subject: &str, headers: Option<&HeaderMap>) {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; LENGTHS_BYTES]);
        buffer.extend_from_slice(subject.as_bytes());
        let headers_start = buffer.len();
        for (name, values) in headers.into_iter().flat_map(HeaderMap::iter) {
            for value in values {
                let name: &str = name.as_ref();
                for part in [name, ": ", value.as_str(), "\r\n"] {
                    buffer.extend_from_slice(part.as_bytes());
                }
            }
        }
        let lengths = [subject.len(), buffer.len() - headers_start];
        let lengths = lengths.map(|len| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
        if let Some(place) = buffer.get_mut(start..start + LENGTHS_BYTES) {
            place.copy_from_slice(lengths.as_flattened());
        }
    }

    /// Reads a message; `None` where it is malformed.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let (subject_len, rest) = line.split_first_chunk()?;
        let (headers_len, rest) = rest.split_first_chunk()?;
        let [subject_len, headers_len] =
            [subject_len, headers_len].map(|len| u32::from_le_bytes(*len) as usize);
        let (subject, rest) = rest.split_at_checked(subject_len)?;
        let (headers, payload) = rest.split_at_checked(headers_len)?;
        Some(Self {
            subject: str::from_utf8(subject).ok()?,
            headers,
            payload,
        })
    }
}

/// Adds the headers of a message to those of its copy. What is an instruction for a server
/// (`Nats-…`), or says where the message came from, means something else there and goes under
/// another name; of several copies the first one's stays.
pub(crate) fn add_headers(headers: &mut HeaderMap, carried: &[u8]) {
    let lines = || {
        let lines = carried.split(|byte| *byte == b'\n');
        lines.filter_map(|line| {
            let line = str::from_utf8(line.strip_suffix(b"\r")?).ok()?;
            line.split_once(": ")
        })
    };
    let is_instruction = |name: &str| {
        let start = name.get(..5).unwrap_or_default();
        start.eq_ignore_ascii_case("nats-") || OUR_HEADERS.contains(&name)
    };
    let is_original = |name: &str, of: &str| name.strip_prefix(ORIGINAL_PREFIX) == Some(of);
    for (name, value) in lines() {
        let other;
        let name = if !is_instruction(name) {
            name
        } else if lines().any(|(there, _)| is_original(there, name)) {
            continue;
        } else {
            other = format!("{ORIGINAL_PREFIX}{name}");
            &other
        };
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
        else {
            continue;
        };
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<_> = headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| format!("{name}: {value}")))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let mut headers = HeaderMap::new();
        headers.append("reflex_type", "7");
        headers.append("Also", "one");
        headers.append("Also", "a: b");
        headers.append("Empty", "");
        for payload in [&b"{\n\"a\": 1 }\r\n"[..], b"", b"\0\xff\n\r\n"] {
            let mut line = b"before".to_vec();
            let start = line.len();
            Carried::write_head(&mut line, "orders.\u{e9}", Some(&headers));
            line.extend_from_slice(payload);
            let carried = Carried::parse(&line[start..]).unwrap();
            assert_eq!((carried.subject, carried.payload), ("orders.é", payload));
            let mut read = HeaderMap::new();
            add_headers(&mut read, carried.headers);
            assert_eq!(shown(&read), shown(&headers));
        }
        let mut line = Vec::new();
        Carried::write_head(&mut line, "s", None);
        let carried = Carried::parse(&line).unwrap();
        assert_eq!((carried.headers, carried.payload), (&b""[..], &b""[..]));
    }

    #[test]
    fn what_is_no_message_is_none() {
        for line in [
            &b""[..],
            b"\x01\0\0\0",
            b"\x01\0\0\0\0\0\0\0",
            b"\xff\xff\xff\xff\xff\xff\xff\xffabc",
            b"\x01\0\0\0\0\0\0\0\xff",
        ] {
            assert_eq!(Carried::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn instructions_for_a_server_go_under_another_name() {
        let carried =
            b"Nats-Msg-Id: m1\r\nnats-ttl: 1h\r\nNats-Rollup: all\r\nrocketman-cursor: 5 7\r\n\
            rocketman-key: did:plc:a\r\noriginal-Nats-Msg-Id: m0\r\nplain: x\r\nno header\r\n";
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", "ours");
        add_headers(&mut headers, carried);
        let expected = [
            "Nats-Msg-Id: ours",
            "original-Nats-Msg-Id: m0",
            "original-Nats-Rollup: all",
            "original-nats-ttl: 1h",
            "original-rocketman-cursor: 5 7",
            "plain: x",
            "rocketman-key: did:plc:a",
        ];
        assert_eq!(shown(&headers), expected);
    }
}
