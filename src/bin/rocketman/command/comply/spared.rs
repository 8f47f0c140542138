//! Files that are left alone, since something counts on what is in them.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use crate::failure::Failure;
use rocketman::{Error, Shown, cursor::FileCursor, event::FileMark, sink::FileSettings};

/// The files that cursors count on.
#[derive(Debug, Default)]
pub(super) struct Counted(Vec<(PathBuf, FileMark)>);

impl Counted {
    /// Reads what cursors say.
    pub(super) fn read(cursors: Vec<PathBuf>) -> Result<Self, Failure> {
        let mut counted = Vec::new();
        for path in cursors {
            let saved = FileCursor::look(&path).map_err(Error::Cursor)?.saved;
            let files = saved
                .ok_or_else(|| super::ComplyError::NoCursor(path.clone()))?
                .files;
            counted.extend(files.into_iter().map(|file| (path.clone(), file)));
        }
        Ok(Self(counted))
    }

    /// The cursor that counts on a file.
    fn of(&self, path: &Path) -> Option<&Path> {
        let is_same = |mark: &FileMark| FileSettings::is_same_file(path, &mark.path);
        let mut counted = self.0.iter();
        counted.find_map(|(cursor, mark)| is_same(mark).then_some(cursor.as_path()))
    }
}

/// Whether a run writes to a file, or is to go on with it, by its name.
pub(super) fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix == "partial")
}

/// Why a file is left alone by its name or what counts on it; `None` where it may be rewritten.
pub(super) fn why(path: &Path, counted: &Counted) -> Option<String> {
    if is_unfinished(path) {
        return Some("it is unfinished".to_owned());
    }
    let cursor = counted.of(path)?;
    let cursor = Shown::text(&cursor.to_string_lossy()).to_string();
    Some(format!("the cursor '{cursor}' counts on it"))
}

/// Whether a running process has the lock of a file; otherwise it is ours from here on.
pub(super) fn is_locked(file: &File) -> bool {
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}
