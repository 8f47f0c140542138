//! What the thread of a database is given.

use tokio::sync::oneshot;

use crate::{
    cursor::Saved,
    error::MemberError,
    event::{Batch, Point},
    sink::SinkContext,
};

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
    Finish(oneshot::Sender<()>),
}
