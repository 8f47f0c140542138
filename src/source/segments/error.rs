//! Why segment files cannot be read as asked, or not any further.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    error::{ErrorKind, MemberError, Reason},
    event::show_time,
    log::printable,
    segment::{ManifestError, SegmentError},
};

/// Why segment files cannot be read as asked, or not any further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// There is no such file or folder, or it cannot be read.
    #[error("cannot look for segment files in '{}'", shown(path))]
    Missing {
        /// What was named.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A folder without segment files.
    #[error("there is no segment file in '{}'", shown(.0))]
    Nothing(PathBuf),
    /// Two files have numbers in common, or names in another order than their numbers.
    #[error(
        "the numbers of '{}' do not come before those of '{}' alone: a file has another's name, or is there twice",
        shown(first),
        shown(second)
    )]
    Misplaced {
        /// The file with the lower numbers.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
    /// A number was asked for that no file has come to yet.
    #[error("number {asked} lies beyond these files, which end at {last}")]
    Beyond {
        /// What was asked for.
        asked: u64,
        /// The highest number of all files.
        last: u64,
    },
    /// A time was asked for that has not come yet.
    #[error("the beginning {} lies in the future, and nothing in these files is as late", show_time(*.0))]
    Future(u64),
    /// Something is missing between two files of a folder, and that is to be the end.
    #[error(
        "GAP from={from} to={to}: '{}' does not follow the file before it: what lies between them is missing",
        shown(before)
    )]
    Hole {
        /// The last number before it.
        from: u64,
        /// The first number after it.
        to: u64,
        /// The file that comes next.
        before: PathBuf,
    },
    /// What a folder is a copy of does not have all that is wanted.
    #[error("'{}' is a copy by a narrower filter, and does not have all that is asked for", shown(.0))]
    Narrower(PathBuf),
    /// A folder is not the copy that it is meant to be.
    #[error(transparent)]
    Copied(#[from] ManifestError),
    /// A file is damaged or cannot be read.
    #[error(transparent)]
    File(#[from] SegmentError),
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

impl ReplayError {
    pub(super) fn missing(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Missing { path, source }
    }
}

impl From<ReplayError> for MemberError {
    fn from(error: ReplayError) -> Self {
        let kind = match &error {
            ReplayError::Missing { .. }
            | ReplayError::Nothing(_)
            | ReplayError::Beyond { .. }
            | ReplayError::Narrower(_)
            | ReplayError::Future(_) => ErrorKind::Usage,
            ReplayError::Hole { .. } => ErrorKind::Gap,
            ReplayError::Misplaced { .. } | ReplayError::File(_) | ReplayError::Copied(_) => {
                ErrorKind::Failed
            }
        };
        let reason = match &error {
            ReplayError::Hole { .. } => Some(Reason::Hole),
            ReplayError::File(error) if error.is_too_large() => Some(Reason::BlockTooLarge),
            ReplayError::File(_) | ReplayError::Misplaced { .. } | ReplayError::Copied(_) => {
                Some(Reason::SegmentDamaged)
            }
            ReplayError::Future(_) => Some(Reason::FutureStart),
            ReplayError::Narrower(_) => Some(Reason::NarrowerCopy),
            ReplayError::Missing { .. } | ReplayError::Nothing(_) | ReplayError::Beyond { .. } => {
                None
            }
        };
        Self::new(kind, error).because(reason)
    }
}
