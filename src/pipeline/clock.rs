//! When the cursor is saved.
//!
//! A checkpoint asks the sink to make durable what it has, and does not wait for it; a second save, soon after, picks the outcome up.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::Ending;
use crate::{
    cursor::{CursorError, CursorStore, Keeper},
    error::Error,
    sink::{Ledger, Sink},
    stats::Stats,
};

/// The part of the pace after which the outcome of a checkpoint is picked up.
const SOON: u32 = 8;

/// The pace of saves.
#[derive(Debug)]
pub(super) struct SaveClock {
    every: Duration,
    next: Instant,
    /// The next save picks up what the sink has accepted since the checkpoint.
    is_second: bool,
    /// The sink was busy when it should have been asked for a checkpoint.
    is_overdue: bool,
}

impl SaveClock {
    pub(super) fn start(every: Duration) -> Self {
        Self {
            every,
            next: Instant::now() + every,
            is_second: false,
            is_overdue: false,
        }
    }

    /// Resolves when a save is due; never while there is nothing to save, so that an idle run sleeps.
    pub(super) async fn due<C: CursorStore>(&self, keeper: &Keeper<C>) {
        if keeper.has_news() {
            sleep_until(self.next).await;
        } else {
            pending::<()>().await;
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Something new came after there was nothing to save: it has its time too.
    pub(super) fn begin_anew(&mut self) {
        self.next = Instant::now() + self.every;
        self.is_second = false;
    }

    /// Makes a checkpoint due if the sink could not be asked when it was.
    pub(super) fn catch_up(&mut self) {
        if std::mem::take(&mut self.is_overdue) {
            self.next = Instant::now();
            self.is_second = false;
        }
    }

    /// Has the sink make durable what it was given, or picks up the outcome, and saves the cursor up to what is accepted.
    pub(super) async fn tick<K: Sink, C: CursorStore>(
        &mut self,
        sink: &mut K,
        keeper: &mut Keeper<C>,
        ledger: &Ledger,
        stats: &Stats,
        ending: &Ending,
    ) -> Result<(), Error> {
        if !self.is_second {
            keeper.pin();
            sink.checkpoint().await?;
        }
        if save(keeper, ledger, stats, ending).await? {
            sink.saved(ledger)?;
        }
        self.is_second = !self.is_second && ledger.accepted() < keeper.kept();
        let wait = if self.is_second {
            self.every / SOON
        } else {
            self.every
        };
        self.next = Instant::now() + wait;
        Ok(())
    }

    /// Saves the cursor while the sink is busy and cannot be asked.
    pub(super) async fn tick_busy<C: CursorStore>(
        &mut self,
        keeper: &mut Keeper<C>,
        ledger: &Ledger,
        stats: &Stats,
        ending: &Ending,
    ) -> Result<(), CursorError> {
        save(keeper, ledger, stats, ending).await?;
        self.next = Instant::now() + self.every;
        self.is_overdue = true;
        Ok(())
    }
}

/// Saves the cursor up to what is accepted, and returns whether it is saved. Gives way to a stop, so that a disk that hangs does not hold it up: there is a last
/// save to come. Fails only when another process has the cursor now; what may pass is tried again with the next save.
pub(super) async fn save<C: CursorStore>(
    keeper: &mut Keeper<C>,
    ledger: &Ledger,
    stats: &Stats,
    ending: &Ending,
) -> Result<bool, CursorError> {
    let (accepted, files) = ledger.read();
    stats.set_accepted(accepted);
    tokio::select! {
        biased;
        saved = keeper.save(accepted, files) => {
            note_save(&saved, stats);
            let stands = saved.is_ok() && keeper.keeps();
            if stands {
                ledger.note_saved(keeper.saved_files());
            }
            match saved {
                Err(error) if error.is_taken() => Err(error),
                _ => Ok(stands),
            }
        }
        () = ending.pressed() => Ok(false),
    }
}

/// Counts a save. `Ok(None)` means that nothing had changed.
pub(super) fn note_save(saved: &Result<Option<u64>, CursorError>, stats: &Stats) {
    match saved {
        Ok(None) => {}
        Ok(Some(time_us)) => {
            stats.add_cursor_saves(1);
            stats.set_cursor(*time_us);
        }
        Err(_) => stats.add_cursor_save_failures(1),
    }
}
