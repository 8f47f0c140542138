//! What a sink has accepted, readable while it works.

use std::sync::{
    Arc, Mutex, PoisonError,
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
}

impl Ledger {
    /// Accepts the next `n` events.
    pub fn accept(&self, n: u64) {
        self.0.accepted.fetch_add(n, Ordering::AcqRel);
    }

    /// Accepts everything up to the `total`th event, together with the files that hold it.
    pub fn accept_up_to(&self, total: u64, files: Vec<FileMark>) {
        let mut held = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        *held = files;
        self.0.accepted.store(total, Ordering::Release);
    }

    /// How many events are accepted.
    pub fn accepted(&self) -> u64 {
        self.0.accepted.load(Ordering::Acquire)
    }

    /// How many events are accepted, and the files that go with exactly that number.
    pub fn read(&self) -> (u64, Vec<FileMark>) {
        let files = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        (self.accepted(), files.clone())
    }
}
