//! What the footer says of each block: where it lies, how long it is, and what range it has.

use super::{
    bytes::{i64_at, u32_at, u64_at},
    error::Damage,
    header::{HEADER_BYTES, SegmentHeader},
};

/// The most events that a block has.
pub(crate) const MAX_BLOCK_EVENTS: u32 = 1 << 18;

/// What the columns of an inflated block take for each row, whatever is in it.
pub(crate) const ROW_BYTES: u32 = 34;

/// The length that stands before each frame.
pub(crate) const PREFIX_BYTES: usize = 8;

/// One block of a sealed file. Ranges are as wide as they were before the file was compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockEntry {
    /// Where its length stands, which its frame follows.
    pub(crate) at: u64,
    pub(crate) frame_bytes: u32,
    pub(crate) body_bytes: u32,
    pub(crate) events: u32,
    pub(crate) min_seq: u64,
    pub(crate) max_seq: u64,
    pub(crate) min_witnessed: i64,
    pub(crate) max_witnessed: i64,
}

impl BlockEntry {
    pub(crate) fn read(entry: &[u8]) -> Self {
        Self {
            at: u64_at(entry, 0),
            frame_bytes: u32_at(entry, 8),
            body_bytes: u32_at(entry, 12),
            events: u32_at(entry, 16),
            min_seq: u64_at(entry, 20),
            max_seq: u64_at(entry, 28),
            min_witnessed: i64_at(entry, 36),
            max_witnessed: i64_at(entry, 44),
        }
    }

    /// How much of the file it takes.
    pub(crate) fn file_bytes(&self) -> u64 {
        PREFIX_BYTES as u64 + u64::from(self.frame_bytes)
    }

    /// Whether its own numbers fit together, and into the file.
    fn check(&self, header: &SegmentHeader) -> Result<(), Damage> {
        let least = 4 + u64::from(self.events) * u64::from(ROW_BYTES);
        let body_bytes = u64::from(self.body_bytes);
        let has_room = if self.events == 0 {
            body_bytes == least
        } else {
            body_bytes >= least
        };
        let is_within = self.events == 0
            || (header.min_seq <= self.min_seq
                && self.max_seq <= header.max_seq
                && header.min_witnessed <= self.min_witnessed
                && self.max_witnessed <= header.max_witnessed);
        let is_possible = has_room
            && is_within
            && self.events <= MAX_BLOCK_EVENTS
            && self.min_seq <= self.max_seq
            && self.min_witnessed <= self.max_witnessed;
        is_possible.then_some(()).ok_or(Damage::Entry)
    }
}

/// Checks the entries of a file in their order: places and numbers rise, and events are as many as
/// the header says. Where something is wrong with one block, its number comes with it.
#[derive(Debug)]
pub(crate) struct CheckedEntries {
    end: u64,
    last_seq: Option<u64>,
    events: u64,
}

impl Default for CheckedEntries {
    fn default() -> Self {
        Self {
            end: HEADER_BYTES as u64,
            last_seq: None,
            events: 0,
        }
    }
}

impl CheckedEntries {
    pub(crate) fn add(&mut self, entry: &BlockEntry, header: &SegmentHeader) -> Result<(), Damage> {
        let end = entry.at.checked_add(entry.file_bytes());
        let end = end.filter(|end| entry.at >= self.end && *end <= header.footer_at);
        self.end = end.ok_or(Damage::Place)?;
        entry.check(header)?;
        if entry.events > 0 {
            if let Some(after) = self.last_seq.filter(|last| *last >= entry.min_seq) {
                let seq = entry.min_seq;
                return Err(Damage::Order { seq, after });
            }
            self.last_seq = Some(entry.max_seq);
        }
        self.events += u64::from(entry.events);
        Ok(())
    }

    pub(crate) fn finish(self, header: &SegmentHeader) -> Result<(), Damage> {
        let is_all = self.events == u64::from(header.events);
        is_all.then_some(()).ok_or(Damage::Count)
    }
}
