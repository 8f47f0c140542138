//! Why a database cannot be used as a table.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

use crate::{
    error::{ErrorKind, MemberError, Reason},
    platform::paths::regular,
};

/// Why a database cannot be used, or not any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error("cannot {action} database '{}'", path.display())]
    Sqlite {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("cannot {action} database '{}'", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("'{}' is no SQLite database", .0.display())]
    NoDatabase(PathBuf),
    #[error("database '{}' was not made by rocketman", .0.display())]
    Foreign(PathBuf),
    #[error("database '{}' has version {found} of its tables, and this program writes version {known}", path.display())]
    Version {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("database '{}' {what}", path.display())]
    Other { path: PathBuf, what: String },
    #[error("the place in database '{}' is damaged", path.display())]
    Place {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("database '{}' is written to by another process", .0.display())]
    InUse(PathBuf),
}

impl TableError {
    /// Names what was tried, before what SQLite says.
    pub(super) fn of(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(rusqlite::Error) -> MemberError {
        move |source| {
            let path = path.to_owned();
            match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => Self::NoDatabase(path),
                _ => Self::Sqlite {
                    action,
                    path,
                    source,
                },
            }
            .into()
        }
    }
}

impl From<TableError> for MemberError {
    fn from(error: TableError) -> Self {
        let code = match &error {
            TableError::Sqlite { source, .. } => source.sqlite_error_code(),
            _ => None,
        };
        let (kind, reason) = match (&error, code) {
            (TableError::InUse(_), _) => (ErrorKind::CursorTaken, Reason::DatabaseInUse),
            (TableError::NoDatabase(_) | TableError::Foreign(_), _) => {
                (ErrorKind::Usage, Reason::DatabaseForeign)
            }
            (TableError::Version { .. }, _) => (ErrorKind::Usage, Reason::DatabaseVersion),
            (TableError::Other { .. }, _) => (ErrorKind::Usage, Reason::DatabaseOther),
            (_, Some(ErrorCode::DiskFull)) => (ErrorKind::Failed, Reason::DatabaseFull),
            (_, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
                (ErrorKind::Failed, Reason::DatabaseLocked)
            }
            (TableError::Io { source, .. }, _) if regular::is_refusal(source) => {
                (ErrorKind::Usage, Reason::DatabaseForeign)
            }
            _ => (ErrorKind::Failed, Reason::Database),
        };
        Self::new(kind, error).because(reason)
    }
}
