//! The source, the sink and the cursor store of a run, whichever the command line named.

use std::{convert::Infallible, num::NonZeroUsize};

#[cfg(feature = "nats")]
use rocketman::{cursor::KvCursor, sink::nats::NatsSink, source::nats::NatsSource};
use rocketman::{
    cursor::{CursorError, CursorStore, FileCursor, Saved},
    event::{Batch, FileMark, Place, Point, Position, Recollection, Trail},
    sink::{ExecSink, FileSink, Sink, SinkContext, SinkError, StdoutSink},
    source::{Flow, Outlook, RunContext, Source, SourceError, jetstream::Jetstream},
};
use tokio::sync::watch;

/// The sinks of this crate, as one type.
#[derive(Debug)]
pub(crate) enum AnySink {
    /// Standard output.
    Stdout(StdoutSink),
    /// A file.
    File(FileSink),
    /// Programs.
    Exec(Box<ExecSink>),
    /// A stream of NATS JetStream.
    #[cfg(feature = "nats")]
    Nats(Box<NatsSink>),
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

    async fn last_position(
        &mut self,
        saved: Option<&Place>,
    ) -> Result<Option<Position>, SinkError> {
        match self {
            Self::Stdout(sink) => sink.last_position(saved).await,
            Self::File(sink) => sink.last_position(saved).await,
            Self::Exec(sink) => sink.last_position(saved).await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.last_position(saved).await,
        }
    }

    fn begin(&mut self, files: &[FileMark], context: &SinkContext) -> Result<(), SinkError> {
        match self {
            Self::Stdout(sink) => sink.begin(files, context),
            Self::File(sink) => sink.begin(files, context),
            Self::Exec(sink) => sink.begin(files, context),
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.begin(files, context),
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

    async fn accept(&mut self, batch: &mut Batch, context: &SinkContext) -> Result<(), SinkError> {
        match self {
            Self::Stdout(sink) => sink.accept(batch, context).await,
            Self::File(sink) => sink.accept(batch, context).await,
            Self::Exec(sink) => sink.accept(batch, context).await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.accept(batch, context).await,
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

    fn on_cursor_saved(&mut self, context: &SinkContext) -> Result<(), SinkError> {
        match self {
            Self::Stdout(sink) => sink.on_cursor_saved(context),
            Self::File(sink) => sink.on_cursor_saved(context),
            Self::Exec(sink) => sink.on_cursor_saved(context),
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.on_cursor_saved(context),
        }
    }

    async fn finish(&mut self, context: &SinkContext) -> Result<(), SinkError> {
        match self {
            Self::Stdout(sink) => sink.finish(context).await,
            Self::File(sink) => sink.finish(context).await,
            Self::Exec(sink) => sink.finish(context).await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.finish(context).await,
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

    async fn drive(&mut self) -> SinkError {
        match self {
            Self::Stdout(sink) => sink.drive().await,
            Self::File(sink) => sink.drive().await,
            Self::Exec(sink) => sink.drive().await,
            #[cfg(feature = "nats")]
            Self::Nats(sink) => sink.drive().await,
        }
    }
}

/// The sources of this crate, as one type.
#[derive(Debug)]
pub(crate) enum AnySource {
    /// A Jetstream server.
    Jetstream(Box<Jetstream>),
    /// A stream of NATS.
    #[cfg(feature = "nats")]
    Nats(Box<NatsSource>),
}

impl Source for AnySource {
    fn attach(&mut self, run: &RunContext) {
        match self {
            Self::Jetstream(source) => source.attach(run),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.attach(run),
        }
    }

    fn resume(
        &mut self,
        place: &Place,
        trail: &Trail,
        same_filter: bool,
    ) -> Result<bool, SourceError> {
        match self {
            Self::Jetstream(source) => source.resume(place, trail, same_filter),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.resume(place, trail, same_filter),
        }
    }

    fn outlook(&self) -> Outlook {
        match self {
            Self::Jetstream(source) => source.outlook(),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.outlook(),
        }
    }

    fn recollect(&self, point: &Point, most: usize) -> Recollection {
        match self {
            Self::Jetstream(source) => source.recollect(point, most),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.recollect(point, most),
        }
    }

    fn may_repeat(&self) -> bool {
        match self {
            Self::Jetstream(source) => source.may_repeat(),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.may_repeat(),
        }
    }

    fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
        match self {
            Self::Jetstream(source) => source.recall(delivered),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.recall(delivered),
        }
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, SourceError> {
        match self {
            Self::Jetstream(source) => source.next_batch(batch).await,
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.next_batch(batch).await,
        }
    }

    async fn idle(&mut self) -> Infallible {
        match self {
            Self::Jetstream(source) => source.idle().await,
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.idle().await,
        }
    }

    fn hold_to(&mut self, at_once: NonZeroUsize, at_work: watch::Receiver<usize>) -> bool {
        match self {
            Self::Jetstream(source) => source.hold_to(at_once, at_work),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.hold_to(at_once, at_work),
        }
    }

    async fn ack_rest(&mut self, is_clean: bool) {
        match self {
            Self::Jetstream(source) => source.ack_rest(is_clean).await,
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.ack_rest(is_clean).await,
        }
    }

    async fn close(&mut self) {
        match self {
            Self::Jetstream(source) => source.close().await,
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.close().await,
        }
    }
}

/// The stores of this crate, as one type.
#[derive(Debug)]
pub(crate) enum AnyCursorStore {
    /// Nothing is kept.
    None(()),
    /// A file.
    File(FileCursor),
    /// A key in a bucket of NATS.
    #[cfg(feature = "nats")]
    Kv(Box<KvCursor>),
}

impl CursorStore for AnyCursorStore {
    async fn load(&mut self) -> Result<Option<Saved>, CursorError> {
        match self {
            Self::None(store) => store.load().await,
            Self::File(store) => store.load().await,
            #[cfg(feature = "nats")]
            Self::Kv(store) => store.load().await,
        }
    }

    fn keeps(&self) -> bool {
        match self {
            Self::None(store) => store.keeps(),
            Self::File(store) => store.keeps(),
            #[cfg(feature = "nats")]
            Self::Kv(store) => store.keeps(),
        }
    }

    async fn save(&mut self, saved: &Saved) -> Result<(), CursorError> {
        match self {
            Self::None(store) => store.save(saved).await,
            Self::File(store) => store.save(saved).await,
            #[cfg(feature = "nats")]
            Self::Kv(store) => store.save(saved).await,
        }
    }
}
