//! Programs with all that they start, which are ended without being asked first: no signal asks.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

/// `STATUS_CONTROL_C_EXIT`: what ends by Ctrl-C, or with its console, has this code.
const CONTROL_C_EXIT: u32 = 0xC000_013A;

/// How long what a program has printed may take to come, after its end. A guess.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A program and all that it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Group(u32);

impl Group {
    /// A program is known by its id.
    pub(crate) fn begin(command: &mut Command) -> &mut Command {
        command
    }

    /// That of a program that was not waited for.
    pub(crate) fn of(child: &Child) -> Option<Self> {
        child.id().map(Self)
    }

    /// Ends all of it.
    pub(crate) fn terminate(self) {
        self.kill();
    }

    /// Ends all of it.
    pub(crate) fn kill(self) {
        std::process::Command::new("taskkill")
            .args(["/T", "/F", "/PID", &self.0.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            // It may just have ended by itself.
            .ok();
    }

    /// What was terminated is over.
    pub(crate) fn is_over(self) -> bool {
        true
    }
}

/// Whether a program was ended by what asks for a stop.
pub(crate) fn is_stop(status: ExitStatus) -> bool {
    status.code() == Some(CONTROL_C_EXIT.cast_signed())
}

/// What is still in a pipe of ours: all that a program that has ended had to say.
pub(crate) async fn left_in(pipe: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut left = Vec::new();
    while let Ok(Ok(1..)) = timeout(LAST_WORDS, pipe.read_buf(&mut left)).await {}
    left
}
