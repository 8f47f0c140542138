//! Why an output file cannot be written to as promised.

use std::{io, path::PathBuf};

use crate::error::{ErrorKind, MemberError, Reason};

/// Why an output file cannot be written to, or not any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The file system refused something with an output file.
    #[error("cannot {action} file '{}'", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// Somebody removed a file that is written to.
    #[error("output file '{}' was removed while it was written to", .0.display())]
    Gone(PathBuf),
    /// The pattern of output files made the name of another file of the same run.
    #[error("output file '{}' is used for something else by this run", .0.display())]
    Reserved(PathBuf),
    /// Another process writes to a file.
    #[error("output file '{}' is written to by another process", .0.display())]
    InUse(PathBuf),
    /// A file is complete, and another one has its name.
    #[error("'{}' is complete and cannot be called '{}': there is such a file", partial.display(), name.display())]
    NameTaken {
        /// The complete file.
        partial: PathBuf,
        /// What it was to be called.
        name: PathBuf,
    },
    /// The path is that of a device or a named pipe, which can be neither made durable nor cut
    /// back.
    #[error("output file '{}' is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// A file has other columns than those that are wanted.
    #[error("output file '{}' has other columns than those of this run", .0.display())]
    OtherColumns(PathBuf),
    /// A file is not what the saved cursor counts on.
    #[error("output file '{}' {why}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is different.
        why: &'static str,
    },
}

impl From<FileError> for MemberError {
    fn from(error: FileError) -> Self {
        let kind = match error {
            FileError::Reserved(_) | FileError::NotAFile(_) | FileError::OtherColumns(_) => {
                ErrorKind::Usage
            }
            FileError::InUse(_) => ErrorKind::CursorTaken,
            _ => ErrorKind::Failed,
        };
        let reason = match &error {
            FileError::Io { .. } => Reason::OutputFile,
            FileError::Gone(_) => Reason::OutputFileGone,
            FileError::Reserved(_) => Reason::OutputFileReserved,
            FileError::InUse(_) => Reason::OutputFileInUse,
            FileError::NameTaken { .. } => Reason::OutputFileNamed,
            FileError::NotAFile(_) => Reason::OutputNoFile,
            FileError::OtherColumns(_) => Reason::OutputColumns,
            FileError::Changed { path, .. } => Reason::OutputFileChanged { path: path.clone() },
        };
        Self::new(kind, error).because(reason)
    }
}
