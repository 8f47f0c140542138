//! What Unix does.

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, IsTerminal},
    os::{
        fd::AsFd,
        unix::{
            ffi::OsStrExt,
            fs::{FileTypeExt, MetadataExt, fchown},
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::Path,
};

use rustix::{
    fs::{Access, FileType, access, fstat},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    termios::tcgetwinsize,
};
use tokio::signal::unix::{self, signal};

use super::SignalKind;

/// Whether a text can be started whose first line names an interpreter, and no other text.
pub(crate) const HAS_INTERPRETERS: bool = true;

/// A signal that is listened for.
#[derive(Debug)]
pub(crate) struct Signal(unix::Signal);

impl Signal {
    /// Listens from now on. A signal that is ignored stays so, and there is nothing to listen for.
    pub(crate) fn listen(kind: SignalKind) -> io::Result<Option<Self>> {
        let kind = match kind {
            SignalKind::Interrupt => unix::SignalKind::interrupt(),
            SignalKind::Terminate => unix::SignalKind::terminate(),
            SignalKind::HangUp => unix::SignalKind::hangup(),
        };
        if is_ignored(kind) {
            return Ok(None);
        }
        signal(kind).map(|signal| Some(Self(signal)))
    }

    /// Resolves when it comes.
    ///
    /// Cancel safety: no signal is lost.
    pub(crate) async fn received(&mut self) {
        self.0.recv().await.unwrap_or(());
    }
}

/// Whether the signal is ignored, as Linux tells it; elsewhere it is taken not to be.
fn is_ignored(kind: unix::SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    let bit = kind.as_raw_value() - 1;
    (0..64).contains(&bit) && mask & (1 << bit) != 0
}

/// Has a write beyond a limit on file sizes fail like any other; the system would end the program
/// without a word. A handler does that, for what is ignored would be ignored by the programs of
/// --exec too.
pub(crate) fn outlive_file_limits() {
    let file_too_large = unix::SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // Without the handler it is as it was.
    signal(file_too_large).ok();
}

/// Raises the limit of open descriptors as far as it goes, and returns it; `None` for no limit.
pub(crate) fn descriptors() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // Then there are fewer.
        Err(_) => limit.current,
    }
}

/// Columns and rows of the terminal that stderr is.
pub(crate) fn size_of_stderr() -> Option<(u16, u16)> {
    let size = tcgetwinsize(rustix::stdio::stderr()).ok()?;
    Some((size.ws_col, size.ws_row))
}

/// Whether stdout is a file, or a device that is no terminal, such as /dev/null.
pub(crate) fn is_file_or_nothing() -> bool {
    let kind = fstat(rustix::stdio::stdout()).map(|stat| FileType::from_raw_mode(stat.st_mode));
    match kind {
        Ok(FileType::RegularFile) => true,
        Ok(FileType::CharacterDevice) => !io::stdout().is_terminal(),
        _ => false,
    }
}

/// Whether stdout is `/dev/null`.
pub(crate) fn is_discarded() -> bool {
    let device = |metadata: io::Result<Metadata>| {
        let metadata = metadata.ok()?;
        let is_device = metadata.file_type().is_char_device();
        is_device.then(|| metadata.rdev())
    };
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    let stdout = device(stdout.and_then(|stdout| File::from(stdout).metadata()));
    stdout.is_some() && stdout == device(fs::metadata("/dev/null"))
}

/// Whether this is a named pipe, which is waited for until somebody writes to it.
pub(crate) fn is_fifo(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo())
}

/// What tells a file from others that had its name.
pub(crate) fn inode(metadata: &Metadata) -> u64 {
    metadata.ino()
}

/// Gives a file the mode of another, and its owner as far as this user may.
pub(crate) fn take_after(file: &File, old: &Metadata) -> io::Result<()> {
    let group = Some(old.gid());
    // Only root may leave it to another user.
    fchown(file, Some(old.uid()), group)
        .or_else(|_| fchown(file, None, group))
        .ok();
    file.set_permissions(old.permissions())
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Fails where this user may not start a program.
pub(crate) fn is_allowed_to_execute(path: &Path) -> io::Result<()> {
    Ok(access(path, Access::EXEC_OK)?)
}

/// A name of a file, as it stands in one.
pub(crate) fn os_str(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// The way to the service manager.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    manager: SocketAddr,
}

impl NotifySocket {
    /// That of the manager with this name.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        let manager = address(name)?;
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold up the stream.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, manager })
    }

    pub(crate) fn send(&self, message: &[u8]) -> io::Result<()> {
        self.socket.send_to_addr(message, &self.manager).map(|_| ())
    }
}

/// The address of a path, or of an abstract name, which is written with an `@`.
fn address(name: &str) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(name)
}
