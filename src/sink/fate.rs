//! Deliveries that fail on purpose: after the event was taken, and before it counts.
//!
//! That is what a crash in the wrong moment does, and it is rare. A program that takes events can prove
//! with this that they cope with one that comes again.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fastrand::Rng;

use super::{Sink, SinkContext};
use crate::{
    error::MemberError,
    event::{Batch, Event, FileMark, Place, Point, Position},
    log::printable,
};

/// A delivery that failed because it was to fail.
#[derive(Debug)]
struct FateError {
    /// The event, as its address or its account, where that is known.
    event: Option<String>,
}

impl fmt::Display for FateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.event {
            Some(event) => write!(f, "the delivery of {event} failed on purpose"),
            None => f.write_str("a delivery failed on purpose"),
        }
    }
}

impl std::error::Error for FateError {}

impl MemberError {
    /// Whether it was a [`Fate`] that had it fail.
    pub fn is_fated(&self) -> bool {
        self.downcast_ref::<FateError>().is_some()
    }
}

/// What decides which deliveries fail: those of a [pipeline](crate::Pipeline::fate), or in code of
/// your own.
///
/// The same seed decides alike for the same events. A clone is the same fate, and goes on where the
/// other one is: so a run that ended by it and is begun again does not meet the same end at the
/// same event for ever.
///
/// ```
/// use rocketman::{event::OwnedEvent, sink::{Fate, ingest::{Ingest, IngestError, Route}}};
///
/// let fate = Fate::new(0.001, 7);
/// let ingestor = move |_event: OwnedEvent| {
///     let fate = fate.clone();
///     async move {
///         // …store the event, and then:
///         fate.tempt()?;
///         Ok::<(), IngestError>(())
///     }
/// };
/// let ingest = Ingest::new().on("app.bsky.feed.post", Route::new(ingestor).retries(3));
/// ```
#[derive(Debug, Clone)]
pub struct Fate {
    probability: f64,
    random: Arc<Mutex<Rng>>,
}

impl Fate {
    /// Each delivery fails with this probability, from 0 to 1.
    pub fn new(probability: f64, seed: u64) -> Self {
        Self::of(probability, Rng::with_seed(seed))
    }

    fn of(probability: f64, random: Rng) -> Self {
        Self {
            probability,
            random: Arc::new(Mutex::new(random)),
        }
    }

    /// Whether the next delivery fails.
    pub fn strikes(&self) -> bool {
        self.random().f64() < self.probability
    }

    /// Fails if the next delivery is to fail. For an ingestor: after its work, and before it says
    /// that all is well.
    pub fn tempt(&self) -> Result<(), MemberError> {
        if self.strikes() {
            return Err(MemberError::other(FateError { event: None }));
        }
        Ok(())
    }

    /// The fate of the next event alone, for as many deliveries of it as there will be.
    pub(super) fn of_next(&self) -> Self {
        Self::of(self.probability, self.random().fork())
    }

    fn random(&self) -> MutexGuard<'_, Rng> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event as messages name it: its address, or its account.
pub(super) fn name_of(event: &Event<'_>) -> String {
    printable(&event.uri().unwrap_or_else(|| event.key().to_owned()))
}

/// A sink whose deliveries fail on purpose, if there is a fate.
#[derive(Debug)]
pub(crate) struct Fated<S> {
    sink: S,
    fate: Option<Fate>,
    /// Events that the sink has taken.
    taken: u64,
    /// Events for which it is decided that they do not fail.
    spared: u64,
    /// The event behind them fails.
    is_struck: bool,
}

impl<S> Fated<S> {
    /// Without a fate it is the sink itself.
    pub(crate) fn new(sink: S, fate: Option<Fate>) -> Self {
        Self {
            sink,
            fate,
            taken: 0,
            spared: 0,
            is_struck: false,
        }
    }
}

impl<S: Sink> Fated<S> {
    /// Decides for the events of the batch, up to the first that fails, and returns how many come
    /// before that.
    fn decide(&mut self, batch: &Batch) -> usize {
        let decided = usize::try_from(self.spared - self.taken).unwrap_or(usize::MAX);
        if !self.is_struck
            && let Some(fate) = &self.fate
        {
            let rest = batch.events().skip(decided);
            let n_spared = rest.take_while(|_| !fate.strikes()).count();
            self.is_struck = decided + n_spared < batch.len();
            self.spared += n_spared as u64;
            return decided + n_spared;
        }
        decided
    }

    /// Has the sink take events from the front of a batch, and only these.
    async fn take(
        &mut self,
        n: usize,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        let mut part = Batch::new();
        if let Some(origin) = batch.origin() {
            part.set_origin(origin);
        }
        for event in batch.events().take(n) {
            part.push_event(&event);
        }
        self.sink.accept(&mut part, context).await?;
        let taken = n - part.len();
        self.taken += taken as u64;
        batch.take(taken);
        Ok(())
    }
}

impl<S: Sink> Sink for Fated<S> {
    fn name(&self) -> String {
        self.sink.name()
    }

    fn at_once(&self) -> Option<NonZeroUsize> {
        self.sink.at_once()
    }

    async fn last_position(
        &mut self,
        saved: Option<&Place>,
    ) -> Result<Option<Position>, MemberError> {
        self.sink.last_position(saved).await
    }

    fn begin(&mut self, files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        self.sink.begin(files, context)
    }

    async fn recall(&mut self) -> Vec<Point> {
        self.sink.recall().await
    }

    /// Up to an event that fails, the sink takes what comes before it; only the next call is about
    /// that event, so that its place is noted as one where the sink has stopped.
    async fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        let n_before = self.decide(batch);
        if !self.is_struck {
            let given = batch.len();
            self.sink.accept(batch, context).await?;
            let taken = (given - batch.len()) as u64;
            self.taken += taken;
            self.spared = self.spared.max(self.taken);
            return Ok(());
        }
        if n_before > 0 {
            return self.take(n_before, batch, context).await;
        }
        let event = batch.events().next();
        let event = event.map(|event| name_of(&event));
        self.sink.checkpoint().await?;
        context.refuse_from(self.taken + 1);
        self.take(1, batch, context).await?;
        Err(MemberError::other(FateError { event }))
    }

    async fn checkpoint(&mut self) -> Result<(), MemberError> {
        self.sink.checkpoint().await
    }

    fn on_cursor_saved(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        self.sink.on_cursor_saved(context)
    }

    async fn finish(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        self.sink.finish(context).await
    }

    async fn abandon(&mut self) {
        self.sink.abandon().await;
    }

    async fn drive(&mut self) -> MemberError {
        self.sink.drive().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few events at a time, and accepts them at once.
    #[derive(Default)]
    struct Few(Vec<u64>);

    impl Sink for Few {
        fn name(&self) -> String {
            "few".to_owned()
        }

        async fn accept(
            &mut self,
            batch: &mut Batch,
            context: &SinkContext,
        ) -> Result<(), MemberError> {
            let n = batch.len().min(3);
            self.0
                .extend(batch.events().take(n).map(|event| event.time_us()));
            batch.take(n);
            context.accept(n as u64);
            Ok(())
        }
    }

    fn batch(times: std::ops::Range<u64>) -> Batch {
        let mut batch = Batch::new();
        for time_us in times {
            let line = format!(r#"{{"did":"did:plc:a","time_us":{time_us},"kind":"identity"}}"#);
            batch.push(line.as_bytes()).unwrap();
        }
        batch
    }

    #[tokio::test]
    async fn the_sink_takes_and_counts_all_before_the_event_that_fails() {
        let mut places = Vec::new();
        for seed in 0..200 {
            let context = SinkContext::default();
            let mut sink = Fated::new(Few::default(), Some(Fate::new(0.1, seed)));
            let struck = 'run: {
                for n in 0..50 {
                    let mut batch = batch(n * 7..n * 7 + 7);
                    while !batch.is_empty() {
                        if let Err(error) = sink.accept(&mut batch, &context).await {
                            assert!(error.downcast_ref::<FateError>().is_some());
                            break 'run batch.events().next().map_or(n * 7 + 7, |e| e.time_us());
                        }
                    }
                }
                panic!("350 deliveries at one in ten, and none failed");
            };
            assert_eq!(sink.sink.0, (0..struck).collect::<Vec<_>>());
            assert_eq!(context.accepted(), struck - 1);
            context.accept(1000);
            assert_eq!(context.accepted(), struck - 1);
            places.push(struck);
        }
        places.sort_unstable();
        // The median of a geometric distribution with a mean of 10.
        assert!((4..=12).contains(&places[100]), "{places:?}");
    }

    #[tokio::test]
    async fn without_a_fate_it_is_the_sink_itself() {
        let context = SinkContext::default();
        let mut sink = Fated::new(Few::default(), None);
        let mut batch = batch(0..7);
        while !batch.is_empty() {
            sink.accept(&mut batch, &context).await.unwrap();
        }
        assert_eq!((sink.sink.0.len(), context.accepted()), (7, 7));
    }
}
