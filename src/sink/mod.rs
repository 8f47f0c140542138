//! Where events go.

mod context;
mod dead_letter;
mod delivery;
mod error;
mod exec;
mod fate;
mod file;
mod format;
mod forward;
#[cfg(feature = "http")]
pub mod http;
pub mod ingest;
mod lanes;
mod ledger;
#[cfg(feature = "nats")]
pub mod nats;
mod note;
mod stdout;
mod terminal;
mod writer;

#[cfg(fuzzing)]
pub(crate) use self::format::formatted;
use std::{num::NonZeroUsize, time::Duration};

#[cfg(any(feature = "http", test))]
pub(crate) use self::note::Note;
pub(crate) use self::{
    context::CursorMode, dead_letter::DeadLetter, error::OutputError, exec::ExecError, fate::Fated,
    file::FileError,
};
pub use self::{
    context::SinkContext,
    dead_letter::DeadLetterFile,
    delivery::OnFailure,
    exec::{ExecSettings, ExecSink},
    fate::Fate,
    file::{FileSettings, FileSink, Pattern},
    format::LineFormat,
    stdout::StdoutSink,
};
use crate::{
    error::MemberError,
    event::{Batch, FileMark, Place, Point, Position},
};

/// How far back an output knows at the start what is in it. A server that was killed gives new
/// times to what it reads again, up to 33 seconds later when it was tried.
const RECALL: Duration = Duration::from_secs(60);

/// Takes events, in order, and says in a [`SinkContext`] which of them it has accepted.
///
/// What *accepted* means is the sink's promise: from then on the event is its business, and after a
/// crash it is not delivered again. A position is saved only when every kept event up to it is
/// accepted, so a sink must accept late rather than early.
///
/// A pipeline takes a sink by value, in a box, or lent as `&mut`: then it is there again after the
/// run.
pub trait Sink: Send {
    /// What it is, for messages: `stdout` or `file 'x'`.
    fn name(&self) -> String;

    /// Where the events that it holds already come to, for a sink that knows. Called once, before
    /// anything else; `saved` is what the cursor store has. The run goes on from there if it is
    /// further along the same stream.
    ///
    /// Cancel safety: dropped when a stop is asked for meanwhile; the sink is then not used.
    fn last_position(
        &mut self,
        _saved: Option<&Place>,
    ) -> impl Future<Output = Result<Option<Position>, MemberError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Gets ready. Called once, before the first batch. `files` is what the saved cursor counts,
    /// and empty without one: a sink that writes files cuts them back to that, and notes in the
    /// context how long they now are.
    fn begin(&mut self, _files: &[FileMark], _context: &SinkContext) -> Result<(), MemberError> {
        Ok(())
    }

    /// How many events it works on at the same time, where each takes its time: one more would only
    /// wait. `None` where it takes whatever is ready. A source that others read too yields no more
    /// than that, less what the sink says to [work on](SinkContext::set_at_work).
    fn at_once(&self) -> Option<NonZeroUsize> {
        None
    }

    /// The places of the events that it holds and the cursor counts, of the last minute of the
    /// stream, as far as it can tell: a source knows them then when they come again. Called at most
    /// once, after `begin`, where the run goes on from a place that was reached.
    ///
    /// Cancel safety: dropped when a stop is asked for meanwhile; the sink is then not used.
    fn recall(&mut self) -> impl Future<Output = Vec<Point>> + Send {
        std::future::ready(Vec::new())
    }

    /// Takes events from the front of the batch (see [`Batch::take`]): at least one, and all if
    /// that is quickly done.
    ///
    /// Waits when it has no room; that is what slows the source down. The pipeline calls again for
    /// the events that were left, or stops in between. Acceptance may come later, in the order of
    /// the events. A wait that depends on others ends early once [`SinkContext::stopped`] does.
    fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> impl Future<Output = Result<(), MemberError>> + Send;

    /// Starts to make durable what was taken. Called at the cursor's pace; it need not wait for the
    /// outcome.
    fn checkpoint(&mut self) -> impl Future<Output = Result<(), MemberError>> + Send {
        std::future::ready(Ok(()))
    }

    /// The cursor was saved; what it says of files is in the context (see
    /// [`SinkContext::is_saved`]). Called at any time while the sink is not busy, and once after
    /// `finish`.
    fn on_cursor_saved(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        Ok(())
    }

    /// Makes all that was taken accepted, as far as can be. Nothing but `on_cursor_saved` is called
    /// afterwards.
    fn finish(
        &mut self,
        _context: &SinkContext,
    ) -> impl Future<Output = Result<(), MemberError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Ends at once what is still under way: [`Sink::accept`] or [`Sink::finish`] took longer than
    /// there is patience for, and was dropped. Nothing but `on_cursor_saved` is called afterwards.
    fn abandon(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Resolves when the sink fails while nothing is given to it. Awaited while the source is
    /// quiet.
    ///
    /// A sink with work of its own can have it go on here. Cancel safety: dropped and asked again
    /// at any time.
    fn drive(&mut self) -> impl Future<Output = MemberError> + Send {
        std::future::pending()
    }
}
