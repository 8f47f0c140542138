//! A table of Parquet as lines, row group by row group.

use std::{fs::File, io, path::Path};

use super::{RecordedError, finish};
use crate::failure::Failure;
use rocketman::{
    Error,
    event::Batch,
    filter::Filter,
    sink::{Sink, SinkContext},
    table::ParquetFile,
};

/// Gives all events of a table that the filter keeps to the sink; returns how many.
pub(super) async fn feed(
    path: &Path,
    filter: &Filter,
    sink: &mut impl Sink,
) -> Result<u64, Failure> {
    let unreadable = |source| {
        let path = path.to_owned();
        RecordedError::Table { path, source }
    };
    let table = open(path).map_err(unreadable)?;
    let context = SinkContext::default();
    sink.begin(&[], &context).map_err(Error::Sink)?;
    let mut batch = Batch::new();
    let mut lines = Vec::new();
    for group in 0..table.row_groups() {
        lines.clear();
        let read = table.push_lines(group, &mut lines).map_err(unreadable);
        for line in lines.split(|byte| *byte == b'\n') {
            // Messages of NATS that are no events say nothing of records.
            if line.is_empty() || batch.push(line).is_err() {
                continue;
            }
            if batch.is_full() {
                give(&mut batch, filter, sink, &context).await?;
            }
        }
        give(&mut batch, filter, sink, &context).await?;
        if let Err(error) = read {
            finish(sink, &context).await?;
            return Err(error.into());
        }
    }
    finish(sink, &context).await?;
    Ok(context.accepted())
}

fn open(path: &Path) -> io::Result<ParquetFile> {
    let file = File::open(path)?;
    let end = file.metadata()?.len();
    ParquetFile::open(file, end)
}

async fn give(
    batch: &mut Batch,
    filter: &Filter,
    sink: &mut impl Sink,
    context: &SinkContext,
) -> Result<(), Error> {
    batch.retain(|event| filter.keeps(&event));
    if !batch.is_empty() {
        sink.accept(batch, context).await.map_err(Error::Sink)?;
    }
    batch.clear();
    Ok(())
}
