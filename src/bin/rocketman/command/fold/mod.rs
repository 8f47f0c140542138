//! `rocketman fold`: what was recorded becomes the state that it leads to.

mod files;
mod rows;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use tracing::{info, warn};

use self::files::{Found, find};
use crate::{
    command::recording::{Recording, Unreadable},
    failure::Failure,
    settings::FoldSettings,
    terminal::print,
};
use rocketman::{
    Error, ErrorKind, MemberError, Pipeline, PipelineSettings, Shown, Stats,
    event::Batch,
    filter::Filter,
    sink::{Sink, SinkContext},
    source::{
        Flow, OnGap,
        segments::{Segments, SegmentsSettings},
    },
    table::sqlite::{self, SqliteSink},
};

/// Why recordings cannot be folded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FoldError {
    #[error(transparent)]
    Files(#[from] files::FilesError),
    #[error(transparent)]
    Recording(#[from] Unreadable),
    #[error("cannot read the table '{}'", path.display())]
    Table {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{bad} lines are no events")]
    Bad { bad: u64 },
}

impl From<FoldError> for Failure {
    fn from(error: FoldError) -> Self {
        let kind = match error {
            FoldError::Files(_) => ErrorKind::Usage,
            FoldError::Recording(_) | FoldError::Table { .. } | FoldError::Bad { .. } => {
                ErrorKind::Failed
            }
        };
        let hint = match error {
            FoldError::Bad { .. } => {
                Some("rocketman check says where; all other lines are in the database".to_owned())
            }
            FoldError::Files(_) | FoldError::Recording(_) | FoldError::Table { .. } => None,
        };
        Self::new(kind, error).hint(hint)
    }
}

/// Reads all of them, one after the other.
pub(crate) async fn run(settings: FoldSettings) -> Result<ExitCode, Failure> {
    let FoldSettings {
        paths,
        filter,
        table,
    } = settings;
    let found = find(paths).map_err(FoldError::from)?;
    let n_files = found.len();
    let Found {
        recordings,
        tables,
        segments,
        skipped,
    } = found;
    for path in &skipped {
        let file = Shown::text(&path.to_string_lossy()).to_string();
        info!(target: PipelineSettings::STATE_TARGET, file, "'{file}' is neither a recording nor a segment file, and is left out");
    }
    let database = table.path.clone();
    let (mut sink, cursor) = sqlite::open(table).map_err(Error::Sink)?;
    // There is no place in what is read again from its beginning.
    drop(cursor);
    sink.last_position(None).await.map_err(Error::Sink)?;
    let mut events = 0;
    if !segments.is_empty() {
        events += fold_segments(segments, &filter, &mut sink).await?;
    }
    for path in tables {
        events += rows::fold(&path, &filter, &mut sink).await?;
    }
    let mut bad = 0;
    for path in recordings {
        let folded = fold_recording(path, &filter, &mut sink).await?;
        events += folded.events;
        bad += folded.bad;
    }
    drop(sink);
    say(events, n_files, &database)?;
    if bad > 0 {
        return Err(FoldError::Bad { bad }.into());
    }
    Ok(ExitCode::SUCCESS)
}

fn say(events: u64, n_files: usize, database: &Path) -> Result<(), Failure> {
    let plural = if n_files == 1 { "" } else { "s" };
    let database = Shown::text(&database.to_string_lossy()).to_string();
    print(format!("{events} events of {n_files} file{plural} are in '{database}'\n").as_bytes())?;
    Ok(())
}

async fn fold_segments(
    paths: Vec<PathBuf>,
    filter: &Filter,
    sink: &mut SqliteSink,
) -> Result<u64, Error> {
    let settings = SegmentsSettings {
        // What is missing between them may be elsewhere.
        on_gap: OnGap::Warn,
        sync_events: true,
        ..SegmentsSettings::new(paths)
    };
    let stats = Arc::new(Stats::default());
    let run = Pipeline::new(Segments::new(settings), sink)
        .filter(filter.clone())
        .stats(stats)
        .run(std::future::pending());
    Ok(run.await?.accepted)
}

/// What came of a recording.
struct Folded {
    events: u64,
    bad: u64,
}

async fn fold_recording(
    path: PathBuf,
    filter: &Filter,
    sink: &mut SqliteSink,
) -> Result<Folded, Failure> {
    let file = Shown::text(&path.to_string_lossy()).to_string();
    let context = SinkContext::default();
    sink.begin(&[], &context).map_err(Error::Sink)?;
    let mut recording = Recording::open(path).map_err(FoldError::from)?;
    let mut batch = Batch::new();
    loop {
        let read = recording.read(&mut batch).await.map_err(FoldError::from);
        batch.retain(|event| filter.keeps(&event));
        if !batch.is_empty() {
            sink.accept(&mut batch, &context)
                .await
                .map_err(Error::Sink)?;
        }
        batch.clear();
        match read {
            Ok(Flow::More) => {}
            Ok(_) => break,
            Err(error) => {
                finish(sink, &context).await?;
                return Err(error.into());
            }
        }
    }
    finish(sink, &context).await?;
    let bad = recording.n_bad();
    if bad > 0 {
        warn!(target: PipelineSettings::STATE_TARGET, file, bad, "{bad} lines of '{file}' are no events");
    }
    Ok(Folded {
        events: context.accepted(),
        bad,
    })
}

async fn finish(sink: &mut SqliteSink, context: &SinkContext) -> Result<(), Error> {
    let finished: Result<(), MemberError> = sink.finish(context).await;
    finished.map_err(Error::Sink)
}
