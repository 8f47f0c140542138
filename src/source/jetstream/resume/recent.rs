//! The latest events that were read, by which repeats are recognised.

use std::collections::{HashSet, VecDeque};

use crate::event::{Identity, Point, Recollection};

/// How many of them are remembered: a minute of twice the whole network at its busiest (1,000 events/s),
/// and more than outputs are asked for at the start.
pub(super) const REMEMBERED: usize = 131_072;

/// How many are forgotten at once where there are more, so that nearly every event is only added.
pub(super) const FORGOTTEN: usize = 4096;

/// The latest events and their times: all there were since the first of them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    events: VecDeque<(Identity, u64)>,
    /// Nothing that was read since this time is missing; `None` where nothing is known to be there.
    since_us: Option<u64>,
}

impl Recent {
    /// What a cursor knows of the events up to its place.
    pub(super) fn restored(
        known: impl Iterator<Item = (Identity, u64)>,
        since_us: Option<u64>,
    ) -> Self {
        Self {
            events: known.collect(),
            since_us,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Nothing that was read since this time is missing; `None` where nothing is known to be there.
    pub(super) fn since_us(&self) -> Option<u64> {
        self.since_us
    }

    pub(super) fn identities(&self) -> impl Iterator<Item = Identity> {
        self.events.iter().map(|(identity, _)| *identity)
    }

    /// Adds events that were delivered before all of these. The latest stay where they are too many.
    pub(super) fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
        let known = delivered.filter_map(|point| Some((point.identity?, point.time_us)));
        let mut recalled: Vec<_> = known.collect();
        recalled.sort_unstable_by_key(|(_, time_us)| *time_us);
        let room = REMEMBERED - self.events.len();
        let too_many = recalled.len().saturating_sub(room);
        let known: HashSet<_> = self.identities().collect();
        for (identity, time_us) in recalled.into_iter().skip(too_many).rev() {
            let since_us = self.since_us.unwrap_or(u64::MAX);
            self.since_us = Some(since_us.min(time_us));
            if !known.contains(&identity) {
                self.events.push_front((identity, time_us));
            }
        }
    }

    /// Everything is remembered from this time on, where nothing was before.
    pub(super) fn begin(&mut self, since_us: u64) {
        self.since_us.get_or_insert(since_us);
    }

    /// Adds the event that was read last.
    #[inline]
    pub(super) fn push(&mut self, identity: Identity, time_us: u64) {
        if self.events.len() == REMEMBERED {
            self.forget();
        }
        self.events.push_back((identity, time_us));
    }

    #[cold]
    fn forget(&mut self) {
        self.events.drain(..FORGOTTEN);
        self.since_us = self.events.front().map(|(_, time_us)| *time_us);
    }

    /// Forgets the event that was added last.
    pub(super) fn pop(&mut self) {
        self.events.pop_back();
    }

    /// What was read last up to this place, at most so much of it, and since when that is all.
    pub(super) fn up_to(&self, point: &Point, most: usize) -> Recollection {
        let is_up_to = |(identity, time_us): &(Identity, u64)| match point.identity {
            Some(last) => *identity == last,
            // A place between events: nothing of it or later was there.
            None => *time_us < point.time_us,
        };
        let end = self.events.iter().rposition(is_up_to);
        let end = end.map_or(0, |last| last + 1);
        let start = end.saturating_sub(most);
        let since_us = if start == 0 {
            self.since_us
        } else {
            self.events.get(start).map(|(_, time_us)| *time_us)
        };
        let known = self.events.range(start..end);
        Recollection {
            known: known.map(|(identity, _)| *identity).collect(),
            since_us: since_us.filter(|_| end > 0),
        }
    }
}
