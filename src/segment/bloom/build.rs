//! Making a bloom: byte for byte what gloom v0.1.0 makes of the same accounts.

use super::{AccountHash, BLOCK_BYTES, BloomSize, HEAD_BYTES, VERSION, crc32c, parts};

/// A bloom that is made.
#[derive(Debug)]
pub(crate) struct BloomBuilder {
    bytes: Vec<u8>,
    parts: &'static [u32],
    n_accounts: u64,
}

impl BloomBuilder {
    pub(crate) fn new(size: BloomSize) -> Self {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&size.k.to_le_bytes());
        bytes.extend_from_slice(&(size.n_blocks as u64).to_le_bytes());
        bytes.resize(HEAD_BYTES + size.n_blocks * BLOCK_BYTES, 0);
        let parts = parts(size.k).unwrap_or_default();
        Self {
            bytes,
            parts,
            n_accounts: 0,
        }
    }

    /// Adds an account, which has to be another one each time.
    pub(crate) fn add(&mut self, place: AccountHash) {
        let (_, rest) = self.bytes.split_at_mut(HEAD_BYTES);
        let (blocks, _) = rest.as_chunks_mut::<BLOCK_BYTES>();
        let index = usize::try_from(place.block(blocks.len() as u64));
        if let Some(block) = index.ok().and_then(|index| blocks.get_mut(index)) {
            for bit in place.bits(self.parts) {
                if let Some(byte) = block.get_mut(bit / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
        self.n_accounts += 1;
    }

    /// The bloom as it stands in a file.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if let Some(count) = self.bytes.get_mut(HEAD_BYTES - 8..HEAD_BYTES) {
            count.copy_from_slice(&self.n_accounts.to_le_bytes());
        }
        let checksum = crc32c(&self.bytes);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests;
