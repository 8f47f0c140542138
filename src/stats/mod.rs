//! What happened, in numbers: written by source and pipeline, read by the status line, the summary
//! and the metrics page.
//!
//! Counters are added to once per batch, never per event. Each is also a counter of the `metrics`
//! facade; the names are in docs/operation.md.

mod exports;
mod names;
mod progress;
mod state;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use metrics::Gauge;
use tokio::time::Instant;

use self::exports::Exports;
pub use self::progress::Progress;
use crate::event::{BadEvent, Kind, Operation, micros};

/// One number that only grows, here and in whatever recorder is installed.
#[derive(Debug)]
struct Counter {
    value: AtomicU64,
    exported: metrics::Counter,
}

impl Counter {
    /// Adds, and returns what it was before.
    fn add(&self, n: u64) -> u64 {
        if n == 0 {
            return self.read();
        }
        self.exported.increment(n);
        self.value.fetch_add(n, Relaxed)
    }

    fn read(&self) -> u64 {
        self.value.load(Relaxed)
    }
}

/// The counters of one run, or of several that share them. Shared, cheap to read at any time.
///
/// Runs of one process add up under the same names, as far as they count; of what only shows a
/// state (the lag, the latest event, the connection, the cursor) the run that wrote last is seen.
/// Where several pipelines run at the same time, give each [numbers of its own](Stats::named).
///
/// They are registered with the recorder of the `metrics` facade that is installed when this is
/// made; the library exports nothing itself. The names are in `docs/operation.md`.
#[derive(Debug)]
pub struct Stats {
    messages: Counter,
    events: [Counter; EventClass::COUNT],
    wire_bytes: Counter,
    event_bytes: Counter,
    kept: Counter,
    accepted: Counter,
    repeats: Counter,
    repeats_let_through: Counter,
    early: Counter,
    oversized: Counter,
    unfit: Counter,
    gaps: Counter,
    bad: [Counter; BadEvent::ALL.len()],
    connects: Counter,
    cursor_saves: Counter,
    cursor_save_failures: Counter,
    delivery_failures: Counter,
    given_up: Counter,
    in_others: Counter,
    undelivered: [Counter; Undelivered::ALL.len()],
    sink_waits: Counter,
    sink_wait_micros: Counter,
    last_event: Gauge,
    last_seq: Gauge,
    connected: Gauge,
    cursor: Gauge,
    lag: Gauge,
    last_time_us: AtomicU64,
    /// Up to where the stream is read, by the server's clock: the newest event, or a later moment
    /// at which nothing more was there.
    read_up_to_us: AtomicU64,
    /// How far the server's clock is ahead of ours.
    ahead_us: AtomicI64,
    host: Mutex<String>,
    sink: Mutex<String>,
    is_connected: AtomicBool,
    down: Mutex<Option<state::Down>>,
    progress: Mutex<Option<Progress>>,
    is_quiet: AtomicBool,
    since: Instant,
    /// When an event came last, wanted or not, new or not, in milliseconds after `since`; 0 before
    /// the first.
    last_came_ms: AtomicU64,
    /// The server's time of the latest event from before the beginning, while such events come;
    /// else 0.
    early_us: AtomicU64,
    /// Until when there is no doubt that the run lives, in milliseconds after `since`.
    alive_until_ms: AtomicU64,
    exports: Exports,
}

/// The kind of an event and, for commits, the operation, as one index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventClass(usize);

impl EventClass {
    pub(crate) const COUNT: usize = Operation::ALL.len() + Kind::ALL.len() - 1;

    pub(crate) fn of(kind: Kind, operation: Option<Operation>) -> Self {
        Self(match operation {
            Some(operation) => operation as usize,
            None => Operation::ALL.len() - 1 + kind as usize,
        })
    }

    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// What became of a message of a durable consumer that could not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// It was given back, to come again.
    Kept,
    /// It was terminated.
    Skipped,
    /// It was kept as a dead letter.
    DeadLettered,
}

impl Undelivered {
    /// Every outcome, in the order of their counters.
    const ALL: [Self; 3] = [Self::Kept, Self::Skipped, Self::DeadLettered];

    fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Skipped => "skipped",
            Self::DeadLettered => "dead_lettered",
        }
    }
}

impl Default for Stats {
    fn default() -> Self {
        Self::registered(Exports::Plain)
    }
}

impl Stats {
    /// Exported with the label `pipeline`, so that those of several pipelines in one process are
    /// told apart.
    pub fn named(pipeline: impl Into<String>) -> Self {
        Self::registered(Exports::Named(pipeline.into().into()))
    }

    /// Counts that no recorder sees: for a source whose run has not begun.
    pub(crate) fn unexported() -> Self {
        Self::registered(Exports::Nowhere)
    }

    fn registered(exports: Exports) -> Self {
        names::describe();
        let counter = |name| exports.counter(name, &[]);
        let gauge = |name| exports.gauge(name);
        let repeats = |outcome| exports.counter(names::REPEATS, &[("outcome", outcome)]);
        Self {
            messages: counter(names::MESSAGES),
            events: std::array::from_fn(|index| event_counter(&exports, index)),
            wire_bytes: counter(names::WIRE_BYTES),
            event_bytes: counter(names::EVENT_BYTES),
            kept: counter(names::KEPT),
            accepted: counter(names::ACCEPTED),
            repeats: repeats("dropped"),
            repeats_let_through: repeats("let_through"),
            early: counter(names::EARLY),
            oversized: counter(names::OVERSIZED),
            unfit: counter(names::UNFIT),
            gaps: counter(names::GAPS),
            bad: BadEvent::ALL
                .map(|class| exports.counter(names::BAD, &[("class", class.as_str())])),
            connects: counter(names::CONNECTS),
            cursor_saves: counter(names::CURSOR_SAVES),
            cursor_save_failures: counter(names::CURSOR_SAVE_FAILURES),
            delivery_failures: counter(names::DELIVERY_FAILURES),
            given_up: counter(names::GIVEN_UP),
            in_others: counter(names::IN_OTHERS),
            undelivered: Undelivered::ALL.map(|outcome| {
                exports.counter(names::UNDELIVERABLE, &[("outcome", outcome.as_str())])
            }),
            sink_waits: counter(names::SINK_WAITS),
            sink_wait_micros: counter(names::SINK_WAIT_MICROS),
            last_event: gauge(names::LAST_EVENT),
            last_seq: gauge(names::SEQ),
            connected: gauge(names::CONNECTED),
            cursor: gauge(names::CURSOR),
            lag: gauge(names::LAG),
            last_time_us: AtomicU64::new(0),
            read_up_to_us: AtomicU64::new(0),
            ahead_us: AtomicI64::new(0),
            host: Mutex::default(),
            sink: Mutex::default(),
            is_connected: AtomicBool::new(false),
            down: Mutex::default(),
            progress: Mutex::default(),
            is_quiet: AtomicBool::new(false),
            since: Instant::now(),
            last_came_ms: AtomicU64::new(0),
            early_us: AtomicU64::new(0),
            alive_until_ms: AtomicU64::new(0),
            exports,
        }
    }
}

fn event_counter(exports: &Exports, index: usize) -> Counter {
    if let Some(operation) = Operation::ALL.get(index) {
        let labels = [("kind", "commit"), ("operation", operation.as_str())];
        return exports.counter(names::EVENTS, &labels);
    }
    let kind = Kind::ALL.get(index + 1 - Operation::ALL.len());
    let kind = kind.map_or("other", |kind| kind.as_str());
    exports.counter(names::EVENTS, &[("kind", kind)])
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident, $add:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(&self) -> u64 {
                self.$name.read()
            }

            /// Counts more of them; for a source or a pipeline of your own.
            pub fn $add(&self, n: u64) {
                self.$name.add(n);
            }
        )*
    };
}

impl Stats {
    counters! {
        /// Messages read from the source, events or not, wanted or not.
        messages, add_messages;
        /// Bytes received, compressed as they came; of segment files, bytes read.
        wire_bytes, add_wire_bytes;
        /// Bytes of events read, inflated.
        event_bytes, add_event_bytes;
        /// Events that passed the filter.
        kept, add_kept;
        /// Events that the sink has accepted.
        accepted, add_accepted;
        /// Events that came again after a reconnect and were dropped.
        repeats, add_repeats;
        /// Events that may have come again, and were delivered because nothing could tell: loss is
        /// worse than a repeat.
        repeats_let_through, add_repeats_let_through;
        /// Events before the asked position, which a server sent all the same, and which were
        /// dropped.
        early, add_early;
        /// Events that were left out for nothing but their size.
        oversized, add_oversized;
        /// Values that their column of a table could not hold, and that are null there.
        unfit, add_unfit;
        /// Gaps: times at which a server no longer had what was asked for.
        gaps, add_gaps;
        /// Connections that were established.
        connects, add_connects;
        /// Saves of the cursor that were made.
        cursor_saves, add_cursor_saves;
        /// Saves of the cursor that failed.
        cursor_save_failures, add_cursor_save_failures;
        /// Deliveries that failed, and were tried again or not.
        delivery_failures, add_delivery_failures;
        /// Events that were skipped or kept as dead letters because they could not be delivered.
        given_up, add_given_up;
        /// Events that went to the file that collections share which have none of their own.
        in_others, add_in_others;
    }

    /// New events, wanted or not.
    pub fn events(&self) -> u64 {
        self.events.iter().map(Counter::read).sum()
    }

    /// Messages that were no events.
    pub fn bad(&self) -> u64 {
        self.bad.iter().map(Counter::read).sum()
    }

    /// Messages that were no events for one reason.
    pub fn bad_of(&self, class: BadEvent) -> u64 {
        self.bad.get(class as usize).map_or(0, Counter::read)
    }

    /// Messages of a durable consumer that could not be delivered and were given back; one that is
    /// given back again and again counts each time.
    pub fn undelivered_kept(&self) -> u64 {
        self.undelivered(Undelivered::Kept)
    }

    /// Those that were terminated.
    pub fn undelivered_skipped(&self) -> u64 {
        self.undelivered(Undelivered::Skipped)
    }

    /// Those that were kept as dead letters.
    pub fn undelivered_dead_lettered(&self) -> u64 {
        self.undelivered(Undelivered::DeadLettered)
    }

    fn undelivered(&self, outcome: Undelivered) -> u64 {
        self.undelivered
            .get(outcome as usize)
            .map_or(0, Counter::read)
    }

    #[cfg(feature = "nats")]
    pub(crate) fn add_undelivered(&self, outcome: Undelivered) {
        if let Some(counter) = self.undelivered.get(outcome as usize) {
            counter.add(1);
        }
    }

    pub(crate) fn add_events(&self, class: usize, n: u64) {
        if let Some(counter) = self.events.get(class) {
            counter.add(n);
        }
    }

    /// Counts a loss or a failed try.
    pub(crate) fn count_reconnect(&self, cause: &'static str) {
        self.exports
            .counter(names::RECONNECTS, &[("cause", cause)])
            .add(1);
    }

    pub(crate) fn add_sink_wait(&self, wait: Duration) {
        self.sink_waits.add(1);
        self.sink_wait_micros.add(micros(wait));
    }

    /// Counts one more and says whether it is the first of its class.
    pub(crate) fn add_bad(&self, class: BadEvent) -> bool {
        self.bad
            .get(class as usize)
            .is_some_and(|counter| counter.add(1) == 0)
    }
}
