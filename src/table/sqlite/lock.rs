//! Keeping a second writer out, by a lock on a file beside the database.
//!
//! The database itself cannot be locked so: SQLite has locks of its own on it, which would go when
//! another handle of the process is closed.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::error::TableError;
use crate::{error::MemberError, platform::paths::regular};

/// Goes with the process, however that ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes it, or fails where another process has it.
    pub(super) fn take(path: &Path) -> Result<Self, MemberError> {
        let failed = |action| {
            let path = path.to_owned();
            move |source| TableError::Io {
                action,
                path,
                source,
            }
        };
        if let Ok(found) = path.metadata() {
            // The lock would lie beside what can never be a database.
            regular::check(path, found.file_type()).map_err(failed("open"))?;
        }
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = regular::open_no_link(&mut options, &lock_of(path)).map_err(failed("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(TableError::InUse(path.to_owned()).into()),
            Err(TryLockError::Error(source)) => Err(failed("lock")(source).into()),
        }
    }
}

/// Whether a process writes to the database; `None` where that cannot be seen.
pub(super) fn is_held(path: &Path) -> Option<bool> {
    match File::open(lock_of(path)) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    path.with_file_name(name)
}

/// A child that is being started has the file for a moment, and would keep the lock for as long.
impl Drop for Lock {
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}
