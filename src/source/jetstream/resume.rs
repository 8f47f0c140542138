//! What is known of the stream across connections: where the next one begins, and which of its
//! first events were there before.
//!
//! The rules are those of the design, section 4: a resume is inclusive and verified, repeats are
//! dropped by identity and only at a seam, and what a server sends from before the asked position
//! is dropped as one leading run.

mod admission;
mod beginning;
mod past;
mod recent;
mod seam;

use std::{sync::Arc, time::Duration};

pub(super) use self::{
    admission::{Admission, Doubt},
    beginning::Beginning,
    past::Past,
};
use self::{
    recent::Recent,
    seam::{Repeats, Seam, Until},
};
use super::endpoint::Endpoint;
use crate::event::{Highest, MAX_SERVERS, Origin, Point, Position, Start, Trail, micros, now_us};

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
    /// Where the first run began, or the time of an earlier event that came after that; 0 where it
    /// is not known.
    first_run_us: u64,
    /// Numbers are not to be trusted until the next new event.
    by_time: bool,
    /// The server said that the number asked for is one of events that it no longer has.
    is_too_old: bool,
    /// When the first connection began, while no event has come.
    live_from_us: Option<u64>,
    recent: Recent,
    /// Up to this time there may be repeats at the next seam, because an earlier one was not
    /// passed.
    unfinished_us: Option<u64>,
    seam: Seam,
    /// The present connection has brought no event yet, or something is still to be checked.
    is_at_seam: bool,
}

/// How far one server was read.
#[derive(Debug)]
struct Reached {
    origin: Arc<Origin>,
    last: Point,
    /// It was read with another filter, so that the last event may not be met again.
    other_filter: bool,
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
            is_too_old: false,
            live_from_us: None,
            recent: Recent::default(),
            unfinished_us: None,
            seam: Seam::default(),
            is_at_seam: true,
        }
    }

    /// Something was saved: a beginning that was meant for a new cursor does not count.
    pub(super) fn forget_beginning(&mut self) {
        self.asked = None;
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
            origin: Arc::new(service_of(&position.origin)),
            last: position.point,
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
        let since_us = match trail.known_since_us {
            0 => None,
            since_us if since_us <= trail.first_us => Some(0),
            since_us => Some(since_us),
        };
        self.unfinished_us = (trail.repeats_until_us > time_us).then_some(trail.repeats_until_us);
        // Where others are known too, the last of them may be this one.
        let last = identity.filter(|last| trail.known.last() != Some(last));
        let known = trail.known.iter().copied().chain(last);
        self.recent = Recent::restored(known.map(|identity| (identity, time_us)), since_us);
    }

    /// Remembers events that were delivered before this run, besides the position it goes on from.
    /// The latest stay where they are too many.
    pub(super) fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
        self.recent.recall(delivered);
    }

    /// Notes that the stream is being read, so that a cut before the first event loses nothing.
    pub(super) fn set_live_from(&mut self, time_us: u64) {
        self.live_from_us.get_or_insert(time_us);
    }

    /// Stops trusting numbers until the next new event.
    pub(super) fn distrust_numbers(&mut self) {
        self.by_time = true;
    }

    /// The server said that it no longer has the event of the number that was asked for: the next
    /// connection begins by time, and the first new event shows what is missing. Returns whether
    /// a number was asked for.
    pub(super) fn number_is_too_old(&mut self, beginning: Beginning) -> bool {
        let is_number = matches!(
            beginning,
            Beginning::Seq(_) | Beginning::Asked(Start::Seq(_))
        );
        self.is_too_old |= is_number;
        self.by_time |= is_number;
        is_number
    }

    /// Decides on one event, and remembers it when it is new.
    #[inline]
    pub(super) fn admit(&mut self, point: &Point) -> Admission {
        if self.is_at_seam {
            return self.admit_at_seam(point);
        }
        if let Some(identity) = point.identity {
            self.recent.push(identity, point.time_us);
        }
        Admission::New
    }

    /// The first events of each connection: the first of all that are remembered is among them.
    #[inline(never)]
    fn admit_at_seam(&mut self, point: &Point) -> Admission {
        let may_be_repeat = self.seam.may_be_repeat(point);
        let admission = match self.seam.admit(point, &self.recent) {
            Admission::Doubtful(_) if self.is_cleared => Admission::New,
            admission => admission,
        };
        let admission = match admission {
            Admission::New if may_be_repeat => Admission::MayBeRepeat,
            admission => admission,
        };
        self.is_at_seam = self.seam.is_open();
        if admission.is_new()
            && let Some(identity) = point.identity
        {
            if self.recent.is_empty() {
                self.begin_first_run(point);
            }
            let is_first_run = !self.is_restored;
            self.recent
                .begin(if is_first_run { 0 } else { point.time_us });
            self.recent.push(identity, point.time_us);
        }
        admission
    }

    /// The first run begins at this point, unless it has begun.
    fn begin_first_run(&mut self, point: &Point) {
        if !self.is_restored && self.first_run_us == 0 {
            self.first_run_us = point.time_us;
        }
    }

    /// The event that was admitted last is not delivered after all, and is wanted when it comes
    /// again.
    pub(super) fn take_back(&mut self, point: &Point) {
        if point.identity.is_some() {
            self.recent.pop();
        }
    }

    /// What is asked for has changed, so that the last events of all servers may not be met again.
    pub(super) fn read_otherwise(&mut self) {
        for server in &mut self.servers {
            server.other_filter = true;
        }
    }

    /// What was read last up to this place, at most so much of it, and since when that is all.
    pub(super) fn recollect(&self, point: &Point, most: usize) -> Trail {
        let (known, since_us) = self.recent.up_to(point, most);
        Trail {
            known,
            // No resume goes back beyond the first run.
            known_since_us: since_us.map_or(0, |since_us| since_us.max(self.first_run_us)),
            ..Trail::default()
        }
    }

    /// Up to this time repeats may come on the present connection.
    pub(super) fn repeats_until_us(&self) -> Option<u64> {
        self.seam.repeats_until_us()
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
        self.is_too_old = false;
        self.unfinished_us = None;
        self.highest.note(point, now_us);
        self.begin_first_run(point);
        self.first_run_us = self.first_run_us.min(point.time_us);
        match self.servers.first_mut() {
            Some(server) if Arc::ptr_eq(&server.origin, origin) => {
                server.last = *point;
                server.other_filter = false;
            }
            _ => {
                self.servers.retain(|server| server.origin != *origin);
                self.servers.truncate(MAX_SERVERS - 1);
                let server = Reached {
                    origin: Arc::clone(origin),
                    last: *point,
                    other_filter: false,
                };
                self.servers.insert(0, server);
            }
        }
    }

    fn repeats(&self, highest_us: u64, until: Until) -> Repeats {
        Repeats {
            since_us: self.recent.since_us().unwrap_or(u64::MAX),
            highest_us,
            until,
            n_beyond: 0,
        }
    }
}

/// The stream of a saved position: some were saved when streams were named by a path.
fn service_of(origin: &Origin) -> Origin {
    Origin {
        host: Endpoint::service_of(&origin.host),
        ..origin.clone()
    }
}

#[cfg(test)]
mod tests;
