//! What was asked for and is not saved yet: so much of it has to be fetched again after a crash.

use std::{collections::VecDeque, time::Duration};

use tokio::time::{Instant, timeout_at};

use crate::{event::Point, source::Saves};

/// The most that may have to be fetched again.
const MAX_UNSAVED_BYTES: u64 = 4 * 1024 * 1024;

/// The most that is fetched ahead where nothing is saved.
const MAX_AHEAD_BYTES: u64 = 6 * 1024 * 1024;

/// A save that takes longer than this holds nothing up any more.
const SAVE_PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that were asked for, from the first to those that are saved.
#[derive(Debug)]
pub(super) struct Ledger {
    saves: Saves,
    /// Asked for and not here yet.
    flying: u64,
    /// Here, all in all.
    brought: u64,
    /// For each block that was given to be printed, what was here up to it.
    given: VecDeque<u64>,
    n_taken: u64,
    /// Once this number is saved, so much is.
    marks: VecDeque<(u64, u64)>,
    saved: u64,
    /// Nothing was saved for too long, and this much may be unsaved.
    grace: u64,
}

impl Ledger {
    pub(super) fn new(saves: Saves) -> Self {
        Self {
            saves,
            flying: 0,
            brought: 0,
            given: VecDeque::new(),
            n_taken: 0,
            marks: VecDeque::new(),
            saved: 0,
            grace: 0,
        }
    }

    pub(super) fn flying(&self) -> u64 {
        self.flying
    }

    /// What would have to be fetched again.
    fn unsaved(&self) -> u64 {
        self.flying + self.brought - self.saved
    }

    /// Whether so much more may be asked for. One piece always may, whatever its size.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        let most = if self.saves.keeps() {
            MAX_UNSAVED_BYTES
        } else {
            MAX_AHEAD_BYTES
        };
        self.unsaved() == 0 || self.unsaved() + bytes <= most + self.grace
    }

    pub(super) fn ask(&mut self, bytes: u64) {
        self.flying += bytes;
    }

    /// What was asked for is here, or has turned out not to be.
    pub(super) fn bring(&mut self, asked: u64, bytes: u64) {
        self.flying -= asked.min(self.flying);
        self.brought += bytes;
    }

    /// Nothing of what was asked for comes any more.
    pub(super) fn forget_flying(&mut self) {
        self.flying = 0;
    }

    /// A block is given to be printed.
    pub(super) fn give(&mut self) {
        self.given.push_back(self.brought);
    }

    /// So many blocks are printed, and the stream is read up to this number.
    pub(super) fn taken(&mut self, blocks: u64, seq: Option<u64>) {
        let mut reached = None;
        while self.n_taken < blocks {
            reached = self.given.pop_front().or(reached);
            self.n_taken += 1;
        }
        let Some(brought) = reached else { return };
        if !self.saves.keeps() {
            (self.saved, self.grace) = (brought, 0);
            return;
        }
        if let Some(seq) = seq {
            self.marks.push_back((seq, brought));
        }
        self.note_saved();
        if self.unsaved() > MAX_UNSAVED_BYTES / 2 {
            self.saves.ask();
        }
    }

    fn note_saved(&mut self) {
        let Some(saved) = self.saves.saved().and_then(|point: Point| point.seq) else {
            return;
        };
        while let Some((_, brought)) = self.marks.front().filter(|(seq, _)| *seq <= saved) {
            self.saved = self.saved.max(*brought);
            self.grace = 0;
            self.marks.pop_front();
        }
    }

    /// Waits until something more is saved. Where that takes too long, some more may be asked for.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn wait(&mut self) {
        if self.given.is_empty() && self.marks.is_empty() {
            // What came is of no block, so that no save is for it.
            self.grace += MAX_UNSAVED_BYTES;
            return;
        }
        let deadline = Instant::now() + SAVE_PATIENCE;
        let before = self.saved;
        while self.saved == before {
            self.saves.ask();
            if timeout_at(deadline, self.saves.changed()).await.is_err() {
                self.grace += MAX_UNSAVED_BYTES;
                return;
            }
            self.note_saved();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_of_no_block_is_not_waited_for() {
        let began = Instant::now();
        let mut ledger = Ledger::new(Saves::none());
        ledger.bring(0, 3 * MAX_AHEAD_BYTES);
        while !ledger.has_room(1) {
            ledger.wait().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
