//! The wish to end a run, however it comes, and when patience with the rest ends.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Ended;

/// The wish to end, and how long the rest may then take.
pub(super) struct Ending {
    pub(super) stop: CancellationToken,
    pub(super) over: Option<Instant>,
    /// Set once the end is wanted, or all is done but the last save.
    pub(super) deadline: Option<Instant>,
}

impl Ending {
    /// Resolves when a stop was asked for or the asked time is over.
    pub(super) async fn wanted(&self) -> Ended {
        let over = async {
            match self.over {
                Some(over) => sleep_until(over).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ended::Stopped,
            () = over => Ended::Duration,
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.stop.is_cancelled() || self.over.is_some_and(|over| Instant::now() >= over)
    }

    /// The moment at which patience ends; counted from the first call.
    pub(super) fn deadline(&mut self, grace: Duration) -> Instant {
        *self.deadline.get_or_insert_with(|| Instant::now() + grace)
    }

    /// Resolves when it is time to look at the end: once it is wanted, and then once patience ends.
    pub(super) async fn pressed(&self) {
        if self.deadline.is_none() {
            self.wanted().await;
        } else {
            self.expired().await;
        }
    }

    /// Resolves when patience ends; never while the end is not wanted.
    pub(super) async fn expired(&self) {
        match self.deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }
}
