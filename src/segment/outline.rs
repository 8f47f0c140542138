//! Header and footer of a sealed file that come piece by piece: what they say, and whether they are
//! as they were when the file was sealed.

use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::{
    entry::{BlockEntry, CheckedEntries},
    error::{Damage, Fault, SegmentError},
    header::{self, ENTRY_BYTES, HASHED_FROM, HEADER_BYTES, Opening, SegmentHeader},
};

/// The header of a sealed file, and the sum over it and what has come of the footer.
pub(crate) struct Outline {
    pub(crate) header: SegmentHeader,
    hash: Xxh3,
}

impl Outline {
    /// Reads the header of a sealed file of this length, which has to have this checksum.
    pub(crate) fn read(
        path: &Path,
        bytes: &[u8],
        file_bytes: u64,
        checksum: u64,
    ) -> Result<Self, SegmentError> {
        let read = || {
            let bytes: &[u8; HEADER_BYTES] = bytes.try_into().map_err(|_| Damage::Short)?;
            let Opening::Sealed(header) = header::read(bytes, file_bytes)? else {
                return Err(Damage::Header.into());
            };
            if header.checksum != checksum {
                return Err(Damage::Checksum.into());
            }
            let mut hash = Xxh3::new();
            hash.update(bytes.get(HASHED_FROM..).unwrap_or_default());
            Ok(Self { header, hash })
        };
        read().map_err(|fault: Fault| SegmentError::new(path, None, fault))
    }

    /// How long the index of blocks is, with which the footer begins.
    pub(crate) fn index_bytes(&self) -> u64 {
        u64::from(self.header.blocks) * ENTRY_BYTES as u64
    }

    /// The next bytes of the footer.
    pub(crate) fn add(&mut self, footer: &[u8]) {
        self.hash.update(footer);
    }

    /// Whether all that was added is what was sealed.
    pub(crate) fn check(&self, path: &Path) -> Result<(), SegmentError> {
        if self.hash.digest() == self.header.checksum {
            return Ok(());
        }
        Err(SegmentError::new(path, None, Damage::Checksum))
    }

    /// The entries of the index of blocks, each of which was checked.
    pub(crate) fn entries(
        &self,
        path: &Path,
        index: &[u8],
    ) -> Result<Vec<BlockEntry>, SegmentError> {
        let of = |block, damage: Damage| SegmentError::new(path, block, damage);
        if index.len() as u64 != self.index_bytes() {
            return Err(of(None, Damage::Offsets));
        }
        let entries = index.chunks_exact(ENTRY_BYTES).map(BlockEntry::read);
        let entries: Vec<_> = entries.collect();
        let mut checked = CheckedEntries::default();
        for (block, entry) in (0..).zip(&entries) {
            let added = checked.add(entry, &self.header);
            added.map_err(|damage| of(Some(block), damage))?;
        }
        let is_all = checked.finish(&self.header);
        is_all.map_err(|damage| of(None, damage))?;
        Ok(entries)
    }
}
