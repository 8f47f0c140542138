//! Where a connection begins that is to leave out one message.

use super::{Resume, beginning::Beginning, seam::Seam};
use crate::event::{Origin, Point, Start};

/// Where a connection begins that leaves out the message after the last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source::jetstream) struct Past {
    /// What the message says of its place.
    pub(in crate::source::jetstream) point: Option<Point>,
    /// That much further: numbers or seconds, and after a place that is known one of them less.
    pub(in crate::source::jetstream) steps: u64,
}

impl Past {
    /// The first number after it, where `first` is the lowest that it can have.
    fn seq(self, first: u64) -> u64 {
        let seq = self.point.and_then(|point| point.seq).unwrap_or_default();
        first.max(seq).saturating_add(self.steps)
    }

    /// The first time after it, where events up to `last_us` are before it.
    fn time_us(self, last_us: u64) -> u64 {
        let seconds = |n: u64| n.saturating_mul(1_000_000);
        match self.point {
            Some(point) => (point.time_us.max(last_us).saturating_add(1))
                .saturating_add(seconds(self.steps.saturating_sub(1))),
            None => last_us.saturating_add(seconds(self.steps)),
        }
    }
}

impl Resume {
    /// Prepares for a new connection to `origin` that leaves out the message after the last event,
    /// and says where it begins.
    pub(in crate::source::jetstream) fn begin_past(
        &mut self,
        origin: &Origin,
        past: Past,
    ) -> Beginning {
        let beginning = self.begin(origin);
        let last_us = self.highest.us();
        // What is left out is known, so that nothing is concluded from where the first event lies.
        self.is_cleared = true;
        let repeats = self.seam.repeats.take();
        self.seam = Seam {
            repeats,
            ..Seam::default()
        };
        let from_seq = match beginning {
            Beginning::Seq(last) => past.seq(last.saturating_add(1)),
            Beginning::Asked(Start::Seq(first)) => past.seq(first),
            Beginning::Time(time_us) | Beginning::Asked(Start::Time(time_us)) => {
                let from_us = past.time_us(last_us.unwrap_or(time_us).max(time_us));
                self.seam.not_before_us = Some(from_us);
                return Beginning::Time(from_us);
            }
            Beginning::Live => return Beginning::Live,
        };
        self.seam.behind = Some(Point {
            seq: Some(from_seq),
            time_us: last_us.unwrap_or_default(),
            identity: None,
        });
        Beginning::Seq(from_seq)
    }
}
