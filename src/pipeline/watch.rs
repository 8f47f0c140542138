//! The limits on a stream that stands still or falls behind. Nothing trips, and nothing is said,
//! unless it was asked for.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use tracing::{info, warn};

use super::PipelineSettings;
use crate::{log::STATE, pipeline::Error, stats::Stats};

/// How often it is looked whether a stream that brings nothing has fallen behind.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// When the last event came, and how far behind that is.
#[derive(Debug)]
pub(super) struct Watch {
    idle_timeout: Option<Duration>,
    max_lag: Option<Duration>,
    lag_alert: Option<Duration>,
    last_event: Instant,
    next_look: Instant,
    /// The stream was within `max_lag` once: one that begins further back has to catch up first.
    was_near: bool,
    /// It was logged that the stream has fallen behind.
    is_alerted: bool,
}

impl Watch {
    pub(super) fn start(settings: &PipelineSettings) -> Self {
        let now = Instant::now();
        Self {
            idle_timeout: settings.idle_timeout,
            max_lag: settings.max_lag,
            lag_alert: settings.lag_alert,
            last_event: now,
            next_look: now + LOOK_INTERVAL,
            was_near: false,
            is_alerted: false,
        }
    }

    /// Notes that the sink is done with what came: from now on it is waited for events.
    pub(super) fn begin_wait(&mut self, came: bool, now: Instant) {
        if came {
            self.last_event = now;
        }
    }

    /// Fails when what was just read lies too far back.
    pub(super) fn look(&mut self, stats: &Stats) -> Result<(), Error> {
        if self.max_lag.is_none() && self.lag_alert.is_none() {
            return Ok(());
        }
        let Some(lag) = stats.lag() else {
            return Ok(());
        };
        self.alert(lag);
        let Some(most) = self.max_lag else {
            return Ok(());
        };
        if lag <= most {
            self.was_near = true;
        } else if self.was_near {
            return Err(Error::Behind { lag, most });
        }
        Ok(())
    }

    /// Tells once that the stream has fallen behind, and once that it is near again: within half of
    /// what is alarming, so that a stream at the limit is not logged all the time.
    fn alert(&mut self, lag: Duration) {
        let Some(limit) = self.lag_alert else {
            return;
        };
        let seconds = lag.as_secs();
        let shown = humantime::format_duration(Duration::from_secs(seconds));
        if lag > limit && !self.is_alerted {
            self.is_alerted = true;
            let limit = humantime::format_duration(limit);
            warn!(target: STATE, seconds, setting = "lag_alert", "the stream is read {shown} behind, more than the lag alert of {limit}");
        } else if lag <= limit / 2 && self.is_alerted {
            self.is_alerted = false;
            info!(target: STATE, seconds, "the stream is read near its end again, {shown} behind");
        }
    }

    /// Resolves when no event has come for too long, or the stream has fallen behind while no
    /// connection stands. Awaited while an event is waited for; while a connection stands and
    /// nothing is there to read, nothing is late. Where the sink `is_full` no event is asked for,
    /// and none is missed.
    ///
    /// Cancel safety: it counts from the last event, whenever it is asked.
    pub(super) async fn standstill(&mut self, stats: &Stats, is_full: bool) -> Error {
        if is_full {
            return self.behind(stats).await;
        }
        let (limit, last_event) = (self.idle_timeout, self.last_event);
        // Events that the source drops are a sign of life too, and no batch tells of them.
        let over = |limit| {
            let last = stats
                .last_came()
                .map_or(last_event, |came| came.max(last_event));
            last.checked_add(limit)
        };
        let idle = async {
            let Some(limit) = limit else {
                return std::future::pending().await;
            };
            loop {
                match over(limit) {
                    None => return std::future::pending().await,
                    Some(over) if over <= Instant::now() => return limit,
                    Some(over) => sleep_until(over).await,
                }
            }
        };
        tokio::select! {
            limit = idle => Error::Idle { limit },
            error = self.behind_while(stats, || !stats.is_connected()) => error,
        }
    }

    /// Resolves when the stream has fallen behind while the sink takes nothing.
    ///
    /// Cancel safety: at worst it looks again sooner.
    pub(super) async fn behind(&mut self, stats: &Stats) -> Error {
        self.behind_while(stats, || true).await
    }

    async fn behind_while(&mut self, stats: &Stats, counts: impl Fn() -> bool) -> Error {
        if self.max_lag.is_none() && self.lag_alert.is_none() {
            return std::future::pending().await;
        }
        loop {
            sleep_until(self.next_look).await;
            self.next_look = Instant::now() + LOOK_INTERVAL;
            if counts()
                && let Err(error) = self.look(stats)
            {
                return error;
            }
        }
    }
}
