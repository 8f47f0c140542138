//! What can be asked of standard output's descriptor, and written to it. It is never made
//! non-blocking: that flag is shared with every other process on it.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
};

#[cfg(target_os = "linux")]
use rustix::io::ReadWriteFlags;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, fstat},
    io::Errno,
    termios::{isatty, tcgetwinsize},
};

/// The width of a terminal that does not say.
const DEFAULT_COLUMNS: usize = 80;

/// Linux's default, for systems that do not say.
const DEFAULT_PIPE_BYTES: usize = 64 * 1024;

/// Standard output, from its writing thread.
pub(crate) type Handle = OwnedFd;

/// Another handle of standard output.
pub(crate) fn open() -> io::Result<Handle> {
    rustix::stdio::stdout().try_clone_to_owned()
}

/// Writes what can be written without waiting. Says so with the write and not with the descriptor,
/// which others share.
#[cfg(target_os = "linux")]
pub(crate) fn write_without_waiting(out: &File, bytes: &[u8]) -> io::Result<usize> {
    /// Wherever the descriptor stands.
    const CURRENT_OFFSET: u64 = u64::MAX;
    let bytes = [io::IoSlice::new(bytes)];
    let flags = ReadWriteFlags::NOWAIT;
    Ok(rustix::io::pwritev2(out, &bytes, CURRENT_OFFSET, flags)?)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn write_without_waiting(_out: &File, _bytes: &[u8]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Writes everything, also where another process has made the shared descriptor non-blocking.
pub(crate) fn write_fully(out: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_for_room(out)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn wait_for_room(out: &File) -> io::Result<()> {
    match poll(&mut [PollFd::new(out, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the one thing that a pipe reports unasked: that its other end is closed. It costs no
/// wake-up until then.
pub(crate) fn wait_for_close(out: &Handle) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(out, PollFlags::empty())], None) {
            Err(Errno::INTR) => {}
            result => return result.map(drop).map_err(io::Error::from),
        }
    }
}

/// How much is in a pipe that nobody has read.
pub(crate) fn unread_in(out: &File) -> Option<u64> {
    rustix::io::ioctl_fionread(out).ok()
}

/// Whether standard output has a reader no more.
pub(crate) fn is_closed() -> bool {
    has_no_reader(&rustix::stdio::stdout())
}

pub(crate) fn has_no_reader(out: &impl AsFd) -> bool {
    let mut ask = [PollFd::new(out, PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(poll(&mut ask, Some(&now)), Ok(1..))
        && ask
            .iter()
            .any(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

pub(crate) fn is_pipe(out: &impl AsFd) -> bool {
    fstat(out).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

pub(crate) fn is_terminal(out: &impl AsFd) -> bool {
    isatty(out)
}

/// How wide the terminal is that standard output is.
pub(crate) fn columns() -> usize {
    match tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        // A serial line, for example, does not know.
        _ => DEFAULT_COLUMNS,
    }
}

/// Whether standard output is a file that something is in already.
pub(crate) fn is_begun() -> bool {
    fstat(rustix::stdio::stdout()).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size > 0
    })
}

#[cfg(target_os = "linux")]
pub(crate) fn capacity(pipe: &Handle) -> usize {
    rustix::pipe::fcntl_getpipe_size(pipe).unwrap_or(DEFAULT_PIPE_BYTES)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn capacity(_pipe: &Handle) -> usize {
    DEFAULT_PIPE_BYTES
}
