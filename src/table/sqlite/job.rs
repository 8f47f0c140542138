//! What the thread of a database is given.

#[cfg(feature = "history")]
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    cursor::Saved,
    error::MemberError,
    event::{Batch, Point},
    sink::SinkContext,
};

/// A change beside the rows.
#[cfg(feature = "history")]
pub(super) type Change = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()> + Send>;

/// One thing to do, in the order in which it was given.
pub(super) enum Job {
    Begin(SinkContext),
    /// Rows to add, how many events there are with them, and the place behind them.
    Rows {
        batch: Box<Batch>,
        total: u64,
        reached: Option<Point>,
    },
    Commit,
    Save(Box<Saved>, oneshot::Sender<Result<(), MemberError>>),
    /// Asks something of the database, with the rows that are not committed.
    #[cfg(feature = "history")]
    Read(Box<dyn FnOnce(&Connection) + Send>),
    /// Changes something in the transaction of the rows, and commits that.
    #[cfg(feature = "history")]
    Change(Change, oneshot::Sender<Result<(), MemberError>>),
    Finish(oneshot::Sender<()>),
}
