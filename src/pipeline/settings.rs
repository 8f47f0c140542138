//! When a run ends by itself, and what is said of its end.

use std::time::Duration;

use crate::{event::Position, log};

/// When a run ends by itself, and how it keeps its cursor.
#[derive(Debug, Clone)]
pub struct PipelineSettings {
    /// End after this number of events.
    pub count: Option<u64>,
    /// Leave out events of this server time or later, in microseconds since 1970, and end once the
    /// stream is ten seconds beyond it.
    pub until_us: Option<u64>,
    /// With an end, and the stream or the clock beyond it: a silence of this length is taken for
    /// the end.
    pub end_silence: Duration,
    /// End after this time.
    pub duration: Option<Duration>,
    /// Fail when no event came for this long, wanted or not, while one was waited for.
    pub idle_timeout: Option<Duration>,
    /// Fail when the newest event is older than this, once it was not.
    pub max_lag: Option<Duration>,
    /// Say it when the newest event is older than this, and when it no longer is.
    pub lag_alert: Option<Duration>,
    /// How often the cursor is saved while it changes.
    pub save_every: Duration,
    /// How many events of a [stream](crate::Pipeline::into_stream) may be unacknowledged, counted
    /// from the first that is not; at least one. It bounds memory, and how many events may come
    /// again after a crash.
    pub max_unacked: usize,
    /// How long the sink may take to come to an end once a stop was asked for.
    pub grace: Duration,
}

impl PipelineSettings {
    /// The `tracing` target of the lines that say each change of state: connections lost and found,
    /// a cursor that could not be saved. Show it from level INFO on, whatever else is shown.
    pub const STATE_TARGET: &str = log::STATE;
}

impl Default for PipelineSettings {
    fn default() -> Self {
        Self {
            count: None,
            until_us: None,
            end_silence: Duration::from_secs(60),
            duration: None,
            idle_timeout: None,
            max_lag: None,
            lag_alert: None,
            save_every: Duration::from_secs(1),
            max_unacked: 1000,
            grace: Duration::from_secs(10),
        }
    }
}

/// Why a run that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// A stop was asked for.
    Stopped,
    /// The number of events that was asked for is delivered.
    Count,
    /// The asked time is over.
    Duration,
    /// The asked server time is reached.
    Until,
    /// The source came to its end.
    End,
    /// The source was silent for so long that its end is assumed.
    EndAssumed,
    /// The reader of stdout went away.
    OutputClosed,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Why it ended.
    pub ended: Ended,
    /// How many events the sink accepted.
    pub accepted: u64,
    /// Where the stream is done up to; `None` when no event came.
    pub position: Option<Position>,
    /// The highest time of all events that were accepted, in this run or an earlier one that it
    /// went on from.
    pub highest_us: Option<u64>,
}
