//! One file as it is read: the blocks that are wanted, one after the other, and the rows of the
//! block at hand.

use super::{
    archive::ListedFile,
    error::ReplayError,
    wanted::{Chosen, Wanted},
};
use crate::segment::{
    BlockReader, Fault, Footer, HEADER_BYTES, Opening, Rows, SegmentError, SegmentFile,
    SegmentHeader,
};

/// A file that is open.
#[derive(Debug)]
pub(super) struct ReadingFile {
    pub(super) file: SegmentFile,
    blocks: Blocks,
    /// The block that comes next.
    next: u32,
}

#[derive(Debug)]
enum Blocks {
    /// Those of a footer, and which collections of it are wanted.
    Sealed(Box<SegmentHeader>, Footer, Chosen),
    /// From this place on, after the last number that was read.
    Active(u64, Option<u64>),
    /// Nothing of it is wanted.
    None,
}

/// What was read and what was left out.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ReadCounts {
    pub(super) files: u64,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    pub(super) left_blocks: u64,
    pub(super) left_bytes: u64,
}

/// What came of looking for the next block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextBlock {
    /// Its rows are at hand: it has this number.
    Read(u32),
    /// Nothing more of this file is wanted.
    Done,
}

impl ReadingFile {
    /// Opens a file that was listed.
    pub(super) fn open(
        listed: &ListedFile,
        wanted: &Wanted,
        reader: &mut BlockReader,
        counts: &mut ReadCounts,
    ) -> Result<Self, ReplayError> {
        let file = SegmentFile::open(&listed.path)?;
        let blocks = match file.opening() {
            Opening::Sealed(header) => {
                // A server seals the file it writes to, and rewrites sealed ones, as long as they
                // cover the same numbers.
                let covers = header.min_seq == *listed.numbers.start()
                    && header.max_seq >= *listed.numbers.end();
                if !covers {
                    return Err(file.error(None, Fault::Replaced).into());
                }
                sealed(&file, header, wanted, reader, counts)?
            }
            Opening::Active => Blocks::Active(HEADER_BYTES as u64, None),
        };
        counts.files += 1;
        Ok(Self {
            file,
            blocks,
            next: 0,
        })
    }

    /// Reads the next block that is wanted.
    pub(super) fn next_block(
        &mut self,
        wanted: &Wanted,
        reader: &mut BlockReader,
        counts: &mut ReadCounts,
    ) -> Result<NextBlock, ReplayError> {
        match &mut self.blocks {
            Blocks::None => Ok(NextBlock::Done),
            Blocks::Active(_, Some(last)) if *last >= *wanted.bounds.numbers.end() => {
                self.blocks = Blocks::None;
                Ok(NextBlock::Done)
            }
            Blocks::Active(at, last) => {
                let block = self.next;
                let Some((rows, end)) = reader.active(&self.file, block, *at, *last)? else {
                    return Ok(NextBlock::Done);
                };
                *last = rows.last().map(|row| row.seq).or(*last);
                counts.blocks += 1;
                counts.bytes += end - *at;
                *at = end;
                self.next += 1;
                Ok(NextBlock::Read(block))
            }
            Blocks::Sealed(header, footer, chosen) => {
                while let Some(entry) = footer.entry(&self.file, self.next)? {
                    let block = self.next;
                    self.next += 1;
                    let (first, last) = (entry.min_witnessed, entry.max_witnessed);
                    let is_wanted = entry.events > 0
                        && wanted
                            .bounds
                            .meet(entry.min_seq..=entry.max_seq, first, last)
                        && chosen.meets(footer.collections.of_block(block))
                        && has_account(&self.file, header, footer, block, wanted)?;
                    if is_wanted {
                        counts.blocks += 1;
                        counts.bytes += entry.file_bytes();
                        reader.sealed(&self.file, block, &entry)?;
                        return Ok(NextBlock::Read(block));
                    }
                    counts.left_blocks += 1;
                    counts.left_bytes += entry.file_bytes();
                }
                Ok(NextBlock::Done)
            }
        }
    }

    /// What follows the last whole block of a file that is not sealed.
    pub(super) fn torn_bytes(&self) -> u64 {
        match self.blocks {
            Blocks::Active(at, _) => self.file.bytes().saturating_sub(at),
            Blocks::Sealed(..) | Blocks::None => 0,
        }
    }
}

/// Reads the footer of a sealed file, and looks whether anything of it is wanted.
fn sealed(
    file: &SegmentFile,
    header: SegmentHeader,
    wanted: &Wanted,
    reader: &mut BlockReader,
    counts: &mut ReadCounts,
) -> Result<Blocks, SegmentError> {
    let footer = file.footer(&header, reader.inflater())?;
    counts.bytes += file.bytes() - header.footer_at;
    let chosen = wanted.choose(&footer.collections);
    let may_have_account =
        wanted.has_all_accounts() || wanted.may_be_in(&file.file_bloom(&header)?);
    if chosen.has_any() && may_have_account {
        return Ok(Blocks::Sealed(Box::new(header), footer, chosen));
    }
    counts.left_blocks += u64::from(header.blocks);
    counts.left_bytes += header.footer_at;
    Ok(Blocks::None)
}

fn has_account(
    file: &SegmentFile,
    header: &SegmentHeader,
    footer: &Footer,
    block: u32,
    wanted: &Wanted,
) -> Result<bool, SegmentError> {
    if wanted.has_all_accounts() {
        return Ok(true);
    }
    Ok(wanted.may_be_in(&file.block_bloom(header, footer, block)?))
}

/// The rows of the block at hand, from this one on.
pub(super) fn rows_from(reader: &BlockReader, row: usize) -> Option<Rows<'_>> {
    reader.rows().map(|rows| rows.after(row))
}
