//! What a disk may refuse, and waiting until it no longer does.

use std::{
    fs::{self, File, TryLockError},
    io,
    panic::resume_unwind,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tracing::{info, warn};

use super::FileError;
use crate::{
    error::{ErrorKind, MemberError},
    log::STATE,
    platform::{self, MetadataExt, write_once},
};

/// Waits for room begin with this and double up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How soon a wait notices that the end is wanted.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Up to how many files are synced one by one, and how many of more are synced at the same time.
const MAX_SYNCED_SERIALLY: usize = 4;
const MAX_SYNC_THREADS: usize = 16;

/// The way to the disk.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    /// Where it is full, wait until it is not.
    waits: bool,
    /// The end is wanted: no more waits.
    is_ending: Arc<AtomicBool>,
}

impl Disk {
    pub(super) fn new(waits: bool, is_ending: Arc<AtomicBool>) -> Self {
        Self { waits, is_ending }
    }

    /// Does what may find the disk full, again and again if that is wanted.
    pub(super) fn attempt<T>(
        &self,
        action: &'static str,
        path: &Path,
        mut work: impl FnMut() -> io::Result<T>,
    ) -> Result<T, MemberError> {
        let mut wait = FIRST_WAIT;
        let mut is_told = false;
        loop {
            match work() {
                Err(error) if self.waits && is_full(&error) && !self.is_ending() => {
                    if !is_told {
                        let file = path.display();
                        warn!(target: STATE, %file, %error, "the disk is full, waiting for room to {action} '{file}'");
                        is_told = true;
                    }
                    self.pause(wait);
                    wait = (wait * 2).min(MAX_WAIT);
                }
                result => {
                    if is_told && result.is_ok() {
                        info!(target: STATE, "there is room on the disk again");
                    }
                    return result.map_err(failed(action, path));
                }
            }
        }
    }

    /// Appends all of it, whatever the number of tries.
    pub(super) fn write(&self, file: &File, path: &Path, bytes: &[u8]) -> Result<(), MemberError> {
        let mut rest = bytes;
        self.attempt("write to", path, || {
            while !rest.is_empty() {
                match write_once(file, rest) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                    Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
                    Err(refused) => return Err(refused),
                }
            }
            Ok(())
        })
    }

    /// Whether the end is wanted.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Acquire)
    }

    /// Waits this long, or until the end is wanted.
    pub(super) fn pause(&self, wait: Duration) {
        let mut left = wait;
        while !left.is_zero() && !self.is_ending() {
            let glance = left.min(POLL_INTERVAL);
            thread::sleep(glance);
            left -= glance;
        }
    }
}

/// Makes a file's contents durable. What that refuses is never tried again: nobody knows what
/// became of the pages.
pub(super) fn sync(file: &File, path: &Path) -> Result<(), MemberError> {
    file.sync_data().map_err(failed("make durable", path))
}

/// Cuts a file to this length, durably.
pub(super) fn cut(file: &File, path: &Path, length: u64) -> Result<(), MemberError> {
    file.set_len(length)
        .and_then(|()| file.sync_all())
        .map_err(failed("cut back", path))
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), MemberError> {
    platform::sync_folder(folder).map_err(failed("sync the folder", folder))
}

/// Does this for each of them. Many do it at the same time: their waits for the disk become one,
/// where each would have its own.
pub(super) fn for_each<T: Sync>(
    all: &[T],
    work: impl Fn(&T) -> Result<(), MemberError> + Sync,
) -> Result<(), MemberError> {
    if all.len() <= MAX_SYNCED_SERIALLY {
        return all.iter().try_for_each(work);
    }
    let next = AtomicUsize::new(0);
    let go_on = || {
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(one)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let helper = || thread::Builder::new().name("sync files".to_owned());
        // A thread that cannot be had leaves its work to the others.
        let helpers: Vec<_> = (1..MAX_SYNC_THREADS)
            .map_while(|_| helper().spawn_scoped(scope, go_on).ok())
            .collect();
        let mut result = go_on();
        for helper in helpers {
            let helped = helper.join().unwrap_or_else(|panic| resume_unwind(panic));
            result = result.and(helped);
        }
        result
    })
}

/// The folder that a file lies in, which has an absolute path.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// Takes the lock of a file that nobody else may write to. Where there are no locks, there is none.
pub(super) fn lock(file: &File, path: &Path) -> Result<(), FileError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(FileError::InUse(path.to_owned())),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// The inode of what has this name; `None` where nothing has it.
pub(super) fn inode(path: &Path) -> Result<Option<u64>, MemberError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata.ino())),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(refused) => Err(failed("look at", path)(refused)),
    }
}

/// A refusal of a file that is to be written to, before anything is read: most often it was named
/// wrongly.
pub(super) fn refused(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> MemberError + use<> {
    let path = path.to_owned();
    move |source| {
        let kind = ErrorKind::of_refusal(&source);
        let error = FileError::Io {
            action,
            path,
            source,
        };
        MemberError::from(error).with_kind(kind)
    }
}

/// A refusal, with what was tried.
pub(super) fn failed(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> MemberError + use<> {
    let path = path.to_owned();
    move |source| {
        FileError::Io {
            action,
            path,
            source,
        }
        .into()
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
