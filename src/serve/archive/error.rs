//! Why an archive cannot be served.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{log::printable, segment::SegmentError};

/// Why an archive cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// There is no such file or folder, or it cannot be read.
    #[error("cannot look for segment files in '{}'", shown(path))]
    Missing {
        /// What was named.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No sealed file with an event.
    #[error("there is no sealed segment file with events in '{}'", shown(.0))]
    Empty(PathBuf),
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
    /// A file has no name by which it could be asked for.
    #[error(
        "'{}' is not named as servers name their files: seg_, 10 digits of base 36 that rise with the numbers, and .jss",
        shown(.0)
    )]
    Unnamed(PathBuf),
    /// A file is damaged or cannot be read.
    #[error(transparent)]
    File(#[from] SegmentError),
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
