//! What all connections of a server share.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{OnceCell, Semaphore},
    task::spawn_blocking,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "segments")]
use super::archive::ArchiveCalls;
use super::{
    ServerSettings,
    block::BlockBuilder,
    blocks::Blocks,
    budget::Budget,
    disconnect::Disconnect,
    feed::{self, Feed, FeedPosition, Schedule},
    health::Health,
    request::Rules,
};
use crate::{log::throttle, serve::listen::Gate};

/// What is longer than this is read on another thread, one at a time: it takes longer than an event
/// may wait.
const LONG_BYTES: usize = 64 * 1024;

/// Who comes so soon after the first consumer begins where that one did, so that the first event is
/// not lost between two clock readings.
const BEGINNING: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared<F> {
    pub(super) feed: Arc<F>,
    pub(super) blocks: Blocks<F>,
    pub(super) settings: ServerSettings,
    pub(super) description: String,
    pub(super) clock: OnceLock<Clock>,
    /// The number of the first event.
    pub(super) first_seq: OnceCell<u64>,
    pub(super) consumers: AtomicU64,
    pub(super) sent: AtomicU64,
    /// How often it is logged that a consumer was cut off, or not let in.
    pub(super) cuts: Mutex<throttle::Throttle>,
    pub(super) gate: Gate,
    pub(super) budget: Arc<Budget>,
    pub(super) over_budget: AtomicU64,
    /// What is long is read by one at a time.
    pub(super) long: Arc<Semaphore>,
    /// Ends all consumers when the server is killed on purpose; then there is another.
    pub(super) life: Mutex<CancellationToken>,
    /// How many requests were refused on purpose.
    pub(super) refused: AtomicU64,
    /// A consumer has everything, and that is to be the end.
    pub(super) over: CancellationToken,
}

/// The moment the first consumer began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    start_us: u64,
    schedule: Schedule,
}

impl<F> Shared<F> {
    pub(super) fn rules(&self) -> Rules<'_> {
        Rules {
            legacy: self.settings.legacy,
            health: Health {
                description: &self.description,
                upstream: self.settings.upstream.as_deref(),
                consumers: self.consumers.load(Relaxed),
                sent: self.sent.load(Relaxed),
            },
            description: &self.description,
            gate: &self.gate,
            #[cfg(feature = "segments")]
            has_archive: self.settings.archive.is_some(),
        }
    }

    /// Reads what a consumer sent: at once what is short, and what is long on another thread, so
    /// that others get their events meanwhile. None where the program ends.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        n_bytes: usize,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if n_bytes <= LONG_BYTES {
            return Some(read());
        }
        let turn = Arc::clone(&self.long).acquire_owned().await.ok()?;
        let read = move || {
            let _turn = turn;
            read()
        };
        spawn_blocking(read).await.ok()
    }

    /// How many calls of an archive there were, and how many bytes they got.
    #[cfg(feature = "segments")]
    pub(super) fn fetched(&self) -> (u64, u64) {
        let archive = self.settings.archive.as_ref();
        archive.map(ArchiveCalls::counted).unwrap_or_default()
    }

    /// Counts a consumer for which there is no memory.
    pub(super) fn over_budget(&self) -> Disconnect {
        self.over_budget.fetch_add(1, Relaxed);
        Disconnect::OverBudget(self.settings.consumer_bytes)
    }

    /// Whether it is to be said that a consumer was cut off or not let in; then with what was left
    /// out before.
    pub(super) fn may_log(&self) -> Option<String> {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match cuts.check()? {
            0 => String::new(),
            n => format!(" ({n} more before)"),
        })
    }
}

impl<F: Feed> Shared<F> {
    pub(super) fn clock(&self) -> &Clock {
        self.clock.get_or_init(|| {
            let start_us = feed::wall_us();
            Clock {
                start: Instant::now(),
                start_us,
                schedule: self.feed.schedule(start_us),
            }
        })
    }

    pub(super) fn start_us(&self) -> u64 {
        self.clock().start_us
    }

    /// The block that holds the place, or one before it.
    pub(super) fn find(&self, position: FeedPosition) -> u64 {
        let start_us = self.start_us();
        let numbering = self.blocks.numbering();
        let position = match position {
            FeedPosition::Seq(seq) => FeedPosition::Seq(numbering.in_feed(seq)),
            other => other,
        };
        let index = self.feed.find(position, start_us);
        let again = match position {
            FeedPosition::Time(time_us) => numbering.taken_in_again(time_us),
            _ => None,
        };
        again.map_or(index, |first| {
            index.min(self.feed.find(FeedPosition::Seq(first), start_us))
        })
    }

    /// What ends the consumers that begin now.
    pub(super) fn life(&self) -> CancellationToken {
        self.life
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The server is killed on purpose: it goes on at once, with other numbers.
    pub(super) fn kill(&self, killed_us: u64) {
        let numbering = self.blocks.numbering();
        if numbering.kill_at().is_some() {
            self.blocks.renumber(numbering.after_kill(killed_us));
            let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *life).cancel();
        }
    }

    /// The number of the first event there is. The clock does not begin by this, because a client that asks
    /// may be refused.
    pub(super) async fn first_seq(&self) -> u64 {
        if let Some(extent) = self.feed.growth() {
            return extent.borrow().first;
        }
        let read = || async {
            let feed = Arc::clone(&self.feed);
            let read = move || {
                let start_us = feed::wall_us();
                let mut block = BlockBuilder::new(false);
                let index = feed.find(FeedPosition::Beginning, start_us);
                feed.read(index, start_us, &mut block).ok()?;
                block.finish().entries().first().map(|entry| entry.seq)
            };
            spawn_blocking(read).await.ok().flatten().ok_or(())
        };
        // What cannot be read is said to the consumer that then reads it.
        self.first_seq
            .get_or_try_init(read)
            .await
            .copied()
            .unwrap_or_default()
    }

    /// Where a consumer begins that names no place.
    pub(super) fn tip(&self) -> FeedPosition {
        let Clock {
            start, schedule, ..
        } = self.clock();
        if *schedule == Schedule::Live {
            return FeedPosition::End;
        }
        let mut elapsed = start.elapsed();
        if elapsed < BEGINNING {
            elapsed = Duration::ZERO;
        }
        schedule
            .now(elapsed)
            .map_or(FeedPosition::Beginning, FeedPosition::Time)
    }

    /// Whether events are sent as soon as they are there.
    pub(super) fn is_at_once(&self) -> bool {
        matches!(self.clock().schedule, Schedule::Live | Schedule::Max)
    }

    /// When an event of this time is sent; `None` for never.
    pub(super) fn due(&self, time_us: u64) -> Option<Instant> {
        let Clock {
            start, schedule, ..
        } = self.clock();
        start.checked_add(schedule.due(time_us)?)
    }
}
