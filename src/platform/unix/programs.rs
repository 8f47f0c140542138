//! Programs with all that they start: a process group each.

use std::{
    future::{Ready, ready},
    os::{fd::AsFd, unix::process::ExitStatusExt},
    process::ExitStatus,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, Command};

/// What a person, a shell or a service manager stops a whole process group with.
const STOP_SIGNALS: [Signal; 3] = [Signal::HUP, Signal::INT, Signal::TERM];

/// A program and all that it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Group(Pid);

impl Group {
    /// Has a program be in a group of its own once it is started.
    pub(crate) fn begin(command: &mut Command) -> &mut Command {
        command.process_group(0)
    }

    /// The group of a program that was begun so, and was not waited for.
    pub(crate) fn of(child: &Child) -> Option<Self> {
        child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .map(Self)
    }

    /// Asks all of it to end: SIGTERM.
    pub(crate) fn terminate(self) {
        // It may just have ended by itself.
        kill_process_group(self.0, Signal::TERM).ok();
    }

    /// Ends all of it: SIGKILL.
    pub(crate) fn kill(self) {
        kill_process_group(self.0, Signal::KILL).ok();
    }

    /// Whether its program has ended; it is not reaped.
    pub(crate) fn is_over(self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.0), options), Ok(None))
    }
}

/// Whether a program was ended by a signal that asks for a stop.
pub(crate) fn is_stop(status: ExitStatus) -> bool {
    let signal = status.signal().and_then(Signal::from_named_raw);
    signal.is_some_and(|signal| STOP_SIGNALS.contains(&signal))
}

/// What is in a pipe of ours, which does not block, at this moment: all that a program that has
/// ended had to say.
pub(crate) fn left_in(pipe: &mut impl AsFd) -> Ready<Vec<u8>> {
    ready(read_now(pipe))
}

fn read_now(pipe: &impl AsFd) -> Vec<u8> {
    let waiting = rustix::io::ioctl_fionread(pipe).unwrap_or_default();
    let mut left = vec![0; usize::try_from(waiting).unwrap_or_default()];
    let mut filled = 0;
    while let Some(room @ [_, ..]) = left.get_mut(filled..) {
        match rustix::io::read(pipe, room) {
            Ok(n @ 1..) => filled += n,
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) | Err(_) => break,
        }
    }
    left.truncate(filled);
    left
}
