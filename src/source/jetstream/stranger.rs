//! What a server speaks that brings messages and no events.

use std::fmt;

/// How zstd frames begin (RFC 8878, section 3.1.1).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// How frames of `com.atproto.sync.subscribeRepos` and its like begin: a CBOR map of two keys, `t`
/// and `op`, in this order, or of `op` alone.
const FIREHOSE: [&[u8]; 3] = [b"\xa2\x61t", b"\xa2\x62op", b"\xa1\x62op"];

/// What names the v2 wire in its messages; it stands near their beginning.
const V2: &[u8] = b"network.bsky.jetstream.";

/// How far from its beginning a message of the v2 wire names it.
const V2_WITHIN: usize = 200;

/// What messages that are no events look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stranger {
    V2,
    Firehose,
    Compressed,
    Page,
    Unknown,
}

impl Stranger {
    /// Judges by the beginning of one message.
    pub(super) fn of(message: &[u8]) -> Self {
        let head = message.get(..V2_WITHIN).unwrap_or(message);
        let is_v2 = head.windows(V2.len()).any(|part| part == V2);
        let is_page = message.trim_ascii_start().starts_with(b"<");
        if is_v2 && message.starts_with(b"{") {
            Self::V2
        } else if FIREHOSE.iter().any(|start| message.starts_with(start)) {
            Self::Firehose
        } else if message.starts_with(ZSTD) {
            Self::Compressed
        } else if is_page {
            Self::Page
        } else {
            Self::Unknown
        }
    }
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => {
                "this looks like the v2 wire; give https:// and the host as the source, or this address with the path of that wire"
            }
            Self::Firehose => {
                "this looks like the CBOR firehose of a relay; give a Jetstream server as the source"
            }
            Self::Compressed => {
                "this looks like events that are compressed with another dictionary; ask for plain ones"
            }
            Self::Page => {
                "this looks like a page of the web; check the address, and any proxy before it"
            }
            Self::Unknown => "this looks like no Jetstream; check the address",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_known_by_how_its_messages_begin() {
        let v2 = br#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","seq":1}}"#;
        let far = [b"{\"text\":\"".as_slice(), &[b'x'; 300], V2].concat();
        let cases: [(&[u8], Stranger); 9] = [
            (v2, Stranger::V2),
            (b"\xa2\x61t\x67#commit\x62op\x01", Stranger::Firehose),
            (b"\xa1\x62op\x20", Stranger::Firehose),
            (b"\x28\xb5\x2f\xfd\x24", Stranger::Compressed),
            (b"\n <!doctype html>", Stranger::Page),
            (b"{\"did\":1}", Stranger::Unknown),
            (b"network.bsky.jetstream.", Stranger::Unknown),
            (&far, Stranger::Unknown),
            (b"", Stranger::Unknown),
        ];
        for (message, expected) in cases {
            assert_eq!(
                Stranger::of(message),
                expected,
                "{}",
                message.escape_ascii()
            );
        }
    }
}
