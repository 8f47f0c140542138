//! The blocks of a file, read one after the other with buffers that are used again.

use std::ops::RangeInclusive;

use super::{
    block::Rows,
    bytes::u64_at,
    entry::{BlockEntry, PREFIX_BYTES},
    error::{Damage, Fault, SegmentError},
    fetched::{Expected, FetchedBlock},
    file::SegmentFile,
    inflate::{BlockInflater, USUAL_BYTES, begins_with_frame, max_frame_bytes},
};

/// A buffer that grew beyond this is not used again: blocks of servers have 1.3 MB.
const KEPT_BYTES: usize = 4 << 20;

/// Reads blocks.
#[derive(Debug)]
pub(crate) struct BlockReader {
    inflater: BlockInflater,
    frame: Vec<u8>,
    body: Vec<u8>,
    /// The most that a block may hold inflated.
    limit: u64,
}

impl BlockReader {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            inflater: BlockInflater::default(),
            frame: Vec::new(),
            body: Vec::new(),
            limit,
        }
    }

    /// How much the block that was read last holds inflated.
    pub(crate) fn inflated_bytes(&self) -> u64 {
        self.body.len() as u64
    }

    pub(crate) fn inflater(&mut self) -> &mut BlockInflater {
        &mut self.inflater
    }

    /// The rows of the block that was read last.
    pub(crate) fn rows(&self) -> Option<Rows<'_>> {
        Rows::read(&self.body).ok()
    }

    /// A block of a sealed file: as long as the footer says, with as many rows, in order and within
    /// its ranges.
    pub(crate) fn sealed(
        &mut self,
        file: &SegmentFile,
        block: u32,
        entry: &BlockEntry,
    ) -> Result<Rows<'_>, SegmentError> {
        let rows = self.inflate_sealed(file, entry);
        rows.map_err(|fault| file.error(Some(block), fault))
    }

    fn inflate_sealed(
        &mut self,
        file: &SegmentFile,
        entry: &BlockEntry,
    ) -> Result<Rows<'_>, Fault> {
        self.check_size(entry)?;
        file.read_into(entry.at, entry.file_bytes(), &mut self.frame)?;
        let (prefix, frame) = self.frame.split_at(PREFIX_BYTES);
        if u64_at(prefix, 0) != u64::from(entry.frame_bytes) {
            return Err(Damage::Length.into());
        }
        give_back(&mut self.body);
        let size = Some(entry.body_bytes);
        self.inflater
            .inflate(frame, size, self.limit, &mut self.body)?;
        give_back(&mut self.frame);
        let rows = Rows::read(&self.body)?;
        check(&rows, entry)?;
        Ok(rows)
    }

    /// Whether a block of this size is read, and its frame may hold so much.
    fn check_size(&self, entry: &BlockEntry) -> Result<(), Fault> {
        let (bytes, limit) = (u64::from(entry.body_bytes), self.limit);
        if bytes > limit {
            return Err(Fault::TooLarge { bytes, limit });
        }
        if u64::from(entry.frame_bytes) > max_frame_bytes(bytes) {
            return Err(Damage::Frame.into());
        }
        Ok(())
    }

    /// A block that was fetched: its frame is whole, and it holds what is expected of it.
    pub(crate) fn fetched(&mut self, block: &FetchedBlock) -> Result<Rows<'_>, SegmentError> {
        let rows = self.inflate_fetched(block);
        rows.map_err(|fault| SegmentError::new(&block.path, Some(block.block), fault))
    }

    fn inflate_fetched(&mut self, block: &FetchedBlock) -> Result<Rows<'_>, Fault> {
        let size = match &block.expected {
            Expected::Entry(entry) => {
                self.check_size(entry)?;
                Some(entry.body_bytes)
            }
            Expected::Within(_) => None,
        };
        give_back(&mut self.body);
        self.inflater
            .inflate(block.frame(), size, self.limit, &mut self.body)?;
        let rows = Rows::read(&self.body)?;
        match &block.expected {
            Expected::Entry(entry) => check(&rows, entry)?,
            Expected::Within(numbers) => check_within(&rows, numbers)?,
        }
        Ok(rows)
    }

    /// The block at this place of a file that is not sealed, and where the next one begins; `None`
    /// at the end of the file, or where a server stopped writing: what is damaged at the very end
    /// was torn. `after` is the last number before.
    pub(crate) fn active(
        &mut self,
        file: &SegmentFile,
        block: u32,
        at: u64,
        after: Option<u64>,
    ) -> Result<Option<(Rows<'_>, u64)>, SegmentError> {
        let of_block = |fault| file.error(Some(block), fault);
        let Some(end) = self.end_of_active(file, at).map_err(of_block)? else {
            return Ok(None);
        };
        match self.inflate_active(file, at, end, after) {
            Ok(()) => {}
            Err(Fault::Damaged(damage)) if end == file.bytes() && damage.is_of_frame() => {
                return Ok(None);
            }
            Err(fault) => return Err(of_block(fault)),
        }
        let rows = Rows::read(&self.body).map_err(|damage| of_block(damage.into()))?;
        Ok(Some((rows, end)))
    }

    /// Where the block ends that begins here, if all of it is there.
    fn end_of_active(&mut self, file: &SegmentFile, at: u64) -> Result<Option<u64>, Fault> {
        let frame_at = at + PREFIX_BYTES as u64;
        let Some(room) = file.bytes().checked_sub(frame_at) else {
            return Ok(None);
        };
        file.read_into(at, PREFIX_BYTES as u64, &mut self.frame)?;
        let n = u64_at(&self.frame, 0);
        if (1..=room).contains(&n) {
            let (bytes, limit) = (n, self.limit);
            let may_be_read = n <= max_frame_bytes(limit);
            let too_large = Fault::TooLarge { bytes, limit };
            return may_be_read.then_some(Some(frame_at + n)).ok_or(too_large);
        }
        // Less is there than it says: it was torn, or its length is damaged.
        file.read_into(frame_at, room.min(USUAL_BYTES), &mut self.frame)?;
        if begins_with_frame(&self.frame) {
            return Err(Damage::Prefix.into());
        }
        Ok(None)
    }

    fn inflate_active(
        &mut self,
        file: &SegmentFile,
        at: u64,
        end: u64,
        after: Option<u64>,
    ) -> Result<(), Fault> {
        let frame_at = at + PREFIX_BYTES as u64;
        give_back(&mut self.body);
        file.read_into(frame_at, end - frame_at, &mut self.frame)?;
        self.inflater
            .inflate(&self.frame, None, self.limit, &mut self.body)?;
        give_back(&mut self.frame);
        check_order(&Rows::read(&self.body)?, after)?;
        Ok(())
    }
}

/// Gives back what only a large block needed.
fn give_back(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_BYTES {
        *buffer = Vec::new();
    }
}

/// Whether the rows are those of which the footer speaks.
fn check(rows: &Rows<'_>, entry: &BlockEntry) -> Result<(), Damage> {
    if rows.len() as u64 != u64::from(entry.events) {
        return Err(Damage::Events);
    }
    check_order(rows, None)?;
    for (seq, witnessed_at) in rows.places() {
        if !(entry.min_seq..=entry.max_seq).contains(&seq) {
            return Err(Damage::Range(seq));
        }
        if !(entry.min_witnessed..=entry.max_witnessed).contains(&witnessed_at) {
            return Err(Damage::Time(seq));
        }
    }
    Ok(())
}

/// Whether numbers rise, and are among these.
fn check_within(rows: &Rows<'_>, numbers: &RangeInclusive<u64>) -> Result<(), Damage> {
    check_order(rows, None)?;
    let outside = rows.places().find(|(seq, _)| !numbers.contains(seq));
    outside.map_or(Ok(()), |(seq, _)| Err(Damage::Range(seq)))
}

/// Whether numbers rise, from the last one before on.
fn check_order(rows: &Rows<'_>, mut last: Option<u64>) -> Result<(), Damage> {
    for (seq, _) in rows.places() {
        if let Some(after) = last.filter(|last| *last >= seq) {
            return Err(Damage::Order { seq, after });
        }
        last = Some(seq);
    }
    Ok(())
}
