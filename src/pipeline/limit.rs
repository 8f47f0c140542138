//! The end of a stream by its own time: what lies beyond it is left out, and when the stream has
//! passed it.
//!
//! Times are not monotone (imports, new stamps, reordering where a server goes from what it stored
//! to what is live), so the first event beyond the end is not the end.

use std::time::Duration;

use tokio::time::sleep;

use super::Ended;
use crate::{
    event::{Batch, micros},
    source::READ_BEYOND,
    stats::Stats,
};

/// How much later another server may have stamped the same events.
const STAMP_SKEW: Duration = Duration::from_secs(60);

/// An end, and what came beyond it.
#[derive(Debug, Default)]
pub(super) struct Limit {
    until_us: Option<u64>,
    /// The end that the source was asked for, once it knows.
    source_us: Option<u64>,
    /// An event beyond the end was left out.
    is_seen: bool,
}

impl Limit {
    pub(super) fn new(until_us: Option<u64>) -> Self {
        Self {
            until_us,
            ..Self::default()
        }
    }

    /// Leaves out what lies beyond the end; the batch reaches up to the first of it, from whichever
    /// batch. `Some` means that the stream has passed the end.
    pub(super) fn leave_out(&mut self, batch: &mut Batch, source_us: Option<u64>) -> Option<Ended> {
        self.source_us = source_us;
        let end_us = self.end_us()?;
        let over_us = end_us.saturating_add(micros(READ_BEYOND));
        let first_from = |time_us| batch.events().position(|event| event.time_us() >= time_us);
        let first = if self.is_seen { 0 } else { first_from(end_us)? };
        let over = first_from(over_us);
        self.is_seen = true;
        batch.hold(first);
        let mut at = 0;
        batch.retain(|event| {
            let is_over = over.is_some_and(|over| at >= over);
            at += 1;
            !is_over && event.time_us() < end_us
        });
        over.map(|_| self.ended())
    }

    /// The first event of this time is later than all that were delivered although they come after
    /// one that was left out.
    pub(super) fn passed_us(&self) -> u64 {
        let end_us = self.end_us().unwrap_or_default();
        end_us.saturating_add(micros(READ_BEYOND + STAMP_SKEW))
    }

    /// What it means that the source assumes its end.
    pub(super) fn assumed(&self) -> Ended {
        if self.is_seen {
            self.ended()
        } else {
            Ended::EndAssumed
        }
    }

    /// Resolves after a silence beyond the end: nothing that lies before it is still to come.
    ///
    /// Cancel safety: the silence is counted anew.
    pub(super) async fn silence(&self, stats: &Stats, silence: Duration) -> Ended {
        let Some(until_us) = self.until_us else {
            return std::future::pending().await;
        };
        loop {
            let n_messages = stats.messages();
            sleep(silence).await;
            let is_silent = stats.messages() == n_messages;
            // A source that tells of no connections has none to lose.
            let is_there = stats.is_connected() || stats.connects() == 0;
            let is_past = || stats.server_now_us() >= until_us.saturating_add(micros(READ_BEYOND));
            if is_silent && is_there && (self.is_seen || is_past()) {
                return self.assumed();
            }
        }
    }

    fn end_us(&self) -> Option<u64> {
        match (self.until_us, self.source_us) {
            (Some(until_us), Some(source_us)) => Some(until_us.min(source_us)),
            (until_us, source_us) => until_us.or(source_us),
        }
    }

    fn ended(&self) -> Ended {
        if self.until_us.is_some() && self.until_us == self.end_us() {
            Ended::Until
        } else {
            Ended::End
        }
    }
}
