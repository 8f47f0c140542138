//! How often a message of one class is said: as often as it happens, until that is too often to
//! read.

use std::time::Duration;

use tokio::time::Instant;

/// How many messages of a class may follow each other at once. A guess: a screen's worth.
const MAX_BURST: u32 = 20;

/// After a burst, one message of its class per this time.
pub(crate) const REFILL_INTERVAL: Duration = Duration::from_secs(3);

/// How often messages of one class are said.
#[derive(Debug)]
pub(crate) struct Throttle {
    burst: u32,
    left: u32,
    filled: Instant,
    left_out: u64,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self::of(MAX_BURST)
    }

    /// For a message that says the same each time, and too much to be read twice: no burst.
    pub(crate) fn sparse() -> Self {
        Self::of(1)
    }

    fn of(burst: u32) -> Self {
        Self {
            burst,
            left: burst,
            filled: Instant::now(),
            left_out: 0,
        }
    }

    /// Whether one more may be said now; then how many were left out since the last that was.
    pub(crate) fn check(&mut self) -> Option<u64> {
        let now = Instant::now();
        while self.left < self.burst && now.duration_since(self.filled) >= REFILL_INTERVAL {
            self.left += 1;
            self.filled += REFILL_INTERVAL;
        }
        if self.left == self.burst {
            self.filled = now;
        }
        if self.left == 0 {
            self.left_out += 1;
            return None;
        }
        self.left -= 1;
        Some(self.take_left_out())
    }

    /// Says it in any case; returns how many were left out since the last that was said.
    pub(crate) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

/// How a message ends that others were left out before.
pub(crate) fn more(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        n => format!(" (and {n} times more since the last such line)"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_said_in_full_and_a_flood_is_counted() {
        let mut pace = Throttle::new();
        for _ in 0..MAX_BURST {
            assert_eq!(pace.check(), Some(0));
        }
        assert_eq!([pace.check(), pace.check()], [None, None]);
        advance(REFILL_INTERVAL).await;
        assert_eq!([pace.check(), pace.check()], [Some(2), None]);
        assert_eq!(pace.take_left_out(), 1);
        assert_eq!(pace.check(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sparse_message_has_no_burst() {
        let mut pace = Throttle::sparse();
        assert_eq!([pace.check(), pace.check()], [Some(0), None]);
        advance(REFILL_INTERVAL).await;
        assert_eq!([pace.check(), pace.check()], [Some(1), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_now_and_then_is_always_said() {
        let mut pace = Throttle::new();
        for _ in 0..100 {
            assert_eq!(pace.check(), Some(0));
            advance(REFILL_INTERVAL).await;
        }
        // A long rest saves up no more than a burst.
        advance(REFILL_INTERVAL * 1000).await;
        assert_eq!(
            (0..100).filter_map(|_| pace.check()).count(),
            MAX_BURST as usize
        );
    }
}
