//! What SIGHUP asks for: files to be opened again, accounts to be read again, or a stop.

use std::{
    convert::Infallible,
    future::pending,
    io::{self, IsTerminal},
};

use tokio::task::JoinSet;
use tracing::warn;

use super::members::AnySource;
use crate::settings::{AccountFiles, AnySink, Reopen, SettingsError};
use rocketman::{PipelineSettings, Shown, event::Did, source::WantedAccounts};

/// What is a terminal as long as that is there: stdin, stdout and stderr.
const STREAMS: [fn() -> bool; 3] = [
    || io::stdin().is_terminal(),
    || io::stdout().is_terminal(),
    || io::stderr().is_terminal(),
];

/// What SIGHUP asks for.
pub(super) struct HangUp {
    /// The stream by which the terminal is known that the run was started in.
    terminal: Option<fn() -> bool>,
    reopen: Option<Reopen>,
    accounts: Option<(AccountFiles, WantedAccounts)>,
    /// At most one look at the files, which may block: a pipe has a name too.
    reading: JoinSet<Result<Vec<Did>, SettingsError>>,
    /// They are to be read once more.
    is_due: bool,
    stops: bool,
}

impl HangUp {
    pub(super) fn of(source: &AnySource, sink: &AnySink, files: Option<AccountFiles>) -> Self {
        let accounts = match source {
            AnySource::Jetstream(source) => files.map(|files| (files, source.wanted_accounts())),
            #[cfg(feature = "nats")]
            AnySource::Nats(_) => None,
            AnySource::History(_) => None,
            AnySource::Segments(source) => files.map(|files| (files, source.wanted_accounts())),
        };
        let stops = sink.stops_on_hang_up(accounts.is_some());
        Self {
            terminal: STREAMS.into_iter().find(|is_terminal| is_terminal()),
            reopen: sink.reopen(),
            accounts,
            reading: JoinSet::new(),
            is_due: false,
            stops,
        }
    }

    /// Whether it is a wish to stop: always, or because the terminal is gone.
    pub(super) fn stops(&self) -> bool {
        self.stops || self.terminal.is_some_and(|is_terminal| !is_terminal())
    }

    /// Does what else it asks for, or begins it.
    pub(super) fn heed(&mut self) {
        if let Some(reopen) = &self.reopen {
            reopen();
        }
        self.is_due = self.accounts.is_some();
        self.read();
    }

    fn read(&mut self) {
        if let Some((files, _)) = &self.accounts
            && self.is_due
            && self.reading.is_empty()
        {
            let files = files.clone();
            self.reading.spawn_blocking(move || files.read());
            self.is_due = false;
        }
    }

    /// Wants the accounts that were read; what cannot be read leaves them as they are. Never ends
    /// by itself.
    ///
    /// Cancel safety: nothing that was read is lost.
    pub(super) async fn attend(&mut self) -> Infallible {
        while let Some(read) = self.reading.join_next().await {
            let error = match (read, &self.accounts) {
                (Ok(Ok(accounts)), Some((_, wanted))) => {
                    wanted.set(accounts);
                    None
                }
                (Ok(Err(error)), _) => Some(Shown::error(&error).to_string()),
                (Err(error), _) => Some(Shown::error(&error).to_string()),
                (Ok(Ok(_)), None) => None,
            };
            if let Some(error) = error {
                warn!(target: PipelineSettings::STATE_TARGET, error, "the accounts stay as they are: {error}");
            }
            self.read();
        }
        pending().await
    }
}
