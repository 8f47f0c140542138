//! One file of a store, and where the parts lie that it is read in.

use std::{fs::File, path::PathBuf, sync::Arc};

use crate::serve::block::BLOCK_BYTES;

/// More parts than this are put together while a file is written to, but for the newest.
const MOST_FINE_PARTS: usize = 4096;
const FINE_PARTS_KEPT: usize = 1024;

/// Where a part of a file begins: one batch, or more once nobody waits for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// The number of its first event.
    pub(super) first: u64,
    pub(super) offset: u64,
    /// The latest time of any event in the store up to its end.
    pub(super) latest_us: u64,
}

/// A file of a store. It is removed whole.
#[derive(Debug)]
pub(super) struct Segment {
    /// What it is called in messages.
    pub(super) name: String,
    /// Where it lies, if it has a name.
    pub(super) path: Option<PathBuf>,
    pub(super) file: Arc<File>,
    pub(super) parts: Vec<Part>,
    /// No event in it has this number or a later one.
    pub(super) next: u64,
    /// How much of the file counts.
    pub(super) bytes: u64,
    /// When its last batch was written, by our clock.
    pub(super) stored_us: u64,
}

/// Bytes of a file, which are whole batches.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pub(super) name: String,
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// All events of its file before this number and from its own first one on are in it.
    pub(super) next: u64,
}

impl Segment {
    /// The number of its first event; `next` where it has none.
    pub(super) fn first(&self) -> u64 {
        self.parts.first().map_or(self.next, |part| part.first)
    }

    /// Adds a batch.
    pub(super) fn add(&mut self, part: Part, next: u64, bytes: u64, stored_us: u64) {
        self.parts.push(part);
        self.next = next;
        self.bytes += bytes;
        self.stored_us = stored_us;
        if self.parts.len() > MOST_FINE_PARTS {
            self.coarsen(FINE_PARTS_KEPT);
        }
    }

    /// Puts parts together that are small, but for the last ones.
    pub(super) fn coarsen(&mut self, kept: usize) {
        let n_coarse = self.parts.len().saturating_sub(kept);
        let fine = self.parts.split_off(n_coarse);
        let mut coarse: Vec<Part> = Vec::new();
        for part in self.parts.drain(..) {
            match coarse.last_mut() {
                Some(last) if part.offset - last.offset < BLOCK_BYTES as u64 => {
                    last.latest_us = part.latest_us;
                }
                _ => coarse.push(part),
            }
        }
        coarse.extend(fine);
        coarse.shrink_to_fit();
        self.parts = coarse;
    }

    /// The bytes to read for the event of this number, or the next one: about as many as a block
    /// holds. `None` where it has no such event.
    pub(super) fn stretch(&self, number: u64) -> Option<Stretch> {
        if number >= self.next {
            return None;
        }
        let at = self.parts.partition_point(|part| part.first <= number);
        let from = self.parts.get(at.saturating_sub(1))?;
        let mut behind = self.parts.iter().skip(at.max(1));
        let end = behind.find(|part| part.offset - from.offset >= BLOCK_BYTES as u64);
        let (end, next) = end.map_or((self.bytes, self.next), |part| (part.offset, part.first));
        Some(Stretch {
            name: self.name.clone(),
            file: Arc::clone(&self.file),
            offset: from.offset,
            bytes: end - from.offset,
            next,
        })
    }

    /// The first part that may hold an event since this time.
    pub(super) fn since(&self, time_us: u64) -> Option<Part> {
        let at = self.parts.partition_point(|part| part.latest_us < time_us);
        self.parts.get(at).copied()
    }

    /// All parts from this place in the file on.
    pub(super) fn tail(&self, offset: u64) -> Option<Stretch> {
        let at = self.parts.partition_point(|part| part.offset < offset);
        let from = self.parts.get(at)?;
        Some(Stretch {
            name: self.name.clone(),
            file: Arc::clone(&self.file),
            offset: from.offset,
            bytes: self.bytes - from.offset,
            next: self.next,
        })
    }

    /// The last part.
    pub(super) fn last_stretch(&self) -> Option<Stretch> {
        self.stretch(self.parts.last()?.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of ten events, each of the given size, from number 100 and byte 50 on.
    fn segment(n: u64, bytes: u64) -> Segment {
        let mut segment = Segment {
            name: "x".to_owned(),
            path: None,
            file: Arc::new(crate::serve::unnamed::file().unwrap()),
            parts: Vec::new(),
            next: 100,
            bytes: 50,
            stored_us: 0,
        };
        for n in 0..n {
            let part = Part {
                first: segment.next,
                offset: segment.bytes,
                latest_us: n,
            };
            segment.add(part, part.first + 10, bytes, n);
        }
        segment
    }

    #[test]
    fn any_number_leads_to_the_batches_that_hold_it() {
        let mut segment = segment(100, 20_000);
        for _ in 0..2 {
            for number in 100..1100 {
                let found = segment.stretch(number).unwrap();
                let first = (found.offset - 50) / 20_000 * 10 + 100;
                assert!(first <= number && number < found.next, "{number}");
                assert!(found.bytes >= 60_000 || found.next == 1100, "{found:?}");
                assert!(found.bytes <= 160_000, "{found:?}");
            }
            assert!(segment.stretch(1100).is_none());
            assert_eq!(segment.stretch(0).unwrap().offset, 50);
            assert_eq!(segment.last_stretch().unwrap().next, 1100);
            segment.coarsen(0);
            assert_eq!(segment.parts.len(), 25);
        }
        assert_eq!(segment.parts[3].latest_us, 15);
    }

    #[test]
    fn many_small_batches_take_little_memory() {
        let segment = segment(100_000, 100);
        assert!(segment.parts.len() <= MOST_FINE_PARTS);
        let found = segment.stretch(500_000).unwrap();
        assert!(found.bytes < 3 * BLOCK_BYTES as u64);
        assert_eq!(segment.last_stretch().unwrap().bytes, 100);
    }
}
