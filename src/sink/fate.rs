//! Deliveries that fail on purpose: after the event was taken, and before it counts.
//!
//! That is what a crash in the wrong moment does, and it is rare. Whoever takes events can prove with this that they cope with
//! one that comes again.

use fastrand::Rng;

use super::{Ledger, Sink, SinkError};
use crate::{
    error::printable,
    event::{Batch, Event, FileMark, Place, Position},
};

/// What decides which deliveries fail. The same seed decides alike for the same events.
#[derive(Debug, Clone)]
pub struct Fate {
    probability: f64,
    random: Rng,
}

impl Fate {
    /// Each delivery fails with this probability, from 0 to 1.
    pub fn new(probability: f64, seed: u64) -> Self {
        Self {
            probability,
            random: Rng::with_seed(seed),
        }
    }

    /// Whether the next delivery fails.
    pub(super) fn strikes(&mut self) -> bool {
        self.random.f64() < self.probability
    }

    /// The fate of the next event alone, for as many deliveries of it as there will be.
    pub(super) fn of_next(&mut self) -> Self {
        Self {
            probability: self.probability,
            random: self.random.fork(),
        }
    }
}

/// An event as messages name it: its address, or its account.
pub(super) fn name_of(event: &Event<'_>) -> String {
    printable(&event.uri().unwrap_or_else(|| event.did().to_owned()))
}

/// A sink whose deliveries fail on purpose, if there is a fate. The failure ends the run, and the next one begins with that event.
#[derive(Debug)]
pub struct Fated<S> {
    sink: S,
    fate: Option<Fate>,
    /// Events that the sink has taken.
    taken: u64,
    /// Events for which it is decided that they do not fail.
    spared: u64,
}

impl<S> Fated<S> {
    /// Without a fate it is the sink itself.
    pub fn new(sink: S, fate: Option<Fate>) -> Self {
        Self {
            sink,
            fate,
            taken: 0,
            spared: 0,
        }
    }

    /// The sink itself.
    #[cfg(feature = "cli")]
    pub(crate) fn sink(&self) -> &S {
        &self.sink
    }

    /// Decides for the events of the batch, up to the first that fails: its number and its name.
    fn decide(&mut self, batch: &Batch) -> Option<(u64, String)> {
        let fate = self.fate.as_mut()?;
        let decided = usize::try_from(self.spared - self.taken).unwrap_or(usize::MAX);
        for event in batch.events().skip(decided) {
            self.spared += 1;
            if fate.strikes() {
                return Some((self.spared, name_of(&event)));
            }
        }
        None
    }
}

impl<S: Sink> Sink for Fated<S> {
    fn name(&self) -> String {
        self.sink.name()
    }

    async fn reached(&mut self, saved: Option<&Place>) -> Result<Option<Position>, SinkError> {
        self.sink.reached(saved).await
    }

    fn begin(&mut self, files: &[FileMark], ledger: &Ledger) -> Result<(), SinkError> {
        self.sink.begin(files, ledger)
    }

    async fn accept(&mut self, batch: &mut Batch, ledger: &Ledger) -> Result<(), SinkError> {
        let Some((number, event)) = self.decide(batch) else {
            let given = batch.len();
            self.sink.accept(batch, ledger).await?;
            self.taken += (given - batch.len()) as u64;
            return Ok(());
        };
        ledger.refuse_from(number);
        while self.taken < number && !batch.is_empty() {
            let given = batch.len();
            self.sink.accept(batch, ledger).await?;
            if batch.len() == given {
                return Ok(());
            }
            self.taken += (given - batch.len()) as u64;
        }
        Err(SinkError::Fate { event })
    }

    async fn checkpoint(&mut self) -> Result<(), SinkError> {
        self.sink.checkpoint().await
    }

    fn saved(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        self.sink.saved(ledger)
    }

    async fn finish(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        self.sink.finish(ledger).await
    }

    async fn abandon(&mut self) {
        self.sink.abandon().await;
    }

    async fn failed(&mut self) -> SinkError {
        self.sink.failed().await
    }
}
