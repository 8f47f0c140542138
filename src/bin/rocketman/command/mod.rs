//! What each command does, one room a command.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod comply;
pub(crate) mod cursor;
mod demo_server;
pub(crate) mod fold;
pub(crate) mod health;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod pack;
pub(crate) mod probe;
pub(crate) mod recorded;
pub(crate) mod recording;
pub(crate) mod serve;
pub(crate) mod tail;

use crate::{failure::Failure, platform::outlive_file_limits};

/// Runs on this thread. What still blocks at the end (a name look-up, a write to a stalled reader)
/// is left alone.
pub(crate) fn with_runtime<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start the runtime"))?;
    let result = runtime.block_on(async {
        outlive_file_limits();
        work.await
    });
    runtime.shutdown_background();
    result
}
