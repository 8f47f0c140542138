//! Messages of both wires: those of v1 are events, and frames of v2 are cut to events or say
//! something else.

use std::mem;

use tracing::debug;

use super::{
    inflate::dictionary_id,
    lost::{Lost, said},
    read_state::{Counts, Halt, ReadState},
};
use crate::event::{
    BadEvent, Batch,
    v2::{Frame, cut},
};

/// What is kept of a buffer that one large frame has made larger.
const KEPT_BYTES: usize = 256 * 1024;

impl ReadState {
    /// Reads one event of the v1 wire, and keeps it if it is new. What is returned ends the
    /// connection.
    #[inline]
    pub(super) fn admit_text(
        &mut self,
        text: &[u8],
        batch: &mut Batch,
        counts: &mut Counts,
    ) -> Option<Lost> {
        let start = batch.buffer().len();
        // With room for its end, so that a large one does not double the buffer.
        batch.buffer().reserve(text.len() + 1);
        batch.buffer().extend_from_slice(text);
        self.on_message(batch, start, counts).map(Lost::from)
    }

    /// The same of a compressed event.
    #[inline]
    pub(super) fn admit_compressed(
        &mut self,
        compressed: &[u8],
        batch: &mut Batch,
        counts: &mut Counts,
    ) -> Option<Lost> {
        let start = batch.buffer().len();
        match self.inflation.inflate(compressed, batch.buffer()) {
            Ok(()) => self.on_message(batch, start, counts).map(Lost::from),
            Err(bad) => {
                self.report(bad, compressed, batch, counts);
                None
            }
        }
    }

    /// Reads one frame of the v2 wire, and keeps its event if it is new. What is returned ends the
    /// connection.
    #[inline]
    pub(super) fn admit_frame(
        &mut self,
        frame: &[u8],
        batch: &mut Batch,
        counts: &mut Counts,
    ) -> Option<Lost> {
        let start = batch.buffer().len();
        if let Some(parsed) = batch.parse_usual_frame(frame, self.rules) {
            return self.on_parsed(batch, start, parsed, counts).map(Lost::from);
        }
        match cut(frame, batch.buffer(), self.rules.validate) {
            Ok(Frame::Event) => {
                if self.rules.raw {
                    batch.buffer().truncate(start);
                    batch.buffer().extend_from_slice(frame);
                }
                self.on_message(batch, start, counts).map(Lost::from)
            }
            // What is missing is found by what comes, and nothing may be.
            Ok(Frame::Info(notice)) => {
                debug!("the server says {}", said(&notice));
                None
            }
            Ok(Frame::Error(notice)) => Some(Lost::Notice(notice)),
            Err(bad) => {
                self.report(bad, frame, batch, counts);
                None
            }
        }
    }

    /// The same of a compressed frame.
    pub(super) fn admit_compressed_frame(
        &mut self,
        compressed: &[u8],
        batch: &mut Batch,
        counts: &mut Counts,
    ) -> Option<Lost> {
        let mut frame = mem::take(&mut self.text);
        frame.clear();
        let lost = match self.inflation.inflate(compressed, &mut frame) {
            Ok(()) => self.admit_frame(&frame, batch, counts),
            // It comes again where the dictionary is the right one.
            Err(BadEvent::WrongDictionary) => {
                Some(Halt::Dictionary(dictionary_id(compressed)).into())
            }
            Err(bad) => {
                self.report(bad, compressed, batch, counts);
                None
            }
        };
        if frame.capacity() > KEPT_BYTES {
            frame = Vec::new();
        }
        self.text = frame;
        lost
    }
}
