//! Where events go.

mod dead_letter;
mod error;
mod exec;
mod fate;
mod file;
pub mod ingest;
mod lanes;
mod ledger;
#[cfg(feature = "nats")]
pub mod nats;
mod stdout;
mod terminal;
mod writer;

use std::{num::NonZeroUsize, time::Duration};

#[cfg(feature = "cli")]
pub(crate) use self::exec::name_in;
pub use self::{
    dead_letter::{DeadLetter, DeadLetterFile},
    error::{Closed, OutputError, SinkError},
    exec::{ExecError, ExecMode, ExecSettings, ExecSink, OnExecError},
    fate::{Fate, FateError, Fated},
    file::{
        Checkpoint, Compression, FileError, FileSettings, FileSink, Pattern, PatternError, Reopen,
        Rotation,
    },
    ledger::{Keeping, Ledger},
    stdout::StdoutSink,
};
use crate::event::{Batch, FileMark, Place, Point, Position};

/// How far back an output knows at the start what is in it. A server that was killed gives new times to what it reads again, up to 33
/// seconds later when it was tried.
const RECALL: Duration = Duration::from_secs(60);

/// Takes events, in order, and says in a [`Ledger`] which of them it has accepted.
///
/// What *accepted* means is the sink's promise: from then on the event is its business, and after a crash it is not delivered again.
/// A position is saved only when every kept event up to it is accepted, so a sink must accept late rather than early.
pub trait Sink: Send {
    /// What it is, for messages: `stdout` or `file 'x'`.
    fn name(&self) -> String;

    /// Where the events that it holds already come to, for a sink that knows. Called once, before anything else; `saved` is what the
    /// cursor store has. The run goes on from there if it is further along the same stream.
    ///
    /// Cancel safety: dropped when a stop is asked for meanwhile; the sink is then not used.
    fn reached(
        &mut self,
        _saved: Option<&Place>,
    ) -> impl Future<Output = Result<Option<Position>, SinkError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Gets ready. Called once, before the first batch. `files` is what the saved cursor counts, and empty without one: a sink that
    /// writes files cuts them back to that, and notes in the ledger how long they now are.
    fn begin(&mut self, _files: &[FileMark], _ledger: &Ledger) -> Result<(), SinkError> {
        Ok(())
    }

    /// How many events it works on at the same time, where each takes its time: one more would only wait. `None` where it takes
    /// whatever is ready. A source that others read too yields no more than that, less what the sink says to
    /// [work on](Ledger::set_at_work).
    fn at_once(&self) -> Option<NonZeroUsize> {
        None
    }

    /// The places of the events that it holds and the cursor counts, of the last minute of the stream, as far as it can tell: a source
    /// knows them then when they come again. Called at most once, after `begin`, where the run goes on from a place that was reached.
    ///
    /// Cancel safety: dropped when a stop is asked for meanwhile; the sink is then not used.
    fn recall(&mut self) -> impl Future<Output = Vec<Point>> + Send {
        std::future::ready(Vec::new())
    }

    /// Takes events from the front of the batch (see [`Batch::take`]): at least one, and all if that is quickly done.
    ///
    /// Waits when it has no room; that is what slows the source down. The pipeline calls again for the events that were
    /// left, or stops in between. Acceptance may come later, in the order of the events. A wait that depends on others ends early
    /// once [`Ledger::stopped`] does.
    fn accept(
        &mut self,
        batch: &mut Batch,
        ledger: &Ledger,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Starts to make durable what was taken. Called at the cursor's pace; it need not wait for the outcome.
    fn checkpoint(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send {
        std::future::ready(Ok(()))
    }

    /// The cursor was saved; what it says of files is in the ledger (see [`Ledger::is_saved`]). Called at any time while the sink is not
    /// busy, and once after `finish`.
    fn saved(&mut self, _ledger: &Ledger) -> Result<(), SinkError> {
        Ok(())
    }

    /// Makes all that was taken accepted, as far as can be. Nothing but `saved` is called afterwards.
    fn finish(&mut self, _ledger: &Ledger) -> impl Future<Output = Result<(), SinkError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Ends at once what is still under way: [`Sink::accept`] or [`Sink::finish`] took longer than there is patience for, and was
    /// dropped. Nothing but `saved` is called afterwards.
    fn abandon(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Resolves when the sink fails while nothing is given to it. Awaited while the source is quiet.
    ///
    /// A sink with work of its own can have it go on here. Cancel safety: dropped and asked again at any time.
    fn failed(&mut self) -> impl Future<Output = SinkError> + Send {
        std::future::pending()
    }
}

/// The sinks of this crate, as one type.
#[derive(Debug)]
pub enum AnySink {
    /// Standard output.
    Stdout(StdoutSink),
    /// A file.
    File(FileSink),
    /// Programs.
    Exec(Box<ExecSink>),
    /// A stream of NATS JetStream.
    #[cfg(feature = "nats")]
    Nats(Box<nats::NatsSink>),
}

impl Sink for AnySink {
    fn name(&self) -> String {
        match self {
            Self::Stdout(sink) => sink.name(),
            Self::File(sink) => sink.name(),
            Self::Exec(sink) => sink.name(),
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.name(),
        }
    }

    fn at_once(&self) -> Option<NonZeroUsize> {
        match self {
            Self::Stdout(sink) => sink.at_once(),
            Self::File(sink) => sink.at_once(),
            Self::Exec(sink) => sink.at_once(),
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.at_once(),
        }
    }

    async fn reached(&mut self, saved: Option<&Place>) -> Result<Option<Position>, SinkError> {
        match self {
            Self::Stdout(sink) => sink.reached(saved).await,
            Self::File(sink) => sink.reached(saved).await,
            Self::Exec(sink) => sink.reached(saved).await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.reached(saved).await,
        }
    }

    fn begin(&mut self, files: &[FileMark], ledger: &Ledger) -> Result<(), SinkError> {
        match self {
            Self::Stdout(sink) => sink.begin(files, ledger),
            Self::File(sink) => sink.begin(files, ledger),
            Self::Exec(sink) => sink.begin(files, ledger),
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.begin(files, ledger),
        }
    }

    async fn recall(&mut self) -> Vec<Point> {
        match self {
            Self::Stdout(sink) => sink.recall().await,
            Self::File(sink) => sink.recall().await,
            Self::Exec(sink) => sink.recall().await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.recall().await,
        }
    }

    async fn accept(&mut self, batch: &mut Batch, ledger: &Ledger) -> Result<(), SinkError> {
        match self {
            Self::Stdout(sink) => sink.accept(batch, ledger).await,
            Self::File(sink) => sink.accept(batch, ledger).await,
            Self::Exec(sink) => sink.accept(batch, ledger).await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.accept(batch, ledger).await,
        }
    }

    async fn checkpoint(&mut self) -> Result<(), SinkError> {
        match self {
            Self::Stdout(sink) => sink.checkpoint().await,
            Self::File(sink) => sink.checkpoint().await,
            Self::Exec(sink) => sink.checkpoint().await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.checkpoint().await,
        }
    }

    fn saved(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        match self {
            Self::Stdout(sink) => sink.saved(ledger),
            Self::File(sink) => sink.saved(ledger),
            Self::Exec(sink) => sink.saved(ledger),
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.saved(ledger),
        }
    }

    async fn finish(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        match self {
            Self::Stdout(sink) => sink.finish(ledger).await,
            Self::File(sink) => sink.finish(ledger).await,
            Self::Exec(sink) => sink.finish(ledger).await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.finish(ledger).await,
        }
    }

    async fn abandon(&mut self) {
        match self {
            Self::Stdout(sink) => sink.abandon().await,
            Self::File(sink) => sink.abandon().await,
            Self::Exec(sink) => sink.abandon().await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.abandon().await,
        }
    }

    async fn failed(&mut self) -> SinkError {
        match self {
            Self::Stdout(sink) => sink.failed().await,
            Self::File(sink) => sink.failed().await,
            Self::Exec(sink) => sink.failed().await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.failed().await,
        }
    }
}
