//! Events of a live stream, kept on the disk to be served: one reads upstream, and any number of
//! consumers read here, each at its own place.
//!
//! [`Store::open`] and [`Store::split`] give both ends: a [`StoreSink`] to end a pipeline with, and a
//! [`StoreFeed`] for a server. Events get numbers that rise and are never given twice, however the
//! process ends: an event is written before anybody is sent it, and each start begins beyond what
//! the last one can have come to. Behind each batch stands where upstream it ends, so that the
//! pipeline goes on there. The last one is in memory too, for those who wait for it.

mod appender;
mod error;
mod feed;
mod folder;
mod note;
mod read;
mod recall;
mod scan;
mod sealed;
mod segment;
mod shelf;
mod sink;

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::{appender::Appender, folder::Found, shelf::Shelf, sink::MAX_UNSYNCED};
pub use self::{error::StoreError, feed::StoreFeed, shelf::Retention, sink::StoreSink};
use crate::event::now_us;

/// The numbers of a second: a start begins with those of its own, so that a store that was deleted
/// gives none again. A stream that is faster for years would come to an end at 10^15.
const NUMBERS_PER_SECOND: u64 = 100_000;

/// A store that is open, and has no other owner.
#[derive(Debug)]
pub struct Store {
    shelf: Arc<Shelf>,
    folder: Option<PathBuf>,
    retention: Retention,
}

impl Store {
    /// Opens the store in a folder, which is made where it is missing, and cuts off what was not
    /// written to its end. Blocks the thread.
    pub fn open(folder: &Path, retention: Retention) -> Result<Self, StoreError> {
        let lock = folder::lock(folder)?;
        let Found { segments, next } = folder::read(folder)?;
        Ok(Self {
            shelf: Arc::new(Shelf::new(segments, beyond(next), Some(lock))),
            folder: Some(folder.to_owned()),
            retention,
        })
    }

    /// A store in temporary files without names, which is gone with the process.
    pub fn temporary(retention: Retention) -> Self {
        Self {
            shelf: Arc::new(Shelf::new(VecDeque::new(), beyond(0), None)),
            folder: None,
            retention,
        }
    }

    /// The latest time of any event in it; `None` where there is none.
    pub fn latest_us(&self) -> Option<u64> {
        Some(self.shelf.latest_us()).filter(|latest_us| *latest_us > 0)
    }

    /// Its two ends. `what` is read into it, in words.
    pub fn split(self, what: &str) -> (StoreSink, StoreFeed) {
        let Self {
            shelf,
            folder,
            retention,
        } = self;
        let name = match &folder {
            Some(folder) => format!("the store '{}'", folder.display()),
            None => "a temporary store".to_owned(),
        };
        let is_ending = Arc::default();
        let appender = Appender::new(
            Arc::clone(&shelf),
            folder,
            retention,
            Arc::clone(&is_ending),
        );
        let feed = StoreFeed::new(Arc::clone(&shelf), format!("{what} live"));
        (StoreSink::new(name, shelf, appender, is_ending), feed)
    }
}

/// The first number of a start, where the last one has come to `next`, or somewhat further before
/// the machine went down.
fn beyond(next: u64) -> u64 {
    let at_least = match next {
        0 => 1,
        next => next + MAX_UNSYNCED,
    };
    at_least.max(now_us() / 1_000_000 * NUMBERS_PER_SECOND)
}

#[cfg(test)]
mod tests;
