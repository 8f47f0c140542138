//! What each command does, one room a command.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod cursor;
mod demo_server;
pub(crate) mod health;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod pack;
pub(crate) mod probe;
pub(crate) mod serve;
pub(crate) mod tail;

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

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

/// Has a write beyond a limit on file sizes fail like any other; the system would end the program
/// without a word. A handler does that, for what is ignored would be ignored by the programs of
/// --exec too.
fn outlive_file_limits() {
    let file_too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // Without the handler it is as it was.
    signal(file_too_large).ok();
}
