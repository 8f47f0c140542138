//! Events and their ingestor: tries, waits, warnings, and what becomes of events that are not taken.

use std::{
    future::poll_fn,
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::ReusableBoxFuture;
use tracing::warn;

use super::{IngestError, IngestorFailed};
use crate::{
    backoff::Backoff,
    event::Event,
    log::{STATE, printable},
    sink::{DeadLetter, DeadLetterFile, SinkError},
    throttle::Throttle,
};

/// Retries of an ingestor of which nothing else is said. They take about a second: what is a hiccup passes, and what is not is told soon.
const RETRIES: u32 = 3;

/// The longest wait between two tries: that of connections.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// An ingestor that takes longer than this is named. The design's number: ten a second are far fewer than the stream has.
const SLOW: Duration = Duration::from_millis(100);

/// The future of an ingestor at work, in memory that the next one takes over.
pub(super) type Work<'a> = ReusableBoxFuture<'a, Result<(), IngestError>>;

/// How an ingestor is dealt with when it fails or is slow.
#[derive(Debug)]
pub(super) struct Terms {
    /// What it is called in messages.
    pub(super) name: String,
    pub(super) retries: u32,
    pub(super) then: Then,
    pub(super) slow_after: Duration,
    /// The pace of what is said of it.
    pace: Mutex<Throttle>,
}

/// What becomes of events that cannot be ingested.
#[derive(Debug)]
pub(super) enum Then {
    Stop,
    Skip,
    DeadLetter(DeadLetterFile),
}

impl Terms {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            retries: RETRIES,
            then: Then::Stop,
            slow_after: SLOW,
            pace: Mutex::new(Throttle::new()),
        }
    }

    /// Has events ingested, whatever that takes, and returns when that was done. `begin` begins it, once for each try, in the place
    /// of what was done before; `now` is the present.
    ///
    /// Cancel safety: dropped, they may have been ingested or not, and do not count as accepted.
    pub(super) async fn deliver<'w>(
        &self,
        events: &[Event<'_>],
        begin: impl Fn(&mut Option<Work<'w>>) + Send + Sync,
        work: &mut Option<Work<'w>>,
        now: Instant,
    ) -> Result<Instant, SinkError> {
        begin(work);
        let (mut result, mut now) = self.attempt(events, work, now).await;
        let mut backoff = None;
        while let Err(error) = result {
            let backoff = backoff.get_or_insert_with(|| Backoff::new(MAX_BACKOFF));
            if error.is_lasting() || backoff.tries() >= self.retries {
                self.give_up(events, error, backoff.tries().saturating_add(1))
                    .await?;
                return Ok(Instant::now());
            }
            let wait = backoff.next_wait();
            let plan = format!("trying again in {:.1} s", wait.as_secs_f64());
            self.tell(events, &error, &plan);
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
        let mut was_told = false;
        // Most are done without a wait, and need no timer.
        let result = match poll_fn(|context| Poll::Ready(work.poll(context))).await {
            Poll::Ready(result) => result,
            Poll::Pending => match began.checked_add(self.slow_after) {
                None => work.await,
                Some(deadline) => match timeout_at(deadline, &mut *work).await {
                    Ok(result) => result,
                    Err(_elapsed) => {
                        self.tell_slow(events, began.elapsed());
                        was_told = true;
                        work.await
                    }
                },
            },
        };
        let now = Instant::now();
        let took = now - began;
        if took > self.slow_after && !was_told {
            self.tell_slow(events, took);
        }
        (result, now)
    }

    /// Does what is to be done with events that cannot be ingested.
    async fn give_up(
        &self,
        events: &[Event<'_>],
        error: IngestError,
        tries: u32,
    ) -> Result<(), SinkError> {
        match &self.then {
            Then::DeadLetter(file) => {
                for event in events {
                    let letter = DeadLetter {
                        event: event.line(),
                        error: &error.told(),
                        status: None,
                        stderr: None,
                        tries,
                    };
                    file.append(letter).await?;
                }
                self.tell(events, &error, "it is in the dead-letter file");
            }
            Then::Stop if !error.is_unfit() => {
                return Err(SinkError::other(IngestorFailed {
                    name: self.name.clone(),
                    event: address(events),
                    source: error.into_cause(),
                }));
            }
            Then::Skip | Then::Stop => self.tell(events, &error, "it is left out"),
        }
        Ok(())
    }

    fn tell(&self, events: &[Event<'_>], error: &IngestError, what: &str) {
        let Some(left_out) = self.may_tell() else {
            return;
        };
        let (ingestor, event, error, more) =
            (&self.name, address(events), error.told(), more(left_out));
        warn!(target: STATE, ingestor, event, error, left_out, "ingestor '{ingestor}' failed on {event}: {error}; {what}{more}");
    }

    fn tell_slow(&self, events: &[Event<'_>], took: Duration) {
        let Some(left_out) = self.may_tell() else {
            return;
        };
        let (ingestor, event, more) = (&self.name, address(events), more(left_out));
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        warn!(target: STATE, ingestor, event, millis, left_out, "ingestor '{ingestor}' is slow: {millis} ms so far for {event}{more}");
    }

    /// Whether something may be said of it now; then how many were left out.
    fn may_tell(&self) -> Option<u64> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.allow()
    }
}

/// Events in a message: the address of the record, or the account, and how many follow it.
fn address(events: &[Event<'_>]) -> String {
    let Some(first) = events.first() else {
        return String::new();
    };
    let first_name = printable(&first.uri().unwrap_or_else(|| first.did().to_owned()));
    match events.len() - 1 {
        0 => first_name,
        n => format!("{first_name} and {n} more"),
    }
}

fn more(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        n => format!(" (and {n} times more since the last such line)"),
    }
}
