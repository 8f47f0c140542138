//! Whether the endpoint accepts anything at all, and when it is tried again where it does not.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    backoff::Backoff,
    log::outage::{Mention, Outage},
    sink::delivery::MAX_BACKOFF,
};

/// So many requests that failed, and events that were refused, without one accepted in between are
/// the endpoint's doing.
const MAX_FAILED_IN_ROW: u32 = 3;
const MAX_REFUSED_IN_ROW: u32 = 20;

/// Why nothing is sent for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It cannot be reached, or fails whatever it is sent.
    Failing,
    /// It refuses whatever it is sent.
    Refusing,
    /// It refuses the content of whatever it is sent.
    RefusingContent,
}

/// What is known of the endpoint.
#[derive(Debug)]
pub(super) struct Health {
    trouble: Option<Trouble>,
    backoff: Backoff,
    /// When it may be tried again.
    until: Instant,
    is_probed: bool,
    failed_in_row: u32,
    refused_in_row: u32,
    /// How often requests were accepted.
    n_accepted: u64,
    outage: Outage,
}

impl Health {
    pub(super) fn new() -> Self {
        Self {
            trouble: None,
            backoff: Backoff::new(MAX_BACKOFF),
            until: Instant::now(),
            is_probed: false,
            failed_in_row: 0,
            refused_in_row: 0,
            n_accepted: 0,
            outage: Outage::default(),
        }
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    pub(super) fn n_accepted(&self) -> u64 {
        self.n_accepted
    }

    /// When something may be sent; `None` while a single request finds out whether it can be.
    pub(super) fn opens(&self, now: Instant) -> Option<Instant> {
        match self.trouble {
            None => Some(now),
            Some(_) if self.is_probed => None,
            Some(_) => Some(self.until),
        }
    }

    /// A request is made. Returns whether it is to find out how the endpoint is.
    pub(super) fn begin(&mut self) -> bool {
        self.is_probed = self.trouble.is_some();
        self.is_probed
    }

    /// One was accepted: returns how long nothing was, where that was said.
    pub(super) fn accepted(&mut self) -> Option<Duration> {
        self.n_accepted += 1;
        self.failed_in_row = 0;
        self.refused_in_row = 0;
        self.recover()
    }

    fn recover(&mut self) -> Option<Duration> {
        self.trouble = None;
        self.is_probed = false;
        self.backoff.reset();
        let was_said = self.outage.was_said();
        let lasted = self.outage.end();
        lasted.filter(|_| was_said)
    }

    /// A request failed that may pass, and not for the endpoint's sake alone. Returns whether that
    /// is trouble of the endpoint's.
    pub(super) fn failed(&mut self) -> bool {
        self.failed_in_row += 1;
        self.trouble.is_some() || self.failed_in_row >= MAX_FAILED_IN_ROW
    }

    /// The content of several events was refused, which says that the endpoint is there: returns how
    /// long it was not, where that was said.
    pub(super) fn divided(&mut self) -> Option<Duration> {
        if self.trouble == Some(Trouble::RefusingContent) {
            return None;
        }
        self.recover()
    }

    /// A single event was refused. Returns whether that is trouble of the endpoint's.
    pub(super) fn refused(&mut self) -> bool {
        if self.trouble != Some(Trouble::RefusingContent) {
            self.recover();
        }
        self.refused_in_row += 1;
        self.refused_in_row >= MAX_REFUSED_IN_ROW
    }

    /// Nothing but one request at a time is made for a while; `is_probe` says that it is this one
    /// which failed. Returns the wait before it, and what is to be said of it.
    pub(super) fn out(
        &mut self,
        trouble: Trouble,
        asked: Option<Duration>,
        is_probe: bool,
        now: Instant,
    ) -> (Duration, Mention) {
        let is_new = self.trouble.replace(trouble).is_none();
        self.outage.begin();
        if is_probe {
            self.is_probed = false;
        }
        if is_new || is_probe {
            let wait = self.backoff.next_wait().max(asked.unwrap_or_default());
            self.until = now + wait;
        } else if let Some(asked) = asked {
            self.until = self.until.max(now + asked);
        }
        let wait = self.until.saturating_duration_since(now);
        (wait, self.outage.mention(wait))
    }
}
