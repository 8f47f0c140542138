//! Header and footer of a sealed file, as bytes.

use std::{collections::HashMap, iter::once};

use xxhash_rust::xxh3::Xxh3;

use crate::segment::{
    bloom::{AccountHash, BloomBuilder, BloomSize},
    collections::marker,
    entry::BlockEntry,
    header::{HASHED_FROM, HEADER_BYTES, MAGIC, SegmentHeader, VERSION},
    row::Row,
};

/// The index of the blocks.
pub(super) fn index(entries: &[BlockEntry]) -> Vec<u8> {
    let mut index = Vec::new();
    for entry in entries {
        index.extend(entry.at.to_le_bytes());
        let lens = [entry.frame_bytes, entry.body_bytes, entry.events];
        index.extend(lens.map(u32::to_le_bytes).concat());
        index.extend(
            [entry.min_seq, entry.max_seq]
                .map(u64::to_le_bytes)
                .concat(),
        );
        let times = [entry.min_witnessed, entry.max_witnessed];
        index.extend(times.map(i64::to_le_bytes).concat());
    }
    index
}

/// The bloom of these accounts, with room for a number of them.
pub(super) fn bloom<'a>(
    n_accounts: usize,
    accounts: impl IntoIterator<Item = &'a AccountHash>,
) -> Vec<u8> {
    filled(BloomSize::of(n_accounts), accounts)
}

fn filled<'a>(size: BloomSize, accounts: impl IntoIterator<Item = &'a AccountHash>) -> Vec<u8> {
    let mut bloom = BloomBuilder::new(size);
    for account in accounts {
        bloom.add(*account);
    }
    bloom.finish()
}

/// Appends the blooms of all blocks, which are of one size: that of the block with the most
/// accounts.
pub(super) fn push_block_blooms(blocks: &[Vec<AccountHash>], footer: &mut Vec<u8>) {
    let most = blocks.iter().map(Vec::len).max().unwrap_or_default();
    let size = BloomSize::of(most);
    let n_blocks = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
    footer.extend(n_blocks.to_le_bytes());
    let mut is_first = true;
    for accounts in blocks {
        let bloom = filled(size, accounts);
        if std::mem::take(&mut is_first) {
            let len = u32::try_from(bloom.len()).unwrap_or(u32::MAX);
            footer.extend(len.to_le_bytes());
        }
        footer.extend(bloom);
    }
    if is_first {
        footer.extend(0_u32.to_le_bytes());
    }
}

/// The header with the checksum of itself and the footer.
pub(super) fn sealed_header(header: &SegmentHeader, footer: &[u8]) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &[0; 8], &VERSION.to_le_bytes()].concat();
    let counts = [header.blocks, header.events, header.accounts];
    bytes.extend(counts.map(u32::to_le_bytes).concat());
    bytes.extend(
        [header.min_seq, header.max_seq]
            .map(u64::to_le_bytes)
            .concat(),
    );
    let times = [header.min_witnessed, header.max_witnessed];
    bytes.extend(times.map(i64::to_le_bytes).concat());
    let places = [
        header.footer_at,
        header.file_bloom_at,
        header.block_blooms_at,
        header.collections_at,
        header.footer_at,
    ];
    bytes.extend(places.map(u64::to_le_bytes).concat());
    bytes.resize(HEADER_BYTES, 0);
    let mut hash = Xxh3::new();
    hash.update(bytes.get(HASHED_FROM..).unwrap_or_default());
    hash.update(footer);
    if let Some(checksum) = bytes.get_mut(MAGIC.len()..HASHED_FROM) {
        checksum.copy_from_slice(&hash.digest().to_le_bytes());
    }
    bytes
}

/// Which collections and markers there are, and in which blocks.
#[derive(Debug, Default)]
pub(super) struct Collections {
    numbers: HashMap<Vec<u8>, usize>,
    /// Names and counts, by number.
    listed: Vec<(Vec<u8>, u32)>,
    /// The numbers of each finished block, and of the one that is filled.
    blocks: Vec<Vec<usize>>,
    open: Vec<usize>,
}

impl Collections {
    pub(super) fn add(&mut self, row: &Row<'_>) {
        if !row.collection.is_empty() {
            let number = self.number(row.collection);
            if let Some((_, count)) = self.listed.get_mut(number) {
                *count += 1;
            }
        }
        if let Some(marker) = marker(row.kind) {
            self.number(marker);
        }
    }

    /// The number of a name, which is in the open block from now on.
    fn number(&mut self, name: &[u8]) -> usize {
        let number = self.numbers.get(name).copied().unwrap_or_else(|| {
            let number = self.listed.len();
            self.numbers.insert(name.to_owned(), number);
            self.listed.push((name.to_owned(), 0));
            number
        });
        if self.open.last() != Some(&number) && !self.open.contains(&number) {
            self.open.push(number);
        }
        number
    }

    pub(super) fn end_block(&mut self) {
        self.blocks.push(std::mem::take(&mut self.open));
    }

    /// The head of the index, and its text, which stands in the file as a frame.
    pub(super) fn index(&self) -> (Vec<u8>, Vec<u8>) {
        let mut text = Vec::new();
        for (name, count) in &self.listed {
            text.extend(once(u8::try_from(name.len()).unwrap_or(u8::MAX)));
            text.extend(count.to_le_bytes());
            text.extend(name);
        }
        let mask_bytes = self.listed.len().div_ceil(8);
        for numbers in &self.blocks {
            let start = text.len();
            text.resize(start + mask_bytes, 0);
            for number in numbers {
                if let Some(byte) = text.get_mut(start + number / 8) {
                    *byte |= 1 << (number % 8);
                }
            }
        }
        let counts = [self.listed.len(), self.blocks.len(), mask_bytes, text.len()];
        let counts = counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        (counts.map(u32::to_le_bytes).concat(), text)
    }
}
