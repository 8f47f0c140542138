//! Events that were delivered, by their identities: what comes again after a place in time is left
//! out, and what was read last is known where the next run goes on.

use std::collections::{HashSet, VecDeque};

use crate::event::{Batch, Identity, Point, Trail};

/// How many of the events that were read last are remembered.
const MAX_RECENT: usize = 20_000;

/// After so many events in a row from beyond what was read, nothing comes again.
const ENOUGH_BEYOND: u32 = 1000;

/// Events that were delivered before.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// What may come again, and up to which time.
    known: HashSet<Identity>,
    until_us: u64,
    n_beyond: u32,
    last: VecDeque<Point>,
}

impl Recent {
    /// Events up to this time come again, and these of them were delivered.
    pub(super) fn expect(&mut self, known: impl IntoIterator<Item = Identity>, until_us: u64) {
        self.known.extend(known);
        self.until_us = self.until_us.max(until_us);
        self.n_beyond = 0;
    }

    /// Nothing comes again.
    pub(super) fn expect_nothing(&mut self) {
        self.known = HashSet::new();
    }

    /// Up to this time events may come again.
    pub(super) fn repeats_until_us(&self) -> Option<u64> {
        (!self.known.is_empty()).then_some(self.until_us)
    }

    /// Leaves out of a batch what was delivered before, and remembers the rest. Returns how many
    /// events that were.
    pub(super) fn sift(&mut self, batch: &mut Batch) -> u64 {
        let before = batch.len();
        if !self.known.is_empty() {
            batch.retain(|event| {
                let point = event.point();
                if point.time_us > self.until_us {
                    self.n_beyond += 1;
                }
                let is_known = point
                    .identity
                    .is_some_and(|identity| self.known.contains(&identity));
                if is_known {
                    self.n_beyond = 0;
                }
                !is_known
            });
            if self.n_beyond >= ENOUGH_BEYOND {
                self.expect_nothing();
            }
        }
        let left_out = before - batch.len();
        for event in batch.events() {
            if self.last.len() >= MAX_RECENT {
                self.last.pop_front();
            }
            self.last.push_back(*event.point());
        }
        left_out as u64
    }

    /// Whether all that was read is remembered.
    pub(super) fn is_whole(&self) -> bool {
        self.last.len() < MAX_RECENT
    }

    /// What was read last, the earliest first.
    pub(super) fn points(&self) -> impl Iterator<Item = Point> {
        self.last.iter().copied()
    }

    /// The same up to a place, at most so much of it.
    pub(super) fn trail(&self, point: &Point, most: usize) -> Trail {
        let up_to = self.last.iter().take_while(|one| one.seq <= point.seq);
        let identities: Vec<_> = up_to.filter_map(|one| one.identity).collect();
        let skipped = identities.len().saturating_sub(most);
        let first = self.last.get(skipped).filter(|_| !identities.is_empty());
        Trail {
            known: identities.into_iter().skip(skipped).collect(),
            known_since_us: first.map_or(0, |first| first.time_us),
            ..Trail::default()
        }
    }
}
