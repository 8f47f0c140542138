//! What was recorded, among what was named: found, and read into a sink.

mod files;
mod rows;

use std::{io, path::PathBuf, sync::Arc};

use tracing::warn;

pub(crate) use self::files::{Found, find};
use crate::{
    command::recording::{Recording, Unreadable},
    failure::Failure,
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
};

/// Why what was recorded cannot be found or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordedError {
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
}

impl From<RecordedError> for Failure {
    fn from(error: RecordedError) -> Self {
        let kind = match error {
            RecordedError::Files(_) => ErrorKind::Usage,
            RecordedError::Recording(_) | RecordedError::Table { .. } => ErrorKind::Failed,
        };
        Self::new(kind, error)
    }
}

/// What was read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fed {
    /// Events that were given to the sink.
    pub(crate) events: u64,
    /// Lines that are no events.
    pub(crate) bad: u64,
}

/// Reads all files, one after the other, and gives what the filter keeps to the sink.
pub(crate) async fn feed(
    found: Found,
    filter: &Filter,
    sink: &mut impl Sink,
) -> Result<Fed, Failure> {
    let mut fed = Fed::default();
    if !found.segments.is_empty() {
        fed.events += feed_segments(found.segments, filter, sink).await?;
    }
    for path in found.tables {
        fed.events += rows::feed(&path, filter, sink).await?;
    }
    for path in found.recordings {
        let Fed { events, bad } = feed_recording(path, filter, sink).await?;
        fed.events += events;
        fed.bad += bad;
    }
    Ok(fed)
}

async fn feed_segments(
    paths: Vec<PathBuf>,
    filter: &Filter,
    sink: &mut impl Sink,
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

async fn feed_recording(
    path: PathBuf,
    filter: &Filter,
    sink: &mut impl Sink,
) -> Result<Fed, Failure> {
    let file = Shown::text(&path.to_string_lossy()).to_string();
    let context = SinkContext::default();
    sink.begin(&[], &context).map_err(Error::Sink)?;
    let mut recording = Recording::open(path).map_err(RecordedError::from)?;
    let mut batch = Batch::new();
    loop {
        let read = recording
            .read(&mut batch)
            .await
            .map_err(RecordedError::from);
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
    Ok(Fed {
        events: context.accepted(),
        bad,
    })
}

async fn finish(sink: &mut impl Sink, context: &SinkContext) -> Result<(), Error> {
    let finished: Result<(), MemberError> = sink.finish(context).await;
    finished.map_err(Error::Sink)
}
