//! What Windows does, under the names of Unix.

use std::{
    ffi::OsStr,
    fs::{File, Metadata},
    io::{self, IsTerminal},
    os::windows::{fs::MetadataExt, io::AsHandle},
    path::Path,
};

use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

use super::SignalKind;

/// What a text is started with goes by its suffix.
pub(crate) const HAS_INTERPRETERS: bool = false;

/// An event of the console that is listened for.
#[derive(Debug)]
pub(crate) enum Signal {
    Interrupt(CtrlC),
    /// Ctrl-Break, which is also what another process can send.
    Terminate(CtrlBreak),
    /// The window is closed.
    HangUp(CtrlClose),
}

impl Signal {
    /// Listens from now on.
    pub(crate) fn listen(kind: SignalKind) -> io::Result<Option<Self>> {
        let signal = match kind {
            SignalKind::Interrupt => Self::Interrupt(ctrl_c()?),
            SignalKind::Terminate => Self::Terminate(ctrl_break()?),
            SignalKind::HangUp => Self::HangUp(ctrl_close()?),
        };
        Ok(Some(signal))
    }

    /// Resolves when it comes.
    ///
    /// Cancel safety: no signal is lost.
    pub(crate) async fn received(&mut self) {
        let came = match self {
            Self::Interrupt(signal) => signal.recv().await,
            Self::Terminate(signal) => signal.recv().await,
            Self::HangUp(signal) => signal.recv().await,
        };
        came.unwrap_or(());
    }
}

/// There is no limit on file sizes.
pub(crate) fn outlive_file_limits() {}

/// There is no limit of open handles.
pub(crate) fn descriptors() -> Option<u64> {
    None
}

/// Not to be had without unsafe code: the status line is as wide as it is everywhere.
pub(crate) fn size_of_stderr() -> Option<(u16, u16)> {
    None
}

/// Whether stdout is a file, or nothing.
pub(crate) fn is_file_or_nothing() -> bool {
    let stdout = io::stdout().as_handle().try_clone_to_owned();
    let metadata = stdout.and_then(|stdout| File::from(stdout).metadata());
    !io::stdout().is_terminal() && metadata.is_ok_and(|metadata| metadata.is_file())
}

/// Not to be told from other devices.
pub(crate) fn is_discarded() -> bool {
    false
}

/// No file is a named pipe here.
pub(crate) fn is_fifo(_path: &Path) -> bool {
    false
}

/// The time at which it was made, as the library has it.
pub(crate) fn inode(metadata: &Metadata) -> u64 {
    metadata.creation_time()
}

/// Whether it may be written to; who owns it is by the folder.
pub(crate) fn take_after(file: &File, old: &Metadata) -> io::Result<()> {
    file.set_permissions(old.permissions())
}

/// Names are durable with the files.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Its name says whether it can be started.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn is_allowed_to_execute(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// A name of a file, as it stands in one.
pub(crate) fn os_str(bytes: &[u8]) -> &OsStr {
    OsStr::new(str::from_utf8(bytes).unwrap_or("\u{fffd}"))
}

/// There is no such manager of services.
#[derive(Debug)]
pub(crate) struct NotifySocket;

impl NotifySocket {
    pub(crate) fn open(_name: &str) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn send(&self, _message: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
