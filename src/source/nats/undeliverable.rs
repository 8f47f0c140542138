//! What becomes of a message of a durable consumer that cannot be delivered: it is too large, or
//! not in the form that was asked for.
//!
//! From a work queue an acknowledged or terminated message is gone, so nothing of that happens
//! unless it was asked for. A message that is kept is given back with a wait that grows with each
//! delivery, and the others flow meanwhile.

use std::{collections::HashSet, time::Duration};

use tracing::warn;

use super::acks::{AckKind, Letter, Remedy};
use crate::{
    log::STATE,
    sink::DeadLetterFile,
    stats::{Stats, Undelivered},
};

/// The wait before the second delivery; it doubles from one to the next.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait. A guess: somebody who mends the reason need not wait for long.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// How many messages that were met are known by their numbers, and only counted when they come
/// again.
const MAX_KNOWN: usize = 10_000;

/// What becomes of a message of a durable consumer that cannot be delivered.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum OnUndeliverable {
    /// It stays in the stream and comes again, to anybody, after waits that grow to ten minutes.
    #[default]
    Keep,
    /// It stays in the stream, and ends the run.
    Stop,
    /// It is terminated: a work queue removes it.
    Skip,
    /// It is kept in this file, and then acknowledged.
    DeadLetter(DeadLetterFile),
}

/// The policy, and the messages that met it.
#[derive(Debug)]
pub(super) struct Policy {
    on_undeliverable: OnUndeliverable,
    known: HashSet<u64>,
}

impl Policy {
    pub(super) fn new(on_undeliverable: OnUndeliverable) -> Self {
        Self {
            on_undeliverable,
            known: HashSet::new(),
        }
    }

    /// Whether what cannot be delivered may be removed without a trace.
    pub(super) fn is_skip(&self) -> bool {
        matches!(self.on_undeliverable, OnUndeliverable::Skip)
    }

    /// Whether the run ends with the first message that cannot be delivered.
    pub(super) fn is_stop(&self) -> bool {
        matches!(self.on_undeliverable, OnUndeliverable::Stop)
    }

    /// Notes a message that cannot be delivered; false if it was met before.
    pub(super) fn meet(&mut self, seq: u64) -> bool {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(seq)
    }

    /// What becomes of a message that is only suspected: it comes again soon.
    pub(super) fn again() -> Remedy {
        Remedy::Answer(AckKind::Later(FIRST_WAIT))
    }

    /// Decides what becomes of a message that was delivered so often, and counts it. `envelope`
    /// puts it into one.
    pub(super) fn remedy(
        &self,
        tries: u64,
        why: &str,
        envelope: impl FnOnce() -> Vec<u8>,
        stats: &Stats,
    ) -> Remedy {
        match &self.on_undeliverable {
            OnUndeliverable::Keep => {
                stats.add_undelivered(Undelivered::Kept);
                Remedy::Answer(AckKind::Later(wait(tries)))
            }
            OnUndeliverable::Stop => Remedy::Answer(AckKind::Later(wait(tries))),
            OnUndeliverable::Skip => {
                stats.add_undelivered(Undelivered::Skipped);
                Remedy::Answer(AckKind::Terminate)
            }
            OnUndeliverable::DeadLetter(file) => {
                stats.add_undelivered(Undelivered::DeadLettered);
                Remedy::Keep(Letter {
                    file: file.clone(),
                    event: envelope(),
                    error: why.to_owned(),
                    tries: u32::try_from(tries).unwrap_or(u32::MAX),
                })
            }
        }
    }

    /// What becomes of a message, in words.
    pub(super) fn becomes(&self) -> &'static str {
        match self.on_undeliverable {
            OnUndeliverable::Stop => "it stays in the stream",
            OnUndeliverable::Keep => {
                "it stays in the stream and comes again, after waits that grow to 10 minutes, unless it is skipped or kept as a dead letter"
            }
            OnUndeliverable::Skip => "it is terminated, as was asked",
            OnUndeliverable::DeadLetter(_) => "it is kept as a dead letter and acknowledged",
        }
    }

    /// Says what becomes of the first message of its class.
    pub(super) fn log(&self, stream: &str, seq: u64, why: &str, excerpt: &str) {
        if self.is_stop() {
            return;
        }
        let becomes = self.becomes();
        warn!(target: STATE, stream, seq, why, excerpt, "cannot deliver message {seq} of {stream}: {why}; {becomes} (later ones of this class are only counted)");
    }
}

/// How long a message that was delivered so often is to wait.
fn wait(deliveries: u64) -> Duration {
    let doublings = u32::try_from(deliveries.saturating_sub(1)).unwrap_or(u32::MAX);
    let factor = 2_u32.saturating_pow(doublings.min(20));
    FIRST_WAIT.saturating_mul(factor).min(MAX_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_minutes() {
        let waits = [0, 1, 2, 3, 10, 11, u64::MAX].map(|n| wait(n).as_secs());
        assert_eq!(waits, [1, 1, 2, 4, 512, 600, 600]);
    }

    #[test]
    fn a_message_is_met_once_and_what_is_known_is_bounded() {
        let mut policy = Policy::new(OnUndeliverable::Keep);
        assert!(policy.meet(1));
        assert!(!policy.meet(1));
        let n_new = (2..30_000).filter(|seq| policy.meet(*seq)).count();
        assert_eq!(n_new, 29_998);
        assert!(policy.known.len() <= MAX_KNOWN);
    }
}
