//! A terminal for the program, and the test's side of it.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
};

use rustix::{
    pty::{self, OpenptFlags},
    termios::{Winsize, tcsetwinsize},
};

/// Our side of a terminal.
pub(super) struct Screen(File);

impl Screen {
    pub(super) fn open(columns: u16) -> (Self, OwnedFd) {
        let screen = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        pty::grantpt(&screen).unwrap();
        pty::unlockpt(&screen).unwrap();
        let size = Winsize {
            ws_row: 40,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&screen, size).unwrap();
        let name = pty::ptsname(&screen, Vec::new()).unwrap();
        let terminal = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        (Self(File::from(screen)), terminal.into())
    }
}

impl Read for Screen {
    /// A terminal that was closed by its last user is an error to read; here it is the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.read(buffer).unwrap_or_default())
    }
}
