//! Writing a sealed segment file, which the official server and its clients take for one of theirs.
//!
//! Rows go into blocks, and each block into the file as soon as it is full. Until the header is
//! written, last of all, the file is one of a server that was stopped: read up to its torn end.

mod columns;
mod footer;

use std::{
    collections::HashSet,
    io::{self, Seek, SeekFrom, Write},
    ops::RangeInclusive,
};

use zstd::bulk::Compressor;

use self::{columns::Columns, footer::Collections};
use super::{
    bloom::AccountHash,
    entry::{BlockEntry, PREFIX_BYTES},
    header::{HEADER_BYTES, MAGIC, SegmentHeader},
    row::Row,
};

/// How many rows servers put into a block.
const MAX_BLOCK_ROWS: usize = 4096;

/// A block that is so long is full too, so that readers take it without asking for more room.
const MAX_BODY_BYTES: usize = 8 << 20;

const ZSTD_LEVEL: i32 = 3;

/// A file that is written.
pub(crate) struct SegmentWriter<W> {
    file: W,
    /// How much of it is written.
    at: u64,
    columns: Columns,
    compressor: Compressor<'static>,
    body: Vec<u8>,
    entries: Vec<BlockEntry>,
    collections: Collections,
    accounts: HashSet<AccountHash>,
    block_accounts: Vec<Vec<AccountHash>>,
    /// Those of the block that is filled.
    open_accounts: HashSet<AccountHash>,
}

/// A name of a row is longer than a file can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its {0} is longer than a segment file can hold")]
pub(crate) struct TooLong(pub(crate) &'static str);

impl<W: Write + Seek> SegmentWriter<W> {
    /// Begins an empty file.
    pub(crate) fn new(mut file: W) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        for (to, from) in header.iter_mut().zip(MAGIC) {
            *to = from;
        }
        file.write_all(&header)?;
        let mut compressor = Compressor::new(ZSTD_LEVEL)?;
        // Nothing else protects the rows.
        compressor.include_checksum(true)?;
        Ok(Self {
            file,
            at: HEADER_BYTES as u64,
            columns: Columns::default(),
            compressor,
            body: Vec::new(),
            entries: Vec::new(),
            collections: Collections::default(),
            accounts: HashSet::new(),
            block_accounts: Vec::new(),
            open_accounts: HashSet::new(),
        })
    }

    /// How long the file is, without the rows that wait for their block to be full.
    pub(crate) fn bytes(&self) -> u64 {
        self.at
    }

    /// Whether the row can be written at all.
    pub(crate) fn check(row: &Row<'_>) -> Result<(), TooLong> {
        let lens = [
            ("collection", row.collection.len(), u64::from(u8::MAX)),
            ("DID", row.did.len(), u64::from(u16::MAX)),
            ("record key", row.rkey.len(), u64::from(u8::MAX)),
            ("revision", row.rev.len(), u64::from(u8::MAX)),
            ("record", row.payload.len(), MAX_BODY_BYTES as u64),
        ];
        let too_long = lens.into_iter().find(|(_, len, max)| *len as u64 > *max);
        too_long.map_or(Ok(()), |(what, ..)| Err(TooLong(what)))
    }

    /// Adds a row, which has to pass [`Self::check`] and to have a higher number than those before.
    pub(crate) fn add(&mut self, row: &Row<'_>) -> io::Result<()> {
        let has_room = self.columns.len() < MAX_BLOCK_ROWS
            && self.columns.body_bytes() + row.payload.len() <= MAX_BODY_BYTES;
        if !has_room {
            self.end_block()?;
        }
        self.keep(row);
        Ok(())
    }

    /// Adds a row to the open block, however many there are.
    pub(crate) fn keep(&mut self, row: &Row<'_>) {
        self.columns.push(row);
        self.collections.add(row);
        if !row.did.is_empty() {
            self.open_accounts.insert(AccountHash::of(row.did));
        }
    }

    /// Writes the block of the rows so far; without any there is nothing to write.
    pub(crate) fn end_block(&mut self) -> io::Result<()> {
        let Some(range) = self.columns.ranges() else {
            return Ok(());
        };
        let events = u32::try_from(self.columns.len()).unwrap_or(u32::MAX);
        self.columns.finish(&mut self.body);
        self.write_block(events, range)
    }

    /// Writes the block of the rows so far, and of none too, with the ranges of the block that it
    /// is in place of.
    pub(crate) fn end_block_like(&mut self, entry: &BlockEntry) -> io::Result<()> {
        let events = u32::try_from(self.columns.len()).unwrap_or(u32::MAX);
        self.columns.finish(&mut self.body);
        let seqs = entry.min_seq..=entry.max_seq;
        self.write_block(events, (seqs, entry.min_witnessed..=entry.max_witnessed))
    }

    /// Writes a block whose rows were all taken away, as servers leave one when they compact.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn empty_block(
        &mut self,
        seqs: RangeInclusive<u64>,
        witnessed: RangeInclusive<i64>,
    ) -> io::Result<()> {
        self.end_block()?;
        self.body.clear();
        self.body.extend_from_slice(&0_u32.to_le_bytes());
        self.write_block(0, (seqs, witnessed))
    }

    fn write_block(
        &mut self,
        events: u32,
        (seqs, witnessed): (RangeInclusive<u64>, RangeInclusive<i64>),
    ) -> io::Result<()> {
        let frame = self.compressor.compress(&self.body)?;
        self.file.write_all(&(frame.len() as u64).to_le_bytes())?;
        self.file.write_all(&frame)?;
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.entries.push(BlockEntry {
            at: self.at,
            frame_bytes: len(&frame),
            body_bytes: len(&self.body),
            events,
            min_seq: *seqs.start(),
            max_seq: *seqs.end(),
            min_witnessed: *witnessed.start(),
            max_witnessed: *witnessed.end(),
        });
        self.at += (PREFIX_BYTES + frame.len()) as u64;
        self.collections.end_block();
        self.accounts.extend(&self.open_accounts);
        self.block_accounts
            .push(self.open_accounts.drain().collect());
        Ok(())
    }

    /// Writes footer and header: a whole file, whose numbers begin at this one where its rows begin
    /// later, so that it joins the one before.
    pub(crate) fn seal(mut self, first_seq: Option<u64>) -> io::Result<W> {
        self.end_block()?;
        let header = self.header(first_seq);
        self.seal_as(header)
    }

    /// The same with the ranges of the file that it is in place of.
    pub(crate) fn seal_like(self, old: &SegmentHeader) -> io::Result<W> {
        let header = SegmentHeader {
            min_seq: old.min_seq,
            max_seq: old.max_seq,
            min_witnessed: old.min_witnessed,
            max_witnessed: old.max_witnessed,
            ..self.header(None)
        };
        self.seal_as(header)
    }

    fn seal_as(mut self, mut header: SegmentHeader) -> io::Result<W> {
        let footer = self.footer(&mut header)?;
        self.file.write_all(&footer)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file
            .write_all(&footer::sealed_header(&header, &footer))?;
        Ok(self.file)
    }

    /// The header without the places in the footer.
    fn header(&self, first_seq: Option<u64>) -> SegmentHeader {
        let entries = &self.entries;
        let min_seq = entries.first().map_or(0, |entry| entry.min_seq);
        let min_time = entries.iter().map(|entry| entry.min_witnessed).min();
        let max_time = entries.iter().map(|entry| entry.max_witnessed).max();
        SegmentHeader {
            checksum: 0,
            blocks: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            events: entries.iter().map(|entry| entry.events).sum(),
            accounts: u32::try_from(self.accounts.len()).unwrap_or(u32::MAX),
            min_seq: first_seq.map_or(min_seq, |first| first.min(min_seq)),
            max_seq: entries.last().map_or(0, |entry| entry.max_seq),
            min_witnessed: min_time.unwrap_or_default(),
            max_witnessed: max_time.unwrap_or_default(),
            footer_at: self.at,
            file_bloom_at: 0,
            block_blooms_at: 0,
            collections_at: 0,
        }
    }

    /// The footer, whose places the header is given.
    fn footer(&mut self, header: &mut SegmentHeader) -> io::Result<Vec<u8>> {
        let mut footer = footer::index(&self.entries);
        header.file_bloom_at = self.at + footer.len() as u64;
        footer.extend(footer::bloom(self.accounts.len(), &self.accounts));
        header.block_blooms_at = self.at + footer.len() as u64;
        footer::push_block_blooms(&self.block_accounts, &mut footer);
        header.collections_at = self.at + footer.len() as u64;
        let (head, text) = self.collections.index();
        footer.extend(head);
        footer.extend(self.compressor.compress(&text)?);
        Ok(footer)
    }
}

impl<W> std::fmt::Debug for SegmentWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentWriter")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
