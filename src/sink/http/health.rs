//! Whether the endpoint accepts anything at all, and when it is tried again where it does not.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    backoff::Backoff,
    log::outage::{Mention, Outage},
    sink::delivery::MAX_BACKOFF,
};

/// So many requests that failed, and events that were refused, without one accepted in between are
/// the endpoint's doing. Parts of a request that failed are likely to fail too, and weigh less.
const MAX_FAILED_IN_ROW: u32 = 3 * WHOLE;
const WHOLE: u32 = 4;
const PART: u32 = 1;
const MAX_REFUSED_IN_ROW: u32 = 20;

/// How often requests fail is taken for this before there are any, and each counts for so much.
const USUAL_RATE: f64 = 0.2;
const NEWS: f64 = 0.125;

/// Of the parts of a request fewer than this fail by what fails anyhow: the search for what is at
/// fault comes to an end.
const MAX_FAILED_PARTS: f64 = 0.8;

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
    /// What they weigh.
    failed_in_row: u32,
    refused_in_row: u32,
    /// How many of the latest requests failed, but for those of accounts that are apart.
    rate: f64,
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
            rate: USUAL_RATE,
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

    /// Notes what became of a request that is not of an account that is apart.
    pub(super) fn note(&mut self, has_failed: bool) {
        let now = if has_failed { 1.0 } else { 0.0 };
        self.rate += NEWS * (now - self.rate);
    }

    /// Into how many parts a request is divided that failed: at most `most`, and two where most
    /// fail whatever is in them.
    pub(super) fn parts(&self, most: usize) -> usize {
        let fits = |n: &usize| f64::from(u32::try_from(*n).unwrap_or(u32::MAX)) * self.rate;
        let mut parts = (2..=most).rev();
        parts.find(|n| fits(n) <= MAX_FAILED_PARTS).unwrap_or(2)
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
    pub(super) fn failed(&mut self, is_part: bool) -> bool {
        self.failed_in_row += if is_part { PART } else { WHOLE };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn parts_weigh_less_than_what_was_never_divided() {
        let mut health = Health::new();
        assert!(!health.failed(false) && !health.failed(false) && health.failed(false));
        let mut health = Health::new();
        let n_parts = (1..100).find(|_| health.failed(true));
        assert_eq!(n_parts, Some(12));
        health.accepted();
        assert!(!health.failed(false));
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_fails_alike_little_is_divided() {
        let mut health = Health::new();
        assert_eq!(health.parts(16), 4);
        for _ in 0..50 {
            health.note(false);
        }
        assert_eq!((health.parts(16), health.parts(4)), (16, 4));
        for n in 0..50 {
            health.note(n % 3 == 0);
        }
        assert_eq!(health.parts(16), 2);
    }
}
