//! `rocketman comply`: archives are rewritten without what was deleted since.

mod deletes;
mod gather;
mod report;
mod rewrite;
mod spared;
mod workplace;

use std::{collections::HashMap, fs, io, path::PathBuf, process::ExitCode};

use tracing::info;

use self::{
    gather::Archive,
    report::Total,
    rewrite::{Form, Outcome, Rewriter, Rewritten},
    spared::{Counted, is_unfinished},
    workplace::Workplace,
};
use crate::{
    command::recorded::{Found, RecordedError, find},
    failure::Failure,
    settings::{ComplySettings, DeletionSource},
    terminal::{print, print_json, status_line::StatusLine},
};
use rocketman::{
    Error, ErrorKind, MemberError, PipelineSettings, Shown,
    table::sqlite::{self, Deletions, SqliteSettings},
};

/// Why archives cannot be rewritten.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComplyError {
    #[error("--cursor-file: there is no cursor in '{}'", .0.display())]
    NoCursor(PathBuf),
    #[error("cannot find the file that '{}' stands for", path.display())]
    Missing {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot look up what was deleted")]
    Deletions(#[source] MemberError),
    #[error("{failed} of {all} files could not be rewritten")]
    Failed { failed: usize, all: usize },
    #[error("not all that was deleted is known, and may be left")]
    Partial,
    #[error("{bad} lines are no events, and stay")]
    Bad { bad: u64 },
}

impl From<ComplyError> for Failure {
    fn from(error: ComplyError) -> Self {
        let kind = match error {
            ComplyError::NoCursor(_) | ComplyError::Missing { .. } => ErrorKind::Usage,
            _ => ErrorKind::Failed,
        };
        let hint = match error {
            ComplyError::Failed { .. } => Some(
                "they are as they were, and the next run tries again; rocketman check says what is wrong with a recording",
            ),
            ComplyError::Bad { .. } => Some("rocketman check says where"),
            ComplyError::Partial => {
                Some("rocketman inspect --verify says what is wrong with a segment file")
            }
            ComplyError::Deletions(_) => Some("run it again: each file is old or new"),
            _ => None,
        };
        Self::new(kind, error).hint(hint.map(str::to_owned))
    }
}

/// Learns what was deleted, and rewrites one file after the other.
pub(crate) async fn run(settings: ComplySettings, line: &StatusLine) -> Result<ExitCode, Failure> {
    let ComplySettings {
        paths,
        deletions,
        cursor_files,
        removes_hidden,
        dry_run,
        json,
    } = settings;
    let counted = Counted::read(cursor_files)?;
    for source in &deletions {
        if let DeletionSource::State(path) = source {
            // Better now than after all has been read.
            Deletions::open(path, &[]).map_err(Error::Sink)?;
        }
    }
    let first = paths.first().cloned().unwrap_or_default();
    let found = find(paths).map_err(RecordedError::from)?;
    let mut found = without_links(found)?;
    // Those of Parquet have rows in journals, which are read once they are complete.
    let unfinished = found.skipped.extract_if(.., |path| is_unfinished(path));
    let unfinished: Vec<_> = unfinished.collect();
    for path in &found.skipped {
        let file = Shown::text(&path.to_string_lossy()).to_string();
        info!(target: PipelineSettings::STATE_TARGET, file, "'{file}' is neither a recording nor a segment file, and is left alone");
    }
    let workplace = Workplace::take(&first)?;
    let database = workplace.database();
    let settings = SqliteSettings::new(&database, "recordings", "");
    let (mut sink, cursor) = sqlite::open(settings).map_err(Error::Sink)?;
    drop(cursor);
    let archive = gather::from_archive(&found, &mut sink, line).await;
    let states = gather::from_elsewhere(deletions, &archive, &mut sink, line).await?;
    drop(sink);
    // What follows is said on stdout.
    line.clear();
    let Archive {
        origins,
        unreadable,
        is_partial,
        ..
    } = archive;
    let deletions = Deletions::open(&database, &states).map_err(Error::Sink)?;
    let mut rewriter = Rewriter {
        deletions: deletions.of_hidden_accounts(removes_hidden),
        counted,
        origins,
        dry_run,
    };
    let total = rewrite_all((&found, &unfinished), &mut rewriter, &unreadable, json)?;
    if !json {
        print(total.text(dry_run).as_bytes())?;
    }
    if total.failed > 0 {
        let (failed, all) = (total.failed, total.files);
        return Err(ComplyError::Failed { failed, all }.into());
    }
    if is_partial {
        return Err(ComplyError::Partial.into());
    }
    if total.bad > 0 {
        return Err(ComplyError::Bad { bad: total.bad }.into());
    }
    Ok(ExitCode::SUCCESS)
}

/// The files that links stand for, since a link would be replaced by a file.
fn without_links(found: Found) -> Result<Found, ComplyError> {
    let real = |path: PathBuf| {
        if !path.is_symlink() {
            return Ok(path);
        }
        fs::canonicalize(&path).map_err(|source| ComplyError::Missing { path, source })
    };
    let Found {
        recordings,
        tables,
        segments,
        skipped,
    } = found;
    Ok(Found {
        recordings: recordings.into_iter().map(real).collect::<Result<_, _>>()?,
        tables: tables.into_iter().map(real).collect::<Result<_, _>>()?,
        segments: segments.into_iter().map(real).collect::<Result<_, _>>()?,
        skipped,
    })
}

/// Rewrites all files, and shows each as soon as it is done.
fn rewrite_all(
    (found, unfinished): (&Found, &[PathBuf]),
    rewriter: &mut Rewriter,
    unreadable: &HashMap<PathBuf, Failure>,
    json: bool,
) -> Result<Total, Failure> {
    let of = |form| move |path| (path, form);
    let files = found.recordings.iter().map(of(Form::Lines));
    let files = files.chain(found.tables.iter().map(of(Form::Table)));
    let files = files.chain(found.segments.iter().map(of(Form::Segment)));
    let files = files.chain(unfinished.iter().map(of(Form::Table)));
    let mut total = Total::default();
    for (path, form) in files {
        let rewritten = match unreadable.get(path) {
            Some(failure) => {
                let why = Shown::error(failure).to_string();
                Rewritten::without_a_look(Outcome::Failed(why))
            }
            None => rewriter.rewrite(path, form)?,
        };
        total.add(&rewritten);
        if json {
            print_json(&rewritten.json(path))?;
        } else if let Some(text) = rewritten.text(path) {
            print(text.as_bytes())?;
        }
    }
    Ok(total)
}
