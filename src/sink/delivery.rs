//! What follows when events could not be delivered: another try after a wait, and once none is
//! left, they are skipped, kept as dead letters, or end the run.
//!
//! The same for programs and for ingestors. Failures are counted, and logged at a readable pace;
//! who tries, and how, is not known here.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::warn;

use super::{DeadLetter, DeadLetterFile};
use crate::{
    backoff::Backoff,
    error::MemberError,
    event::Event,
    log::{
        STATE,
        outage::after,
        printable,
        throttle::{self, Throttle},
    },
    stats::Stats,
};

/// The longest wait between two tries: that of connections.
pub(super) const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// What becomes of an event that failed as often as it may.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OnFailure {
    /// It ends the run, and the next one begins with it.
    Stop,
    /// It is logged, and counts as accepted.
    Skip,
    /// It is kept in this file, and counts as accepted.
    DeadLetter(DeadLetterFile),
}

/// Who is given events. `Display` is how messages begin.
#[derive(Debug)]
pub(super) enum Recipient {
    Program(String),
    Ingestor(String),
    #[cfg(feature = "http")]
    Endpoint(String),
}

impl Recipient {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Program(name) | Self::Ingestor(name) => name,
            #[cfg(feature = "http")]
            Self::Endpoint(name) => name,
        }
    }

    fn program(&self) -> Option<&str> {
        if let Self::Program(name) = self {
            Some(name)
        } else {
            None
        }
    }

    fn ingestor(&self) -> Option<&str> {
        if let Self::Ingestor(name) = self {
            Some(name)
        } else {
            None
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name) => write!(f, "'{name}'"),
            #[cfg(feature = "http")]
            Self::Endpoint(name) => write!(f, "'{name}'"),
            Self::Ingestor(name) => write!(f, "ingestor '{name}'"),
        }
    }
}

/// How often failed deliveries to a recipient are tried again, and what becomes of them then.
#[derive(Debug)]
pub(super) struct DeliveryPolicy {
    pub(super) recipient: Recipient,
    pub(super) retries: u32,
    pub(super) on_failure: OnFailure,
    stats: Mutex<Arc<Stats>>,
    throttle: Mutex<Throttle>,
}

/// The failed tries of one delivery.
#[derive(Debug)]
pub(super) struct FailedTries {
    n: u32,
    backoff: Backoff,
}

impl Default for FailedTries {
    fn default() -> Self {
        Self {
            n: 0,
            backoff: Backoff::new(MAX_BACKOFF),
        }
    }
}

/// A try that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct FailedTry<'a> {
    pub(super) events: &'a [Event<'a>],
    pub(super) error: &'a str,
    /// The exit status of a program that ended by itself.
    pub(super) status: Option<i32>,
    /// The end of what a program wrote to stderr.
    pub(super) stderr: Option<&'a str>,
}

impl<'a> FailedTry<'a> {
    pub(super) fn new(events: &'a [Event<'a>], error: &'a str) -> Self {
        Self {
            events,
            error,
            status: None,
            stderr: None,
        }
    }
}

/// What became of events that are not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// They count as accepted.
    Accepted,
    /// The run is to end with an error.
    Stops,
}

impl DeliveryPolicy {
    pub(super) fn new(recipient: Recipient, retries: u32, on_failure: OnFailure) -> Self {
        Self {
            recipient,
            retries,
            on_failure,
            stats: Mutex::default(),
            throttle: Mutex::new(Throttle::new()),
        }
    }

    /// Counts into these stats from now on.
    pub(super) fn set_stats(&self, stats: &Arc<Stats>) {
        locked(&self.stats).clone_from(stats);
    }

    /// Counts a failed try that is no event's fault.
    #[cfg(feature = "http")]
    pub(super) fn count_failure(&self) {
        locked(&self.stats).add_delivery_failures(1);
    }

    /// Counts a failed try, and returns the wait before the next; `None` when there is to be none.
    pub(super) fn next_wait(&self, tries: &mut FailedTries, may_pass: bool) -> Option<Duration> {
        locked(&self.stats).add_delivery_failures(1);
        tries.n = tries.n.saturating_add(1);
        (may_pass && tries.n <= self.retries).then(|| tries.backoff.next_wait())
    }

    /// Logs that the events are tried again.
    pub(super) fn log_retry(&self, failed: FailedTry<'_>, wait: Duration) {
        self.log(failed, || format!("trying again {}", after(wait)));
    }

    /// Does with the events what is to be done once no try is left.
    pub(super) async fn give_up(
        &self,
        failed: FailedTry<'_>,
        tries: &FailedTries,
    ) -> Result<GivenUp, MemberError> {
        match &self.on_failure {
            OnFailure::Stop => return Ok(GivenUp::Stops),
            OnFailure::Skip => self.skip(failed),
            OnFailure::DeadLetter(file) => {
                for event in failed.events {
                    let letter = DeadLetter {
                        event: event.line(),
                        error: failed.error,
                        status: failed.status,
                        stderr: failed.stderr,
                        tries: tries.n,
                    };
                    file.append(letter).await?;
                }
                locked(&self.stats).add_given_up(failed.events.len() as u64);
                let path = file.path().display();
                self.log(failed, || format!("it is kept in '{path}'"));
            }
        }
        Ok(GivenUp::Accepted)
    }

    /// Leaves the events out.
    pub(super) fn skip(&self, failed: FailedTry<'_>) {
        locked(&self.stats).add_given_up(failed.events.len() as u64);
        self.log(failed, || "it is skipped".to_owned());
    }

    fn log(&self, failed: FailedTry<'_>, what_follows: impl FnOnce() -> String) {
        let Some(left_out) = self.may_log() else {
            return;
        };
        let (recipient, error) = (&self.recipient, failed.error);
        let (program, ingestor) = (recipient.program(), recipient.ingestor());
        let (event, what_follows) = (name_of(failed.events), what_follows());
        let more = throttle::more(left_out);
        warn!(target: STATE, program, ingestor, event, error, left_out, "{recipient} failed on {event}: {error}; {what_follows}{more}");
    }

    /// Whether one more message about the recipient may be logged now; then how many were left out
    /// before it.
    pub(super) fn may_log(&self) -> Option<u64> {
        locked(&self.throttle).check()
    }
}

/// Events as messages name them: the address of the first one's record, or its account, and how
/// many follow.
pub(super) fn name_of(events: &[Event<'_>]) -> String {
    let Some(first) = events.first() else {
        return String::new();
    };
    let name = printable(&first.uri().unwrap_or_else(|| first.key().to_owned()));
    match events.len() - 1 {
        0 => name,
        n => format!("{name} and {n} more"),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
