//! `rocketman fold`: what was recorded becomes the state that it leads to.

use std::{path::Path, process::ExitCode};

use tracing::info;

use crate::{
    command::recorded::{Fed, RecordedError, feed, find},
    failure::Failure,
    settings::FoldSettings,
    terminal::print,
};
use rocketman::{Error, ErrorKind, PipelineSettings, Shown, sink::Sink, table::sqlite};

/// Lines of them are no events.
#[derive(Debug, thiserror::Error)]
#[error("{bad} lines are no events")]
pub(crate) struct BadLines {
    bad: u64,
}

impl From<BadLines> for Failure {
    fn from(error: BadLines) -> Self {
        let hint = "rocketman check says where; all other lines are in the database";
        Self::new(ErrorKind::Failed, error).hint(Some(hint.to_owned()))
    }
}

/// Reads all of them, one after the other.
pub(crate) async fn run(settings: FoldSettings) -> Result<ExitCode, Failure> {
    let FoldSettings {
        paths,
        filter,
        table,
    } = settings;
    let found = find(paths).map_err(RecordedError::from)?;
    let n_files = found.len();
    for path in &found.skipped {
        let file = Shown::text(&path.to_string_lossy()).to_string();
        info!(target: PipelineSettings::STATE_TARGET, file, "'{file}' is neither a recording nor a segment file, and is left out");
    }
    let database = table.path.clone();
    let (mut sink, cursor) = sqlite::open(table).map_err(Error::Sink)?;
    // There is no place in what is read again from its beginning.
    drop(cursor);
    sink.last_position(None).await.map_err(Error::Sink)?;
    let Fed { events, bad } = feed(found, &filter, &mut sink).await?;
    drop(sink);
    say(events, n_files, &database)?;
    if bad > 0 {
        return Err(BadLines { bad }.into());
    }
    Ok(ExitCode::SUCCESS)
}

fn say(events: u64, n_files: usize, database: &Path) -> Result<(), Failure> {
    let plural = if n_files == 1 { "" } else { "s" };
    let database = Shown::text(&database.to_string_lossy()).to_string();
    print(format!("{events} events of {n_files} file{plural} are in '{database}'\n").as_bytes())?;
    Ok(())
}
