//! The source and the cursor store of a run, whichever the command line named.

use std::{convert::Infallible, num::NonZeroUsize};

use rocketman::{
    MemberError,
    cursor::{CursorStore, FileCursor, Saved},
    event::{Batch, Did, Place, Point, Trail},
    source::{
        Flow, RunContext, Source, history::History, jetstream::Jetstream, segments::Segments,
    },
    table::sqlite::SqliteCursor,
};
#[cfg(feature = "nats")]
use rocketman::{cursor::KvCursor, source::nats::NatsSource};
use tokio::sync::watch;

/// The sources of this crate, as one type.
#[derive(Debug)]
pub(crate) enum AnySource {
    /// A Jetstream server.
    Jetstream(Box<Jetstream>),
    /// A stream of NATS.
    #[cfg(feature = "nats")]
    Nats(Box<NatsSource>),
    /// Segment files.
    Segments(Box<Segments>),
    /// The archive of a service.
    History(Box<History>),
}

impl Source for AnySource {
    fn attach(&mut self, run: &RunContext) {
        match self {
            Self::Jetstream(source) => source.attach(run),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.attach(run),
            Self::Segments(source) => source.attach(run),
            Self::History(source) => source.attach(run),
        }
    }

    fn resume(
        &mut self,
        place: &Place,
        trail: &Trail,
        same_filter: bool,
    ) -> Result<bool, MemberError> {
        match self {
            Self::Jetstream(source) => source.resume(place, trail, same_filter),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.resume(place, trail, same_filter),
            Self::Segments(source) => source.resume(place, trail, same_filter),
            Self::History(source) => source.resume(place, trail, same_filter),
        }
    }

    fn end_us(&self) -> Option<u64> {
        match self {
            Self::Jetstream(source) => source.end_us(),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.end_us(),
            Self::Segments(source) => source.end_us(),
            Self::History(source) => source.end_us(),
        }
    }

    fn repeats_until_us(&self) -> Option<u64> {
        match self {
            Self::Jetstream(source) => source.repeats_until_us(),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.repeats_until_us(),
            Self::Segments(source) => source.repeats_until_us(),
            Self::History(source) => source.repeats_until_us(),
        }
    }

    fn recollect(&self, point: &Point, most: usize) -> Trail {
        match self {
            Self::Jetstream(source) => source.recollect(point, most),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.recollect(point, most),
            Self::Segments(source) => source.recollect(point, most),
            Self::History(source) => source.recollect(point, most),
        }
    }

    fn changed_accounts(&mut self) -> Option<Vec<Did>> {
        match self {
            Self::Jetstream(source) => source.changed_accounts(),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.changed_accounts(),
            Self::Segments(source) => source.changed_accounts(),
            Self::History(source) => source.changed_accounts(),
        }
    }

    fn may_repeat(&self) -> bool {
        match self {
            Self::Jetstream(source) => source.may_repeat(),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.may_repeat(),
            Self::Segments(source) => source.may_repeat(),
            Self::History(source) => source.may_repeat(),
        }
    }

    fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
        match self {
            Self::Jetstream(source) => source.recall(delivered),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.recall(delivered),
            Self::Segments(source) => source.recall(delivered),
            Self::History(source) => source.recall(delivered),
        }
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        match self {
            Self::Jetstream(source) => source.next_batch(batch).await,
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.next_batch(batch).await,
            Self::Segments(source) => source.next_batch(batch).await,
            Self::History(source) => source.next_batch(batch).await,
        }
    }

    async fn idle(&mut self) -> Infallible {
        match self {
            Self::Jetstream(source) => source.idle().await,
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.idle().await,
            Self::Segments(source) => source.idle().await,
            Self::History(source) => source.idle().await,
        }
    }

    fn hold_to(&mut self, at_once: NonZeroUsize, at_work: watch::Receiver<usize>) -> bool {
        match self {
            Self::Jetstream(source) => source.hold_to(at_once, at_work),
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.hold_to(at_once, at_work),
            Self::Segments(source) => source.hold_to(at_once, at_work),
            Self::History(source) => source.hold_to(at_once, at_work),
        }
    }

    async fn ack_rest(&mut self, is_clean: bool) {
        match self {
            Self::Jetstream(source) => source.ack_rest(is_clean).await,
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.ack_rest(is_clean).await,
            Self::Segments(source) => source.ack_rest(is_clean).await,
            Self::History(source) => source.ack_rest(is_clean).await,
        }
    }

    async fn close(&mut self) {
        match self {
            Self::Jetstream(source) => source.close().await,
            #[cfg(feature = "nats")]
            Self::Nats(source) => source.close().await,
            Self::Segments(source) => source.close().await,
            Self::History(source) => source.close().await,
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
    /// The database that events go to.
    Sqlite(Box<SqliteCursor>),
    /// A key in a bucket of NATS.
    #[cfg(feature = "nats")]
    Kv(Box<KvCursor>),
}

impl CursorStore for AnyCursorStore {
    async fn load(&mut self) -> Result<Option<Saved>, MemberError> {
        match self {
            Self::None(store) => store.load().await,
            Self::File(store) => store.load().await,
            Self::Sqlite(store) => store.load().await,
            #[cfg(feature = "nats")]
            Self::Kv(store) => store.load().await,
        }
    }

    fn keeps(&self) -> bool {
        match self {
            Self::None(store) => store.keeps(),
            Self::File(store) => store.keeps(),
            Self::Sqlite(store) => store.keeps(),
            #[cfg(feature = "nats")]
            Self::Kv(store) => store.keeps(),
        }
    }

    async fn save(&mut self, saved: &Saved) -> Result<(), MemberError> {
        match self {
            Self::None(store) => store.save(saved).await,
            Self::File(store) => store.save(saved).await,
            Self::Sqlite(store) => store.save(saved).await,
            #[cfg(feature = "nats")]
            Self::Kv(store) => store.save(saved).await,
        }
    }
}
