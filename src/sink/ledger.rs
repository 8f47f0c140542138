//! The count of the events that a sink has accepted, and the files that go with it.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::event::FileMark;

/// How many events are accepted, counted from the first that the sink was ever given, and how long
/// its unfinished files then were.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    accepted: AtomicU64,
    /// How many of them are counted.
    counted: AtomicU64,
    files: Mutex<Vec<FileMark>>,
    /// The first event that is never accepted; 0 for none.
    refused: AtomicU64,
}

impl Ledger {
    pub(super) fn accept(&self, n: u64) {
        let end = self.end();
        let add = |accepted: u64| Some((accepted + n).min(end));
        self.accepted
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add)
            .ok();
    }

    pub(super) fn accept_up_to(&self, total: u64, files: Vec<FileMark>) {
        let mut held = held(&self.files);
        let end = self.end();
        if total > end && !files.is_empty() {
            // The files hold more than may count, so both stay as they were.
            return;
        }
        *held = files;
        self.accepted.store(total.min(end), Ordering::Release);
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }

    pub(super) fn uncounted(&self) -> u64 {
        let accepted = self.accepted();
        let counted = self.counted.fetch_max(accepted, Ordering::Relaxed);
        accepted.saturating_sub(counted)
    }

    pub(super) fn read(&self) -> (u64, Vec<FileMark>) {
        let files = held(&self.files);
        (self.accepted(), files.clone())
    }

    pub(super) fn refuse_from(&self, number: u64) {
        self.refused.store(number, Ordering::Release);
    }

    /// Whether there is an event that is never accepted.
    pub(super) fn refuses(&self) -> bool {
        self.end() < u64::MAX
    }

    /// How many events may be accepted.
    fn end(&self) -> u64 {
        match self.refused.load(Ordering::Acquire) {
            0 => u64::MAX,
            refused => refused - 1,
        }
    }
}

pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_never_counted_nor_are_its_files() {
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
}
