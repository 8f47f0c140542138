//! Whether a consumer gets on: the public servers' rule for slow ones (protocol reference, section
//! 1.10).
//!
//! It counts events that were looked at, wanted or not. A consumer near the newest event may be as
//! slow as the stream is.

use tokio::time::Instant;

use super::Consumer;
use crate::serve::{
    ServerSettings,
    disconnect::Disconnect,
    feed::{Feed, FeedError, FeedPosition},
};

/// How a consumer got on since the beginning of a window of time.
#[derive(Debug)]
pub(super) struct Headway {
    /// The number of the event that was looked at last; none before the first.
    reached: Option<u64>,
    /// The same at the beginning of the window.
    before: Option<u64>,
    until: Instant,
}

impl Headway {
    pub(super) fn start(settings: &ServerSettings) -> Self {
        Self {
            reached: None,
            before: None,
            until: Instant::now() + settings.slow_window,
        }
    }

    /// The end of the window.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Notes how far it has come.
    pub(super) fn reach(&mut self, seq: u64) {
        self.reached = Some(seq);
    }

    /// Begins the next window where one is over. Returns the event that it had reached if it got on
    /// by fewer a second than it has to.
    fn slow_at(&mut self, settings: &ServerSettings) -> Option<u64> {
        let now = Instant::now();
        if now < self.until {
            return None;
        }
        self.until = now + settings.slow_window;
        let before = std::mem::replace(&mut self.before, self.reached);
        let (before, reached) = (before?, self.reached?);
        let least = settings.slow_window.as_secs_f64() * f64::from(settings.slow_rate);
        let gained = reached.saturating_sub(before);
        // More than this is as good as infinite.
        let gained = f64::from(u32::try_from(gained).unwrap_or(u32::MAX));
        (gained < least).then_some(reached)
    }
}

impl<F: Feed> Consumer<F> {
    /// Ends a consumer that is slow and far behind.
    pub(super) async fn check_headway(&mut self) -> Result<(), Disconnect> {
        let Some(reached) = self.headway.slow_at(&self.shared.settings) else {
            return Ok(());
        };
        let newest = self.newest().await?.unwrap_or(reached);
        let behind = newest.saturating_sub(reached);
        if behind > self.shared.settings.slow_behind {
            return Err(Disconnect::Behind(behind));
        }
        Ok(())
    }

    /// The number of the event that is due now; none where there is no "now".
    async fn newest(&self) -> Result<Option<u64>, FeedError> {
        if let Some(extent) = &self.extent {
            return Ok(extent.borrow().next.checked_sub(1));
        }
        let position = self.shared.tip();
        let FeedPosition::Time(now_us) = position else {
            return Ok(None);
        };
        let mut index = self.shared.find(position);
        while let Some(block) = self.read(index).await? {
            let mut entries = block.entries().iter();
            if let Some(entry) = entries.find(|entry| entry.time_us >= now_us) {
                return Ok(Some(entry.seq));
            }
            index = block.next(index);
        }
        // It lies behind the end.
        let last = self.read(index.saturating_sub(1)).await?;
        Ok(last.and_then(|block| block.entries().last().map(|entry| entry.seq)))
    }
}
