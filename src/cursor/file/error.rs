//! Why a cursor file cannot be used.

use std::{io, path::PathBuf};

use crate::{
    error::{ErrorKind, MemberError, Reason},
    platform::paths::regular,
};

/// Why a cursor file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CursorFileError {
    /// The file system refused.
    #[error("cannot {action} cursor file '{}'", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The cursor file.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// The file is there, and holds nothing.
    #[error("cursor file '{}' is empty", .0.display())]
    Empty(PathBuf),
    /// The file is no cursor, or a part of one.
    #[error("cursor file '{}' is damaged or no cursor file", path.display())]
    Damaged {
        /// The cursor file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The file is larger than any cursor.
    #[error("'{}' is too large to be a cursor file", .0.display())]
    TooLarge(PathBuf),
    /// The cursor would be larger than one may be.
    #[error("the cursor counts on {n} output files, too many for cursor file '{}'", path.display())]
    TooManyFiles {
        /// The cursor file.
        path: PathBuf,
        /// How many files there are.
        n: usize,
    },
    /// The file was written by a version with another format.
    #[error("cursor file '{}' has format {found}, and this version reads format {known}", path.display())]
    Format {
        /// The cursor file.
        path: PathBuf,
        /// The format it names.
        found: u64,
        /// The format this version reads.
        known: u64,
    },
    /// Another process has it.
    #[error("cursor file '{}' is in use by another process", .0.display())]
    Taken(PathBuf),
}

impl From<CursorFileError> for MemberError {
    fn from(error: CursorFileError) -> Self {
        let kind = match &error {
            CursorFileError::Taken(_) => ErrorKind::CursorTaken,
            CursorFileError::Io { source, .. } if regular::is_refusal(source) => ErrorKind::Usage,
            _ => ErrorKind::Failed,
        };
        let reason = match &error {
            CursorFileError::Io { .. } => Reason::CursorFile,
            CursorFileError::Empty(path)
            | CursorFileError::Damaged { path, .. }
            | CursorFileError::TooLarge(path)
            | CursorFileError::Format { path, .. } => {
                Reason::CursorFileDamaged { path: path.clone() }
            }
            CursorFileError::TooManyFiles { .. } => Reason::TooManyFiles,
            CursorFileError::Taken(_) => Reason::CursorFileTaken,
        };
        Self::new(kind, error).because(reason)
    }
}
