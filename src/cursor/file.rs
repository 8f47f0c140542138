//! A cursor in a file: replaced whole or not at all, and held by one process at a time.

mod error;
mod hold;

pub(crate) use self::error::CursorFileError;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::JoinHandle;

use self::hold::Hold;
use super::{CursorStore, Glimpse, Saved, contents};
use crate::{
    error::{ErrorKind, MemberError},
    platform::paths::{lead, regular},
};

/// Far above any cursor (some 400 bytes, and 200 more per unfinished file, of which there are
/// 20,000 at most); a larger file is something else.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// A cursor file and the lock beside it (`PATH.lock`), which is held until this is dropped.
#[derive(Debug)]
pub struct FileCursor {
    path: PathBuf,
    /// The save at work. One that was given up goes on in its thread, and the next one waits for
    /// it: however long a disk hangs, there is one thread, and what comes late never replaces
    /// anything newer.
    work: Option<JoinHandle<Result<(), MemberError>>>,
    /// Used by one save at a time.
    hold: Arc<Mutex<Hold>>,
}

impl FileCursor {
    /// Takes the lock. The cursor file itself need not exist yet; its folder has to, and must be
    /// writable.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, MemberError> {
        let asked = path.as_ref();
        let path = lead(asked).map_err(refused("open", asked))?;
        let hold = Hold::take(&path, asked)?;
        Ok(Self {
            path,
            work: None,
            hold: Arc::new(Mutex::new(hold)),
        })
    }

    /// All files of a cursor at this path: itself, its lock, and what a save writes before it is in
    /// place.
    pub fn files(path: &Path) -> io::Result<[PathBuf; 3]> {
        let path = lead(path)?;
        let [lock, fresh] = ["lock", "new"].map(|suffix| hold::beside(&path, suffix));
        Ok([path, lock, fresh])
    }

    /// Whether somebody holds the lock of a cursor file.
    fn is_held(path: &Path) -> Result<bool, MemberError> {
        lead(path)
            .and_then(|path| hold::is_held(&path))
            .map_err(failed("look at the lock of", path))
    }

    /// What a cursor file holds, and whether a process has it. Nothing is made or changed, and that
    /// process does not notice.
    pub fn look(path: impl AsRef<Path>) -> Result<Glimpse, MemberError> {
        let path = path.as_ref();
        Ok(Glimpse {
            saved: Self::read(path)?,
            // Its owner may have written in between; what was read is true all the same.
            in_use: Self::is_held(path).ok(),
        })
    }

    /// Reads a cursor file without taking its lock; `None` when there is no file.
    fn read(path: &Path) -> Result<Option<Saved>, MemberError> {
        let error = failed("read", path);
        let file = match regular::open(File::options().read(true), path) {
            Ok(file) => file,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(refused) => return Err(error(refused)),
        };
        let mut text = Vec::new();
        file.take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut text)
            .map_err(failed("read", path))?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(CursorFileError::TooLarge(path.to_owned()).into());
        }
        Ok(Some(contents::parse(path, &text)?))
    }
}

impl CursorStore for FileCursor {
    async fn load(&mut self) -> Result<Option<Saved>, MemberError> {
        Self::read(&self.path)
    }

    async fn save(&mut self, saved: &Saved) -> Result<(), MemberError> {
        let hold = Arc::clone(&self.hold);
        let text = contents::text(saved);
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(CursorFileError::TooManyFiles {
                path: self.path.clone(),
                n: saved.files.len(),
            }
            .into());
        }
        if let Some(given_up) = &mut self.work {
            drop(given_up.await);
        }
        let work = tokio::task::spawn_blocking(move || {
            let mut hold = hold.lock().unwrap_or_else(PoisonError::into_inner);
            hold.replace(&text)
        });
        let done = self.work.insert(work).await;
        self.work = None;
        done.unwrap_or_else(|lost| {
            let lost = io::Error::other(lost);
            Err(failed("save", &self.path)(lost))
        })
    }
}

/// A refusal before anything is read, with what was tried: most often the file was named wrongly.
fn refused(action: &'static str, path: &Path) -> impl Fn(io::Error) -> MemberError + use<> {
    let path = path.to_owned();
    move |source| {
        let kind = match ErrorKind::of_refusal(&source) {
            _ if regular::is_refusal(&source) => ErrorKind::Usage,
            kind => kind,
        };
        let error = CursorFileError::Io {
            action,
            path: path.clone(),
            source,
        };
        MemberError::from(error).with_kind(kind)
    }
}

/// A refusal, with what was tried.
fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> MemberError + use<> {
    let path = path.to_owned();
    move |source| {
        CursorFileError::Io {
            action,
            path: path.clone(),
            source,
        }
        .into()
    }
}

#[cfg(test)]
mod tests;
