//! How a command ended that did not succeed: the last line, and the exit code.
//!
//! What each command's errors mean for the shell stands with the command, in its `From`.

use std::{error::Error, fmt, io, process::ExitCode};

use tracing::{Level, error};

use crate::{
    args::{GlobalArgs, LogFormat, Misuse},
    hints,
    settings::SettingsError,
    terminal::{
        logging::{has_colors, label},
        status_line::StatusLine,
    },
};
use rocketman::{self, ErrorKind, PipelineSettings, Shown};

/// A run that was interrupted from the keyboard ends with this code, so that a shell script stops
/// too.
pub(crate) const INTERRUPTED: u8 = 130;

/// An error, what kind of end it is, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    hint: Option<String>,
    source: Box<dyn Error>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, source: impl Into<Box<dyn Error>>) -> Self {
        Self {
            kind,
            hint: None,
            source: source.into(),
        }
    }

    /// Says what to do about it.
    pub(crate) fn hint(self, hint: impl Into<Option<String>>) -> Self {
        Self {
            hint: hint.into(),
            ..self
        }
    }

    /// The operating system refused something that it never refuses.
    pub(crate) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::new(ErrorKind::Failed, SystemError { action, source })
    }

    fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Usage => 2,
            ErrorKind::Unreachable => 3,
            ErrorKind::Gap => 4,
            ErrorKind::Stalled => 5,
            ErrorKind::Refused => 6,
            ErrorKind::CursorTaken => 7,
            // `Failed`, and what has no code of its own.
            _ => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

impl From<rocketman::Error> for Failure {
    fn from(error: rocketman::Error) -> Self {
        let (kind, hint) = (error.kind(), hints::of_run(&error));
        Self::new(kind, error).hint(hint)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let hint = error.hint();
        Self::new(ErrorKind::Usage, error).hint(hint)
    }
}

impl From<Misuse> for Failure {
    fn from(misuse: Misuse) -> Self {
        let hint = misuse.hint();
        Self::new(ErrorKind::Usage, misuse).hint(hint)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
struct SystemError {
    action: &'static str,
    source: io::Error,
}

/// Says what failed, and what to do about it, and returns the exit code.
pub(crate) fn failed(failure: &Failure, args: &GlobalArgs, line: &StatusLine) -> ExitCode {
    let hint = failure.hint.as_deref();
    match args.log_format {
        LogFormat::Json => {
            error!(target: PipelineSettings::STATE_TARGET, hint, exit_code = failure.exit_code(), "{}", Shown::error(failure).to_string());
        }
        LogFormat::Text => {
            let label = label(Level::ERROR, has_colors(args.color));
            let hint = hint.map_or(String::new(), |hint| {
                format!("\nhint: {}\n", Shown::text(hint))
            });
            let text = format!("rocketman: {label}{}\n{hint}", Shown::error(failure));
            // Told whatever the message level is. Where nobody reads stderr any more, the exit code
            // still tells.
            line.print(text.as_bytes());
        }
    }
    ExitCode::from(failure.exit_code())
}
