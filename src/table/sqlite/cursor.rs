//! The place in the database, as the cursor store of a pipeline.

use super::thread::Worker;
use crate::{
    cursor::{CursorStore, Saved},
    error::MemberError,
};

/// Keeps the cursor in the database, in the same transactions as the rows that it counts.
#[derive(Debug)]
pub struct SqliteCursor {
    worker: Worker,
    saved: Option<Saved>,
}

impl SqliteCursor {
    pub(super) fn new(worker: Worker, saved: Option<Saved>) -> Self {
        Self { worker, saved }
    }

    /// The accounts of the database, where it is a state.
    #[cfg(feature = "history")]
    pub fn accounts(&self) -> super::SqliteAccounts {
        super::SqliteAccounts::new(self.worker.clone())
    }
}

impl CursorStore for SqliteCursor {
    async fn load(&mut self) -> Result<Option<Saved>, MemberError> {
        Ok(self.saved.clone())
    }

    async fn save(&mut self, saved: &Saved) -> Result<(), MemberError> {
        self.worker.save(saved).await?;
        self.saved = Some(saved.clone());
        Ok(())
    }
}
