//! What is still to be checked at the beginning of a connection, and which events may come again.

use std::cmp::Ordering;

use super::{Admission, Doubt, Recent};
use crate::event::Point;

/// The first event of a connection may be so much later than the time that was asked for; then
/// events are missing. Identity and account events come several times a minute whatever the filter,
/// so that silence alone is not taken for it.
const GAP_US: u64 = 60_000_000;

/// How many new events of a later time than can be expected show that no more repeats will come.
/// One does not: its time may be far off, or the server was down for longer than the rewind, and
/// mixes new events with what it reads again: by some dozens.
pub(super) const ENOUGH_BEYOND: u32 = 1000;

/// What is still to be checked on the present connection.
#[derive(Debug, Default)]
pub(super) struct Seam {
    /// The first event has to be this one.
    pub(super) expected: Option<Point>,
    /// The first event has to be this one or a later one.
    pub(super) behind: Option<Point>,
    /// The first event has to have this number or a later one.
    pub(super) counts_from: Option<u64>,
    /// Events of an earlier time are dropped until the first that is not.
    pub(super) not_before_us: Option<u64>,
    /// The first event tells whether the server still has what follows this time.
    pub(super) has_from_us: Option<u64>,
    /// There was an event at that time, which has to come again.
    pub(super) was_there: bool,
    /// The server said that it does not have that event, so that a later one shows that events are
    /// missing, however soon it comes.
    pub(super) is_too_old: bool,
    pub(super) repeats: Option<Repeats>,
}

/// Which events may come again, and when that is over.
#[derive(Debug)]
pub(super) struct Repeats {
    /// Whatever happened since then, up to the last event, is known.
    pub(super) since_us: u64,
    pub(super) highest_us: u64,
    pub(super) until: Until,
    /// New events from beyond that came since the last repeat.
    pub(super) n_beyond: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// The first new event with a larger number.
    Seq(u64),
    /// Enough new events of a later time in a row.
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

    /// Decides on one event, where these were read before.
    pub(super) fn admit(&mut self, point: &Point, recent: &Recent) -> Admission {
        if let Some(expected) = self.expected.take()
            && !is_again(&expected, point)
        {
            return Admission::Renumbered;
        }
        let mut doubt = None;
        if let Some(last) = self.behind.take() {
            doubt = last.seq;
            let counts_on = match point.seq.cmp(&last.seq) {
                Ordering::Less => false,
                Ordering::Equal => last.identity.is_none() || is_again(&last, point),
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
        let least_us = if self.is_too_old { 0 } else { GAP_US };
        let gap = from_us.filter(|from_us| point.time_us.saturating_sub(*from_us) > least_us);
        match gap {
            _ if self.is_repeat(point, recent) => Admission::Repeat,
            Some(from_us) if self.was_there => Admission::NewBehindGap(from_us),
            Some(from_us) => Admission::Doubtful(Doubt::Time(from_us)),
            None => doubt.map_or(Admission::New, |seq| {
                Admission::Doubtful(Doubt::Number(seq))
            }),
        }
    }

    /// Whether an event that is not recognised may have been there before all the same: it is not
    /// later than the last one, and from before the time since which everything is known.
    pub(super) fn may_be_repeat(&self, point: &Point) -> bool {
        self.repeats.as_ref().is_some_and(|repeats| {
            matches!(repeats.until, Until::Time(_))
                && point.time_us <= repeats.highest_us.min(repeats.since_us)
        })
    }

    /// Whether the event was there before the seam; beyond the seam none was.
    fn is_repeat(&mut self, point: &Point, recent: &Recent) -> bool {
        let Some(repeats) = &mut self.repeats else {
            return false;
        };
        let is_repeat = point
            .identity
            .is_some_and(|identity| recent.is_known(identity));
        let (is_beyond, enough) = match repeats.until {
            Until::Seq(last) => (point.seq.is_none_or(|seq| seq > last), 1),
            Until::Time(last_us) => (point.time_us > last_us, ENOUGH_BEYOND),
        };
        // Times and numbers can go backwards: behind a known event from beyond there may be known
        // ones yet.
        if is_repeat {
            repeats.n_beyond = 0;
        } else if is_beyond {
            repeats.n_beyond += 1;
            if repeats.n_beyond >= enough {
                self.repeats = None;
            }
        }
        is_repeat
    }
}

/// Whether this is the event that was expected, under the number that it had, and the server has
/// had it ever since.
///
/// A server that was killed reads again what was not on its disk, and by chance an event may get
/// its old number, while one that never came got a smaller one. What is read again has the time of
/// that; and where the last event has its old one, so has all before it.
fn is_again(expected: &Point, point: &Point) -> bool {
    // Of a mere beginning nothing is known but its place.
    let is_same = expected.identity.is_none() || point.identity == expected.identity;
    is_same && point.seq == expected.seq && point.time_us == expected.time_us
}
