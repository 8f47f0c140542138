//! Standard output. What a reader has taken out of a pipe is not to be known here: what is written
//! counts as read.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    os::windows::io::{AsHandle, OwnedHandle},
};

/// The width of a terminal that does not say.
const DEFAULT_COLUMNS: usize = 80;

/// Standard output, from its writing thread.
pub(crate) type Handle = OwnedHandle;

/// Another handle of standard output.
pub(crate) fn open() -> io::Result<Handle> {
    io::stdout().as_handle().try_clone_to_owned()
}

/// Every write waits.
pub(crate) fn write_without_waiting(_out: &File, _bytes: &[u8]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Writes everything. A console wants text, and gets it from the standard library.
pub(crate) fn write_fully(mut out: &File, bytes: &[u8]) -> io::Result<()> {
    if is_terminal(out) {
        let mut out = io::stdout().lock();
        return out.write_all(bytes).and_then(|()| out.flush());
    }
    out.write_all(bytes)
}

/// That its reader is gone is seen by the next write.
pub(crate) fn wait_for_close(_out: &Handle) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// How much is in a pipe that nobody has read.
pub(crate) fn unread_in(_out: &File) -> Option<u64> {
    None
}

/// Whether standard output has a reader no more.
pub(crate) fn is_closed() -> bool {
    false
}

pub(crate) fn has_no_reader(_out: &impl AsHandle) -> bool {
    false
}

/// Whether it is a pipe whose reader can be watched.
pub(crate) fn is_pipe(_out: &impl AsHandle) -> bool {
    false
}

pub(crate) fn is_terminal(out: &impl AsHandle) -> bool {
    out.as_handle().is_terminal()
}

/// How wide the terminal is that standard output is.
pub(crate) fn columns() -> usize {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    columns
        .filter(|columns| *columns > 0)
        .unwrap_or(DEFAULT_COLUMNS)
}

/// Whether standard output is a file that something is in already.
pub(crate) fn is_begun() -> bool {
    let metadata = open().map(File::from).and_then(|out| out.metadata());
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
}

pub(crate) fn capacity(_pipe: &Handle) -> usize {
    0
}
