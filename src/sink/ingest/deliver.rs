//! Events and their ingestor: one try after the other, what follows from the last, and a word when
//! it is slow.

use std::{future::poll_fn, task::Poll, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::ReusableBoxFuture;
use tracing::warn;

use super::{IngestError, error::IngestorFailed};
use crate::{
    error::MemberError,
    event::Event,
    log::STATE,
    log::throttle,
    sink::{
        OnFailure,
        delivery::{DeliveryPolicy, FailedTries, FailedTry, GivenUp, Recipient, name_of},
    },
};

/// Retries of an ingestor of which nothing else is said. They take about a second: what is a hiccup
/// passes, and what is not is soon known.
const DEFAULT_RETRIES: u32 = 3;

/// An ingestor that takes longer than this is named. The design's number: ten a second are far
/// fewer than the stream has.
const DEFAULT_SLOW_AFTER: Duration = Duration::from_millis(100);

/// The future of an ingestor at work, in memory that the next one takes over.
pub(super) type Work<'a> = ReusableBoxFuture<'a, Result<(), IngestError>>;

/// How an ingestor is dealt with when it fails or is slow.
#[derive(Debug)]
pub(super) struct IngestPolicy {
    pub(super) delivery: DeliveryPolicy,
    pub(super) slow_after: Duration,
}

/// Events that are not tried again.
#[derive(Debug)]
pub(super) struct Failed {
    error: IngestError,
    tries: FailedTries,
}

impl Failed {
    /// Whether the last try met something that the next would meet too.
    pub(super) fn is_lasting(&self) -> bool {
        self.error.is_lasting()
    }
}

impl IngestPolicy {
    pub(super) fn new(name: &str) -> Self {
        let recipient = Recipient::Ingestor(name.to_owned());
        Self {
            delivery: DeliveryPolicy::new(recipient, DEFAULT_RETRIES, OnFailure::Stop),
            slow_after: DEFAULT_SLOW_AFTER,
        }
    }

    /// Has events ingested, whatever that takes, and returns when that was done. `begin` begins it,
    /// once for each try, in the place of what was done before; `now` is the present.
    ///
    /// Cancel safety: dropped, they may have been ingested or not, and do not count as accepted.
    pub(super) async fn deliver<'w>(
        &self,
        events: &[Event<'_>],
        begin: impl Fn(&mut Option<Work<'w>>) + Send + Sync,
        work: &mut Option<Work<'w>>,
        now: Instant,
    ) -> Result<Instant, MemberError> {
        match self.attempt_all(events, begin, work, now, true).await {
            Ok(done) => Ok(done),
            Err(failed) => {
                self.give_up(events, failed).await?;
                Ok(Instant::now())
            }
        }
    }

    /// Tries until it is done, or no try is left; only once unless it `may_retry`.
    pub(super) async fn attempt_all<'w>(
        &self,
        events: &[Event<'_>],
        begin: impl Fn(&mut Option<Work<'w>>) + Send + Sync,
        work: &mut Option<Work<'w>>,
        now: Instant,
        may_retry: bool,
    ) -> Result<Instant, Failed> {
        begin(work);
        let (mut result, mut now) = self.attempt(events, work, now).await;
        let mut tries = None;
        while let Err(error) = result {
            let mut failed_tries: FailedTries = tries.take().unwrap_or_default();
            let may_pass = may_retry && !error.is_lasting();
            let Some(wait) = self.delivery.next_wait(&mut failed_tries, may_pass) else {
                return Err(Failed {
                    error,
                    tries: failed_tries,
                });
            };
            tries = Some(failed_tries);
            let text = error.text();
            self.delivery.log_retry(FailedTry::new(events, &text), wait);
            sleep(wait).await;
            begin(work);
            (result, now) = self.attempt(events, work, Instant::now()).await;
        }
        Ok(now)
    }

    /// One try that has begun, and when it ended.
    async fn attempt(
        &self,
        events: &[Event<'_>],
        work: &mut Option<Work<'_>>,
        began: Instant,
    ) -> (Result<(), IngestError>, Instant) {
        let work = work.as_mut().expect("it was begun");
        let mut was_named = false;
        // Most are done without a wait, and need no timer.
        let result = match poll_fn(|context| Poll::Ready(work.poll(context))).await {
            Poll::Ready(result) => result,
            Poll::Pending => match began.checked_add(self.slow_after) {
                None => work.await,
                Some(deadline) => match timeout_at(deadline, &mut *work).await {
                    Ok(result) => result,
                    Err(_elapsed) => {
                        self.log_slow(events, began.elapsed());
                        was_named = true;
                        work.await
                    }
                },
            },
        };
        let now = Instant::now();
        let took = now - began;
        if took > self.slow_after && !was_named {
            self.log_slow(events, took);
        }
        (result, now)
    }

    /// Whether such a failure ends the run. What a stranger wrote does not.
    pub(super) fn stops_at(&self, failed: &Failed) -> bool {
        matches!(self.delivery.on_failure, OnFailure::Stop) && !failed.error.is_unfit()
    }

    /// Does what is to be done with events that cannot be ingested.
    pub(super) async fn give_up(
        &self,
        events: &[Event<'_>],
        failed: Failed,
    ) -> Result<(), MemberError> {
        let text = failed.error.text();
        let failed_try = FailedTry::new(events, &text);
        match self.delivery.give_up(failed_try, &failed.tries).await? {
            GivenUp::Accepted => Ok(()),
            GivenUp::Stops if failed.error.is_unfit() => {
                self.delivery.skip(failed_try);
                Ok(())
            }
            GivenUp::Stops => Err(MemberError::other(IngestorFailed {
                name: self.delivery.recipient.name().to_owned(),
                event: name_of(events),
                source: failed.error.into_cause(),
            })),
        }
    }

    fn log_slow(&self, events: &[Event<'_>], took: Duration) {
        let Some(left_out) = self.delivery.may_log() else {
            return;
        };
        let (ingestor, event) = (self.delivery.recipient.name(), name_of(events));
        let more = throttle::more(left_out);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        warn!(target: STATE, ingestor, event, millis, left_out, "ingestor '{ingestor}' is slow: {millis} ms so far for {event}{more}");
    }
}
