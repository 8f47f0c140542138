//! Why an archive cannot be read as asked, or not any further.

use std::path::PathBuf;

use super::fetch_error::FetchError;
use crate::{
    error::{ErrorKind, MemberError, Reason},
    event::show_time,
    log::printable,
};

/// Why an archive cannot be read as asked, or not any further.
#[derive(Debug, thiserror::Error)]
pub(super) enum HistoryError {
    /// The server would say the same again.
    #[error("cannot {what}")]
    Refused {
        /// The address.
        url: String,
        /// What was asked for.
        what: String,
        /// A key was given.
        has_key: bool,
        /// What it said.
        #[source]
        source: FetchError,
    },
    /// A key is wanted, and the one that was given may not be sent in the clear.
    #[error(
        "{0} wants a key, and a key is sent over TLS or to this machine alone: name it with https://"
    )]
    Withheld(String),
    /// A plan goes beyond what it says, or does not go on.
    #[error(
        "{0} planned what cannot be: numbers that do not rise, or beyond the end of its archive"
    )]
    Plan(String),
    /// The list of files goes on and on.
    #[error("the list of the files of {0} does not come to an end")]
    Endless(String),
    /// A file is rewritten again and again, and nothing is read in between.
    #[error(
        "block {block} of '{path}' cannot be read: the file is rewritten each time it is asked for"
    )]
    Restless {
        /// The file.
        path: String,
        /// The block that was to come next.
        block: u32,
    },
    /// A number was asked for that the archive has not come to yet.
    #[error("number {asked} lies beyond the archive of {url}, which ends at {last}")]
    Beyond {
        /// What was asked for.
        asked: u64,
        /// The highest number of all files.
        last: u64,
        /// The address.
        url: String,
    },
    /// A folder has segment files of which nobody knows what they are.
    #[error("'{}' is in the folder, which has no manifest of what it holds", printable(&.0.to_string_lossy()))]
    ForeignFile(PathBuf),
    /// A folder is a copy of something else.
    #[error("'{}' is a copy of another archive, or by another filter or beginning", printable(&.0.to_string_lossy()))]
    OtherCopy(PathBuf),
    /// A time was asked for that has not come yet.
    #[error("the beginning {} lies in the future", show_time(*.0))]
    Future(u64),
}

impl HistoryError {
    pub(super) fn refused(url: String, what: &str, source: FetchError, has_key: bool) -> Self {
        Self::Refused {
            url,
            what: what.to_owned(),
            has_key,
            source,
        }
    }
}

impl From<HistoryError> for MemberError {
    fn from(error: HistoryError) -> Self {
        let (kind, reason) = match &error {
            HistoryError::Refused {
                url,
                has_key,
                source,
                ..
            } => match source {
                FetchError::Status {
                    status: 401 | 403, ..
                } => (
                    ErrorKind::Refused,
                    Some(Reason::ArchiveKey { given: *has_key }),
                ),
                FetchError::Status { status, .. } => (
                    ErrorKind::Refused,
                    Some(Reason::Refused {
                        url: url.clone(),
                        status: *status,
                        moved_to: None,
                    }),
                ),
                _ => (ErrorKind::Failed, None),
            },
            HistoryError::Withheld(_) => (ErrorKind::Refused, None),
            HistoryError::Plan(_) | HistoryError::Endless(_) | HistoryError::Restless { .. } => {
                (ErrorKind::Failed, None)
            }
            HistoryError::Beyond { .. }
            | HistoryError::ForeignFile(_)
            | HistoryError::OtherCopy(_) => (ErrorKind::Usage, None),
            HistoryError::Future(_) => (ErrorKind::Usage, Some(Reason::FutureStart)),
        };
        Self::new(kind, error).because(reason)
    }
}
