//! How much is taken from an archive, and how fast: the limits of its operator, and the user's own.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::HeaderMap;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until},
};

/// How much an operator allows at once.
const BURST_HEADER: &str = "headwind-quota-burst-bytes";

/// How much of that comes back in each period, and how long that is.
const REFILL_HEADER: &str = "headwind-quota-refill-bytes";
const PERIOD_HEADER: &str = "headwind-quota-refill-period-seconds";

/// Which part of an operator's rate is used, so that differences of clocks and of counting do not
/// lead to a refusal.
const SHARE: f64 = 0.97;

/// The wait after a refusal that names none.
const USUAL_WAIT: Duration = Duration::from_secs(5);

/// The shortest one, whatever is named.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// After this time it is looked again whether so much may be taken.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Bytes that were taken, and what limits them.
#[derive(Debug)]
pub(super) struct Meter {
    received: AtomicU64,
    limits: Mutex<Limits>,
    /// Whose turn it is to take, in the order in which it was asked: blocks that come next are not
    /// overtaken by smaller ones behind them.
    turn: Semaphore,
}

#[derive(Debug)]
struct Limits {
    own: Option<Bucket>,
    quota: Option<Bucket>,
    /// Nothing is asked before.
    closed_until: Option<Instant>,
}

/// Bytes that may be taken, as they come back.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    burst: f64,
    /// In bytes a second.
    rate: f64,
    at: Instant,
}

impl Bucket {
    fn full(burst: f64, rate: f64) -> Self {
        Self {
            level: burst,
            burst,
            rate,
            at: Instant::now(),
        }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.rate).min(self.burst);
        self.at = now;
    }

    /// When so much may be taken: what is more than all of it, once it is full.
    fn due(&mut self, bytes: f64, now: Instant) -> Instant {
        self.refill(now);
        let lacks = bytes.min(self.burst) - self.level;
        if lacks <= 0.0 {
            return now;
        }
        let wait = Duration::try_from_secs_f64(lacks / self.rate);
        now + wait.map_or(MAX_WAIT, |wait| wait.min(MAX_WAIT))
    }
}

impl Meter {
    /// Counts from nothing; at most so much a second, if that is given.
    pub(super) fn new(max_rate: Option<u64>) -> Self {
        let own = max_rate.map(as_f64).map(|rate| Bucket::full(rate, rate));
        Self {
            received: AtomicU64::new(0),
            limits: Mutex::new(Limits {
                own,
                quota: None,
                closed_until: None,
            }),
            turn: Semaphore::new(1),
        }
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of bodies so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Waits until so much may be asked for, and takes it; says until when it waits. Cancel safety:
    /// nothing is taken before.
    pub(super) async fn take(&self, bytes: u64, until: impl Fn(Instant)) {
        // It is never closed.
        let _turn = self.turn.acquire().await;
        while let Some(due) = self.try_take(bytes) {
            until(due);
            sleep_until(due).await;
        }
    }

    /// Takes it, or says when that may be tried again.
    fn try_take(&self, bytes: u64) -> Option<Instant> {
        let mut limits = self.limits();
        let now = Instant::now();
        let Limits {
            own,
            quota,
            closed_until,
        } = &mut *limits;
        let mut due = closed_until.unwrap_or(now);
        let bytes = as_f64(bytes);
        for bucket in own.iter_mut().chain(quota.iter_mut()) {
            due = due.max(bucket.due(bytes, now));
        }
        if due > now {
            return Some(due);
        }
        *closed_until = None;
        for bucket in own.iter_mut().chain(quota) {
            bucket.level -= bytes;
        }
        None
    }

    /// Says how much it was in the end of what was taken.
    pub(super) fn settle(&self, taken: u64, received: u64) {
        let mut limits = self.limits();
        let Limits { own, quota, .. } = &mut *limits;
        for bucket in own.iter_mut().chain(quota) {
            bucket.level += as_f64(taken) - as_f64(received);
        }
    }

    pub(super) fn count(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Learns the operator's limits from an answer.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let number = |name: &str| -> Option<f64> {
            let number: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
            (number.is_finite() && number > 0.0).then_some(number)
        };
        let (Some(burst), Some(refill)) = (number(BURST_HEADER), number(REFILL_HEADER)) else {
            return;
        };
        let rate = SHARE * refill / number(PERIOD_HEADER).unwrap_or(1.0);
        let mut limits = self.limits();
        if let Some(quota) = &mut limits.quota {
            (quota.burst, quota.rate) = (burst, rate);
        } else {
            let mut quota = Bucket::full(burst, rate);
            quota.level -= as_f64(self.received());
            limits.quota = Some(quota);
        }
    }

    /// The operator refused: nothing is asked before this time has passed, and then there is
    /// nothing left of what may be taken at once.
    pub(super) fn refuse(&self, wait: Option<Duration>) {
        let until = Instant::now() + wait.unwrap_or(USUAL_WAIT).max(LEAST_WAIT);
        let mut limits = self.limits();
        limits.closed_until = limits.closed_until.max(Some(until));
        if let Some(quota) = &mut limits.quota {
            quota.level = quota.level.min(0.0);
        }
    }

    /// How much the operator allows at once, and then a second; `None` where it does not say.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both are finite and above 0"
    )]
    pub(super) fn quota(&self) -> Option<(u64, u64)> {
        let quota = self.limits().quota?;
        Some((quota.burst as u64, (quota.rate / SHARE).round() as u64))
    }

    /// How long so much takes by these limits; `None` where there are none.
    pub(super) fn time_for(&self, bytes: u64) -> Option<Duration> {
        let mut limits = self.limits();
        let now = Instant::now();
        let Limits { own, quota, .. } = &mut *limits;
        let waits = own.iter_mut().chain(quota).map(|bucket| {
            bucket.refill(now);
            ((as_f64(bytes) - bucket.level.max(0.0)) / bucket.rate).max(0.0)
        });
        let longest = waits.reduce(f64::max)?;
        Duration::try_from_secs_f64(longest).ok()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "limits are of no more than some digits"
)]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(burst: &str, refill: &str, period: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (BURST_HEADER, burst),
            (REFILL_HEADER, refill),
            (PERIOD_HEADER, period),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    async fn seconds(work: impl Future<Output = ()>) -> f64 {
        let began = Instant::now();
        work.await;
        began.elapsed().as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_operator_allows_is_taken_and_no_more() {
        let meter = Meter::new(None);
        meter.learn(&quota("10000", "400", "2"));
        assert!(seconds(meter.take(10_000, |_| {})).await < 0.01);
        let waited = seconds(meter.take(194, |_| {})).await;
        assert!((0.99..1.1).contains(&waited), "{waited}");
        // What was not needed is given back.
        meter.settle(194, 0);
        assert!(seconds(meter.take(190, |_| {})).await < 0.01);
        // What is more than all at once waits until all of it is there.
        let waited = seconds(meter.take(20_000, |_| {})).await;
        assert!((51.0..52.0).contains(&waited), "{waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_nothing_is_asked_for_as_long_as_was_said() {
        let meter = Meter::new(None);
        meter.learn(&quota("10000", "200", "1"));
        meter.refuse(Some(Duration::from_secs(7)));
        let waited = seconds(meter.take(1, |_| {})).await;
        assert!((7.0..7.1).contains(&waited), "{waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_asks_for_no_wait_gets_one() {
        let meter = Meter::new(None);
        meter.refuse(Some(Duration::ZERO));
        let waited = seconds(meter.take(1, |_| {})).await;
        assert!((1.0..1.1).contains(&waited), "{waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quota_that_never_comes_back_is_no_panic() {
        for period in ["1e19", "1e300", "9.3e18"] {
            let meter = Meter::new(None);
            meter.learn(&quota("1", "1", period));
            meter.take(1, |_| {}).await;
            let most = Instant::now() + MAX_WAIT;
            assert!(meter.try_take(1).is_some_and(|due| due <= most), "{period}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_much_is_not_overtaken() {
        let meter = Meter::new(Some(1000));
        meter.take(1000, |_| {}).await;
        let began = Instant::now();
        let much = meter.take(1000, |_| {});
        let little = async {
            for _ in 0..50 {
                meter.take(100, |_| {}).await;
            }
        };
        tokio::select! {
            biased;
            () = much => {}
            () = little => unreachable!("it was overtaken"),
        }
        assert!(began.elapsed() < Duration::from_millis(1100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_ones_own_holds_without_a_quota() {
        let meter = Meter::new(Some(1000));
        meter.take(1000, |_| {}).await;
        let waited = seconds(meter.take(500, |_| {})).await;
        assert!((0.45..0.55).contains(&waited), "{waited}");
        let left = meter.time_for(10_000).unwrap().as_secs_f64();
        assert!((9.9..10.1).contains(&left), "{left}");
        assert_eq!(Meter::new(None).time_for(1), None);
    }
}
