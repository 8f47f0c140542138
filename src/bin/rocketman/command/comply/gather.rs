//! Learning what was deleted: from the archive itself, and from elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::{info, warn};

use super::deletes::{Deletes, Extent};
use crate::{
    command::recorded::{Fed, Found, RecordedError, feed, find},
    failure::Failure,
    settings::DeletionSource,
    terminal::status_line::StatusLine,
};
use rocketman::{
    Pipeline, PipelineSettings, Shown,
    event::{CollectionPattern, Kind, Origin, Start},
    filter::Filter,
    source::{
        Source,
        history::History,
        jetstream::{Jetstream, JetstreamSettings},
    },
    table::sqlite::SqliteSink,
};

/// What was read of the archive.
#[derive(Debug, Default)]
pub(super) struct Archive {
    /// By folder, the stream that the numbers of segment files are of.
    pub(super) origins: HashMap<PathBuf, Arc<Origin>>,
    /// Files that could not be read to their end, and why.
    pub(super) unreadable: HashMap<PathBuf, Failure>,
    /// Deletions may be missing, since segment files could not be read to their end.
    pub(super) is_partial: bool,
    extent: Extent,
}

/// Reads all deletions in an archive.
pub(super) async fn from_archive(
    found: &Found,
    database: &mut SqliteSink,
    line: &StatusLine,
) -> Archive {
    let mut archive = Archive::default();
    let mut folders: BTreeMap<&Path, Vec<PathBuf>> = BTreeMap::new();
    for path in &found.segments {
        let folder = path.parent().unwrap_or(Path::new(""));
        folders.entry(folder).or_default().push(path.clone());
    }
    // Those of a folder are one stream.
    for (folder, segments) in folders {
        line.show(format!(
            "learning what was deleted: {} segment files",
            segments.len()
        ));
        let segments = Found {
            segments,
            ..Found::default()
        };
        let mut deletes = Deletes::new(database, Some(&mut archive.extent));
        let fed = feed(segments, &Filter::default(), &mut deletes).await;
        let origin = deletes.origin().cloned();
        archive
            .origins
            .extend(origin.map(|origin| (folder.to_owned(), origin)));
        if let Err(failure) = fed {
            let why = Shown::error(&failure).to_string();
            warn!(target: PipelineSettings::STATE_TARGET, why, "{why}, so that not all that was deleted is known");
            archive.is_partial = true;
        }
    }
    let n_files = found.len() - found.segments.len();
    let mut n = 0;
    for (files, is_table) in [(&found.tables, true), (&found.recordings, false)] {
        for path in files {
            n += 1;
            line.show(format!("learning what was deleted: file {n} of {n_files}"));
            let mut one = Found::default();
            let to = if is_table {
                &mut one.tables
            } else {
                &mut one.recordings
            };
            *to = BTreeSet::from([path.clone()]);
            let mut deletes = Deletes::new(database, Some(&mut archive.extent));
            if let Err(failure) = feed(one, &Filter::default(), &mut deletes).await {
                archive.unreadable.insert(path.clone(), failure);
            }
        }
    }
    archive
}

/// Reads all deletions elsewhere. Returns the databases among the sources, which are asked as they
/// are.
pub(super) async fn from_elsewhere(
    sources: Vec<DeletionSource>,
    archive: &Archive,
    database: &mut SqliteSink,
    line: &StatusLine,
) -> Result<Vec<PathBuf>, Failure> {
    let mut states = Vec::new();
    for source in sources {
        line.show("learning what was deleted elsewhere".to_owned());
        match source {
            DeletionSource::State(path) => states.push(path),
            DeletionSource::Recorded(path) => {
                let name = Shown::text(&path.to_string_lossy()).to_string();
                let found = find(vec![path]).map_err(RecordedError::from)?;
                let mut deletes = Deletes::new(database, None);
                let Fed { bad, .. } = feed(found, &Filter::default(), &mut deletes).await?;
                if bad > 0 {
                    warn!(target: PipelineSettings::STATE_TARGET, bad, "{bad} lines of '{name}' are no events, and nothing was learnt from them");
                }
            }
            DeletionSource::Server(mut settings) => {
                if narrow(&mut settings, &archive.extent) {
                    read(Jetstream::new(*settings), database).await?;
                }
            }
            DeletionSource::Service(mut settings) => {
                if narrow(&mut settings.live, &archive.extent) {
                    read(History::new(*settings), database).await?;
                }
            }
        }
    }
    Ok(states)
}

/// Asks for what concerns the archive. Returns whether anything does.
fn narrow(settings: &mut JetstreamSettings, extent: &Extent) -> bool {
    let Some(earliest_us) = extent.earliest_us else {
        return false;
    };
    settings.start = Some(Start::Time(earliest_us));
    let patterns = extent.collections().map(str::parse::<CollectionPattern>);
    // Strangers choose these names: where one is none, all are asked for.
    settings.collections = patterns.collect::<Result<_, _>>().unwrap_or_default();
    true
}

/// Reads a server up to now.
async fn read(source: impl Source, database: &mut SqliteSink) -> Result<(), Failure> {
    let mut deletes = Deletes::new(database, None);
    let filter = Filter::new().kinds([Kind::Commit, Kind::Account]);
    let run = Pipeline::new(source, &mut deletes).filter(filter);
    let events = run.run(std::future::pending()).await?.accepted;
    info!(target: PipelineSettings::STATE_TARGET, events, "read {events} events of it for what was deleted");
    Ok(())
}
