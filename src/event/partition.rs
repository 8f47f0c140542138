//! Which part of all accounts an account is in.
//!
//! The hash is the one by which NATS servers partition subjects, and never changes: a saved cursor
//! belongs to its part.

use std::num::NonZeroU32;

/// The partition of an account by its DID, counted from 0: FNV-1a of 32 bits, by the remainder.
pub(crate) fn partition(did: &[u8], of: NonZeroU32) -> u32 {
    hash(did) % of
}

fn hash(bytes: &[u8]) -> u32 {
    const BASIS: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    bytes.iter().fold(BASIS, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the hash's own definition, and of DIDs. A change would take events from a
    /// saved cursor's shard.
    #[test]
    fn the_hash_never_changes() {
        for (text, expected) in [
            ("", 0x811c_9dc5),
            ("a", 0xe40c_292c),
            ("foobar", 0xbf9c_f968),
            ("did:plc:z72i7hdynmk6r22z27h6tvur", 0xd0c7_5587),
            ("did:web:localhost%3A3000", 0xa0de_fb9b),
        ] {
            assert_eq!(hash(text.as_bytes()), expected, "{text}");
        }
    }
}
