//! What is on its way to one consumer: ranges of a shared block, and small frames of its own
//! between them.
//!
//! Nothing is copied from the block, however much of it is left out.

use std::{collections::VecDeque, io::IoSlice, ops::Range, sync::Arc};

use super::{block::Block, deflate::deflate, encoding::Encoding};
use crate::wire::frame::{CLOSE, PING, PONG, TEXT, push_header};

/// How many pieces go out in one write; Linux takes 1024, and more than this gained nothing.
pub(super) const PIECES: usize = 64;

/// A consumer that asks for more answers than this without reading them gets none.
const MOST_OWN_BYTES: usize = 16 * 1024;

/// How much room is kept for frames of its own once all of them are written.
const KEPT_OWN_BYTES: usize = 256;

/// Bytes to be written, in order: first the chosen frames, then the own ones.
#[derive(Debug)]
pub(super) struct Outbox {
    encoding: Encoding,
    block: Option<Arc<Block>>,
    ranges: VecDeque<Range<usize>>,
    own: Vec<u8>,
    /// How much of `own` is written: never more than what is not, and a frame.
    own_from: usize,
}

impl Outbox {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            block: None,
            ranges: VecDeque::new(),
            own: Vec::new(),
            own_from: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.own_from == self.own.len()
    }

    /// Adds frames of a block. It is the block of all frames that wait.
    pub(super) fn push(&mut self, block: &Arc<Block>, frames: Range<usize>) {
        if !self
            .block
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(held, block))
        {
            debug_assert!(self.ranges.is_empty(), "frames of one block at a time");
            self.block = Some(Arc::clone(block));
        }
        match self.ranges.back_mut() {
            Some(last) if last.end == frames.start => last.end = frames.end,
            _ => self.ranges.push_back(frames),
        }
    }

    /// Adds any frame, behind all that waits.
    pub(super) fn push_own(&mut self, opcode: u8, payload: &[u8]) {
        push_header(&mut self.own, opcode, payload.len());
        self.own.extend_from_slice(payload);
    }

    /// Adds a message of its own, compressed where events are.
    pub(super) fn push_info(&mut self, message: &[u8]) {
        if self.encoding.is_compressed() {
            let frames = deflate(self.encoding.wire(), std::iter::once(message));
            self.own.extend_from_slice(frames.all());
        } else {
            self.push_own(TEXT, message);
        }
    }

    pub(super) fn ping(&mut self) {
        self.push_own(PING, b"");
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        if self.own.len() - self.own_from < MOST_OWN_BYTES {
            self.push_own(PONG, payload);
        }
    }

    /// Takes leave behind all that waits. The reason has at most 123 bytes (RFC 6455, section 5.5).
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        let mut end = reason.len().min(123);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let reason = reason.as_bytes().get(..end).unwrap_or_default();
        self.push_own(CLOSE, &[&code.to_be_bytes(), reason].concat());
    }

    /// The next bytes, in pieces.
    pub(super) fn pieces<'a>(&'a self, pieces: &mut [IoSlice<'a>; PIECES]) -> usize {
        let frames = self
            .block
            .as_ref()
            .map_or(&[][..], |block| block.frames(self.encoding));
        let mut n_pieces = 0;
        let own = (self.ranges.len() < PIECES).then(|| self.own.get(self.own_from..));
        let chosen = self.ranges.iter().map(|range| frames.get(range.clone()));
        for (piece, bytes) in pieces.iter_mut().zip(chosen.chain(own)) {
            *piece = IoSlice::new(bytes.unwrap_or_default());
            n_pieces += 1;
        }
        n_pieces
    }

    /// Notes how many bytes are written.
    pub(super) fn advance(&mut self, mut written: usize) {
        while let Some(range) = self.ranges.front_mut() {
            let taken = written.min(range.len());
            range.start += taken;
            written -= taken;
            if range.start < range.end {
                return;
            }
            self.ranges.pop_front();
        }
        self.own_from += written;
        if self.own_from >= self.own.len() {
            self.own.clear();
            self.own.shrink_to(KEPT_OWN_BYTES);
            self.own_from = 0;
        } else if self.own_from > self.own.len() / 2 {
            // A client that never takes all of it would have it grow for ever.
            self.own.drain(..self.own_from);
            self.own_from = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::block::BlockBuilder;

    fn block() -> Arc<Block> {
        let mut builder = BlockBuilder::new(false);
        for n in 1..=5 {
            let line = format!(r#"{{"did":"did:plc:a{n}","time_us":{n},"kind":"x"}}"#);
            builder.push(line.as_bytes(), n, n).unwrap();
        }
        Arc::new(builder.finish())
    }

    /// All bytes, written a few at a time.
    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut written = Vec::new();
        while !outbox.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let n_pieces = outbox.pieces(&mut pieces);
            let bytes: Vec<u8> = pieces[..n_pieces]
                .iter()
                .flat_map(|piece| piece.to_vec())
                .collect();
            let taken = step.min(bytes.len());
            written.extend_from_slice(&bytes[..taken]);
            outbox.advance(taken);
        }
        written
    }

    #[test]
    fn what_was_chosen_goes_out_in_order_whatever_the_writes() {
        let block = block();
        for step in [1, 3, 1000] {
            let mut outbox = Outbox::new(Encoding::Plain);
            let mut expected = Vec::new();
            for idx in [0, 1, 3, 3, 4] {
                let frame = block.frame(idx, Encoding::Plain);
                expected.extend_from_slice(&block.frames(Encoding::Plain)[frame.clone()]);
                outbox.push(&block, frame);
            }
            assert_eq!(outbox.ranges.len(), 3);
            outbox.ping();
            expected.extend_from_slice(&[0x89, 0]);
            assert_eq!(drain(&mut outbox, step), expected);
        }
    }

    #[test]
    fn a_reason_is_cut_between_letters() {
        let mut outbox = Outbox::new(Encoding::Plain);
        outbox.close(1008, &"ü".repeat(100));
        let bytes = drain(&mut outbox, 1000);
        assert_eq!(bytes[..4], [0x88, 124, 3, 240]);
        assert_eq!(str::from_utf8(&bytes[4..]).unwrap(), "ü".repeat(61));
    }

    #[test]
    fn a_flood_of_pings_gets_bounded_answers() {
        let mut outbox = Outbox::new(Encoding::Plain);
        for _ in 0..100_000 {
            outbox.pong(&[0; 125]);
        }
        assert!(outbox.own.len() < MOST_OWN_BYTES + 200);
        let answers = outbox.own.len();
        assert_eq!(drain(&mut outbox, 1000).len(), answers);
        assert!(outbox.own.capacity() <= KEPT_OWN_BYTES);
    }

    #[test]
    fn answers_that_are_never_all_taken_are_bounded() {
        let mut outbox = Outbox::new(Encoding::Plain);
        let (mut expected, mut written) = (Vec::new(), Vec::new());
        for n in 0..10_000_u32 {
            let payload = [n.to_be_bytes(); 30].concat();
            outbox.pong(&payload);
            expected.extend_from_slice(&[0x8a, 120]);
            expected.extend_from_slice(&payload);
            // All but the last byte, as a socket that is nearly full takes it.
            let mut pieces = [IoSlice::new(&[]); PIECES];
            assert_eq!(outbox.pieces(&mut pieces), 1);
            let taken = pieces[0].len() - 1;
            written.extend_from_slice(&pieces[0][..taken]);
            outbox.advance(taken);
            assert!(outbox.own.capacity() < 4096, "after {n} answers");
        }
        written.extend(drain(&mut outbox, 1000));
        assert!(written == expected, "answers are torn or out of order");
    }
}
