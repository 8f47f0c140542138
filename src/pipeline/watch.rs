//! The limits on a stream that stands still or falls behind. Nothing trips unless it was asked for.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::PipelineSettings;
use crate::{error::Error, stats::Stats};

/// How often it is looked whether a stream that brings nothing has fallen behind.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When the last event came, and how far behind that is.
#[derive(Debug)]
pub(super) struct Watch {
    idle_timeout: Option<Duration>,
    max_lag: Option<Duration>,
    last_event: Instant,
    next_look: Instant,
    /// The stream was within `max_lag` once: one that begins further back has to catch up first.
    was_near: bool,
}

impl Watch {
    pub(super) fn start(settings: &PipelineSettings) -> Self {
        let now = Instant::now();
        Self {
            idle_timeout: settings.idle_timeout,
            max_lag: settings.max_lag,
            last_event: now,
            next_look: now + LOOK_EVERY,
            was_near: false,
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
        let (Some(most), Some(lag)) = (self.max_lag, stats.lag()) else {
            return Ok(());
        };
        if lag <= most {
            self.was_near = true;
        } else if self.was_near {
            return Err(Error::Behind { lag, most });
        }
        Ok(())
    }

    /// Resolves when no event has come for too long, or the stream has fallen behind while no connection stands. Awaited while an
    /// event is waited for; while a connection stands and nothing is there to read, nothing is late.
    ///
    /// Cancel safety: it counts from the last event, whenever it is asked.
    pub(super) async fn standstill(&mut self, stats: &Stats) -> Error {
        let over = self
            .idle_timeout
            .and_then(|limit| Some((limit, self.last_event.checked_add(limit)?)));
        let idle = async {
            match over {
                Some((limit, over)) => {
                    sleep_until(over).await;
                    limit
                }
                None => std::future::pending().await,
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
        if self.max_lag.is_none() {
            return std::future::pending().await;
        }
        loop {
            sleep_until(self.next_look).await;
            self.next_look = Instant::now() + LOOK_EVERY;
            if counts()
                && let Err(error) = self.look(stats)
            {
                return error;
            }
        }
    }
}
