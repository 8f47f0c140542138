//! The events of a batch one by one, and some of them as samples.

use super::{
    super::{Event, Point},
    Batch,
};

/// How finely the middle of a large batch can be told apart: one part is about what fits into a
/// page of memory.
pub(super) const MAX_SAMPLES: usize = 64;

/// An event in the course of a batch.
#[derive(Debug)]
pub(crate) struct Sample<'a> {
    /// How many events of the batch lie at or before it.
    pub(crate) events: u64,
    /// The offset just behind its line.
    pub(crate) end: usize,
    pub(crate) point: &'a Point,
}

/// The events of a batch, in order.
#[derive(Debug)]
pub struct Events<'a> {
    pub(super) batch: &'a Batch,
    pub(super) at: usize,
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let entry = self.batch.entries.get(self.at)?;
        self.at += 1;
        let start = entry.start as usize;
        let line = self
            .batch
            .lines
            .get(start..start + entry.len as usize)
            .unwrap_or_default();
        Some(Event {
            line,
            unescaped: &self.batch.unescaped,
            envelope: &entry.envelope,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.entries.len() - self.at;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Events<'_> {}

impl Batch {
    /// Some events, evenly spread and the last among them, taken or not: every one of a small
    /// batch, at most [`MAX_SAMPLES`] of a large one.
    pub(crate) fn sample_positions(&self) -> impl Iterator<Item = Sample<'_>> {
        let every = self.entries.len().div_ceil(MAX_SAMPLES).max(1);
        self.entries
            .chunks(every)
            .zip(1..)
            .filter_map(move |(chunk, n)| {
                let entry = chunk.last()?;
                Some(Sample {
                    events: ((n - 1) * every + chunk.len()) as u64,
                    end: (entry.start + entry.len) as usize + 1,
                    point: &entry.envelope.point,
                })
            })
    }
}
