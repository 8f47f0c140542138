//! The collection index of a footer: how many events of each collection there are, and in which
//! blocks they are.

use super::{
    bytes::u32_at,
    error::{Damage, Fault},
    inflate::BlockInflater,
    row::Kind,
};

/// Numbers of collections, of blocks, of bytes a block, and of bytes inflated.
const HEAD_BYTES: usize = 16;

/// The longest index that is read, and the most that is inflated of it. A server's has 100 KB.
pub(crate) const MAX_INDEX_BYTES: u64 = 16 * 1024 * 1024;

/// The most collections of a file; servers read no more either.
const MAX_COLLECTIONS: u32 = 1 << 20;

/// The name under which the index keeps the blocks that have events of a kind without a
/// collection.
pub(crate) fn marker(kind: Kind) -> Option<&'static [u8]> {
    match kind {
        Kind::Identity => Some(b"$identity"),
        Kind::Account => Some(b"$account"),
        Kind::Sync => Some(b"$sync"),
        Kind::Create | Kind::Update | Kind::Delete | Kind::CreateResync => None,
    }
}

/// One collection, or one of the markers.
#[derive(Debug, Clone)]
struct Listed {
    at: u32,
    len: u8,
    events: u32,
}

/// What a file holds, by collections.
#[derive(Debug)]
pub(crate) struct CollectionIndex {
    text: Vec<u8>,
    listed: Vec<Listed>,
    /// Where the first block's bits begin, and how many bytes each block has.
    masks_at: usize,
    mask_bytes: usize,
}

impl CollectionIndex {
    /// Reads the index of a file of `n` blocks.
    pub(crate) fn read(
        index: &[u8],
        n_blocks: u32,
        inflater: &mut BlockInflater,
    ) -> Result<Self, Fault> {
        let frame = index.get(HEAD_BYTES..).ok_or(Damage::Collections)?;
        let (n, mask_bytes) = (u32_at(index, 0), u32_at(index, 8));
        let is_possible =
            n <= MAX_COLLECTIONS && u32_at(index, 4) == n_blocks && mask_bytes == n.div_ceil(8);
        if !is_possible {
            return Err(Damage::Collections.into());
        }
        let mut text = Vec::new();
        let size = u32_at(index, 12);
        match inflater.inflate(frame, Some(size), MAX_INDEX_BYTES, &mut text) {
            Err(Fault::Damaged(_)) => return Err(Damage::Collections.into()),
            other => other?,
        }
        let mut listed = Vec::new();
        let mut at = 0;
        for _ in 0..n {
            let len = *text.get(at).ok_or(Damage::Collections)?;
            let events = u32_at(&text, at + 1);
            let name_at = at + 5;
            at = name_at + usize::from(len);
            if text.len() < at {
                return Err(Damage::Collections.into());
            }
            let at = u32::try_from(name_at).unwrap_or_default();
            listed.push(Listed { at, len, events });
        }
        let masks = u64::from(n_blocks) * u64::from(mask_bytes);
        if (text.len() - at) as u64 != masks {
            return Err(Damage::Collections.into());
        }
        Ok(Self {
            text,
            listed,
            masks_at: at,
            mask_bytes: mask_bytes as usize,
        })
    }

    /// How many collections and markers there are.
    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }

    /// Each collection or marker, and how many events it says there are.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.listed.iter().map(|listed| {
            let from = listed.at as usize;
            let name = self.text.get(from..from + usize::from(listed.len));
            (name.unwrap_or_default(), listed.events)
        })
    }

    /// Which of them a block has, a bit for each.
    pub(crate) fn of_block(&self, block: u32) -> &[u8] {
        let from = self.masks_at + block as usize * self.mask_bytes;
        self.text
            .get(from..from + self.mask_bytes)
            .unwrap_or_default()
    }
}

/// Whether a bit is set.
pub(crate) fn has(mask: &[u8], index: usize) -> bool {
    mask.get(index / 8)
        .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}
