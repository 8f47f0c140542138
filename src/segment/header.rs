//! The header of a segment file: 256 bytes that say whether it is sealed, what it holds, and where
//! the parts of its footer lie.

use super::{
    bytes::{i64_at, u16_at, u32_at, u64_at},
    error::{Damage, Fault},
};

pub(crate) const HEADER_BYTES: usize = 256;

/// Where the checksum stands.
pub(crate) const CHECKSUM_AT: usize = 4;

/// The checksum is of the header from here on.
pub(crate) const HASHED_FROM: usize = 12;

/// What a file begins with.
pub(crate) const MAGIC: [u8; 4] = *b"jss0";

pub(crate) const VERSION: u16 = 1;

/// The most blocks that a file has.
const MAX_BLOCKS: u32 = 1 << 20;

/// How much of the block index is about one block.
pub(crate) const ENTRY_BYTES: usize = 52;

/// What a file says of itself at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It is complete, and has a footer.
    Sealed(SegmentHeader),
    /// A server still writes to it: blocks follow, and nothing says how many.
    Active,
}

/// The header of a sealed file. Ranges are as wide as they were before the file was compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Of the header from its version on, and of the footer.
    pub(crate) checksum: u64,
    pub(crate) blocks: u32,
    pub(crate) events: u32,
    pub(crate) accounts: u32,
    pub(crate) min_seq: u64,
    pub(crate) max_seq: u64,
    pub(crate) min_witnessed: i64,
    pub(crate) max_witnessed: i64,
    /// Where blocks end, and the footer begins, with the index of the blocks.
    pub(crate) footer_at: u64,
    pub(crate) file_bloom_at: u64,
    pub(crate) block_blooms_at: u64,
    pub(crate) collections_at: u64,
}

impl SegmentHeader {
    /// Whether it has no room for any event, so that its ranges mean nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks == 0
    }
}

/// Reads the header of a file of this length.
pub(crate) fn read(header: &[u8; HEADER_BYTES], file_bytes: u64) -> Result<Opening, Fault> {
    if !header.starts_with(&MAGIC) {
        return Err(Fault::Foreign);
    }
    let checksum = u64_at(header, CHECKSUM_AT);
    if checksum == 0 {
        let is_blank = header.iter().skip(MAGIC.len()).all(|byte| *byte == 0);
        return if is_blank {
            Ok(Opening::Active)
        } else {
            Err(Damage::Header.into())
        };
    }
    let version = u16_at(header, 12);
    if version != VERSION {
        return Err(Fault::Version(version));
    }
    let header = SegmentHeader {
        checksum,
        blocks: u32_at(header, 14),
        events: u32_at(header, 18),
        accounts: u32_at(header, 22),
        min_seq: u64_at(header, 26),
        max_seq: u64_at(header, 34),
        min_witnessed: i64_at(header, 42),
        max_witnessed: i64_at(header, 50),
        footer_at: checked_index(u64_at(header, 58), u64_at(header, 90))?,
        file_bloom_at: u64_at(header, 66),
        block_blooms_at: u64_at(header, 74),
        collections_at: u64_at(header, 82),
    };
    header.check(file_bytes)?;
    Ok(Opening::Sealed(header))
}

/// The footer begins with the index, and both places are said.
fn checked_index(footer_at: u64, index_at: u64) -> Result<u64, Damage> {
    (footer_at == index_at)
        .then_some(footer_at)
        .ok_or(Damage::Offsets)
}

impl SegmentHeader {
    fn check(&self, file_bytes: u64) -> Result<(), Damage> {
        let places = [
            HEADER_BYTES as u64,
            self.footer_at,
            self.file_bloom_at,
            self.block_blooms_at,
            self.collections_at,
            file_bytes,
        ];
        let index_bytes = self.file_bloom_at.checked_sub(self.footer_at);
        let is_one_after_the_other = places.is_sorted()
            && self.blocks <= MAX_BLOCKS
            && index_bytes == Some(u64::from(self.blocks) * ENTRY_BYTES as u64);
        if !is_one_after_the_other {
            return Err(Damage::Offsets);
        }
        let has_ranges = self.min_seq <= self.max_seq && self.min_witnessed <= self.max_witnessed;
        let is_possible = if self.is_empty() {
            self.events == 0
        } else {
            has_ranges
        };
        is_possible.then_some(()).ok_or(Damage::Header)
    }
}
