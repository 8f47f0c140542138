//! What comes after the archive: the socket of the service, from the first event on that is not
//! sealed, and back to the archive where the socket no longer has that.

use tracing::{info, warn};

use super::{History, Phase, beginning::Begin};
use crate::{
    error::{MemberError, Reason},
    event::{Place, Point, Position, Start, Trail},
    log::STATE,
    source::{
        OnGap, Source,
        jetstream::{Jetstream, JetstreamSettings},
    },
};

/// How often the socket and the archive may send a run to each other before one of them brings
/// something.
const MAX_TURNS: u32 = 3;

/// How many events the socket may recognise.
const MAX_KNOWN: usize = 10_000;

impl History {
    /// Reads the socket from the place on that is reached, unless what is wanted ends before that.
    pub(super) fn go_live(&mut self) -> Phase {
        if self.before_seq().is_some() {
            return Phase::Over;
        }
        let is_gap = self.turns >= MAX_TURNS;
        let live = &self.settings.live;
        let mut settings = JetstreamSettings {
            start: None,
            start_if_new: None,
            exit_at_end: !self.settings.follow || self.settings.until_us.is_some(),
            // What it no longer has is in the archive.
            on_gap: if is_gap { live.on_gap } else { OnGap::Fail },
            ..live.clone()
        };
        settings.endpoints.truncate(1);
        let read = (self.tip > 0).then(|| self.behind_archive());
        let saved = match &self.begin {
            Begin::Place(saved) => Some((**saved).clone()),
            Begin::Start(start) => {
                settings.start = start.filter(|_| read.is_none());
                None
            }
        };
        let mut source = Jetstream::new(settings);
        let has_end = !self.settings.follow && !self.settings.begins_live;
        if has_end || self.settings.until_us.is_some() {
            let until_us = self.settings.until_us.unwrap_or(u64::MAX);
            let end_us = if self.settings.follow {
                until_us
            } else {
                until_us.min(self.began_us)
            };
            source.end_at(end_us);
        }
        if let Some(context) = &self.context {
            source.attach(context);
        }
        match (read, saved) {
            (Some((position, trail)), _) => {
                source.go_on_from(&position, &trail, true);
                // What was delivered before this run and in it: with nothing left out in between.
                let before = self
                    .recalled
                    .iter()
                    .copied()
                    .filter(|_| self.recent.is_whole());
                source.recall(&mut before.chain(self.recent.points()));
            }
            (None, Some((Place::Reached(position), trail))) => {
                source.go_on_from(&position, &trail, !self.same_filter);
                source.recall(&mut self.recalled.iter().copied());
            }
            (None, Some((Place::Seq { seq, .. }, _))) => source.begin_at(Start::Seq(seq)),
            (None, Some((Place::Time { time_us, .. }, _))) => {
                source.begin_at(Start::Time(time_us));
            }
            (None, None) => {}
        }
        if self.tip > 0 {
            info!(target: STATE, "going on with the socket of {}", self.origin.host);
        }
        Phase::Live(Box::new(source))
    }

    /// The place behind the last number that is sealed, and what was read last.
    fn behind_archive(&self) -> (Position, Trail) {
        let last = self.recent.points().last();
        let time_us = last.map_or(1, |point| point.time_us).max(1);
        let position = Position {
            origin: self.origin.as_ref().clone(),
            point: Point {
                seq: Some(self.tip.saturating_add(1)),
                time_us,
                identity: None,
            },
        };
        let trail = Trail {
            highest_us: time_us,
            ..Trail::default()
        };
        (position, trail)
    }

    /// What the end of the socket means: where it no longer has what comes next, that is read from
    /// the archive.
    pub(super) fn leave_socket(&mut self, error: MemberError) -> Result<(), MemberError> {
        let Phase::Live(source) = &self.phase else {
            return Err(error);
        };
        if error.reason() != Some(&Reason::Gap) || self.turns >= MAX_TURNS {
            return Err(error);
        }
        self.turns += 1;
        if let Some(point) = self.live_reached.take() {
            let trail = Trail {
                highest_us: point.time_us,
                ..source.recollect(&point, MAX_KNOWN)
            };
            let position = Position {
                origin: self.origin.as_ref().clone(),
                point,
            };
            self.begin = Begin::Place(Box::new((Place::Reached(position), trail)));
        } else if self.tip > 0 {
            self.begin = Begin::Start(Some(Start::Seq(self.tip.saturating_add(1))));
        }
        self.tip = 0;
        warn!(target: STATE, "the socket of {} no longer has what comes next: reading it from the archive", self.origin.host);
        self.phase = Phase::Planning;
        Ok(())
    }
}
