//! What a server serves: a stream of events in blocks that can be read again and again, when each
//! of them is due, and how far the stream reaches.

use std::{
    io,
    time::{Duration, SystemTime},
};

use tokio::sync::watch;

use super::block::BlockBuilder;
use crate::event::micros_since_1970;

/// A place in a feed that a consumer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedPosition {
    /// The first event there is.
    Beginning,
    /// The event with this number, or else the first behind it.
    Seq(u64),
    /// The first event of this time or later, in microseconds since 1970.
    Time(u64),
    /// The next event that will be added, of a feed that grows.
    End,
}

/// When events are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// At once, as fast as consumers take them. There is no "now": who names no cursor begins at
    /// the first event.
    Max,
    /// Each at its own time.
    Timed {
        /// The event of this time is due at the moment the clock starts, earlier ones are history.
        first_us: u64,
        /// How many seconds of the stream pass in one second.
        speed: f64,
    },
    /// Each as soon as it is there. Who names no cursor begins with the next one.
    Live,
}

impl Schedule {
    /// How long after the clock's start an event of this time is due; `None` where that lies behind
    /// the end of all clocks.
    pub(super) fn due(self, time_us: u64) -> Option<Duration> {
        match self {
            Self::Max | Self::Live => Some(Duration::ZERO),
            Self::Timed { first_us, speed } => {
                let ahead = Duration::from_micros(time_us.saturating_sub(first_us));
                Duration::try_from_secs_f64(ahead.as_secs_f64() / speed).ok()
            }
        }
    }

    /// The time of the event that is due `elapsed` after the clock's start; `None` where all are.
    pub(super) fn now(self, elapsed: Duration) -> Option<u64> {
        match self {
            Self::Max | Self::Live => None,
            Self::Timed { first_us, speed } => {
                let passed = Duration::try_from_secs_f64(elapsed.as_secs_f64() * speed);
                let passed = passed.map_or(u64::MAX, crate::event::micros);
                Some(first_us.saturating_add(passed))
            }
        }
    }
}

/// How far a feed reaches that grows, and is forgotten at its other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The number of the first event that is left, or of the next one where none is.
    pub first: u64,
    /// No event has this number or a later one yet.
    pub next: u64,
    /// Nothing more is added.
    pub is_over: bool,
}

/// Why a block could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what}")]
pub struct FeedError {
    /// What was read.
    pub what: String,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// A stream of events in numbered blocks, the first being 0.
///
/// The same block always holds the same events: consumers that begin at different places share
/// them. A feed that [grows](Feed::growth) has a block for each number, which begins with that
/// event and [names](BlockBuilder::set_next) the next one. `start_us` is the wall clock at the
/// moment the first consumer began; it never changes while a server runs, and times may be counted
/// from it.
pub trait Feed: Send + Sync + 'static {
    /// What is served, in a few words for people.
    fn describe(&self) -> String;

    /// Adds the events of a block to an empty `block`, and returns false where the stream ends
    /// before it. May block the thread.
    fn read(&self, index: u64, start_us: u64, block: &mut BlockBuilder) -> Result<bool, FeedError>;

    /// The same for a block that is in memory, so that no thread is blocked; false where it has to be
    /// read.
    fn read_now(&self, _index: u64, _block: &mut BlockBuilder) -> bool {
        false
    }

    /// The block that holds the place, or one before it. Events before the place are skipped by the
    /// caller.
    fn find(&self, position: FeedPosition, start_us: u64) -> u64;

    /// When events are due.
    fn schedule(&self, start_us: u64) -> Schedule;

    /// What tells how far it reaches, for a feed that grows; `None` where nothing is ever added.
    fn growth(&self) -> Option<watch::Receiver<Extent>> {
        None
    }
}

/// The wall clock in microseconds since 1970.
pub(super) fn wall_us() -> u64 {
    micros_since_1970(SystemTime::now()).unwrap_or_default()
}
