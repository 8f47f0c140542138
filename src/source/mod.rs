//! Where events come from.

mod accounts;
mod bad_file;
mod error;
mod forward;
mod gap;
#[cfg(feature = "history")]
pub mod history;
pub mod jetstream;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg_attr(
    not(feature = "history"),
    allow(dead_code, reason = "an archive alone has reason to wish for saves")
)]
mod saves;
#[cfg(feature = "segments")]
#[cfg_attr(
    not(feature = "history"),
    allow(dead_code, reason = "an archive prints its blocks in the same way")
)]
pub mod segments;

use std::{convert::Infallible, num::NonZeroUsize, sync::Arc, time::Duration};

use tokio::sync::watch;

pub use self::{accounts::WantedAccounts, bad_file::BadEventFile, gap::OnGap};
pub(crate) use self::{error::ReadError, saves::Saves};
use crate::{
    error::MemberError,
    event::{Batch, Did, Place, Point, Trail},
    stats::Stats,
};

/// How far beyond its end a stream is read, by its own time, for events from before the end.
pub(crate) const READ_BEYOND: Duration = Duration::from_secs(10);

/// What a source has to say besides its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flow {
    /// Ask again: there may be more.
    More,
    /// The end that was asked for is reached; nothing follows.
    End,
    /// Nothing more came for so long that the end is assumed.
    EndAssumed,
}

/// What a run has for its source.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunContext {
    /// Where the run is counted.
    pub stats: Arc<Stats>,
    /// Tells the place up to which every event is accepted; for sources whose other side wants to
    /// know.
    pub accepted: watch::Receiver<Option<Point>>,
    /// Saves of the cursor.
    pub(crate) saves: Saves,
}

impl RunContext {
    /// For a source that is read without a pipeline: nothing is ever accepted, unless
    /// [`RunContext::accepted`] is replaced.
    pub fn new(stats: Arc<Stats>) -> Self {
        Self {
            stats,
            accepted: watch::channel(None).1,
            saves: Saves::none(),
        }
    }
}

/// Yields the events of one stream, in its order, in batches that the pipeline asks for.
///
/// A source survives what it can (cuts, restarts, refusals that pass) on its own: an error from
/// [`Source::next_batch`] is the end. What it asks for again after a cut it does not yield a second
/// time within the run, and, as long as the other side still has them, it leaves no event out. An
/// event that the other side sends twice by itself may come twice.
///
/// A pipeline takes a source by value, in a box, or lent as `&mut`.
pub trait Source: Send {
    /// Is given what the run has for it: where to count, and what will tell how far its events are
    /// accepted. Called once, before everything else. A source that counts nothing has no lag for
    /// [`PipelineSettings::max_lag`](crate::PipelineSettings::max_lag) to act on.
    fn attach(&mut self, _run: &RunContext) {}

    /// Goes on from a saved place. Called at most once, before the first batch. The trail says how
    /// far back that may go and what is known there. `same_filter` is false when the place was
    /// reached with another filter, so that the event at it may not be met again.
    ///
    /// Returns whether it will: a source that was told explicitly where to begin keeps to that,
    /// says so, and returns false.
    fn resume(
        &mut self,
        place: &Place,
        trail: &Trail,
        same_filter: bool,
    ) -> Result<bool, MemberError>;

    /// Whether it may yield an event again that an earlier run delivered, so that
    /// [`Source::recall`] is of use.
    fn may_repeat(&self) -> bool {
        false
    }

    /// Is given events that the sink has delivered already, of which a resume may bring some again.
    /// Called at most once, after
    /// [`Source::resume`] has said yes to a place that was reached, and before the first batch.
    ///
    /// They come in any order, and nothing that was delivered since the earliest of them is
    /// missing. A source that may yield repeats remembers their identities, as far as its memory is
    /// meant to go, and leaves the events out when they come again.
    fn recall(&mut self, _delivered: &mut dyn Iterator<Item = Point>) {}

    /// The end that the source was asked for, as the time from which on events are left out, once it
    /// is known. Asked for after each batch, so it has to cost nothing.
    fn end_us(&self) -> Option<u64> {
        None
    }

    /// Up to this time events that were delivered may still come again. Asked for after each batch,
    /// so it has to cost nothing.
    fn repeats_until_us(&self) -> Option<u64> {
        None
    }

    /// The accounts that are read from the present batch on, where they were changed since the
    /// batch before; none means all. The pipeline's filter keeps these in place of those that it
    /// kept. Asked for before each batch is looked at.
    fn changed_accounts(&mut self) -> Option<Vec<Did>> {
        None
    }

    /// What was read up to this point, the latest `most` events of it, so that a later run
    /// recognises what a resume brings again: `known` and `known_since_us` of a trail, whose other
    /// fields do not count. Asked for at the end of a run.
    fn recollect(&self, _point: &Point, _most: usize) -> Trail {
        Trail::default()
    }

    /// Adds to an empty `batch` all events that are ready, and waits only while there is none.
    ///
    /// Events of one batch have one origin. The batch may be empty on return. After `End`,
    /// `EndAssumed` or an error it is not called again; events in the batch then still count.
    ///
    /// Cancel safety: events that were added stay in the batch, and no event is lost.
    fn next_batch(
        &mut self,
        batch: &mut Batch,
    ) -> impl Future<Output = Result<Flow, MemberError>> + Send;

    /// Keeps the stream alive while the pipeline waits for its sink and reads nothing. Never ends
    /// by itself.
    ///
    /// Cancel safety: dropped at any time.
    fn idle(&mut self) -> impl Future<Output = Infallible> + Send {
        std::future::pending()
    }

    /// Is given how many events the sink works on at the same time (see
    /// [`Sink::at_once`](crate::sink::Sink::at_once)), and what will tell how many those are at
    /// each moment. Called at most once, before the first batch, where the sink knows. Returns
    /// whether it will yield no more than there is room for.
    fn hold_to(&mut self, _at_once: NonZeroUsize, _at_work: watch::Receiver<usize>) -> bool {
        false
    }

    /// Closes the connection to the other side, quickly and without a promise. No batch is asked for
    /// afterwards.
    fn close(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Tells the other side what was accepted since: the sink has come to its end. What it has not
    /// accepted it never will; unless something failed (`is_clean`), nothing of that was begun.
    /// Quick too, and the very last that is asked.
    fn ack_rest(&mut self, _is_clean: bool) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}
