//! What a person sees: messages, the status line, and what commands print.

pub(crate) mod logging;
pub(crate) mod status_line;
pub(crate) mod stderr;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::failure::Failure;

/// Prints what a command is about. A reader that leaves is a good end.
pub(crate) fn print(text: &[u8]) -> Result<ExitCode, Failure> {
    match io::stdout()
        .write_all(text)
        .and_then(|()| io::stdout().flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::system("write to stdout")(error))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
