//! Why a store cannot be opened or written to.

use std::{io, path::PathBuf};

use crate::error::{ErrorKind, MemberError};

/// Why a store cannot be opened or written to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} '{}'", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error("the store '{}' is in use by another process", .0.display())]
    InUse(PathBuf),
    /// What was written to its end lies behind what was not.
    #[error("'{}' is damaged from byte {offset} on, and events lie behind that", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
    },
    /// It is named as a file of a store, and is not one.
    #[error("'{}' is no file of a store", .0.display())]
    Foreign(PathBuf),
    /// It was written by a version with another format.
    #[error("'{}' has format {found}, and this version reads format {known}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it names.
        found: u64,
        /// The format this version reads.
        known: u64,
    },
}

impl StoreError {
    /// What kind of failure it is, where nothing is served yet.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InUse(_) => ErrorKind::CursorTaken,
            _ => ErrorKind::Usage,
        }
    }
}

impl From<StoreError> for MemberError {
    fn from(error: StoreError) -> Self {
        Self::other(error)
    }
}

/// A refusal, with what was tried.
pub(super) fn failed(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.into();
    move |source| StoreError::Io {
        action,
        path,
        source,
    }
}
