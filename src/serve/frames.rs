//! Events of a block as WebSocket frames, in another encoding than the one that it is read into.

use std::ops::Range;

use crate::wire::frame::push_header;

/// Frames, back to back.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Whether an event has none.
    has_gap: bool,
}

impl Frames {
    pub(super) fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// The place of an event's frame among the frames; empty where it has none.
    pub(super) fn frame(&self, idx: usize) -> Range<usize> {
        let end = |idx: usize| self.ends.get(idx).map_or(0, |end| *end as usize);
        idx.checked_sub(1).map_or(0, end)..end(idx)
    }

    /// Whether every event has one.
    pub(super) fn is_whole(&self) -> bool {
        !self.has_gap
    }

    /// Adds the frame of an event; no payload for one that has none.
    pub(super) fn push(&mut self, opcode: u8, payload: Option<&[u8]>) {
        if let Some(payload) = payload {
            push_header(&mut self.bytes, opcode, payload.len());
            self.bytes.extend_from_slice(payload);
        } else {
            self.has_gap = true;
        }
        let end = u32::try_from(self.bytes.len());
        self.ends.push(end.unwrap_or(u32::MAX));
    }

    /// How much memory they take.
    pub(super) fn memory(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<u32>()
    }
}
