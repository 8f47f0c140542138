//! How long to wait before the next try: exponential, with full jitter.

use std::time::Duration;

/// The longest first wait; later ones double up to the maximum (design, section 6).
const FIRST: Duration = Duration::from_millis(250);

/// The waits between tries that follow each other without progress.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    max: Duration,
    tries: u32,
}

impl Backoff {
    /// Waits of at most `max` each.
    pub(crate) fn new(max: Duration) -> Self {
        Self { max, tries: 0 }
    }

    /// Counts a failed try and returns a random wait, anywhere between none and the current limit.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let limit = self.limit();
        self.tries = self.tries.saturating_add(1);
        limit.mul_f64(fastrand::f64())
    }

    /// Failed tries since the last progress.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// Starts over, after progress.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }

    fn limit(&self) -> Duration {
        FIRST
            .saturating_mul(2_u32.saturating_pow(self.tries))
            .min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_maximum_and_start_over_after_progress() {
        let mut backoff = Backoff::new(Duration::from_secs(30));
        let limits: Vec<_> = (0..9)
            .map(|_| {
                let limit = backoff.limit();
                assert!(backoff.next_wait() <= limit);
                limit.as_millis()
            })
            .collect();
        assert_eq!(
            limits,
            [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]
        );
        assert_eq!(backoff.tries(), 9);
        backoff.reset();
        assert_eq!((backoff.tries(), backoff.limit()), (0, FIRST));
    }

    #[test]
    fn a_small_maximum_holds_from_the_first_wait() {
        assert!(Backoff::new(Duration::from_millis(1)).next_wait() <= Duration::from_millis(1));
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let waits: Vec<_> = (0..200).map(|_| Backoff::new(FIRST).next_wait()).collect();
        assert!(waits.iter().any(|wait| *wait < FIRST / 4));
        assert!(waits.iter().any(|wait| *wait > FIRST * 3 / 4));
    }
}
