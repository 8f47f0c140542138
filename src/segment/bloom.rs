//! Blooms of accounts: which account is certainly not in a block, or in a file.
//!
//! As gloom v0.1.0 writes them. A bloom is of blocks of 512 bits; the high half of a hash of
//! 128 bits picks the block, and each part of the block has the bit that the folded low half leaves
//! when it is divided by the length of the part. What is of another version, or damaged, is
//! unknown: then nothing is certain, and everything is read.

mod build;
mod size;

use xxhash_rust::xxh3::xxh3_128;

pub(crate) use self::{build::BloomBuilder, size::BloomSize};
use super::bytes::{u32_at, u64_at};

const VERSION: u8 = 1;

/// Version, number of parts, number of blocks, number of accounts.
const HEAD_BYTES: usize = 21;

const TRAILER_BYTES: usize = 4;

const BLOCK_BYTES: usize = 64;

/// The lengths of the parts of a block, by how many parts there are: from 3 on.
const PARTS: [&[u32]; 15] = [
    &[167, 173, 172],
    &[109, 127, 137, 139],
    &[97, 101, 103, 109, 102],
    &[61, 79, 83, 89, 97, 103],
    &[61, 67, 71, 79, 83, 89, 62],
    &[37, 47, 53, 61, 67, 71, 79, 97],
    &[41, 43, 47, 53, 59, 67, 71, 73, 58],
    &[31, 37, 41, 43, 47, 53, 59, 61, 67, 73],
    &[29, 31, 37, 41, 43, 44, 47, 53, 59, 61, 67],
    &[17, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 71],
    &[17, 19, 23, 29, 31, 37, 41, 43, 47, 52, 53, 59, 61],
    &[11, 13, 17, 19, 23, 29, 31, 37, 41, 47, 53, 59, 61, 71],
    &[11, 13, 17, 19, 23, 28, 29, 31, 37, 41, 43, 47, 53, 59, 61],
    &[
        5, 7, 11, 13, 17, 19, 23, 27, 29, 31, 37, 41, 43, 47, 53, 109,
    ],
    &[
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 32, 37, 41, 43, 47, 53, 101,
    ],
];

/// The lengths of the parts of a block that has this many.
pub(crate) fn parts(k: u32) -> Option<&'static [u32]> {
    let index = usize::try_from(k.checked_sub(3)?).ok()?;
    PARTS.get(index).copied()
}

/// Where blooms have an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AccountHash {
    high: u64,
    folded: u32,
}

impl AccountHash {
    pub(crate) fn of(did: &[u8]) -> Self {
        let hash = xxh3_128(did);
        // The halves of the hash, and the halves of its low half.
        #[allow(clippy::cast_possible_truncation, reason = "these are its parts")]
        let (high, low) = ((hash >> 64) as u64, hash as u64);
        #[allow(clippy::cast_possible_truncation, reason = "these are its parts")]
        let folded = (low as u32) ^ ((low >> 32) as u32);
        Self { high, folded }
    }

    /// The block that it is in, of a bloom of this many.
    pub(crate) fn block(&self, blocks: u64) -> u64 {
        let product = u128::from(self.high) * u128::from(blocks);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "less than the number of blocks"
        )]
        let block = (product >> 64) as u64;
        block
    }

    /// Its bits in that block.
    pub(crate) fn bits(self, parts: &'static [u32]) -> impl Iterator<Item = usize> {
        let mut begin = 0;
        parts.iter().map(move |part| {
            let bit = begin + self.folded % part;
            begin += part;
            bit as usize
        })
    }
}

/// The bloom of a block or of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bloom<'a> {
    parts: &'static [u32],
    blocks: &'a [[u8; BLOCK_BYTES]],
}

impl<'a> Bloom<'a> {
    /// `None` where it is not of a version that is known, or damaged.
    pub(crate) fn read(bloom: &'a [u8]) -> Option<Self> {
        if *bloom.first()? != VERSION {
            return None;
        }
        let end = bloom.len().checked_sub(TRAILER_BYTES)?;
        let (hashed, trailer) = bloom.split_at(end);
        let (blocks, rest) = hashed.get(HEAD_BYTES..)?.as_chunks::<BLOCK_BYTES>();
        let parts = parts(u32_at(bloom, 1))?;
        let is_whole = rest.is_empty()
            && !blocks.is_empty()
            && u64_at(bloom, 5) == blocks.len() as u64
            && crc32c(hashed) == u32_at(trailer, 0);
        is_whole.then_some(Self { parts, blocks })
    }

    /// Whether the account may be in it; it certainly is not where this is false.
    pub(crate) fn may_hold(&self, place: AccountHash) -> bool {
        let index = place.block(self.blocks.len() as u64);
        let block = usize::try_from(index)
            .ok()
            .and_then(|index| self.blocks.get(index));
        let Some(block) = block else { return true };
        has_bits(block, self.parts, place)
    }
}

/// Whether a block has all bits of an account.
fn has_bits(block: &[u8], parts: &'static [u32], place: AccountHash) -> bool {
    let is_set = |bit: usize| {
        block
            .get(bit / 8)
            .is_none_or(|byte| byte >> (bit % 8) & 1 == 1)
    };
    place.bits(parts).all(is_set)
}

/// What a bloom says of itself, where only some of its blocks are read. Its trailer is not looked
/// at: that it is whole is known by the checksum of the file.
#[cfg(feature = "serve")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct BloomHead {
    parts: &'static [u32],
    n_blocks: u64,
}

#[cfg(feature = "serve")]
impl BloomHead {
    /// How much is read of it.
    pub(crate) const BYTES: u64 = HEAD_BYTES as u64;

    /// Reads the beginning of a bloom of this length; `None` where it is of a version that is not
    /// known, or damaged.
    pub(crate) fn read(bloom: &[u8], bytes: u64) -> Option<Self> {
        let head = bloom.first_chunk::<HEAD_BYTES>()?;
        let (parts, n_blocks) = (parts(u32_at(head, 1))?, u64_at(head, 5));
        let of_blocks = n_blocks.checked_mul(BLOCK_BYTES as u64)?;
        let is_known = head.starts_with(&[VERSION])
            && n_blocks > 0
            && of_blocks.checked_add((HEAD_BYTES + TRAILER_BYTES) as u64) == Some(bytes);
        is_known.then_some(Self { parts, n_blocks })
    }

    /// Where the block lies that an account is in, and how long it is.
    pub(crate) fn place(self, account: AccountHash) -> (u64, u64) {
        let bytes = BLOCK_BYTES as u64;
        (Self::BYTES + account.block(self.n_blocks) * bytes, bytes)
    }

    /// Whether that block may hold the account.
    pub(crate) fn may_hold(self, block: &[u8], account: AccountHash) -> bool {
        has_bits(block, self.parts, account)
    }
}

/// CRC-32C (Castagnoli), which is the trailer of a bloom.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |crc: u32, byte: &u8| {
        let index = (crc ^ u32::from(*byte)) & 0xff;
        TABLE.get(index as usize).copied().unwrap_or_default() ^ (crc >> 8)
    };
    !bytes.iter().fold(!0, step)
}

const fn table() -> [u32; 256] {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut index = 0_u32;
    while index < 256 {
        let mut crc = index;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_block_fill_it() {
        for k in 3..=17 {
            let parts = parts(k).unwrap();
            assert_eq!(parts.len(), k as usize);
            assert_eq!(parts.iter().sum::<u32>(), 512);
        }
        assert!(parts(2).is_none() && parts(18).is_none());
    }

    #[test]
    fn the_trailer_is_the_known_checksum() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }
}
