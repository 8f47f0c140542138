//! A store in memory that may fail.

use std::ops::Range;

use super::{
    members::{Asked, Record},
    *,
};
use crate::cursor::{SaveError, Saved};

/// A store that may fail.
pub(super) struct Shelf {
    pub(super) record: Record,
    pub(super) loads: fn() -> Result<Option<Saved>, MemberError>,
    /// These tries to save fail, counted from 0.
    pub(super) fails: Range<u64>,
    /// These never come to an end.
    pub(super) hangs: Range<u64>,
    /// A save takes as long as this, but for the first one.
    pub(super) takes: Duration,
    pub(super) tries: u64,
}

impl CursorStore for Shelf {
    async fn load(&mut self) -> Result<Option<Saved>, MemberError> {
        (self.loads)()
    }

    async fn save(&mut self, saved: &Saved) -> Result<(), MemberError> {
        let number = self.tries;
        self.tries += 1;
        self.record.with(|entries| entries.tries += 1);
        if number > 0 {
            tokio::time::sleep(self.takes).await;
        }
        if self.hangs.contains(&number) {
            std::future::pending::<()>().await;
        }
        if self.fails.contains(&number) {
            return Err(SaveError::TimedOut.into());
        }
        let seq = saved.place.seq().unwrap();
        self.record.note(Asked::Saved(seq));
        self.record
            .with(|entries| entries.saved.push(saved.clone()));
        Ok(())
    }
}
