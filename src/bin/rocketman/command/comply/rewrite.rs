//! One file: read, and replaced as a whole by what it is without the records that are removed.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use super::{
    ComplyError,
    spared::{Counted, is_locked, why},
};
use crate::{
    command::recording::form,
    platform::{inode, sync_folder, take_after},
};
use rocketman::{
    MemberError,
    event::Origin,
    segment::{PruneError, prune},
    table::{Pruned, RecordVersion, prune_lines, prune_parquet, sqlite::Deletions},
};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Lines,
    Table,
    Segment,
}

/// What has become of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing is to be removed from it.
    Unchanged,
    /// It was replaced.
    Rewritten,
    /// It would be.
    Due,
    /// It is left alone, and why.
    Spared(String),
    /// It cannot be read or written, and why.
    Failed(String),
}

/// A file, and what was found in it.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) outcome: Outcome,
    pub(super) pruned: Pruned,
    pub(super) bad: u64,
}

impl Rewritten {
    pub(super) fn without_a_look(outcome: Outcome) -> Self {
        Self {
            outcome,
            pruned: Pruned::default(),
            bad: 0,
        }
    }
}

/// What is removed, and how.
pub(super) struct Rewriter {
    pub(super) deletions: Deletions,
    pub(super) counted: Counted,
    /// By folder, the stream that the numbers of segment files are of.
    pub(super) origins: HashMap<PathBuf, Arc<Origin>>,
    pub(super) dry_run: bool,
}

/// What tells whether a file was written to.
type State = (u64, u64, Option<SystemTime>);

impl Rewriter {
    /// Rewrites a file, unless there is no need to or it is to be left alone. Only what concerns the
    /// deletions is an error; what is wrong with the file is its outcome.
    pub(super) fn rewrite(&mut self, path: &Path, form: Form) -> Result<Rewritten, ComplyError> {
        let draft = draft_of(path);
        // One that a killed run left behind.
        fs::remove_file(&draft).ok();
        if let Some(why) = why(path, &self.counted) {
            return Ok(Rewritten::without_a_look(Outcome::Spared(why)));
        }
        let mut failed = None;
        let done = self.replace(path, &draft, form, &mut failed);
        if let Some(error) = failed {
            fs::remove_file(&draft).ok();
            return Err(ComplyError::Deletions(error));
        }
        Ok(done.unwrap_or_else(|stop| {
            fs::remove_file(&draft).ok();
            Rewritten::without_a_look(match stop {
                Stop::Spared(why) => Outcome::Spared(why),
                Stop::Failed(error) => Outcome::Failed(error.to_string()),
            })
        }))
    }

    fn replace(
        &mut self,
        path: &Path,
        draft: &Path,
        form: Form,
        failed: &mut Option<MemberError>,
    ) -> Result<Rewritten, Stop> {
        let file = File::open(path)?;
        if is_locked(&file) {
            return Err(Stop::spared("a running process writes to it"));
        }
        let metadata = file.metadata()?;
        let before = state(&metadata);
        let out = (!self.dry_run).then(|| new_draft(draft, &metadata));
        let out = out.transpose()?;
        let (pruned, bad) = self.prune(path, &file, out.as_ref(), form, failed)?;
        let is_due = pruned.removed > 0 && failed.is_none();
        let outcome = match (&out, is_due) {
            (_, false) => Outcome::Unchanged,
            (None, true) => Outcome::Due,
            (Some(_), true) => {
                if state(&fs::metadata(path)?) != before {
                    return Err(Stop::spared("it was changed meanwhile"));
                }
                fs::rename(draft, path)?;
                sync_folder(folder_of(path))?;
                Outcome::Rewritten
            }
        };
        if outcome == Outcome::Unchanged {
            fs::remove_file(draft).ok();
        }
        Ok(Rewritten {
            outcome,
            pruned,
            bad,
        })
    }

    fn prune(
        &mut self,
        path: &Path,
        file: &File,
        draft: Option<&File>,
        form: Form,
        failed: &mut Option<MemberError>,
    ) -> Result<(Pruned, u64), Stop> {
        let (deletions, origins) = (&mut self.deletions, &self.origins);
        let folder = path.parent().filter(|_| form == Form::Segment);
        let origin = folder.and_then(|folder| origins.get(folder));
        let is_removed = |version: &RecordVersion<'_>| match deletions.has(version, origin) {
            Ok(is_removed) => is_removed && failed.is_none(),
            Err(error) => {
                failed.get_or_insert(error);
                false
            }
        };
        Ok(match form {
            Form::Lines => prune_lines(file, self::form(path), draft, is_removed)?,
            Form::Table => (prune_parquet(file, draft, is_removed)?, 0),
            Form::Segment => match prune(path, draft, is_removed) {
                Err(PruneError::Unsealed) => return Err(Stop::spared("it is not sealed")),
                pruned => (pruned.map_err(Stop::other)?, 0),
            },
        })
    }
}

/// Why a file is not rewritten.
enum Stop {
    Spared(String),
    Failed(io::Error),
}

impl Stop {
    fn spared(why: &str) -> Self {
        Self::Spared(why.to_owned())
    }

    fn other(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Failed(io::Error::other(error))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

fn state(metadata: &Metadata) -> State {
    (inode(metadata), metadata.len(), metadata.modified().ok())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The new version of a file, until it is one: hidden, beside it.
fn draft_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".comply");
    path.with_file_name(name)
}

/// Begins it, for those who may read the file.
fn new_draft(draft: &Path, old: &Metadata) -> io::Result<File> {
    let mut options = File::options();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(draft)?;
    take_after(&file, old)?;
    Ok(file)
}
