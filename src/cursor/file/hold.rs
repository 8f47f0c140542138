//! Who has a cursor file, and putting a new one in its place.
//!
//! Two locks keep a second process out: that of `PATH.lock`, and that of the cursor file itself,
//! which holds where it has a second name, or where `PATH.lock` was removed. Nothing is ever
//! written through a link.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tracing::warn;

use super::{failed, refused};
use crate::{
    cursor::CursorFileError,
    error::MemberError,
    log::STATE,
    platform::{
        MetadataExt, keep_owner,
        paths::{folder, regular},
        set_private, sync_folder,
    },
};

/// How often a lock is tried for that others only look at, a millisecond apart.
const MAX_TRIES: usize = 1000;

/// What is held of a cursor file. The locks go with it, and when the process ends, however it does.
#[derive(Debug)]
pub(super) struct Hold {
    path: PathBuf,
    /// The lock beside it.
    beside: File,
    /// The cursor file as it was at first, which a second name may still lead to.
    first: Option<File>,
    /// The one that was saved last.
    newest: Option<File>,
}

impl Hold {
    /// Takes a cursor file, which need not exist yet. `asked` is what the user calls it.
    pub(super) fn take(path: &Path, asked: &Path) -> Result<Self, MemberError> {
        let fresh = beside(path, "new");
        leftover(&fresh).map_err(refused("write", asked))?;
        // Before a lock is made beside what is no cursor file.
        open_existing(path).map_err(refused("open", asked))?;
        let lock = open_lock(path).map_err(refused("lock", asked))?;
        own(&lock, asked)?;
        Ok(Self {
            path: path.to_owned(),
            beside: lock,
            first: own_existing(path, asked)?,
            newest: None,
        })
    }

    /// Writes beside, makes it durable, and puts it in place of the old one.
    pub(super) fn replace(&mut self, text: &[u8]) -> Result<(), MemberError> {
        let path = self.path.clone();
        self.keep_lock()?;
        let fresh = beside(&path, "new");
        let file = make(&fresh, &path).map_err(failed("write", &path))?;
        let written = write(&file, text).map_err(failed("write", &path));
        let placed = written.and_then(|()| {
            let placed = fs::rename(&fresh, &path);
            placed.map_err(failed("replace", &path))
        });
        if placed.is_err() {
            fs::remove_file(&fresh).ok();
            return placed;
        }
        self.newest = Some(file);
        sync_folder(folder(&path)).map_err(failed("sync the folder of", &path))
    }

    /// Takes the lock once more where somebody has removed it, for only what has its name keeps
    /// others out.
    fn keep_lock(&mut self) -> Result<(), MemberError> {
        let path = &self.path;
        let is_there = || -> io::Result<bool> {
            let ours = self.beside.metadata()?;
            let found = found(&beside(path, "lock"))?;
            Ok(found.is_some_and(|found| is_same(&found, &ours)))
        };
        if is_there().map_err(failed("look at the lock of", path))? {
            return Ok(());
        }
        let lock = match open_lock(path) {
            // The folder is gone, as the write will say.
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(failed("lock", path))?,
        };
        own(&lock, path)?;
        let file = path.display();
        warn!(target: STATE, %file, "the lock of cursor file '{file}' was removed, and is taken again");
        self.beside = lock;
        Ok(())
    }
}

/// A child that is being started has the files for a moment, and would keep the locks for as long.
impl Drop for Hold {
    fn drop(&mut self) {
        let files = self.newest.iter().chain(&self.first).chain([&self.beside]);
        for file in files {
            file.unlock().ok();
        }
    }
}

/// Whether somebody holds either lock.
pub(super) fn is_held(path: &Path) -> io::Result<bool> {
    for path in [&beside(path, "lock"), path] {
        let file = match regular::open_no_link(File::options().read(true), path) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        // Shared, and for no longer than this takes.
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(true),
            Err(TryLockError::Error(refused)) => return Err(refused),
        }
    }
    Ok(false)
}

/// Opens the lock beside a cursor file, or makes it.
fn open_lock(path: &Path) -> io::Result<File> {
    let path = beside(path, "lock");
    let mut options = File::options();
    options.read(true).write(true);
    loop {
        match regular::open_no_link(&mut options, &path) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        match regular::open_no_link(options.clone().create_new(true), &path) {
            // Another process was faster. A link that leads nowhere was seen before.
            Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
}

/// Takes a lock as its owner.
fn own(lock: &File, asked: &Path) -> Result<(), MemberError> {
    match try_to_own(lock) {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(CursorFileError::Taken(asked.to_owned()).into()),
        Err(TryLockError::Error(refused)) => Err(failed("lock", asked)(refused)),
    }
}

/// An owner does not share a lock; those who look at it do, and let go at once.
fn try_to_own(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..MAX_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => lock.try_lock_shared()?,
            taken_or_refused => return taken_or_refused,
        }
        lock.unlock().map_err(TryLockError::Error)?;
        thread::sleep(Duration::from_millis(1));
    }
    Err(TryLockError::WouldBlock)
}

/// Opens and locks the cursor file itself, if there is one.
fn own_existing(path: &Path, asked: &Path) -> Result<Option<File>, MemberError> {
    loop {
        let Some(file) = open_existing(path).map_err(failed("open", asked))? else {
            return Ok(None);
        };
        match try_to_own(&file) {
            Err(TryLockError::WouldBlock) => {
                return Err(CursorFileError::Taken(asked.to_owned()).into());
            }
            // The other lock is the first; some file systems have none for a file that may only be
            // read.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        // A save may have put another one in its place meanwhile.
        let is_still_there = || -> io::Result<bool> {
            let ours = file.metadata()?;
            Ok(found(path)?.is_some_and(|found| is_same(&found, &ours)))
        };
        if is_still_there().map_err(failed("open", asked))? {
            return Ok(Some(file));
        }
    }
}

/// Opens the cursor file, if there is one. To lock it, some file systems want it to be open for
/// writing.
fn open_existing(path: &Path) -> io::Result<Option<File>> {
    let mut options = File::options();
    options.read(true);
    let opened = match regular::open_no_link(options.clone().write(true), path) {
        Err(refused) if refused.kind() == io::ErrorKind::PermissionDenied => {
            regular::open_no_link(&mut options, path)
        }
        opened => opened,
    };
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// Whether an earlier save has left something. What it cannot have left is in the way.
fn leftover(fresh: &Path) -> io::Result<bool> {
    match found(fresh)? {
        Some(found) => regular::check(fresh, found.file_type()).map(|()| true),
        None => Ok(false),
    }
}

/// Makes the new file, with the owner and the mode of the old one.
fn make(fresh: &Path, path: &Path) -> io::Result<File> {
    if leftover(fresh)? {
        fs::remove_file(fresh)?;
    }
    let old = found(path)?;
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    if old.is_some() {
        set_private(&mut options);
    }
    let file = options.open(fresh)?;
    let kept = old.map_or(Ok(()), |old| keep_owner(&file, &old, path));
    kept.inspect_err(|_| drop(fs::remove_file(fresh)))?;
    Ok(file)
}

/// Writes a new cursor file to the disk. It is locked before it gets its name.
fn write(mut file: &File, text: &[u8]) -> io::Result<()> {
    // The lock beside it is the first; where there are none for this, that one is enough.
    drop(file.try_lock());
    file.write_all(text)?;
    file.sync_all()
}

/// What has this name, without following a link.
fn found(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(refused) => Err(refused),
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The name of what lies beside a cursor file.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locks_go_with_their_owner_though_a_child_has_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        let mut hold = Hold::take(&path, &path).unwrap();
        hold.replace(b"{}").unwrap();
        let hold_again = || Hold::take(&path, &path);
        assert!(hold_again().is_err());
        let inherited = [&hold.beside, hold.newest.as_ref().unwrap()].map(File::try_clone);
        drop(hold);
        assert!(hold_again().is_ok());
        drop(inherited);
    }
}
