//! What a sink has accepted, readable while it works.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::event::FileMark;

/// How many events a sink has accepted, counted from the first it was ever given, and how long its unfinished files then were.
///
/// A clone is the same ledger, for a thread or task of the sink's own.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Entries>);

#[derive(Debug, Default)]
struct Entries {
    accepted: AtomicU64,
    files: Mutex<Vec<FileMark>>,
    /// The complete files of the cursor that was saved last.
    saved: Mutex<Vec<FileMark>>,
    keeping: Mutex<Keeping>,
}

/// What becomes of the places that a sink accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
        self.0.accepted.fetch_add(n, Ordering::AcqRel);
    }

    /// Accepts everything up to the `total`th event, together with the files that hold it.
    pub fn accept_up_to(&self, total: u64, files: Vec<FileMark>) {
        let mut held = held(&self.0.files);
        *held = files;
        self.0.accepted.store(total, Ordering::Release);
    }

    /// How many events are accepted.
    pub fn accepted(&self) -> u64 {
        self.0.accepted.load(Ordering::Acquire)
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
}
