//! What happened, in numbers: written by source and pipeline, read by the status line and the summary.
//!
//! Counters are added to once per batch, never per event.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use crate::event::BadEvent;

/// The counters of one run. Shared, cheap to read at any time.
#[derive(Debug, Default)]
pub struct Stats {
    received: AtomicU64,
    bytes: AtomicU64,
    kept: AtomicU64,
    accepted: AtomicU64,
    repeats: AtomicU64,
    early: AtomicU64,
    gaps: AtomicU64,
    connects: AtomicU64,
    last_time_us: AtomicU64,
    bad: [AtomicU64; BadEvent::ALL.len()],
    host: Mutex<String>,
    is_connected: AtomicBool,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident, $add:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(&self) -> u64 {
                self.$name.load(Relaxed)
            }

            pub(crate) fn $add(&self, n: u64) {
                self.$name.fetch_add(n, Relaxed);
            }
        )*
    };
}

impl Stats {
    counters! {
        /// Events read from the source, wanted or not.
        received, add_received;
        /// Bytes of events read, inflated.
        bytes, add_bytes;
        /// Events that passed the filter.
        kept, add_kept;
        /// Events that came again after a reconnect and were dropped.
        repeats, add_repeats;
        /// Events before the asked position, which a server sent all the same, and which were dropped.
        early, add_early;
        /// Gaps: times at which a server no longer had what was asked for.
        gaps, add_gaps;
        /// Connections that were established.
        connects, add_connects;
    }

    /// Events that the sink has accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// The server's time of the newest event, in microseconds since 1970; 0 before the first.
    pub fn last_time_us(&self) -> u64 {
        self.last_time_us.load(Relaxed)
    }

    /// Messages that were no events.
    pub fn bad(&self) -> u64 {
        self.bad.iter().map(|class| class.load(Relaxed)).sum()
    }

    /// Messages that were no events for one reason.
    pub fn bad_of(&self, class: BadEvent) -> u64 {
        self.bad_counter(class)
            .map_or(0, |counter| counter.load(Relaxed))
    }

    /// The server that is connected, or was last.
    pub fn host(&self) -> String {
        self.host
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether a connection stands.
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Relaxed)
    }

    pub(crate) fn set_connected(&self, is_connected: bool) {
        self.is_connected.store(is_connected, Relaxed);
    }

    pub(crate) fn set_host(&self, host: &str) {
        host.clone_into(&mut self.host.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn set_accepted(&self, accepted: u64) {
        self.accepted.store(accepted, Relaxed);
    }

    pub(crate) fn set_last_time_us(&self, time_us: u64) {
        self.last_time_us.store(time_us, Relaxed);
    }

    /// Counts one more and says whether it is the first of its class.
    pub(crate) fn add_bad(&self, class: BadEvent) -> bool {
        self.bad_counter(class)
            .is_some_and(|counter| counter.fetch_add(1, Relaxed) == 0)
    }

    fn bad_counter(&self, class: BadEvent) -> Option<&AtomicU64> {
        self.bad.get(class as usize)
    }
}
