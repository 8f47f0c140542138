//! The latest events that were read, by which repeats are recognised.

use std::collections::VecDeque;

use crate::event::{Identities, Identity, Point};

/// How many of them are remembered: a minute of twice the whole network at its busiest (1,000
/// events/s), and more than outputs are asked for at the start.
pub(super) const MAX_RECENT_EVENTS: usize = 131_072;

/// How many are forgotten at once where there are more, so that nearly every event is only added.
pub(super) const FORGOTTEN_AT_ONCE: usize = 4096;

/// How many of them, and of some that are no longer remembered, are in the set by which they are
/// recognised. Where all that are remembered have room, this many and a few more do.
const MAX_KNOWN_EVENTS: usize = 229_000;

/// The latest events and their times: all there were since the first of them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    events: VecDeque<(Identity, u64)>,
    /// What is recognised at the present seam.
    known: Identities,
    /// How many of the events, from the first on, are in there.
    n_known: usize,
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
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Nothing that was read since this time is missing; `None` where nothing is known to be there.
    pub(super) fn since_us(&self) -> Option<u64> {
        self.since_us
    }

    /// Comes before each seam: from now on all that was read until now is recognised, and these
    /// too. What was read before the last seam is so already, so that a connection that is soon
    /// lost costs no more than what it brought.
    pub(super) fn learn(&mut self, others: impl Iterator<Item = Identity>) {
        let n_new = self.events.len() - self.n_known;
        if self.known.len() + n_new > MAX_KNOWN_EVENTS {
            self.known.clear();
            self.n_known = 0;
        }
        let new = self.events.range(self.n_known..);
        self.known.extend(new.map(|(identity, _)| *identity));
        self.known.extend(others);
        self.n_known = self.events.len();
    }

    /// Whether this event was there before the seam.
    pub(super) fn is_known(&self, identity: Identity) -> bool {
        self.known.contains(&identity)
    }

    /// Adds events that were delivered before all of these. The latest stay where they are too
    /// many.
    pub(super) fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
        let known = delivered.filter_map(|point| Some((point.identity?, point.time_us)));
        let mut recalled: Vec<_> = known.collect();
        recalled.sort_unstable_by_key(|(_, time_us)| *time_us);
        let room = MAX_RECENT_EVENTS - self.events.len();
        let too_many = recalled.len().saturating_sub(room);
        self.learn(std::iter::empty());
        for (identity, time_us) in recalled.into_iter().skip(too_many).rev() {
            let since_us = self.since_us.unwrap_or(u64::MAX);
            self.since_us = Some(since_us.min(time_us));
            if self.known.insert(identity) {
                self.events.push_front((identity, time_us));
                self.n_known += 1;
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
        if self.events.len() == MAX_RECENT_EVENTS {
            self.forget();
        }
        self.events.push_back((identity, time_us));
    }

    #[cold]
    fn forget(&mut self) {
        self.events.drain(..FORGOTTEN_AT_ONCE);
        self.n_known = self.n_known.saturating_sub(FORGOTTEN_AT_ONCE);
        self.since_us = self.events.front().map(|(_, time_us)| *time_us);
    }

    /// Forgets the event that was added last.
    pub(super) fn pop(&mut self) {
        self.events.pop_back();
        self.n_known = self.n_known.min(self.events.len());
    }

    /// What was read last up to this place, at most so much of it, and since when that is all.
    pub(super) fn up_to(&self, point: &Point, most: usize) -> (Vec<Identity>, Option<u64>) {
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
        let known = known.map(|(identity, _)| *identity).collect();
        (known, since_us.filter(|_| end > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(n: usize) -> Identity {
        Identity::of_rest(&n.to_be_bytes())
    }

    #[test]
    fn cuts_change_neither_what_is_recognised_nor_the_bound() {
        for between_cuts in [1000, 40_000, 3 * MAX_RECENT_EVENTS] {
            let mut recent = Recent::default();
            for n in 0..6 * MAX_RECENT_EVENTS {
                recent.push(identity(n), 0);
                if (n + 1) % between_cuts != 0 {
                    continue;
                }
                recent.learn(std::iter::empty());
                assert!(recent.known.len() <= MAX_KNOWN_EVENTS);
                let oldest = n + 1 - recent.events.len();
                assert!(recent.is_known(identity(n)) && recent.is_known(identity(oldest)));
                assert!(!recent.is_known(identity(n + 1)));
            }
            recent.learn(std::iter::empty());
            let mut events = recent.events.iter();
            assert!(events.all(|(identity, _)| recent.is_known(*identity)));
        }
    }

    #[test]
    fn what_was_read_since_the_seam_is_no_repeat() {
        let mut recent = Recent::default();
        recent.push(identity(1), 1);
        recent.learn([identity(2)].into_iter());
        recent.push(identity(3), 3);
        assert!(recent.is_known(identity(1)) && recent.is_known(identity(2)));
        assert!(!recent.is_known(identity(3)));
        // What was taken back was not delivered.
        recent.pop();
        recent.push(identity(4), 4);
        recent.learn(std::iter::empty());
        assert!(!recent.is_known(identity(3)) && recent.is_known(identity(4)));
    }
}
