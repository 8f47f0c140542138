//! What a writing thread writes to, and what it is given: the lines of a batch, with their marks.

use std::ops::Range;

use crate::{
    event::Batch,
    sink::{SinkContext, SinkError},
};

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
        let (mut end, mut name) = (0, 0..0);
        for event in batch.events() {
            end += event.line().len() + 1;
            let text = match event.collection_bytes() {
                [] => event.kind().as_str().as_bytes(),
                collection => collection,
            };
            if self.names.get(name.clone()) != Some(text) {
                let start = self.names.len();
                self.names.extend_from_slice(text);
                name = start..self.names.len();
            }
            self.pieces.push(Piece {
                end,
                time_us: event.time_us(),
                name: name.clone(),
            });
        }
    }
}

/// What a writer writes to. Every method but `write_now` may block.
pub(in crate::sink) trait Target: Send + 'static {
    /// Writes all that is not written yet, and accepts in the context what that makes accepted.
    fn write(&mut self, buffer: &Buffer, context: &SinkContext) -> Result<(), SinkError>;
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
    fn saved(&mut self, _context: &SinkContext) -> Result<(), SinkError> {
        Ok(())
    }
    /// Closes what it writes to, and opens it again.
    fn reopen(&mut self, _context: &SinkContext) -> Result<(), SinkError> {
        Ok(())
    }
    /// Makes durable what was written, and accepts it.
    fn sync(&mut self, context: &SinkContext) -> Result<(), SinkError>;
    /// Ends, and accepts what can be.
    fn finish(&mut self, context: &SinkContext) -> Result<(), SinkError>;
}
