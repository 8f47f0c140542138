//! What is still to be checked at the beginning of a connection, and which events may come again.

use std::{cmp::Ordering, collections::HashSet};

use super::{Admission, Doubt};
use crate::event::{Identity, Point};

/// The first event of a connection may be so much later than the time that was asked for; then events are missing.
/// Identity and account events come several times a minute whatever the filter, so that silence alone is not taken for it.
const GAP_US: u64 = 60_000_000;

/// What is still to be checked on the present connection.
#[derive(Debug, Default)]
pub(super) struct Seam {
    /// The first event has to be this one.
    pub(super) expected: Option<Point>,
    /// The first event has to be this one or a later one.
    pub(super) behind: Option<Point>,
    /// No event with a larger number was read on this server.
    pub(super) counted_to: Option<u64>,
    /// The first event has to have this number or a later one.
    pub(super) counts_from: Option<u64>,
    /// Events of an earlier time are dropped until the first that is not.
    pub(super) not_before_us: Option<u64>,
    /// The first event tells whether the server still has what follows this time.
    pub(super) has_from_us: Option<u64>,
    /// There was an event at that time, which has to come again.
    pub(super) was_there: bool,
    pub(super) repeats: Option<Repeats>,
}

/// Events that may come again, and when that is over.
#[derive(Debug)]
pub(super) struct Repeats {
    pub(super) known: HashSet<Identity>,
    /// Whatever happened since then, up to the last event, is known.
    pub(super) since_us: u64,
    pub(super) highest_us: u64,
    pub(super) until: Until,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// The first new event with a larger number.
    Seq(u64),
    /// The first new event of a later time.
    Time(u64),
}

impl Seam {
    /// Up to this time repeats may come on the present connection.
    pub(super) fn repeats_until_us(&self) -> Option<u64> {
        match self.repeats.as_ref()?.until {
            Until::Seq(_) => None,
            Until::Time(until_us) => Some(until_us),
        }
    }

    /// Whether anything is left to check.
    pub(super) fn is_open(&self) -> bool {
        self.expected.is_some()
            || self.behind.is_some()
            || self.counts_from.is_some()
            || self.not_before_us.is_some()
            || self.repeats.is_some()
    }

    /// Decides on one event.
    pub(super) fn admit(&mut self, point: &Point) -> Admission {
        if let Some(expected) = self.expected.take() {
            let is_same = match expected.identity {
                Some(identity) => point.identity == Some(identity),
                // A mere beginning: nothing is known of the event but its place.
                None => point.time_us == expected.time_us,
            };
            if point.seq != expected.seq || !is_same {
                return Admission::Renumbered;
            }
        }
        let mut doubt = None;
        if let Some(last) = self.behind.take() {
            doubt = last.seq;
            let counts_on = match point.seq.cmp(&last.seq) {
                Ordering::Less => false,
                Ordering::Equal => last
                    .identity
                    .is_none_or(|identity| point.identity == Some(identity)),
                Ordering::Greater => last.time_us.saturating_sub(point.time_us) <= GAP_US,
            };
            if !counts_on {
                return Admission::Renumbered;
            }
        }
        if let Some(from) = self.counts_from.take() {
            doubt = Some(from);
            if point.seq.is_none_or(|seq| seq < from) {
                return Admission::Renumbered;
            }
        }
        let doubt = doubt.filter(|from| point.seq.is_some_and(|seq| seq > *from));
        let from_us = self.has_from_us.take();
        if let Some(not_before_us) = self.not_before_us {
            if point.time_us < not_before_us {
                return Admission::Early;
            }
            self.not_before_us = None;
        }
        let gap = from_us.filter(|from_us| point.time_us.saturating_sub(*from_us) > GAP_US);
        let has_moved = self.counted_to.is_some_and(|to| point.seq > Some(to));
        let is_repeat = self.is_repeat(point);
        match gap {
            // What was read has another number now, so that the expected event was met by chance, and others may lie before it.
            _ if is_repeat && has_moved => Admission::Renumbered,
            _ if is_repeat => Admission::Repeat,
            Some(from_us) if self.was_there => Admission::NewBehindGap(from_us),
            Some(from_us) => Admission::Doubtful(Doubt::Time(from_us)),
            None => doubt.map_or(Admission::New, |seq| {
                Admission::Doubtful(Doubt::Number(seq))
            }),
        }
    }

    /// Whether an event that is not recognised may have been there before all the same: it is not later than the last one, and
    /// from before the time since which everything is known.
    pub(super) fn may_be_repeat(&self, point: &Point) -> bool {
        self.repeats.as_ref().is_some_and(|repeats| {
            matches!(repeats.until, Until::Time(_))
                && point.time_us <= repeats.highest_us.min(repeats.since_us)
        })
    }

    /// Whether the event was there before the seam; beyond the seam none was.
    fn is_repeat(&mut self, point: &Point) -> bool {
        let Some(repeats) = &self.repeats else {
            return false;
        };
        let is_repeat = point
            .identity
            .is_some_and(|identity| repeats.known.contains(&identity));
        let is_beyond = match repeats.until {
            Until::Seq(last) => point.seq.is_none_or(|seq| seq > last),
            Until::Time(last_us) => point.time_us > last_us,
        };
        // Times and numbers can go backwards: behind a known event from beyond there may be known ones yet.
        if is_beyond && !is_repeat {
            self.repeats = None;
        }
        is_repeat
    }
}
