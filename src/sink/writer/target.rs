//! What a writing thread writes to, and what it is given: the lines of a batch, with their marks.

use std::ops::Range;

use crate::{
    error::MemberError,
    event::{Batch, Event},
    sink::SinkContext,
};

/// How many ends of a batch that is written in another form are noted.
const MAX_MARKS: usize = 64;

/// The lines of one batch.
#[derive(Debug, Default)]
pub(in crate::sink) struct Buffer {
    pub(in crate::sink) lines: Vec<u8>,
    /// How much of it is written already.
    pub(in crate::sink) written: usize,
    /// Some ends of lines: the offset after the line, and the number of events up to it since the
    /// beginning of the run.
    pub(in crate::sink) marks: Vec<(usize, u64)>,
    /// The latest time of the events at these ends, in microseconds since 1970.
    pub(in crate::sink) latest_us: u64,
    /// Every event, for a target that takes the lines apart, and the names in them.
    pub(in crate::sink) pieces: Vec<Piece>,
    pub(in crate::sink) names: Vec<u8>,
}

/// What a target that takes lines apart has to know of an event.
#[derive(Debug)]
pub(in crate::sink) struct Piece {
    /// The offset after its line.
    pub(in crate::sink) end: usize,
    pub(in crate::sink) time_us: u64,
    /// Its collection, or else its kind, among the names of the buffer.
    pub(in crate::sink) name: Range<usize>,
}

impl Buffer {
    /// Notes every event of a batch. A name that is the same as the one before is not copied again.
    pub(super) fn note_pieces(&mut self, batch: &Batch) {
        self.pieces.clear();
        self.names.clear();
        let mut end = 0;
        for event in batch.events() {
            end += event.line().len() + 1;
            self.note_piece(&event, end);
        }
    }

    /// Notes an event whose text ends there.
    fn note_piece(&mut self, event: &Event<'_>, end: usize) {
        let text = match event.collection_bytes() {
            [] => event.kind().as_str().as_bytes(),
            collection => collection,
        };
        let before = self.pieces.last().map_or(0..0, |piece| piece.name.clone());
        let name = if self.names.get(before.clone()) == Some(text) {
            before
        } else {
            let start = self.names.len();
            self.names.extend_from_slice(text);
            start..self.names.len()
        };
        self.pieces.push(Piece {
            end,
            time_us: event.time_us(),
            name,
        });
    }

    /// Notes every event of a batch that is written in another form, while it is; `before` came
    /// before them.
    pub(super) fn note_written(
        &mut self,
        batch: &Batch,
        before: u64,
        takes_apart: bool,
        mut write: impl FnMut(&Event<'_>) -> usize,
    ) {
        self.marks.clear();
        self.pieces.clear();
        self.names.clear();
        self.latest_us = 0;
        let every = batch.len().div_ceil(MAX_MARKS).max(1);
        for (n, event) in (1..).zip(batch.events()) {
            let end = write(&event);
            self.latest_us = self.latest_us.max(event.time_us());
            if takes_apart {
                self.note_piece(&event, end);
            }
            if n % every == 0 || n == batch.len() {
                self.marks.push((end, before + n as u64));
            }
        }
    }
}

/// What a writer writes to. Every method but `write_now` may block.
pub(in crate::sink) trait Target: Send + 'static {
    /// Writes all that is not written yet, and accepts in the context what that makes accepted.
    fn write(&mut self, buffer: &Buffer, context: &SinkContext) -> Result<(), MemberError>;
    /// Writes what can be written without waiting, accepts likewise, and returns how much that is.
    fn write_now(
        &mut self,
        _lines: &[u8],
        _marks: &[(usize, u64)],
        _context: &SinkContext,
    ) -> usize {
        0
    }
    /// Whether it is given every event, and not only the lines.
    fn takes_apart(&self) -> bool {
        false
    }
    /// A cursor was saved that counts what was accepted.
    fn saved(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        Ok(())
    }
    /// Closes what it writes to, and opens it again.
    fn reopen(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        Ok(())
    }
    /// Makes durable what was written, and accepts it.
    fn sync(&mut self, context: &SinkContext) -> Result<(), MemberError>;
    /// Ends, and accepts what can be.
    fn finish(&mut self, context: &SinkContext) -> Result<(), MemberError>;
}
