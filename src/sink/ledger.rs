//! What a sink has accepted, readable while it works.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::event::FileMark;

/// How many events a sink has accepted, counted from the first it was ever given, and how long its unfinished files then were.
///
/// It also tells the sink that a stop was asked for. A clone is the same ledger, for a thread or task of the sink's own.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Entries>);

#[derive(Debug, Default)]
struct Entries {
    accepted: AtomicU64,
    /// How many of them are counted.
    counted: AtomicU64,
    files: Mutex<Vec<FileMark>>,
    /// The complete files of the cursor that was saved last.
    saved: Mutex<Vec<FileMark>>,
    keeping: Mutex<Keeping>,
    stop: CancellationToken,
    /// How many events the sink works on.
    at_work: watch::Sender<usize>,
    /// The first event that is never accepted; 0 for none.
    refused: AtomicU64,
}

/// What becomes of the places that a sink accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keeping {
    /// There is no cursor store.
    #[default]
    Nothing,
    /// They are saved, and the run does not go on from what an earlier one saved.
    Anew,
    /// They are saved, and the run goes on where an earlier one came to: what that wrote and did not count comes again.
    GoesOn,
}

impl Ledger {
    /// Accepts the next `n` events.
    pub fn accept(&self, n: u64) {
        let end = self.end();
        let add = |accepted: u64| Some((accepted + n).min(end));
        self.0
            .accepted
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add)
            .ok();
    }

    /// Accepts everything up to the `total`th event, together with the files that hold it.
    pub fn accept_up_to(&self, total: u64, files: Vec<FileMark>) {
        let mut held = held(&self.0.files);
        let end = self.end();
        if total > end && !files.is_empty() {
            // The files hold more than may count, so both stay as they were.
            return;
        }
        *held = files;
        self.0.accepted.store(total.min(end), Ordering::Release);
    }

    /// How many events are accepted.
    pub fn accepted(&self) -> u64 {
        self.0.accepted.load(Ordering::Acquire)
    }

    /// How many events are accepted and were not counted yet; they are from here on.
    pub(crate) fn uncounted(&self) -> u64 {
        let accepted = self.accepted();
        let counted = self.0.counted.fetch_max(accepted, Ordering::Relaxed);
        accepted.saturating_sub(counted)
    }

    /// Says how many events the sink works on at this moment: what it has taken and is not done with, whether that is accepted yet or not.
    /// For a sink that says how many it works on [at once](super::Sink::at_once).
    pub fn set_at_work(&self, n: usize) {
        let change = |at_work: &mut usize| std::mem::replace(at_work, n) != n;
        self.0.at_work.send_if_modified(change);
    }

    /// How many events the sink works on, and when that changes.
    pub(crate) fn at_work(&self) -> watch::Receiver<usize> {
        self.0.at_work.subscribe()
    }

    /// Whether the places are saved, and whether the run goes on from a saved one.
    pub fn keeping(&self) -> Keeping {
        *held(&self.0.keeping)
    }

    /// Whether the cursor that was saved last counts this file, just so, as complete.
    pub fn is_saved(&self, file: &FileMark) -> bool {
        held(&self.0.saved).contains(file)
    }

    pub(crate) fn set_keeping(&self, keeping: Keeping) {
        *held(&self.0.keeping) = keeping;
    }

    /// A cursor with these files was saved.
    pub(crate) fn note_saved(&self, files: &[FileMark]) {
        let mut saved = held(&self.0.saved);
        saved.clear();
        saved.extend(files.iter().filter(|file| file.complete).cloned());
    }

    /// How many events are accepted, and the files that go with exactly that number.
    pub fn read(&self) -> (u64, Vec<FileMark>) {
        let files = held(&self.0.files);
        (self.accepted(), files.clone())
    }

    /// Accepts nothing any more from this event on, counted from 1, whatever the sink says.
    pub(super) fn refuse_from(&self, number: u64) {
        self.0.refused.store(number, Ordering::Release);
    }

    /// How many events may be accepted.
    fn end(&self) -> u64 {
        match self.0.refused.load(Ordering::Acquire) {
            0 => u64::MAX,
            refused => refused - 1,
        }
    }

    /// Says that a stop was asked for.
    pub(crate) fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Whether a stop was asked for. What a sink has begun comes to its end; what it has taken and not begun may stay undone, and
    /// then the next run begins with it.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Resolves once a stop was asked for.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub async fn stopped(&self) {
        self.0.stop.cancelled().await;
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_saved_only_as_complete_and_just_so_long() {
        let ledger = Ledger::default();
        let mut file = FileMark::new("/x".into(), 3, 4);
        ledger.note_saved(std::slice::from_ref(&file));
        assert!(!ledger.is_saved(&file), "it is still written to");
        file.complete = true;
        assert!(!ledger.is_saved(&file));
        ledger.note_saved(std::slice::from_ref(&file));
        assert!(ledger.is_saved(&file));
        file.bytes = 5;
        assert!(!ledger.is_saved(&file));
        file.bytes = 4;
        ledger.note_saved(&[]);
        assert!(!ledger.is_saved(&file), "that cursor is gone");
    }

    #[test]
    fn what_is_refused_is_never_counted_and_the_files_stay_those_of_the_count() {
        let mark = |bytes| FileMark::new("/file".into(), 1, bytes);
        let ledger = Ledger::default();
        ledger.accept_up_to(3, vec![mark(30)]);
        ledger.refuse_from(6);
        ledger.accept_up_to(6, vec![mark(60)]);
        assert_eq!(ledger.read(), (3, vec![mark(30)]));
        ledger.accept_up_to(5, vec![mark(50)]);
        ledger.accept(4);
        assert_eq!(ledger.read(), (5, vec![mark(50)]));
        ledger.accept_up_to(9, Vec::new());
        assert_eq!(ledger.read(), (5, Vec::new()));
    }

    #[tokio::test]
    async fn a_stop_is_told_to_every_clone() {
        let ledger = Ledger::default();
        let clone = ledger.clone();
        assert!(!clone.is_stopped());
        ledger.stop();
        clone.stopped().await;
        assert!(clone.is_stopped());
    }
}
