//! A file that is open, with the block at hand of which consumers are sent one piece after the
//! other.

use std::path::Path;

use tracing::warn;

use super::place::BlockPlace;
use crate::{
    log::{STATE, chain, printable},
    segment::{
        BlockEntry, BlockReader, Fault, Footer, LinePrinter, MAX_BLOCK_BYTES, Opening, Printed,
        SegmentError, SegmentFile, SegmentHeader,
    },
    serve::block::BlockBuilder,
};

/// A file, its footer, and a block of it.
#[derive(Debug)]
pub(super) struct Opened {
    index: usize,
    file: SegmentFile,
    footer: Footer,
    reader: BlockReader,
    /// Which block the reader has.
    block: Option<u32>,
    printer: LinePrinter,
    line: Vec<u8>,
    has_warned: bool,
}

/// Takes a file out, best the one whose block is at hand.
pub(super) fn take(held: &mut Vec<Opened>, index: usize, block: u32) -> Option<Opened> {
    let is_at_hand = |one: &Opened| one.index == index && one.block == Some(block);
    let at = held.iter().position(is_at_hand);
    let at = at.or_else(|| held.iter().position(|one| one.index == index))?;
    Some(held.remove(at))
}

impl Opened {
    /// Opens a file, which has to have the header that it was listed with.
    pub(super) fn open(
        index: usize,
        path: &Path,
        listed: &SegmentHeader,
    ) -> Result<Self, SegmentError> {
        let file = SegmentFile::open(path)?;
        let header = match file.opening() {
            // Of another generation, places within its blocks would mean other rows.
            Opening::Sealed(header) if header == *listed => header,
            Opening::Sealed(_) | Opening::Active => return Err(file.error(None, Fault::Replaced)),
        };
        let mut reader = BlockReader::new(MAX_BLOCK_BYTES);
        let footer = file.footer(&header, reader.inflater())?;
        Ok(Self {
            index,
            file,
            footer,
            reader,
            block: None,
            printer: LinePrinter::with_sync(),
            line: Vec::new(),
            has_warned: false,
        })
    }

    /// What the footer says of a block; `None` behind the last one.
    pub(super) fn entry(&mut self, block: u32) -> Result<Option<BlockEntry>, SegmentError> {
        self.footer.entry(&self.file, block)
    }

    /// Adds the lines of rows from a place on until a block of the feed is full, and returns where
    /// the next one begins.
    pub(super) fn read(
        &mut self,
        place: BlockPlace,
        out: &mut BlockBuilder,
    ) -> Result<BlockPlace, SegmentError> {
        let BlockPlace { file, block, row } = place;
        let following = BlockPlace {
            file,
            block: block + 1,
            row: 0,
        };
        if self.block != Some(block) {
            self.block = None;
            let Some(entry) = self.footer.entry(&self.file, block)? else {
                return Ok(BlockPlace::of_file(file + 1));
            };
            if entry.events == 0 {
                return Ok(following);
            }
            self.reader.sealed(&self.file, block, &entry)?;
            self.block = Some(block);
        }
        let Some(rows) = self.reader.rows() else {
            return Ok(following);
        };
        for (at, row) in (row..).zip(rows.after(row as usize)) {
            if out.is_full() {
                return Ok(BlockPlace { row: at, ..place });
            }
            self.line.clear();
            let bad = match self.printer.append(&row, &mut self.line) {
                Ok(Printed::Hidden) => continue,
                Ok(Printed::Line) => out.push_own(&self.line).err().map(|bad| bad.to_string()),
                Err(error) => Some(chain(&error)),
            };
            if let Some(why) = bad.filter(|_| !self.has_warned) {
                self.has_warned = true;
                let path = printable(&self.file.path().to_string_lossy());
                warn!(target: STATE, "number {} in block {block} of '{path}' is left out, as others may be: {why}", row.seq);
            }
        }
        Ok(following)
    }
}
