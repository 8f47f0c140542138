//! What a file holds: from header and footer alone, or from every row of it.

mod tally;

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

pub use self::tally::KindCounts;
use self::tally::{Tally, name_of};
use super::{
    bloom::Bloom,
    collections::{CollectionIndex, has},
    error::{Fault, SegmentError},
    file::SegmentFile,
    header::{HEADER_BYTES, Opening, SegmentHeader},
    holes::FileRange,
    inflate::MAX_BLOCK_BYTES,
    reader::BlockReader,
};

/// What a segment file holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: u64,
    /// Whether it is complete; otherwise a server still writes to it, or died over it.
    pub is_sealed: bool,
    /// The checksum of header and footer of a sealed file, which names its contents.
    pub checksum: Option<u64>,
    /// How many blocks it has.
    pub blocks: u32,
    /// How many events are in it.
    pub events: u64,
    /// How many accounts they are of.
    pub accounts: u64,
    /// The numbers that it covers: those of a sealed file are as many as it had before events of
    /// it were replaced. `None` for a file without blocks.
    pub numbers: Option<RangeInclusive<u64>>,
    /// The times at which the server saw them, in µs since 1970, in the same way.
    pub times_us: Option<RangeInclusive<i64>>,
    /// Collections by name, and the markers `$account`, `$identity` and `$sync` for events of
    /// these kinds.
    pub collections: BTreeMap<String, Holding>,
    /// How many events of each kind there are, where every row was read.
    pub kinds: Option<KindCounts>,
    /// What follows the last whole block of a file that is not sealed.
    pub torn_bytes: u64,
}

/// What a file holds of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holding {
    /// How many events; `None` for a marker, of which the footer does not say it.
    pub events: Option<u64>,
    /// The blocks that have any, in order.
    pub blocks: Vec<RangeInclusive<u32>>,
}

impl Inspection {
    /// The range of its numbers, for [`seams`](super::seams).
    pub fn range(&self) -> FileRange {
        FileRange {
            path: self.path.clone(),
            numbers: self.numbers.clone(),
        }
    }
}

impl Holding {
    /// Blocks come in order.
    fn add_block(&mut self, block: u32) {
        match self.blocks.last_mut() {
            Some(last) if last.end() + 1 >= block => *last = *last.start()..=block,
            _ => self.blocks.push(block..=block),
        }
    }
}

/// How much of a file is looked at.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct InspectSettings {
    /// Whether to read every row too, and to hold all that header and footer say against it.
    pub verify: bool,
    /// The most that a block may hold inflated.
    pub max_block_bytes: u64,
}

impl Default for InspectSettings {
    fn default() -> Self {
        Self {
            verify: false,
            max_block_bytes: MAX_BLOCK_BYTES,
        }
    }
}

/// The most collections of a file that are shown: more than the network has, and few enough to be
/// held. They can be read all the same.
const MAX_SHOWN: usize = 1 << 17;

/// Looks into a file. One that is not sealed is read, since nothing else says what is in it.
pub fn inspect(path: &Path, settings: &InspectSettings) -> Result<Inspection, SegmentError> {
    let file = SegmentFile::open(path)?;
    let mut reader = BlockReader::new(settings.max_block_bytes);
    match file.opening() {
        Opening::Sealed(header) => sealed(&file, &header, settings.verify, &mut reader),
        Opening::Active => active(&file, &mut reader),
    }
}

fn sealed(
    file: &SegmentFile,
    header: &SegmentHeader,
    verify: bool,
    reader: &mut BlockReader,
) -> Result<Inspection, SegmentError> {
    let mut footer = file.footer(header, reader.inflater())?;
    let (collections, limit) = (footer.collections.len(), MAX_SHOWN);
    if collections > limit {
        return Err(file.error(None, Fault::TooMany { collections, limit }));
    }
    let kinds = if verify {
        let mut tally = Tally::of(&footer.collections);
        let file_bloom = file.file_bloom(header)?;
        let file_bloom = Bloom::read(&file_bloom);
        let mut block = 0;
        while let Some(entry) = footer.entry(file, block)? {
            let block_bloom = file.block_bloom(&footer, block)?;
            let blooms = [file_bloom, Bloom::read(&block_bloom)];
            let listed = footer.collections.of_block(block);
            for row in reader.sealed(file, block, &entry)? {
                let added = tally.add(&row, listed, blooms);
                added.map_err(|damage| file.error(Some(block), damage))?;
            }
            tally
                .end_block(listed)
                .map_err(|damage| file.error(Some(block), damage))?;
            block += 1;
        }
        tally
            .finish(&footer.collections, header)
            .map_err(|damage| file.error(None, damage))?;
        Some(tally.kinds())
    } else {
        None
    };
    let has_blocks = !header.is_empty();
    Ok(Inspection {
        path: file.path().to_owned(),
        bytes: file.bytes(),
        is_sealed: true,
        checksum: Some(header.checksum),
        blocks: header.blocks,
        events: u64::from(header.events),
        accounts: u64::from(header.accounts),
        numbers: has_blocks.then_some(header.min_seq..=header.max_seq),
        times_us: has_blocks.then_some(header.min_witnessed..=header.max_witnessed),
        collections: holdings(&footer.collections, header.blocks, kinds.as_ref()),
        kinds,
        torn_bytes: 0,
    })
}

fn holdings(
    index: &CollectionIndex,
    blocks: u32,
    kinds: Option<&KindCounts>,
) -> BTreeMap<String, Holding> {
    let mut holdings = BTreeMap::new();
    for (at, (name, events)) in index.iter().enumerate() {
        let name = String::from_utf8_lossy(name).into_owned();
        let of_marker = |count: fn(&KindCounts) -> u64| kinds.map(count);
        let events = match name.as_str() {
            "$account" => of_marker(|kinds| kinds.account),
            "$identity" => of_marker(|kinds| kinds.identity),
            "$sync" => of_marker(|kinds| kinds.sync),
            _ => Some(u64::from(events)),
        };
        let holding: &mut Holding = holdings.entry(name).or_default();
        holding.events = events;
        for block in (0..blocks).filter(|block| has(index.of_block(*block), at)) {
            holding.add_block(block);
        }
    }
    holdings
}

fn active(file: &SegmentFile, reader: &mut BlockReader) -> Result<Inspection, SegmentError> {
    let mut tally = Tally::default();
    let mut collections: BTreeMap<String, Holding> = BTreeMap::new();
    let (mut at, mut blocks) = (HEADER_BYTES as u64, 0);
    let (mut numbers, mut times_us) = (None, None);
    while let Some((rows, next)) = reader.active(
        file,
        blocks,
        at,
        numbers.as_ref().map(|range| *RangeInclusive::end(range)),
    )? {
        for row in rows {
            numbers = Some(widened(numbers, row.seq));
            times_us = Some(widened(times_us, row.witnessed_at));
            tally.count(&row);
            let name = name_of(&row);
            let name = String::from_utf8_lossy(name).into_owned();
            let holding = collections.entry(name).or_default();
            *holding.events.get_or_insert(0) += 1;
            holding.add_block(blocks);
        }
        at = next;
        blocks += 1;
    }
    Ok(Inspection {
        path: file.path().to_owned(),
        bytes: file.bytes(),
        is_sealed: false,
        checksum: None,
        blocks,
        events: tally.events(),
        accounts: tally.accounts(),
        numbers,
        times_us,
        collections,
        kinds: Some(tally.kinds()),
        torn_bytes: file.bytes() - at,
    })
}

fn widened<T: Copy + Ord>(range: Option<RangeInclusive<T>>, value: T) -> RangeInclusive<T> {
    match range {
        Some(range) => value.min(*range.start())..=value.max(*range.end()),
        None => value..=value,
    }
}
