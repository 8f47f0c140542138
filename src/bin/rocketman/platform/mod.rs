//! What operating systems do differently, in one place: signals, limits, terminals, programs, and
//! the service manager's socket.
//!
//! The names are those of Unix; what Windows cannot do is said where it stands (docs/limits.md).

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use self::unix as system;
#[cfg(windows)]
use self::windows as system;

pub(crate) use self::system::{
    HAS_INTERPRETERS, NotifySocket, Signal, descriptors, inode, is_allowed_to_execute,
    is_discarded, is_fifo, is_file_or_nothing, os_str, outlive_file_limits, size_of_stderr,
    sync_folder, take_after,
};

/// What asks a process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalKind {
    Interrupt,
    Terminate,
    HangUp,
}
