//! The stream's time, by which files are named and new ones begun: it only moves forward, and not
//! beyond what can be.

use std::sync::Arc;

use tracing::warn;

use crate::{
    event::{now_us, show_time},
    log::STATE,
    stats::Stats,
};

/// How much later than both clocks, ours and the server's, an event may be.
const DAY_US: u64 = 24 * 3600 * 1_000_000;

/// The latest time of any event.
#[derive(Debug)]
pub(super) struct StreamTime {
    latest_us: u64,
    /// What stands for it as long as there was no event but from the future.
    stand_in_us: u64,
    /// The later of the two clocks, when they were last read.
    now_us: u64,
    /// They were read for this batch.
    is_read: bool,
    /// An event from the future was logged.
    is_told: bool,
    /// It is to be looked whether an earlier run came to where it cannot have come.
    is_inherited: bool,
    stats: Arc<Stats>,
}

impl StreamTime {
    /// Goes on where an earlier run came to; 0 where there was none.
    pub(super) fn new(latest_us: u64, stats: Arc<Stats>) -> Self {
        Self {
            latest_us,
            stand_in_us: 0,
            now_us: 0,
            is_read: false,
            is_told: false,
            is_inherited: latest_us > 0,
            stats,
        }
    }

    /// The latest time, in microseconds since 1970; 0 before the first event.
    pub(super) fn latest_us(&self) -> u64 {
        match self.latest_us {
            0 => self.stand_in_us,
            latest_us => latest_us,
        }
    }

    /// A batch begins: the clocks may be read once more. Returns whether the time begins anew with
    /// it, for an earlier run came to one that is far in the future.
    pub(super) fn begin_batch(&mut self) -> bool {
        self.is_read = false;
        if !std::mem::take(&mut self.is_inherited) || self.can_be(self.latest_us) {
            return false;
        }
        let time = show_time(self.latest_us);
        warn!(target: STATE, time, "the files of the cursor are those of {time}, which is more than a day in the future: the next event begins new ones");
        self.latest_us = 0;
        true
    }

    /// Takes the time of an event, and returns whether it moved on. One that cannot be is that of
    /// the event before it, or now.
    pub(super) fn take(&mut self, time_us: u64) -> bool {
        if time_us <= self.latest_us {
            return false;
        }
        if self.can_be(time_us) {
            self.latest_us = time_us;
            return true;
        }
        if !self.is_told {
            let time = show_time(time_us);
            warn!(target: STATE, time, "an event has the time {time}, more than a day after this clock and the server's: it and others like it go where the events before them went");
            self.is_told = true;
        }
        let is_first = self.latest_us() == 0;
        if is_first {
            self.stand_in_us = self.now_us;
        }
        is_first
    }

    fn can_be(&mut self, time_us: u64) -> bool {
        if time_us > self.now_us + DAY_US && !self.is_read {
            self.now_us = now_us().max(self.stats.server_now_us());
            self.is_read = true;
        }
        time_us <= self.now_us + DAY_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_only_moves_forward_and_never_far_beyond_the_clocks() {
        let now_us = now_us();
        let mut time = StreamTime::new(0, Arc::default());
        assert!(time.take(now_us + 50 * DAY_US));
        assert!(time.latest_us().abs_diff(now_us) < DAY_US / 2, "it is now");
        assert!(!time.take(now_us + 60 * DAY_US));
        assert!(time.take(5), "now was only for want of a better one");
        assert!(!time.take(4));
        assert!(!time.take(now_us + 2 * DAY_US));
        assert_eq!(time.latest_us(), 5);
        assert!(time.take(now_us + DAY_US / 2));
        assert_eq!(time.latest_us(), now_us + DAY_US / 2);
    }

    #[test]
    fn a_server_whose_clock_is_ahead_is_believed() {
        let stats = Arc::new(Stats::default());
        stats.set_ahead_us(10 * DAY_US.cast_signed());
        let now_us = now_us();
        let mut time = StreamTime::new(0, stats);
        assert!(time.take(now_us + 10 * DAY_US));
        assert_eq!(time.latest_us(), now_us + 10 * DAY_US);
        assert!(!time.take(now_us + 12 * DAY_US));
    }

    #[test]
    fn where_an_earlier_run_cannot_have_come_to_is_forgotten() {
        let now_us = now_us();
        let mut time = StreamTime::new(now_us + 2 * DAY_US, Arc::default());
        assert!(time.begin_batch());
        assert!(time.take(7));
        assert!(!time.begin_batch());
        let mut time = StreamTime::new(now_us, Arc::default());
        assert!(!time.begin_batch());
        assert!(!time.take(7));
    }
}
