//! What a person sees: messages, the status line, and what commands print.

pub(crate) mod logging;
pub(crate) mod progress;
pub(crate) mod status_line;
pub(crate) mod stderr;

use std::{
    io::{self, IsTerminal, Write},
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

/// Prints lines that came from elsewhere, as they are; what a terminal acts upon is escaped on one.
pub(crate) fn lines() -> impl FnMut(&[u8]) -> io::Result<()> + Send {
    let is_terminal = io::stdout().is_terminal();
    move |lines| {
        let mut stdout = io::stdout().lock();
        if is_terminal {
            stdout.write_all(escaped(lines).as_bytes())?;
        } else {
            stdout.write_all(lines)?;
        }
        stdout.flush()
    }
}

fn escaped(lines: &[u8]) -> String {
    let escaped = String::from_utf8_lossy(lines);
    let escaped = escaped.lines().map(|line| {
        // Controls stand in no JSON.
        if line.contains(char::is_control) {
            format!("{}\n", Shown::text(line))
        } else {
            format!("{}\n", Shown::json(line))
        }
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_shown_lines_without_what_it_acts_upon() {
        let lines = "{\"a\":\"h\u{202e}\"}\nx\u{1b}[1m\u{e9}\n".as_bytes();
        let expected = "{\"a\":\"h\\u202e\"}\nx\\u{1b}[1m\u{e9}\n";
        assert_eq!(escaped(lines), expected);
    }
}
