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

use crate::event::{
    Highest, Identity, MAX_SERVERS, Origin, Point, Position, Recollection, Start, Trail, micros,
    now_us,
};

/// How many events' identities are remembered for a resume by time: a minute of twice the whole network at its busiest (1,000
/// events/s), and more than outputs are asked for at the start.
const REMEMBERED: usize = 131_072;

/// What to do with an event at the beginning of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is new.
    New,
    /// It is new, or came before where nothing is left to recognise it by.
    MayBeRepeat,
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

impl Admission {
    /// Whether the event is to be delivered.
    fn is_new(self) -> bool {
        matches!(
            self,
            Self::New | Self::MayBeRepeat | Self::NewBehindGap(_) | Self::Doubtful(_)
        )
    }
}

/// How far before the moment it began a run resumes that was cut before its first event.
const BEFORE_LIVE_US: u64 = 10_000_000;

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
    /// It goes on from a saved place.
    is_restored: bool,
    /// The last event of each server, the one that was read last first.
    servers: Vec<Reached>,
    /// The highest time of them all.
    highest: Highest,
    /// Where the first run began, or the time of an earlier event that came after that; 0 where it is not known.
    first_run_us: u64,
    /// Numbers are not to be trusted until the next new event.
    by_time: bool,
    /// When the first connection began, while no event has come.
    live_from_us: Option<u64>,
    /// The latest events and their times: all there were since the first of them.
    recent: VecDeque<(Identity, u64)>,
    /// Nothing that was read since this time is missing in `recent`; 0 where nothing is at all.
    since_us: Option<u64>,
    /// Up to this time there may be repeats at the next seam, because an earlier one was not passed.
    unfinished_us: Option<u64>,
    seam: Seam,
}

/// How far one server was read.
#[derive(Debug)]
struct Reached {
    origin: Arc<Origin>,
    last: Point,
    /// No larger number was read there: known while nothing was read since an earlier run.
    counted_to: Option<u64>,
    /// It was read with another filter, so that the last event may not be met again.
    other_filter: bool,
}

/// What is still to be checked on the present connection.
#[derive(Debug, Default)]
struct Seam {
    /// The first event has to be this one.
    expected: Option<Point>,
    /// The first event has to be this one or a later one.
    behind: Option<Point>,
    /// No event with a larger number was read on this server.
    counted_to: Option<u64>,
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
    highest_us: u64,
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
            is_restored: false,
            servers: Vec::new(),
            highest: Highest::default(),
            first_run_us: 0,
            by_time: false,
            live_from_us: None,
            recent: VecDeque::new(),
            since_us: None,
            unfinished_us: None,
            seam: Seam::default(),
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
        let is_first = self.servers.is_empty() && !std::mem::replace(&mut self.is_begun, true);
        self.seam.not_before_us.filter(|_| is_first)
    }

    /// Nothing more is doubted until an event is reached.
    pub(super) fn clear_doubts(&mut self) {
        self.is_cleared = true;
    }

    /// Goes on after a position from an earlier run.
    pub(super) fn restore(&mut self, position: &Position, trail: &Trail, same_filter: bool) {
        let servers = std::iter::once(position).chain(&trail.others);
        let servers = servers.take(MAX_SERVERS).map(|position| Reached {
            origin: Arc::new(position.origin.clone()),
            last: position.point,
            counted_to: position.point.seq,
            other_filter: !same_filter,
        });
        self.servers = servers.collect();
        let Point {
            time_us, identity, ..
        } = position.point;
        self.highest = Highest::from(match trail.highest_us {
            0 => time_us,
            highest_us => highest_us,
        });
        self.is_restored = true;
        self.first_run_us = trail.first_us;
        self.since_us = match trail.known_since_us {
            0 => None,
            since_us if since_us <= trail.first_us => Some(0),
            since_us => Some(since_us),
        };
        self.unfinished_us = (trail.repeats_until_us > time_us).then_some(trail.repeats_until_us);
        // After a crash amid repeats there is no telling whether a number is still that of its event: others know it too.
        self.by_time = self.unfinished_us.is_some() && trail.known_since_us == 0;
        // When they were, only the first of them says.
        let last = identity.filter(|last| trail.known.last() != Some(last));
        let known = trail.known.iter().copied().chain(last);
        self.recent
            .extend(known.map(|identity| (identity, time_us)));
    }

    /// Remembers events that were delivered before this run, besides the position it goes on from. The latest stay where they are too many.
    pub(super) fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
        let known = delivered.filter_map(|point| Some((point.identity?, point.time_us)));
        let mut recalled: Vec<_> = known.collect();
        recalled.sort_unstable_by_key(|(_, time_us)| *time_us);
        let room = REMEMBERED - self.recent.len();
        let too_many = recalled.len().saturating_sub(room);
        let known = self.recent.iter().map(|(identity, _)| *identity);
        let known: HashSet<_> = known.collect();
        for (identity, time_us) in recalled.into_iter().skip(too_many).rev() {
            let since_us = self.since_us.unwrap_or(u64::MAX);
            self.since_us = Some(since_us.min(time_us));
            if !known.contains(&identity) {
                self.recent.push_front((identity, time_us));
            }
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
        self.unfinished_us = self.unfinished_us.max(self.repeats_until_us());
        self.seam = Seam::default();
        if let Some(start) = self.asked {
            if let Start::Time(time_us) = start {
                self.seam.not_before_us = Some(time_us);
                self.seam.has_from_us = Some(time_us).filter(|time_us| *time_us > EVERYTHING_US);
            }
            self.seam.counts_from = self.first_seq();
            return Beginning::Asked(start);
        }
        let Some(latest) = self.servers.first() else {
            let Some(live_from_us) = self.live_from_us else {
                return Beginning::Live;
            };
            let from_us = live_from_us.saturating_sub(BEFORE_LIVE_US);
            self.seam.not_before_us = Some(from_us);
            self.seam.has_from_us = Some(live_from_us);
            return Beginning::Time(from_us);
        };
        let highest_us = self.highest.us().unwrap_or(latest.last.time_us);
        let earliest_us = highest_us.saturating_sub(self.rewind_us);
        let latest_us = highest_us.saturating_add(self.rewind_us);
        let known = self.servers.iter().position(|server| {
            !self.by_time && *server.origin == *origin && server.last.time_us >= earliest_us
        });
        // The one that was read last is gone on with wherever it is: otherwise a run that ends early would never get on.
        let is_latest = !self.by_time && *latest.origin == *origin;
        let known = if is_latest { Some(0) } else { known };
        let server = known.and_then(|at| self.servers.get(at));
        if let Some((server, seq)) = server.and_then(|server| Some((server, server.last.seq?))) {
            let until = match self.unfinished_us {
                None if is_latest => Until::Seq(seq),
                Some(unfinished_us) if is_latest => Until::Time(unfinished_us),
                // What was read elsewhere since comes again here.
                unfinished_us => Until::Time(latest_us.max(unfinished_us.unwrap_or_default())),
            };
            if server.other_filter {
                self.seam.behind = Some(server.last);
            } else {
                self.seam.expected = Some(server.last);
            }
            if let Until::Seq(_) = until {
                self.seam.counted_to = server.counted_to;
            }
            self.seam.repeats = Some(self.repeats(highest_us, until));
            return Beginning::Seq(seq);
        }
        let first_us = Some(self.first_run_us).filter(|first_us| *first_us <= highest_us);
        let mut from_us = earliest_us.max(first_us.unwrap_or_default());
        let mut until_us = latest_us;
        if is_latest {
            // The same events have the same times here, and what lies before all that is known is not new.
            let since_us = self.since_us.unwrap_or_default();
            from_us = from_us.max(since_us.min(latest.last.time_us));
            until_us = highest_us;
        }
        let until = Until::Time(until_us.max(self.unfinished_us.unwrap_or_default()));
        self.seam.not_before_us = Some(from_us);
        self.seam.has_from_us = Some(highest_us);
        self.seam.was_there = !latest.other_filter;
        self.seam.repeats = Some(self.repeats(highest_us, until));
        Beginning::Time(from_us)
    }

    /// Decides on one event, and remembers it when it is new.
    #[inline]
    pub(super) fn admit(&mut self, point: &Point) -> Admission {
        if self.seam.is_open() {
            return self.admit_at_seam(point);
        }
        self.remember(point);
        Admission::New
    }

    fn admit_at_seam(&mut self, point: &Point) -> Admission {
        let may_be_repeat = self.seam.may_be_repeat(point);
        let admission = match self.seam.admit(point) {
            Admission::Doubtful(_) if self.is_cleared => Admission::New,
            admission => admission,
        };
        let admission = match admission {
            Admission::New if may_be_repeat => Admission::MayBeRepeat,
            admission => admission,
        };
        if admission.is_new() {
            self.remember(point);
        }
        admission
    }

    /// The first run begins at this point, unless it has begun.
    fn begin_first_run(&mut self, point: &Point) {
        if !self.is_restored && self.first_run_us == 0 {
            self.first_run_us = point.time_us;
        }
    }

    fn remember(&mut self, point: &Point) {
        let Some(identity) = point.identity else {
            return;
        };
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
            self.since_us = self.recent.front().map(|(_, time_us)| *time_us);
        } else if self.since_us.is_none() {
            self.since_us = Some(if self.is_restored { point.time_us } else { 0 });
            self.begin_first_run(point);
        }
        self.recent.push_back((identity, point.time_us));
    }

    /// The event that was admitted last is not delivered after all, and is wanted when it comes again.
    pub(super) fn take_back(&mut self) {
        self.recent.pop_back();
    }

    /// What was read last up to this place, at most so much of it, and since when that is all.
    pub(super) fn recollect(&self, point: &Point, most: usize) -> Recollection {
        let is_up_to = |(identity, time_us): &(Identity, u64)| match point.identity {
            Some(last) => *identity == last,
            // A place between events: nothing of it or later was there.
            None => *time_us < point.time_us,
        };
        let end = self.recent.iter().rposition(is_up_to);
        let end = end.map_or(0, |last| last + 1);
        let start = end.saturating_sub(most);
        let since_us = if start == 0 {
            self.since_us
                .map(|since_us| since_us.max(self.first_run_us))
        } else {
            self.recent.get(start).map(|(_, time_us)| *time_us)
        };
        let known = self.recent.range(start..end);
        Recollection {
            known: known.map(|(identity, _)| *identity).collect(),
            since_us: since_us.filter(|_| end > 0),
        }
    }

    /// Up to this time repeats may come on the present connection.
    pub(super) fn repeats_until_us(&self) -> Option<u64> {
        match self.seam.repeats.as_ref()?.until {
            Until::Seq(_) => None,
            Until::Time(until_us) => Some(until_us),
        }
    }

    /// The place up to which the stream has been read.
    pub(super) fn last(&self) -> Option<&Point> {
        self.servers.first().map(|server| &server.last)
    }

    /// Notes how far the stream has been read: the last event that was admitted.
    pub(super) fn reached(&mut self, origin: &Arc<Origin>, point: &Point) {
        self.asked = None;
        self.is_cleared = false;
        self.by_time = false;
        self.unfinished_us = None;
        self.highest.note(point, now_us);
        self.begin_first_run(point);
        self.first_run_us = self.first_run_us.min(point.time_us);
        match self.servers.first_mut() {
            Some(server) if Arc::ptr_eq(&server.origin, origin) => {
                server.last = *point;
                server.counted_to = None;
                server.other_filter = false;
            }
            _ => {
                self.servers.retain(|server| server.origin != *origin);
                self.servers.truncate(MAX_SERVERS - 1);
                let server = Reached {
                    origin: Arc::clone(origin),
                    last: *point,
                    counted_to: None,
                    other_filter: false,
                };
                self.servers.insert(0, server);
            }
        }
    }

    fn repeats(&self, highest_us: u64, until: Until) -> Repeats {
        let recent = self.recent.iter().map(|(identity, _)| *identity);
        let last = self
            .servers
            .iter()
            .filter_map(|server| server.last.identity);
        Repeats {
            known: recent.chain(last).collect(),
            since_us: self.since_us.unwrap_or(u64::MAX),
            highest_us,
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
    fn may_be_repeat(&self, point: &Point) -> bool {
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

#[cfg(test)]
mod tests;
