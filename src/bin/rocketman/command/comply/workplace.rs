//! Where deletions are kept meanwhile: in the folder of the archive, since they may be many. Nobody
//! else works there at the same time.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{failure::Failure, platform::inode};
use rocketman::ErrorKind;

const LOCK: &str = ".rocketman-comply.lock";
const DATABASE: &str = ".rocketman-comply.db";

/// What SQLite, and who writes to its database, have beside it.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", ".lock"];

/// Why it cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkplaceError {
    #[error("another rocketman comply works in '{}'", .0.display())]
    InUse(PathBuf),
    #[error("cannot keep deletions in '{}'", folder.display())]
    Disk {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl From<WorkplaceError> for Failure {
    fn from(error: WorkplaceError) -> Self {
        match error {
            WorkplaceError::InUse(_) => Self::new(ErrorKind::CursorTaken, error)
                .hint(Some("wait until it is done".to_owned())),
            WorkplaceError::Disk { .. } => Self::new(ErrorKind::Failed, error),
        }
    }
}

/// The place. All that is in it goes with it, or with the next one after a kill.
#[derive(Debug)]
pub(super) struct Workplace {
    folder: PathBuf,
    lock: File,
}

impl Workplace {
    /// Takes the place for an archive: its folder, or that of a file.
    pub(super) fn take(path: &Path) -> Result<Self, WorkplaceError> {
        let folder = match path.parent() {
            _ if path.is_dir() => path,
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let failed = |source| WorkplaceError::Disk {
            folder: folder.to_owned(),
            source,
        };
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let lock = options.open(folder.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            // One that ended meanwhile took the name away with it.
            Ok(()) if !is_named(&lock, folder) => {
                return Err(WorkplaceError::InUse(folder.to_owned()));
            }
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WorkplaceError::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let place = Self {
            folder: folder.to_owned(),
            lock,
        };
        place.clear().map_err(failed)?;
        Ok(place)
    }

    /// The database of deletions.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    fn clear(&self) -> io::Result<()> {
        for end in BESIDE {
            match fs::remove_file(self.folder.join(format!("{DATABASE}{end}"))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether the lock is what has its name.
fn is_named(lock: &File, folder: &Path) -> bool {
    let named = fs::metadata(folder.join(LOCK));
    let both = lock.metadata().ok().zip(named.ok());
    both.is_some_and(|(lock, named)| inode(&lock) == inode(&named))
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one.
        self.clear().ok();
        fs::remove_file(self.folder.join(LOCK)).ok();
        self.lock.unlock().ok();
    }
}
