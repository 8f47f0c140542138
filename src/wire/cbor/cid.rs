//! Identifiers of content (CIDs): version 1, SHA-256, of DAG-CBOR or of raw bytes.

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use sha2::{Digest, Sha256};

/// An identifier in its 36 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cid([u8; 36]);

/// How long one is as text.
const N_LETTERS: usize = 59;

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut base32 = Specification::new();
    base32.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    // The letters and their number are right, as a test sees.
    base32.encoding().unwrap_or(data_encoding::BASE32_NOPAD)
});

impl Cid {
    /// That of a record.
    #[inline]
    pub(crate) fn of_record(record: &[u8]) -> Self {
        let mut bytes = [0; 36];
        let (head, hash) = bytes.split_at_mut(4);
        head.copy_from_slice(&[1, 0x71, 0x12, 32]);
        hash.copy_from_slice(&Sha256::digest(record));
        Self(bytes)
    }

    /// The one whose bytes these are, and nothing else.
    #[inline]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 36] = bytes.try_into().ok()?;
        matches!(bytes, [1, 0x71 | 0x55, 0x12, 32, ..]).then_some(Self(bytes))
    }

    /// The one that is written so.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (b'b', digits) = text.split_first()? else {
            return None;
        };
        Self::from_bytes(&BASE32.decode(digits).ok()?)
    }

    pub(crate) fn bytes(&self) -> &[u8; 36] {
        &self.0
    }

    /// Its text.
    #[inline]
    pub(crate) fn text(&self) -> [u8; N_LETTERS] {
        let mut text = [b'b'; N_LETTERS];
        if let Some((_, digits)) = text.split_first_mut() {
            BASE32.encode_mut(&self.0, digits);
        }
        text
    }
}
