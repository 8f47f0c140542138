//! Events that were delivered although they come after the place: a run that has an end leaves an
//! event out, reads on for a while, and its place stays before that one.
//!
//! The next run begins there, and leaves out what was delivered. Knows no files.

use std::collections::VecDeque;

use tracing::warn;

use crate::{
    event::{Batch, Identities, Identity},
    log::STATE,
};

/// How many of them are kept: about a third of a megabyte in a cursor file. What lies beyond may
/// come again.
pub(crate) const MAX_AHEAD: usize = 10_000;

/// The events ahead of the place.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Those of this run, with their number among all that the sink was given.
    fresh: VecDeque<(u64, Identity)>,
    /// The stream has passed all of them at the first event of this time.
    until_us: u64,
    /// Those of the run before, while they may come again, and which of them have not.
    earlier: Vec<Identity>,
    awaited: Identities,
    /// All of them have come, and their place is saved once the sink has accepted this number of
    /// events.
    passed_at: Option<u64>,
    is_too_many: bool,
}

impl Ahead {
    /// Those of the run before.
    pub(super) fn restore(earlier: Vec<Identity>, until_us: u64) -> Self {
        Self {
            until_us,
            awaited: earlier.iter().copied().collect(),
            earlier,
            ..Self::default()
        }
    }

    /// Whether some are still to come that the run before has delivered.
    pub(super) fn is_awaited(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Drops from the batch what the run before has delivered.
    pub(super) fn drop_from(&mut self, batch: &mut Batch) -> u64 {
        let before = batch.len();
        let is_over = batch.events().any(|event| event.time_us() >= self.until_us);
        let awaited = &mut self.awaited;
        batch.retain(|event| {
            let identity = event.point().identity;
            !identity.is_some_and(|identity| awaited.remove(&identity))
        });
        if is_over {
            // Of what has not come until now nothing will.
            self.awaited.clear();
        }
        (before - batch.len()) as u64
    }

    /// Notes those of a batch that the sink is given after the first `n_given` events.
    pub(super) fn add(&mut self, batch: &Batch, n_given: u64, until_us: u64) {
        let n_all = n_given + batch.all().len() as u64;
        let Some(held) = batch.held() else {
            if !self.earlier.is_empty() && self.awaited.is_empty() {
                self.passed_at.get_or_insert(n_all);
            }
            return;
        };
        self.until_us = self.until_us.max(until_us);
        let events = (n_given + 1..).zip(batch.all()).skip(held);
        let identities = events.filter_map(|(n, event)| Some((n, event.point().identity?)));
        self.fresh.extend(identities);
        let too_many = (self.fresh.len() + self.earlier.len()).saturating_sub(MAX_AHEAD);
        if too_many > 0 && !self.is_too_many {
            self.is_too_many = true;
            warn!(target: STATE, "more than {MAX_AHEAD} events came after the first one that the run's end leaves out: the next run may deliver some of them again");
        }
        self.fresh.drain(..too_many.min(self.fresh.len()));
    }

    /// Whether the sink has not accepted all of them.
    pub(super) fn is_waiting(&self, accepted: u64) -> bool {
        self.fresh.back().is_some_and(|(n, _)| *n > accepted)
    }

    /// The sink has accepted this number of events.
    pub(super) fn settle(&mut self, accepted: u64) {
        if self.passed_at.is_some_and(|passed| accepted >= passed) {
            self.passed_at = None;
            self.earlier = Vec::new();
            if self.fresh.is_empty() {
                self.until_us = 0;
            }
        }
    }

    /// What the next run has to leave out, when the sink has accepted this number of events.
    pub(super) fn known(&self, accepted: u64) -> (Vec<Identity>, u64) {
        let fresh = self.fresh.iter().take_while(|(n, _)| *n <= accepted);
        let earlier = self.earlier.iter().copied();
        let known: Vec<_> = earlier
            .chain(fresh.map(|(_, identity)| *identity))
            .collect();
        let until_us = if known.is_empty() { 0 } else { self.until_us };
        (known, until_us)
    }
}
