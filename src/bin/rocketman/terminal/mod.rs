//! What a person sees: messages, the status line, and what commands print.

pub(crate) mod logging;
pub(crate) mod progress;
pub(crate) mod status_line;
pub(crate) mod stderr;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use rocketman::Shown;

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

/// Prints lines of JSON. Names in them may be of strangers, and what a terminal acts upon is escaped
/// as JSON has it: they stay the same JSON.
pub(crate) fn print_json(lines: &str) -> Result<ExitCode, Failure> {
    print(Shown::json(lines).to_string().as_bytes())
}
