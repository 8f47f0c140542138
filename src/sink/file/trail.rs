//! Where in a file the events of the last minute begin, so that a later run can read them back.

use std::collections::VecDeque;

/// Places are noted no closer than this fraction of the time that is looked back.
const STEP_FRACTION: u64 = 32;

/// Places at which a frame or a line ends, and how far the stream had come there.
#[derive(Debug)]
pub(super) struct Trail {
    /// An offset, and the latest time of all events before it.
    stops: VecDeque<(u64, u64)>,
}

impl Trail {
    /// What is before this offset is older than can be of interest.
    pub(super) fn new(from: u64) -> Self {
        Self {
            stops: VecDeque::from([(from, 0)]),
        }
    }

    /// The file ends here now, and the stream has come to this time. What is older than `back_us`
    /// is forgotten.
    pub(super) fn note(&mut self, end: u64, latest_us: u64, back_us: u64) {
        let last_us = self.stops.back().map_or(0, |stop| stop.1);
        if latest_us < last_us + (back_us / STEP_FRACTION).max(1) {
            return;
        }
        self.stops.push_back((end, latest_us));
        let since_us = latest_us.saturating_sub(back_us);
        while self.stops.get(1).is_some_and(|stop| stop.1 <= since_us) {
            self.stops.pop_front();
        }
    }

    /// Where the events begin that are no older than this before the latest time.
    pub(super) fn begin(&self, latest_us: u64, back_us: u64) -> u64 {
        let since_us = latest_us.saturating_sub(back_us);
        let older = self.stops.iter().rfind(|stop| stop.1 <= since_us);
        older.or(self.stops.front()).map_or(0, |stop| stop.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK: u64 = 60_000;

    #[test]
    fn events_of_the_last_minute_lie_behind_the_place_that_is_told() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut trail = Trail::new(100);
        // Every event takes ten bytes.
        let (mut times, mut latest_us) = (Vec::new(), 5_000);
        for _ in 0..5_000 {
            latest_us += random.u64(..400);
            times.push(latest_us);
            let end = 100 + 10 * times.len() as u64;
            trail.note(end, latest_us, BACK);
            let begin = trail.begin(latest_us, BACK);
            let n_before = usize::try_from((begin - 100) / 10).unwrap();
            let since = latest_us.saturating_sub(BACK);
            assert!(times[..n_before].iter().all(|time_us| *time_us <= since));
            // And not much before it.
            let n_early = times[n_before..].iter().filter(|time_us| **time_us < since);
            assert!(n_early.count() < 40, "{begin}");
            assert!(trail.stops.len() < 40);
        }
        let last = trail.stops.back().unwrap().0;
        assert_eq!(trail.begin(latest_us + 2 * BACK, BACK), last);
    }

    #[test]
    fn a_file_that_was_gone_on_with_begins_where_the_cursor_said() {
        let mut trail = Trail::new(100);
        assert_eq!(trail.begin(0, BACK), 100);
        trail.note(200, 10_000_000, BACK);
        assert_eq!(trail.begin(10_000_000, BACK), 100);
        trail.note(300, 10_070_000, BACK);
        assert_eq!(trail.begin(10_070_000, BACK), 200);
    }
}
