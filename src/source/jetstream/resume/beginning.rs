//! Where a connection begins, and what is to be checked there.

use super::{
    Resume,
    seam::{Seam, Until},
};
use crate::event::{Origin, Start};

/// The earliest time that can be asked for means all that there is.
pub(super) const EVERYTHING_US: u64 = 1_000_000_000_000_000;

/// How far before the moment it began a run resumes that was cut before its first event.
const BEFORE_LIVE_US: u64 = 10_000_000;

/// How a connection was asked to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source::jetstream) enum Beginning {
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
    pub(in crate::source::jetstream) fn cursor(self) -> Option<u64> {
        match self {
            Self::Live => None,
            Self::Asked(start) => Some(start.as_number()),
            Self::Seq(seq) => Some(Start::Seq(seq).as_number()),
            Self::Time(time_us) => Some(Start::Time(time_us).as_number()),
        }
    }
}

impl Resume {
    /// Prepares for a new connection to `origin` and says where it begins.
    pub(in crate::source::jetstream) fn begin(&mut self, origin: &Origin) -> Beginning {
        // What another server was about to repeat when it was cut is still to come.
        self.unfinished_us = self.unfinished_us.max(self.repeats_until_us());
        self.seam = Seam::default();
        self.is_at_seam = true;
        if let Some(start) = self.asked {
            return self.begin_as_asked(start);
        }
        let Some(latest) = self.servers.first() else {
            return self.begin_before_all();
        };
        let lasts = self.servers.iter();
        self.recent
            .learn(lasts.filter_map(|server| server.last.identity));
        let highest_us = self.highest.us().unwrap_or(latest.last.time_us);
        // The one that was read last is gone on with wherever it is: otherwise a run that ends
        // early would never get on.
        let is_latest = !self.by_time && *latest.origin == *origin;
        self.begin_by_number(origin, highest_us, is_latest)
            .unwrap_or_else(|| self.begin_by_time(highest_us, is_latest))
    }

    fn begin_as_asked(&mut self, start: Start) -> Beginning {
        if let Start::Time(time_us) = start {
            self.seam.not_before_us = Some(time_us);
            self.seam.has_from_us = Some(time_us).filter(|time_us| *time_us > EVERYTHING_US);
        }
        self.seam.counts_from = self.first_seq();
        match start {
            Start::Seq(_) if self.is_too_old => Beginning::Time(EVERYTHING_US),
            start => Beginning::Asked(start),
        }
    }

    /// Nothing was asked for, and no event has come.
    fn begin_before_all(&mut self) -> Beginning {
        let Some(live_from_us) = self.live_from_us else {
            return Beginning::Live;
        };
        let from_us = live_from_us.saturating_sub(BEFORE_LIVE_US);
        self.seam.not_before_us = Some(from_us);
        self.seam.has_from_us = Some(live_from_us);
        Beginning::Time(from_us)
    }

    /// At the last event of this server, if its number is known and may be trusted.
    fn begin_by_number(
        &mut self,
        origin: &Origin,
        highest_us: u64,
        is_latest: bool,
    ) -> Option<Beginning> {
        let earliest_us = highest_us.saturating_sub(self.rewind_us);
        let known = self.servers.iter().position(|server| {
            !self.by_time && *server.origin == *origin && server.last.time_us >= earliest_us
        });
        let known = if is_latest { Some(0) } else { known };
        let server = self.servers.get(known?)?;
        let seq = server.last.seq?;
        let until = match self.unfinished_us {
            None if is_latest => Until::Seq(seq),
            Some(unfinished_us) if is_latest => Until::Time(unfinished_us),
            // What was read elsewhere since comes again here.
            unfinished_us => {
                let latest_us = highest_us.saturating_add(self.rewind_us);
                Until::Time(latest_us.max(unfinished_us.unwrap_or_default()))
            }
        };
        if server.other_filter {
            self.seam.behind = Some(server.last);
        } else {
            self.seam.expected = Some(server.last);
        }
        self.seam.repeats = Some(self.repeats(highest_us, until));
        Some(Beginning::Seq(seq))
    }

    /// The rewind before the highest time, but not before the first run.
    fn begin_by_time(&mut self, highest_us: u64, is_latest: bool) -> Beginning {
        let first_us = Some(self.first_run_us).filter(|first_us| *first_us <= highest_us);
        let earliest_us = highest_us.saturating_sub(self.rewind_us);
        let mut from_us = earliest_us.max(first_us.unwrap_or_default());
        let mut until_us = highest_us.saturating_add(self.rewind_us);
        let latest = self.servers.first();
        if let Some(latest) = latest.filter(|_| is_latest) {
            // The same events have the same times here, and what lies before all that is known is
            // not new.
            let since_us = self.recent.since_us().unwrap_or_default();
            from_us = from_us.max(since_us.min(latest.last.time_us));
            until_us = highest_us;
        }
        let until = Until::Time(until_us.max(self.unfinished_us.unwrap_or_default()));
        self.seam.not_before_us = Some(from_us);
        self.seam.has_from_us = Some(highest_us);
        self.seam.is_too_old = self.is_too_old;
        self.seam.was_there = latest.is_some_and(|latest| !latest.other_filter);
        self.seam.repeats = Some(self.repeats(highest_us, until));
        Beginning::Time(from_us)
    }
}
