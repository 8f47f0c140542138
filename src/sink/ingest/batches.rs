//! Many events at once, accepted together.

use std::{fmt, panic::resume_unwind, sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    IngestError,
    deliver::{IngestPolicy, Work},
};
use crate::{
    error::MemberError,
    event::{Batch, Event, FileMark, OwnedEvent},
    sink::{DeadLetterFile, OnFailure, Sink, SinkContext},
};

/// Events given at once, at most, where nothing else is said: enough that the cost of a transaction
/// is spread thin.
const DEFAULT_MAX_EVENTS: usize = 1000;

/// How long the first of them waits for others where nothing else is said: nothing beside a disk's
/// own pace, and far below the cursor's.
const DEFAULT_WAIT: Duration = Duration::from_millis(100);

/// Bytes of events given at once, at most; a single one may be larger.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Does something with many events at once, for example in one transaction. Given to [`Batches`].
///
/// `Ok` means that all of them are done with for good, as for an [`Ingestor`](super::Ingestor). The
/// slice is never empty, its events are in the stream's order, and the next slice comes when this
/// one is done.
///
/// An error that is not to end the run is the fault of one event, or of a few. The slice is then
/// divided, and its halves are given once more, until each event at fault is alone: only those are
/// skipped or kept as dead letters. That is so for a record of another shape
/// ([`OwnedEvent::record`]), which never ends the run, and for any error with [`Batches::or_skip`]
/// and [`Batches::or_dead_letter`]. So `Err` should mean that nothing of the slice was done, or that it
/// may be done twice. Where records of another shape are usual, pass over them in your own code:
/// each costs some ten further calls.
///
/// What blocks, as a database's library that is not async does, belongs on a thread of its own
/// (`tokio::task::spawn_blocking`). `events.to_vec()` goes there with it: the copies share the
/// lines.
///
/// Cancel safety: as for an [`Ingestor`](super::Ingestor); all the slice's events come again with
/// the next run.
///
/// ```
/// use rocketman::{event::OwnedEvent, sink::ingest::{BatchIngestor, Batches, IngestError}};
///
/// struct Store;
///
/// impl BatchIngestor for Store {
///     async fn ingest(&self, events: &[OwnedEvent]) -> Result<(), IngestError> {
///         // Begin a transaction …
///         for event in events {
///             println!("{} {}", event.collection(), event.rkey());
///         }
///         // … and commit it.
///         Ok(())
///     }
/// }
///
/// let sink = Batches::new(Store).at_most(500);
/// # drop(sink);
/// ```
pub trait BatchIngestor: Send + Sync {
    /// Does it.
    fn ingest(&self, events: &[OwnedEvent])
    -> impl Future<Output = Result<(), IngestError>> + Send;
}

/// A sink that gives events to a [`BatchIngestor`], many at once.
///
/// All events that the pipeline's filter keeps come, of whatever kind, in the stream's order. While
/// some are ingested the next are collected, and nothing beyond those is read.
pub struct Batches<I> {
    ingestor: Arc<I>,
    /// Not shared before the pipeline begins.
    policy: Arc<IngestPolicy>,
    at_most: usize,
    within: Duration,
    collected: Vec<OwnedEvent>,
    bytes: usize,
    /// When the collected ones have waited long enough for others.
    due: Instant,
    running: JoinSet<(u64, Result<(), MemberError>)>,
    context: SinkContext,
    has_failed: bool,
}

impl<I: BatchIngestor + 'static> Batches<I> {
    /// To this ingestor: up to 1,000 events at once, as soon as the first of them is 100 ms old. A
    /// failure is tried again three times, with the same events, and then ends the run.
    pub fn new(ingestor: I) -> Self {
        Self {
            ingestor: Arc::new(ingestor),
            policy: Arc::new(IngestPolicy::new("batches")),
            at_most: DEFAULT_MAX_EVENTS,
            within: DEFAULT_WAIT,
            collected: Vec::new(),
            bytes: 0,
            due: Instant::now(),
            running: JoinSet::new(),
            context: SinkContext::default(),
            has_failed: false,
        }
    }

    /// Gives at most this many events at once; at least one.
    #[must_use]
    pub fn at_most(mut self, events: usize) -> Self {
        self.at_most = events.max(1);
        self
    }

    /// Lets the first of some events wait at most this long for others.
    #[must_use]
    pub fn within(mut self, wait: Duration) -> Self {
        self.within = wait;
        self
    }

    /// As [`Route::retries`](super::Route::retries), with all of the events.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.policy().delivery.retries = retries;
        self
    }

    /// As [`Route::or_stop`](super::Route::or_stop): the cursor stays before the first of the
    /// events. This is the default.
    #[must_use]
    pub fn or_stop(mut self) -> Self {
        self.policy().delivery.on_failure = OnFailure::Stop;
        self
    }

    /// As [`Route::or_skip`](super::Route::or_skip), only the events at fault (see
    /// [`BatchIngestor`]).
    #[must_use]
    pub fn or_skip(mut self) -> Self {
        self.policy().delivery.on_failure = OnFailure::Skip;
        self
    }

    /// As [`Route::or_dead_letter`](super::Route::or_dead_letter), only the events at fault (see
    /// [`BatchIngestor`]).
    #[must_use]
    pub fn or_dead_letter(mut self, file: DeadLetterFile) -> Self {
        self.policy().delivery.on_failure = OnFailure::DeadLetter(file);
        self
    }

    /// As [`Route::slow_after`](super::Route::slow_after).
    #[must_use]
    pub fn slow_after(mut self, slow_after: Duration) -> Self {
        self.policy().slow_after = slow_after;
        self
    }

    fn policy(&mut self) -> &mut IngestPolicy {
        Arc::get_mut(&mut self.policy).expect("it is shared only once events come")
    }

    fn is_full(&self) -> bool {
        self.collected.len() >= self.at_most || self.bytes >= MAX_BATCH_BYTES
    }

    fn collect(&mut self, event: Event<'_>) {
        if self.collected.is_empty() {
            let now = Instant::now();
            self.due = now.checked_add(self.within).unwrap_or(now);
        }
        self.bytes += event.line().len();
        self.collected.push(event.into_owned());
    }

    /// Has what is collected ingested if nothing is at the moment.
    fn begin_next(&mut self) {
        if self.has_failed || self.collected.is_empty() || !self.running.is_empty() {
            return;
        }
        let collected = std::mem::take(&mut self.collected);
        self.bytes = 0;
        let (ingestor, policy) = (Arc::clone(&self.ingestor), Arc::clone(&self.policy));
        self.running.spawn(async move {
            let done = deliver(&*ingestor, &policy, &collected).await;
            (collected.len() as u64, done)
        });
    }

    /// Waits for the events that are being ingested; `false` when there are none.
    ///
    /// Cancel safety: nothing is lost.
    async fn next_done(&mut self) -> Result<bool, MemberError> {
        match self.running.join_next().await {
            Some(done) => self.note(done).map(|()| true),
            None => Ok(false),
        }
    }

    fn note(
        &mut self,
        done: Result<(u64, Result<(), MemberError>), JoinError>,
    ) -> Result<(), MemberError> {
        let (n_events, result) = done.unwrap_or_else(|error| match error.try_into_panic() {
            // What an ingestor's panic means is the user's choice.
            Ok(panic) => resume_unwind(panic),
            Err(_cancelled) => unreachable!("its tasks end before the set does"),
        });
        self.has_failed |= result.is_err();
        result?;
        self.context.accept(n_events);
        if self.is_full() || Instant::now() >= self.due {
            self.begin_next();
        }
        Ok(())
    }
}

/// Has events ingested together; where that fails for good and is not to end the run, half of them,
/// and so on down to the events at fault.
async fn deliver(
    ingestor: &impl BatchIngestor,
    policy: &IngestPolicy,
    events: &[OwnedEvent],
) -> Result<(), MemberError> {
    // The slices that are to be ingested, the next one last, and whether each may be tried more
    // than once.
    let mut slices = vec![(events, true)];
    while let Some((slice, may_retry)) = slices.pop() {
        let begin = |work: &mut _| *work = Some(Work::new(ingestor.ingest(slice)));
        let now = Instant::now();
        let mut work = None;
        let named: Vec<_> = slice.iter().map(OwnedEvent::event).collect();
        let tried = policy.attempt_all(&named, begin, &mut work, now, may_retry);
        let Err(failed) = tried.await else {
            continue;
        };
        if slice.len() == 1 || policy.stops_at(&failed) {
            policy.give_up(&named, failed).await?;
            continue;
        }
        // What may pass was waited for already.
        let may_retry = may_retry && failed.is_lasting();
        let (first, second) = slice.split_at(slice.len() / 2);
        slices.extend([(second, may_retry), (first, may_retry)]);
    }
    Ok(())
}

impl<I: BatchIngestor + 'static> Sink for Batches<I> {
    fn name(&self) -> String {
        "batches".to_owned()
    }

    fn begin(&mut self, _files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        self.policy.delivery.set_stats(context.stats());
        self.context = context.clone();
        Ok(())
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        _context: &SinkContext,
    ) -> Result<(), MemberError> {
        if let Some(done) = self.running.try_join_next() {
            self.note(done)?;
        }
        while self.is_full() {
            // Full, and not begun: others are being ingested.
            self.next_done().await?;
        }
        let mut taken = 0;
        for event in batch.events() {
            if self.is_full() {
                break;
            }
            self.collect(event);
            taken += 1;
        }
        batch.take(taken);
        if self.is_full() || Instant::now() >= self.due {
            self.begin_next();
        }
        Ok(())
    }

    /// The cursor's pace bounds the wait for others too.
    async fn checkpoint(&mut self) -> Result<(), MemberError> {
        self.begin_next();
        Ok(())
    }

    async fn finish(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        loop {
            self.begin_next();
            if !self.next_done().await? {
                return Ok(());
            }
        }
    }

    async fn drive(&mut self) -> MemberError {
        loop {
            if !self.running.is_empty() {
                if let Err(error) = self.next_done().await {
                    return error;
                }
            } else if self.collected.is_empty() {
                return std::future::pending().await;
            } else {
                sleep_until(self.due).await;
                self.begin_next();
            }
        }
    }
}

impl<I> fmt::Debug for Batches<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches")
            .field("policy", &self.policy)
            .field("collected", &self.collected.len())
            .finish_non_exhaustive()
    }
}
