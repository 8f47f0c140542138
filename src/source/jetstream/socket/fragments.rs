//! A message that comes in several frames.

use crate::wire::frame::{Header, TEXT};

/// The parts so far of a message that comes in several frames.
#[derive(Debug)]
pub(super) struct Fragments {
    pub(super) is_text: bool,
    pub(super) payload: Vec<u8>,
    /// The size of all its frames so far.
    pub(super) bytes: u64,
    pub(super) is_too_large: bool,
}

impl Fragments {
    /// A message that begins with this frame.
    pub(super) fn begin(head: &Header, payload: &[u8]) -> Self {
        Self {
            is_text: head.opcode == TEXT,
            payload: payload.to_vec(),
            bytes: head.payload_bytes,
            is_too_large: false,
        }
    }

    /// Adds the next frame; a message of more than `cap` bytes is too large, and nothing of it is
    /// kept.
    pub(super) fn add(&mut self, head: &Header, payload: &[u8], cap: usize) {
        self.bytes = self.bytes.saturating_add(head.payload_bytes);
        if self.payload.len() + payload.len() > cap {
            self.give_up();
        } else {
            self.payload.extend_from_slice(payload);
        }
    }

    /// It is larger than is wanted.
    pub(super) fn give_up(&mut self) {
        self.is_too_large = true;
        self.payload = Vec::new();
    }
}
