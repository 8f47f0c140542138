//! How far a run has come, where the end is known from its beginning on.

use super::{Stats, state::locked};

/// How far a source has come whose end is known from its beginning on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The number that is reached.
    pub number: u64,
    /// The first number to read.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// When the server saw the event that is reached, in microseconds since 1970; 0 before the
    /// first.
    pub time_us: u64,
    /// How long all of it is in bytes; how much of it was read are [`Stats::wire_bytes`].
    pub bytes: u64,
}

impl Progress {
    /// How much of the numbers lies behind, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "it is for people")]
    pub fn fraction(&self) -> f64 {
        let all = self.last.saturating_sub(self.first).saturating_add(1);
        let done = self.number.saturating_sub(self.first);
        (done as f64 / all as f64).min(1.0)
    }
}

impl Stats {
    /// How far it has come; `None` where there is no end that is known.
    pub fn progress(&self) -> Option<Progress> {
        *locked(&self.progress)
    }

    /// Notes how far it has come; for a source of your own, once a batch.
    pub fn set_progress(&self, progress: Progress) {
        *locked(&self.progress) = Some(progress);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_by_numbers_whatever_lies_between_them() {
        let at = |number| Progress {
            number,
            first: 101,
            last: 200,
            time_us: 0,
            bytes: 0,
        };
        let percent = |number| (at(number).fraction() * 100.0).round();
        assert!(percent(101).abs() < 0.1 && (percent(151) - 50.0).abs() < 0.1);
        assert!((percent(300) - 100.0).abs() < 0.1, "a file has grown");
        let stats = Stats::unexported();
        assert_eq!(stats.progress(), None);
        stats.set_progress(at(150));
        assert_eq!(stats.progress(), Some(at(150)));
    }
}
