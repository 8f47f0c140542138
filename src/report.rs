//! The end of a run, for people and for the shell: the last line, and the exit code.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use tracing::{Level, error};

use crate::{
    check::CheckError,
    cli::{GlobalArgs, LogFormat},
    cursor_move::MoveError,
    error::ErrorKind,
    log::{STATE, chain, printable},
    logging::{has_colors, label},
    pipeline::Error,
    progress::StatusLine,
    serve::RecordingError,
    settings::SettingsError,
};

/// How a command ended that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It could not be begun.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It was begun, and failed.
    #[error(transparent)]
    Run(#[from] Error),
    /// None of the servers that were looked at can be used.
    #[error("{}", if *all_refused { "every server refused" } else { "no server is usable" })]
    NoServer {
        /// Every one of them refused, and would refuse again.
        all_refused: bool,
    },
    /// A signal came before there was anything to show.
    #[error("stopped by {0} before every server had answered")]
    Stopped(&'static str),
    /// There is no cursor there, or it cannot be moved in that way.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Recordings are not as they should be.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// There is no such page of the manual.
    #[error("there is no page about '{0}' in the manual")]
    NoPage(String),
    /// A page of the manual could not be written.
    #[error("cannot write '{}'", path.display())]
    Page {
        /// The page.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing to serve.
    #[error(transparent)]
    Recording(RecordingError),
    /// Nobody can be served there.
    #[error("--listen: cannot listen on {address}")]
    Listen {
        /// Where it was to be.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The metrics page cannot be opened.
    #[error("--metrics-addr: cannot listen on {address}")]
    Metrics {
        /// Where it was to be.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The operating system refused something that it never refuses.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The refusal.
        #[source]
        source: std::io::Error,
    },
}

/// A run that was interrupted from the keyboard ends with this code, so that a shell script stops too.
pub(crate) const INTERRUPTED: u8 = 130;

impl Failure {
    fn exit_code(&self) -> u8 {
        let kind = match self {
            Self::Settings(_)
            | Self::Move(_)
            | Self::NoPage(_)
            | Self::Recording(_)
            | Self::Listen { .. }
            | Self::Metrics { .. } => ErrorKind::Usage,
            Self::Check(
                CheckError::Missing { .. } | CheckError::Nothing(_) | CheckError::Stdout(_),
            ) => ErrorKind::Usage,
            Self::Run(error) => error.kind(),
            Self::NoServer { all_refused: true } => ErrorKind::Refused,
            Self::NoServer { all_refused: false } => ErrorKind::Unreachable,
            Self::Check(CheckError::Damaged { .. })
            | Self::Stopped(_)
            | Self::Page { .. }
            | Self::System { .. } => ErrorKind::Failed,
        };
        match kind {
            ErrorKind::Failed => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Unreachable => 3,
            ErrorKind::Gap => 4,
            ErrorKind::Stalled => 5,
            ErrorKind::Refused => 6,
            ErrorKind::CursorTaken => 7,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(error) => error.hint(),
            Self::Run(error) => error.hint(),
            Self::Move(error) => Some(error.hint()),
            Self::Check(error) => error.hint().map(str::to_owned),
            Self::NoPage(_) => Some("rocketman help lists the commands".to_owned()),
            Self::Recording(_) => Some(
                "a recording is what rocketman tail -o FILE writes: one event a line".to_owned(),
            ),
            Self::Listen { .. } => Some(
                "if another program uses it, choose another port, or 0 for any that is free"
                    .to_owned(),
            ),
            Self::Metrics { .. } => Some(
                "choose another port, or 0 for any that is free, and an address of this machine"
                    .to_owned(),
            ),
            Self::NoServer { .. } | Self::Stopped(_) | Self::Page { .. } | Self::System { .. } => {
                None
            }
        }
    }
}

/// Tells what failed, and what to do about it, and returns the exit code.
pub(crate) fn failed(failure: &Failure, args: &GlobalArgs, line: &StatusLine) -> ExitCode {
    let hint = failure.hint();
    match args.log_format {
        LogFormat::Json => {
            error!(target: STATE, hint, exit_code = failure.exit_code(), "{}", chain(failure));
        }
        LogFormat::Text => {
            let label = label(Level::ERROR, has_colors(args.color));
            let hint = hint.map_or(String::new(), |hint| {
                format!("\nhint: {}\n", printable(&hint))
            });
            let text = format!("rocketman: {label}{}\n{hint}", chain(failure));
            // Told whatever the message level is. Where nobody reads stderr any more, the exit code still tells.
            line.say(text.as_bytes());
        }
    }
    ExitCode::from(failure.exit_code())
}
