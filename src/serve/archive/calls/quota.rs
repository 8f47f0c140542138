//! How many bytes may be fetched: a bucket that fills at a steady rate, and is emptied by bodies.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{serve::answer::Answer, wire::v2::archive::quota};

/// How many bytes may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// At once.
    pub burst: u64,
    /// In a second, from then on.
    pub rate: u64,
}

/// The bytes that may be fetched now.
#[derive(Debug)]
pub(super) struct Bucket {
    quota: Quota,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    /// Less than nothing after an answer that was longer than what was left.
    bytes: i64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn new(quota: Quota) -> Self {
        Self {
            quota,
            level: Mutex::new(Level {
                bytes: signed(quota.burst),
                filled: Instant::now(),
            }),
        }
    }

    /// How long it takes until anything may be fetched; nothing where it may be now.
    pub(super) fn wait(&self) -> Duration {
        let level = self.filled();
        let missing = 1_i64.saturating_sub(level.bytes);
        let missing = u64::try_from(missing).unwrap_or_default();
        Duration::from_secs(missing.div_ceil(self.quota.rate.max(1)))
    }

    /// Takes out what was sent.
    pub(super) fn spend(&self, bytes: u64) {
        let mut level = self.filled();
        level.bytes = level.bytes.saturating_sub(signed(bytes));
    }

    /// What every answer says of it.
    pub(super) fn say(&self, answer: Answer) -> Answer {
        answer
            .header(quota::BURST_BYTES, &self.quota.burst.to_string())
            .header(quota::REFILL_BYTES, &self.quota.rate.to_string())
            .header(quota::REFILL_PERIOD_SECONDS, "1")
    }

    /// The level of now.
    fn filled(&self) -> MutexGuard<'_, Level> {
        const MICROS: u128 = 1_000_000;
        // Nothing panics while it is held.
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, rate) = (Instant::now(), u128::from(self.quota.rate.max(1)));
        let bytes = now.duration_since(level.filled).as_micros() * rate / MICROS;
        // What is less than a byte is left for the next time.
        let micros = u64::try_from(bytes * MICROS / rate).unwrap_or(u64::MAX);
        level.filled += Duration::from_micros(micros);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        level.bytes = level
            .bytes
            .saturating_add(bytes)
            .min(signed(self.quota.burst));
        level
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_spent_comes_back_at_the_rate_and_up_to_the_burst() {
        let bucket = Bucket::new(Quota {
            burst: 1000,
            rate: 100,
        });
        bucket.spend(999);
        assert_eq!(bucket.wait(), Duration::ZERO);
        bucket.spend(250);
        assert_eq!(bucket.wait(), Duration::from_secs(3));
        // In steps that are no whole bytes.
        for _ in 0..1000 {
            advance(Duration::from_micros(2_499)).await;
            bucket.wait();
        }
        assert_eq!(bucket.wait(), Duration::from_secs(1));
        advance(Duration::from_millis(12)).await;
        assert_eq!(bucket.wait(), Duration::ZERO);
        advance(Duration::from_secs(3600)).await;
        bucket.spend(1000);
        assert_eq!(bucket.wait(), Duration::from_secs(1));
    }
}
