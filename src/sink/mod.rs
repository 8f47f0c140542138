//! Where events go.

mod dead_letter;
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

use std::{io, num::NonZeroUsize, path::PathBuf, time::Duration};

#[cfg(feature = "cli")]
pub(crate) use self::exec::name_in;
pub use self::{
    dead_letter::{DeadLetter, DeadLetterFile},
    exec::{ExecMode, ExecSettings, ExecSink, OnExecError},
    fate::{Fate, Fated},
    file::{
        Checkpoint, Compression, FileSettings, FileSink, Pattern, PatternError, Reopen, Rotation,
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

/// Why a sink takes no more.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The reader of stdout went away. That is an end, not a failure.
    #[error("stdout was closed by its reader")]
    Closed,
    /// The file system, or whatever is behind stdout, refused.
    #[error("cannot {action} {target}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The sink.
        target: String,
        /// The refusal.
        #[source]
        source: std::io::Error,
    },
    /// The file system refused something with an output file.
    #[error("cannot {action} file '{}'", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: std::io::Error,
    },
    /// Somebody removed a file that is written to.
    #[error("output file '{}' was removed while it was written to", .0.display())]
    Gone(PathBuf),
    /// The pattern of output files made the name of another file of the same run.
    #[error("output file '{}' is used for something else by this run", .0.display())]
    Reserved(PathBuf),
    /// Another process writes to a file.
    #[error("output file '{}' is written to by another process", .0.display())]
    InUse(PathBuf),
    /// A file is complete, and another one has its name.
    #[error("'{}' is complete and cannot be called '{}': there is such a file", partial.display(), name.display())]
    NameTaken {
        /// The complete file.
        partial: PathBuf,
        /// What it was to be called.
        name: PathBuf,
    },
    /// The path is that of a device or a named pipe, which can be neither made durable nor cut back.
    #[error("output file '{}' is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// A file is not what the saved cursor counts on.
    #[error("output file '{}' {why}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is different.
        why: &'static str,
    },
    /// A program could not be started.
    #[error("cannot start '{program}'")]
    Start {
        /// The program.
        program: String,
        /// The refusal.
        #[source]
        source: std::io::Error,
    },
    /// A program failed on an event.
    #[error("'{program}' failed on {event}: {why}")]
    Program {
        /// The program.
        program: String,
        /// The event, as its address or its account.
        event: String,
        /// What went wrong.
        why: String,
    },
    /// A program that lives on has printed a line more than it was given events.
    #[error("'{0}' answered more events than it was given")]
    Surplus(String),
    /// A delivery failed because it was to fail.
    #[error("the delivery of {event} failed on purpose")]
    Fate {
        /// The event, as its address or its account.
        event: String,
    },
    /// NATS.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] crate::nats::NatsError),
    /// An ingestor failed on an event, or several.
    #[error("ingestor '{name}' failed on {event}")]
    Ingestor {
        /// What it is for.
        name: String,
        /// The event, as its address or its account.
        event: String,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stream of NATS.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Stream(#[from] nats::StreamError),
    /// A sink of your own failed.
    #[error("{0}")]
    Other(
        String,
        #[source] Option<Box<dyn std::error::Error + Send + Sync>>,
    ),
}

impl SinkError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Changed { path, .. } => Some(format!(
                "the cursor file counts on '{}' as it was: put it back, or start over with another --output and --cursor-file",
                path.display()
            )),
            Self::NotAFile(_) => Some("leave --output away and redirect stdout to it".to_owned()),
            Self::Ingestor { .. } => Some(
                "the event counts as not delivered; with a cursor the next run begins with it"
                    .to_owned(),
            ),
            Self::Program { .. } => Some(
                "the event counts as not delivered; with --cursor-file the next run begins with it"
                    .to_owned(),
            ),
            Self::Surplus(_) => Some(
                "in stream mode a program prints exactly one line for each event; send all other words to stderr"
                    .to_owned(),
            ),
            Self::Fate { .. } => Some(
                "that is what --fate is for: with --cursor-file the next run begins at or before that event"
                    .to_owned(),
            ),
            Self::Start { .. } => Some(
                "give --exec a program on your PATH, or the path of one that may be executed"
                    .to_owned(),
            ),
            #[cfg(feature = "nats")]
            Self::Nats(error) => error.hint(),
            Self::File { source, .. } => hint_about_file(source.kind()).map(str::to_owned),
            Self::Gone(_) => Some("the cursor stays before what was lost with it; to go on from there all the same, forget the file: rocketman cursor rewind --forget-files".to_owned()),
            Self::Reserved(_) => Some("give the files of --output names that no other file of the command line can have".to_owned()),
            Self::InUse(_) => Some("give each process an --output of its own; several may append to one file through their shell: >> FILE".to_owned()),
            Self::NameTaken { .. } => Some("move that file away and start again: nothing is lost".to_owned()),
            #[cfg(feature = "nats")]
            Self::Stream(error) => error.hint(),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => {
                Some("raise the limit on file sizes: ulimit -f, LimitFSIZE= of a unit".to_owned())
            }
            Self::Closed | Self::Io { .. } | Self::Other(..) => None,
        }
    }
}

fn hint_about_file(refusal: io::ErrorKind) -> Option<&'static str> {
    match refusal {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(
            "make room and start it again: with --cursor-file it goes on behind what is on the disk; --on-disk-full wait waits for room instead",
        ),
        io::ErrorKind::FileTooLarge => Some(
            "raise the limit on file sizes (ulimit -f, LimitFSIZE= of a unit), or stay below it with --rotate-size: with --cursor-file it goes on behind what is in the file",
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("give --output a place that this user may write to")
        }
        io::ErrorKind::NotFound => Some("make the folder of --output, or put it back"),
        _ => None,
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
