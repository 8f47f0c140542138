//! Files of an archive, copied into a folder.

use std::{path::Path, process::ExitCode};

use indicatif::{BinaryBytes, HumanCount};
use tracing::info;

use crate::{
    failure::{Failure, INTERRUPTED},
    signals::{Signals, StopSignal},
    terminal::status_line::StatusLine,
};
use rocketman::{
    Error, PipelineSettings, Shown,
    source::history::{Downloaded, History, HistorySettings},
};

/// Copies until all is there, or it is to stop: what is there then is kept.
pub(crate) async fn run(
    settings: HistorySettings,
    folder: &Path,
    line: &StatusLine,
) -> Result<ExitCode, Failure> {
    let shown = Shown::text(&folder.to_string_lossy()).to_string();
    let mut signals = Signals::listen().map_err(Failure::system("listen for signals"))?;
    let done = tokio::select! {
        done = History::download(settings, folder) => done.map_err(Error::Source)?,
        signal = signals.next() => {
            signals.heed(signal);
            info!(target: PipelineSettings::STATE_TARGET, "stopped by {}: what is in '{shown}' is kept, and the same command goes on there", signal.name());
            return Ok(match signal {
                StopSignal::Interrupt => ExitCode::from(INTERRUPTED),
                _ => ExitCode::SUCCESS,
            });
        }
    };
    line.clear();
    let Downloaded {
        files,
        fetched,
        bytes,
        is_whole,
    } = done;
    let end = if is_whole {
        ""
    } else {
        "; as many bytes were read as may be, and the same command goes on there"
    };
    info!(target: PipelineSettings::STATE_TARGET, files, fetched, bytes, "'{shown}' has {} files, of which {} were fetched, {}{end}", HumanCount(files), HumanCount(fetched), BinaryBytes(bytes));
    Ok(ExitCode::SUCCESS)
}
