//! A cursor in a file: replaced whole or not at all, and held by one process at a time.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tokio::task::JoinHandle;

use super::{CursorError, CursorStore, Saved, contents};

/// Far above any cursor (some 400 bytes, and 100 more per unfinished file); a larger file is something else.
const LARGEST: u64 = 4 * 1024 * 1024;

/// How often a lock is tried for that others only look at, a millisecond apart.
const PATIENCE: usize = 1000;

/// A cursor file and the lock beside it (`PATH.lock`), which is held until this is dropped.
#[derive(Debug)]
pub struct FileCursor {
    path: PathBuf,
    /// The save at work. One that was given up goes on in its thread, and the next one waits for it: however long a disk hangs, there is
    /// one thread, and what comes late never replaces anything newer.
    work: Option<JoinHandle<Result<(), CursorError>>>,
    /// Held, not read: the lock goes when the file is closed, however the process ends.
    _lock: File,
}

impl FileCursor {
    /// Takes the lock. The cursor file itself need not exist yet; its folder has to, and must be writable.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CursorError> {
        let asked = path.as_ref();
        let error = |action| {
            move |source| CursorError::Io {
                action,
                path: asked.to_owned(),
                source,
            }
        };
        let path = resolve(asked).map_err(error("open"))?;
        if path.is_dir() {
            return Err(error("open")(io::ErrorKind::IsADirectory.into()));
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(&path, "lock"))
            .map_err(error("lock"))?;
        match take(&lock) {
            Ok(()) => Ok(Self {
                path,
                work: None,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(CursorError::Taken(asked.to_owned())),
            Err(TryLockError::Error(refused)) => Err(error("lock")(refused)),
        }
    }

    /// Whether somebody holds the lock of a cursor file. Nothing is made or changed, and whoever holds it does not notice.
    pub fn is_held(path: &Path) -> Result<bool, CursorError> {
        let error = |source| CursorError::Io {
            action: "look at the lock of",
            path: path.to_owned(),
            source,
        };
        let lock = resolve(path).and_then(|path| File::open(beside(&path, "lock")));
        let lock = match lock {
            Ok(lock) => lock,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(refused) => return Err(error(refused)),
        };
        // Shared, and for no longer than this takes.
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(refused)) => Err(error(refused)),
        }
    }

    /// Reads a cursor file without taking its lock; `None` when there is no file.
    pub fn read(path: &Path) -> Result<Option<Saved>, CursorError> {
        let error = |source| CursorError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(refused) => return Err(error(refused)),
        };
        let mut text = Vec::new();
        file.take(LARGEST + 1)
            .read_to_end(&mut text)
            .map_err(error)?;
        if text.len() as u64 > LARGEST {
            return Err(CursorError::TooLarge(path.to_owned()));
        }
        contents::parse(path, &text).map(Some)
    }
}

impl CursorStore for FileCursor {
    async fn load(&mut self) -> Result<Option<Saved>, CursorError> {
        Self::read(&self.path)
    }

    async fn save(&mut self, saved: &Saved) -> Result<(), CursorError> {
        let path = self.path.clone();
        let text = contents::text(saved);
        if let Some(given_up) = &mut self.work {
            drop(given_up.await);
        }
        let work = tokio::task::spawn_blocking(move || replace(&path, &text));
        let done = self.work.insert(work).await;
        self.work = None;
        done.unwrap_or_else(|lost| {
            Err(CursorError::Io {
                action: "save",
                path: self.path.clone(),
                source: io::Error::other(lost),
            })
        })
    }
}

/// Where a path leads. A link is followed once, here, so that a save replaces what it points to and not the link.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        resolved => resolved,
    }
}

/// Takes a lock as its owner. An owner does not share it; those who look at it do, and let go at once.
fn take(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..PATIENCE {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => lock.try_lock_shared()?,
            taken_or_refused => return taken_or_refused,
        }
        lock.unlock().map_err(TryLockError::Error)?;
        thread::sleep(Duration::from_millis(1));
    }
    Err(TryLockError::WouldBlock)
}

/// Writes beside, makes it durable, and puts it in place of the old one.
fn replace(path: &Path, text: &[u8]) -> Result<(), CursorError> {
    let error = |action| {
        move |source| CursorError::Io {
            action,
            path: path.to_owned(),
            source,
        }
    };
    let fresh = beside(path, "new");
    let write = || {
        let mut file = File::create(&fresh)?;
        file.write_all(text)?;
        file.sync_all()
    };
    write()
        .inspect_err(|_| drop(fs::remove_file(&fresh)))
        .map_err(error("write"))?;
    fs::rename(&fresh, path).map_err(error("replace"))?;
    File::open(folder(path))
        .and_then(|folder| folder.sync_all())
        .map_err(error("sync the folder of"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::FutureExt;

    use super::*;
    use crate::event::{FileMark, Place};

    fn saved(time_us: u64) -> Saved {
        Saved {
            place: Place::Time {
                time_us,
                origin: None,
            },
            filter: Some("all kinds of events".to_owned()),
            files: Vec::new(),
        }
    }

    #[tokio::test]
    async fn what_was_saved_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor.json");
        let mut store = FileCursor::open(&path).unwrap();
        assert_eq!(store.load().await.unwrap(), None);
        let mut expected = saved(1_800_000_000_000_000);
        store.save(&expected).await.unwrap();
        expected.files.push(FileMark::new("/tmp/x".into(), 3, 4));
        store.save(&expected).await.unwrap();
        assert_eq!(store.load().await.unwrap(), Some(expected));
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "a cursor and its lock: {names:?}");
    }

    #[tokio::test]
    async fn a_save_that_comes_late_never_replaces_a_newer_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor.json");
        let mut store = FileCursor::open(&path).unwrap();
        for _ in 0..100 {
            drop(store.save(&saved(5)).now_or_never());
            store.save(&saved(6)).await.unwrap();
            assert_eq!(store.load().await.unwrap(), Some(saved(6)));
        }
    }

    #[test]
    fn a_second_owner_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor.json");
        let first = FileCursor::open(&path).unwrap();
        assert!(matches!(
            FileCursor::open(&path),
            Err(CursorError::Taken(_))
        ));
        assert!(FileCursor::is_held(&path).unwrap());
        drop(first);
        assert!(!FileCursor::is_held(&path).unwrap());
        assert!(FileCursor::open(&path).is_ok());
    }

    #[test]
    fn whoever_looks_at_a_lock_makes_nothing_and_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor.json");
        assert!(!FileCursor::is_held(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        FileCursor::is_held(&path).unwrap();
                    }
                });
            }
            let opened: Vec<_> = (0..500)
                .map(|_| FileCursor::open(&path).map(drop))
                .collect();
            is_over.store(true, Ordering::Relaxed);
            assert!(opened.iter().all(Result::is_ok), "{opened:?}");
        });
    }

    #[tokio::test]
    async fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        FileCursor::open(&real)
            .unwrap()
            .save(&saved(5))
            .await
            .unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        FileCursor::open(&link)
            .unwrap()
            .save(&saved(6))
            .await
            .unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(FileCursor::read(&real).unwrap(), Some(saved(6)));
    }
}
