//! Where a connection begins, and which of its first events were there before.
//!
//! The rules are those of the design, section 4: a resume is inclusive and verified, repeats are dropped by identity
//! and only at a seam, and what a server sends from before the asked position is dropped as one leading run.

use std::{
    cmp::Ordering,
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::event::{Identity, Origin, Point, Start, micros};

/// How many events' identities are remembered for a resume by time: a minute of twice the whole network at its busiest (1,000
/// events/s), and more than outputs are asked for at the start.
const REMEMBERED: usize = 131_072;

/// What to do with an event at the beginning of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is new.
    New,
    /// It is new, and so much later than this time, which was asked for, that the server no longer has what lies between.
    NewBehindGap(u64),
    /// It is new, and what was asked for may be missing before it: only how far back the server goes can tell.
    Doubtful(Doubt),
    /// It was there before the connection was lost.
    Repeat,
    /// It lies before the position that was asked for.
    Early,
    /// It is not the event that was expected: the server counts otherwise than when the position was taken.
    Renumbered,
}

/// What a first event leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It is much later than this time, which was asked for.
    Time(u64),
    /// It is much later than this time, at which there was an event that should have come again.
    Reached(u64),
    /// Its number is higher than this one, which was asked for: numbers have holes.
    Number(u64),
}

/// The earliest time that can be asked for means all that there is.
const EVERYTHING_US: u64 = 1_000_000_000_000_000;

/// The first event of a connection may be so much later than the time that was asked for; then events are missing.
/// Identity and account events come several times a minute whatever the filter, so that silence alone is not taken for it.
const GAP_US: u64 = 60_000_000;

/// How a connection was asked to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// At the live tip.
    Live,
    /// Where the user said.
    Asked(Start),
    /// At the last event, by its number.
    Seq(u64),
    /// At the time of the last event or some time before it.
    Time(u64),
}

impl Beginning {
    /// The `cursor` of the request.
    pub(super) fn cursor(self) -> Option<u64> {
        match self {
            Self::Live => None,
            Self::Asked(start) => Some(start.as_number()),
            Self::Seq(seq) => Some(Start::Seq(seq).as_number()),
            Self::Time(time_us) => Some(Start::Time(time_us).as_number()),
        }
    }
}

/// What is known of the stream so far, across all connections.
#[derive(Debug)]
pub(super) struct Resume {
    rewind_us: u64,
    /// Where the user said to begin; forgotten with the first event.
    asked: Option<Start>,
    /// How far back the server goes is known for what was asked for.
    is_cleared: bool,
    /// The beginning stands as the place in the stream.
    is_begun: bool,
    /// The last event, and whose it was.
    last: Option<(Arc<Origin>, Point)>,
    /// Numbers are not to be trusted until the next new event.
    by_time: bool,
    /// The last event may not be met again, for it was read with another filter.
    other_filter: bool,
    /// When the first connection began, while no event has come.
    live_from_us: Option<u64>,
    /// The latest events and their times: all there were since the first of them.
    recent: VecDeque<(Identity, u64)>,
    seam: Seam,
    /// Events at seams that may have come again, and that nothing was there to recognise by.
    let_through: u64,
}

/// What is still to be checked on the present connection.
#[derive(Debug, Default)]
struct Seam {
    /// The first event has to be this one.
    expected: Option<Point>,
    /// The first event has to be this one or a later one.
    behind: Option<Point>,
    /// The first event has to have this number or a later one.
    counts_from: Option<u64>,
    /// Events of an earlier time are dropped until the first that is not.
    not_before_us: Option<u64>,
    /// The first event tells whether the server still has what follows this time.
    has_from_us: Option<u64>,
    /// There was an event at that time, which has to come again.
    was_there: bool,
    repeats: Option<Repeats>,
}

/// Events that may come again, and when that is over.
#[derive(Debug)]
struct Repeats {
    known: HashSet<Identity>,
    /// Whatever happened since then, up to the last event, is known.
    since_us: u64,
    last_us: u64,
    until: Until,
}

#[derive(Debug, Clone, Copy)]
enum Until {
    /// The first new event with a larger number.
    Seq(u64),
    /// The first new event of a later time.
    Time(u64),
}

impl Resume {
    pub(super) fn new(asked: Option<Start>, rewind: Duration) -> Self {
        Self {
            rewind_us: micros(rewind),
            asked,
            is_cleared: false,
            is_begun: false,
            last: None,
            by_time: false,
            other_filter: false,
            live_from_us: None,
            recent: VecDeque::new(),
            seam: Seam::default(),
            let_through: 0,
        }
    }

    /// Whether the user said where to begin.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Begins at this time, whichever server is read.
    pub(super) fn begin_at_time(&mut self, time_us: u64) {
        self.asked = Some(Start::Time(time_us));
    }

    /// Begins at this number, which has to be one of the server that is read.
    pub(super) fn begin_at_seq(&mut self, seq: u64) {
        self.asked = Some(Start::Seq(seq));
    }

    /// The number that was to be the beginning, while no event has come; 0 is whatever comes first.
    pub(super) fn first_seq(&self) -> Option<u64> {
        match self.asked {
            Some(Start::Seq(seq)) if seq > 0 => Some(seq),
            _ => None,
        }
    }

    /// The time that was to be the beginning, while no event has come.
    pub(super) fn first_us(&self) -> Option<u64> {
        match self.asked {
            Some(Start::Time(time_us)) => Some(time_us),
            _ => None,
        }
    }

    /// The time at which the present connection is to begin, while nothing was read yet; once.
    pub(super) fn take_beginning_us(&mut self) -> Option<u64> {
        let is_first = self.last.is_none() && !std::mem::replace(&mut self.is_begun, true);
        self.seam.not_before_us.filter(|_| is_first)
    }

    /// Nothing more is doubted until an event is reached.
    pub(super) fn clear_doubts(&mut self) {
        self.is_cleared = true;
    }

    /// Goes on behind a position from an earlier run.
    pub(super) fn set_last(&mut self, origin: Origin, point: Point, same_filter: bool) {
        let known = point.identity.map(|identity| (identity, point.time_us));
        self.recent.extend(known);
        self.last = Some((Arc::new(origin), point));
        self.other_filter = !same_filter;
    }

    /// Remembers events that were delivered before this run, besides the position it goes on from. The latest stay where they are too many.
    pub(super) fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
        let known = delivered.filter_map(|point| Some((point.identity?, point.time_us)));
        let mut recalled: Vec<_> = known.collect();
        recalled.sort_unstable_by_key(|(_, time_us)| *time_us);
        let room = REMEMBERED - self.recent.len();
        let too_many = recalled.len().saturating_sub(room);
        for known in recalled.into_iter().skip(too_many).rev() {
            self.recent.push_front(known);
        }
    }

    /// Notes that the stream is being read, so that a cut before the first event loses nothing.
    pub(super) fn set_live_from(&mut self, time_us: u64) {
        self.live_from_us.get_or_insert(time_us);
    }

    /// Stops trusting numbers until the next new event.
    pub(super) fn distrust_numbers(&mut self) {
        self.by_time = true;
    }

    /// Prepares for a new connection to `origin` and says where it begins.
    pub(super) fn begin(&mut self, origin: &Origin) -> Beginning {
        // What another server was about to repeat when it was cut is still to come.
        let unfinished_us = match std::mem::take(&mut self.seam).repeats {
            Some(Repeats {
                until: Until::Time(until_us),
                ..
            }) => Some(until_us),
            _ => None,
        };
        if let Some(start) = self.asked {
            if let Start::Time(time_us) = start {
                self.seam.not_before_us = Some(time_us);
                self.seam.has_from_us = Some(time_us).filter(|time_us| *time_us > EVERYTHING_US);
            }
            self.seam.counts_from = self.first_seq();
            return Beginning::Asked(start);
        }
        let Some((last_origin, last)) = &self.last else {
            let Some(live_from_us) = self.live_from_us else {
                return Beginning::Live;
            };
            let from_us = live_from_us.saturating_sub(self.rewind_us);
            self.seam.not_before_us = Some(from_us);
            self.seam.has_from_us = Some(live_from_us);
            return Beginning::Time(from_us);
        };
        let (from_us, until_us) = match last.seq {
            _ if self.by_time || **last_origin != *origin => (
                last.time_us.saturating_sub(self.rewind_us),
                last.time_us.saturating_add(self.rewind_us),
            ),
            Some(seq) => {
                if self.other_filter {
                    self.seam.behind = Some(*last);
                } else {
                    self.seam.expected = Some(*last);
                }
                let until = unfinished_us.map_or(Until::Seq(seq), Until::Time);
                self.seam.repeats = Some(self.repeats(last.time_us, until));
                return Beginning::Seq(seq);
            }
            None => (last.time_us, last.time_us),
        };
        let until = Until::Time(until_us.max(unfinished_us.unwrap_or_default()));
        self.seam.not_before_us = Some(from_us);
        self.seam.has_from_us = Some(last.time_us);
        self.seam.was_there = !self.other_filter;
        self.seam.repeats = Some(self.repeats(last.time_us, until));
        Beginning::Time(from_us)
    }

    /// Decides on one event, and remembers it when it is new.
    pub(super) fn admit(&mut self, point: &Point) -> Admission {
        if self.seam.is_open() {
            let may_be_repeat = self.seam.may_be_repeat(point);
            let admission = match self.seam.admit(point) {
                Admission::Doubtful(_) if self.is_cleared => Admission::New,
                admission => admission,
            };
            if matches!(
                admission,
                Admission::New | Admission::NewBehindGap(_) | Admission::Doubtful(_)
            ) {
                self.let_through += u64::from(may_be_repeat);
                self.remember(point);
            }
            return admission;
        }
        self.remember(point);
        Admission::New
    }

    /// How many events that may have come again were let through since this was last asked.
    pub(super) fn take_let_through(&mut self) -> u64 {
        std::mem::take(&mut self.let_through)
    }

    fn remember(&mut self, point: &Point) {
        if let Some(identity) = point.identity {
            if self.recent.len() == REMEMBERED {
                self.recent.pop_front();
            }
            self.recent.push_back((identity, point.time_us));
        }
    }

    /// The place up to which the stream has been read.
    pub(super) fn last(&self) -> Option<&Point> {
        self.last.as_ref().map(|(_, point)| point)
    }

    /// Notes how far the stream has been read: the last event that was admitted.
    pub(super) fn reached(&mut self, origin: &Arc<Origin>, point: &Point) {
        self.asked = None;
        self.is_cleared = false;
        self.by_time = false;
        self.other_filter = false;
        match &mut self.last {
            Some((last_origin, last)) if Arc::ptr_eq(last_origin, origin) => *last = *point,
            last => *last = Some((Arc::clone(origin), *point)),
        }
    }

    fn repeats(&self, last_us: u64, until: Until) -> Repeats {
        Repeats {
            known: self.recent.iter().map(|(identity, _)| *identity).collect(),
            since_us: self
                .recent
                .front()
                .map_or(u64::MAX, |(_, time_us)| *time_us),
            last_us,
            until,
        }
    }
}

impl Seam {
    fn is_open(&self) -> bool {
        self.expected.is_some()
            || self.behind.is_some()
            || self.counts_from.is_some()
            || self.not_before_us.is_some()
            || self.repeats.is_some()
    }

    fn admit(&mut self, point: &Point) -> Admission {
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
        match gap {
            _ if self.is_repeat(point) => Admission::Repeat,
            Some(from_us) if self.was_there => Admission::NewBehindGap(from_us),
            Some(from_us) => Admission::Doubtful(Doubt::Time(from_us)),
            None => doubt.map_or(Admission::New, |seq| {
                Admission::Doubtful(Doubt::Number(seq))
            }),
        }
    }

    /// Whether an event that is not recognised may have been there before all the same: it is not later than the last one, and
    /// from before the time since which everything is known.
    fn may_be_repeat(&self, point: &Point) -> bool {
        self.repeats.as_ref().is_some_and(|repeats| {
            matches!(repeats.until, Until::Time(_))
                && point.time_us <= repeats.last_us.min(repeats.since_us)
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

#[cfg(test)]
mod tests;
