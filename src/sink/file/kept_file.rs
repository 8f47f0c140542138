//! A file that is kept open, or opened again when it is needed, and what is known of it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::{
    amends::{Amend, Amends},
    disk::{self, Disk, failed},
};
use crate::{error::MemberError, event::FileMark, platform::MetadataExt, sink::FileError};

/// A file that is appended to.
#[derive(Debug)]
pub(super) struct KeptFile {
    /// `None` while it is closed, since only some are open at once.
    file: Option<OpenFile>,
    /// The file as it lies on the disk.
    pub(super) mark: FileMark,
    /// All of it is durable.
    pub(super) is_synced: bool,
}

/// An open file, which may be locked. A child that is being started has it for a moment too, and
/// would keep the lock for as long.
#[derive(Debug)]
struct OpenFile(File);

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

impl KeptFile {
    /// A file that is open for appending, with its present length.
    pub(super) fn new(path: PathBuf, file: File) -> Result<Self, MemberError> {
        let metadata = file.metadata().map_err(failed("read", &path))?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile(path).into());
        }
        Ok(Self {
            file: Some(OpenFile(file)),
            mark: FileMark::new(path, metadata.ino(), metadata.len()),
            is_synced: true,
        })
    }

    /// Opens what is there. `path` is what is kept of its name.
    pub(super) fn open(path: PathBuf) -> Result<Self, MemberError> {
        let file = appending().open(&path).map_err(failed("open", &path))?;
        Self::new(path, file)
    }

    /// The file, unless it is closed.
    pub(super) fn opened(&self) -> Option<&File> {
        self.file.as_ref().map(|OpenFile(file)| file)
    }

    /// The file, which is opened again if it is closed.
    pub(super) fn file(&mut self) -> Result<&File, MemberError> {
        match &mut self.file {
            Some(OpenFile(file)) => Ok(file),
            closed => {
                let file = open_again(&self.mark)?;
                disk::lock(&file, &self.mark.path)?;
                let OpenFile(file) = closed.insert(OpenFile(file));
                Ok(file)
            }
        }
    }

    /// Closes the file.
    pub(super) fn shut(&mut self) {
        self.file = None;
    }

    /// Takes the lock that keeps other processes out.
    pub(super) fn lock(&self) -> Result<(), MemberError> {
        if let Some(OpenFile(file)) = &self.file {
            disk::lock(file, &self.mark.path)?;
        }
        Ok(())
    }

    /// Writes this as it is.
    pub(super) fn append(&mut self, bytes: &[u8], disk: &Disk) -> Result<(), MemberError> {
        self.is_synced = false;
        let path = self.mark.path.clone();
        disk.write(self.file()?, &path, bytes)?;
        self.mark.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Cuts a file back to what the saved cursor counts.
    pub(super) fn cut_back(
        &mut self,
        mark: &FileMark,
        amends: &mut Amends,
    ) -> Result<(), MemberError> {
        let path = &mark.path;
        let changed = |why| {
            FileError::Changed {
                path: path.clone(),
                why,
            }
            .into()
        };
        if self.mark.inode != mark.inode {
            return Err(changed("is not the file that the cursor counts on"));
        }
        let surplus = self
            .mark
            .bytes
            .checked_sub(mark.bytes)
            .ok_or_else(|| changed("is shorter than the cursor counts on"))?;
        if surplus > 0 {
            disk::cut(self.file()?, path, mark.bytes)?;
            amends.note(path, Amend::Cut(surplus));
        }
        self.mark = mark.clone();
        Ok(())
    }

    /// Makes durable what is written, and makes sure that it has not been removed meanwhile.
    pub(super) fn sync(&self) -> Result<(), MemberError> {
        sync(self.opened(), &self.mark, self.is_synced)
    }
}

/// Makes a file durable, open or not, and makes sure that it has not been removed meanwhile.
pub(super) fn sync(
    file: Option<&File>,
    mark: &FileMark,
    is_synced: bool,
) -> Result<(), MemberError> {
    let opened;
    let file = match file {
        Some(file) => file,
        None if is_synced => return Ok(()),
        None => {
            opened = open_again(mark)?;
            &opened
        }
    };
    if !is_synced {
        disk::sync(file, &mark.path)?;
    }
    let metadata = file.metadata().map_err(failed("read", &mark.path))?;
    if metadata.nlink() == 0 {
        return Err(FileError::Gone(mark.path.clone()).into());
    }
    Ok(())
}

/// Opens a file that was closed, which has to be the same.
fn open_again(mark: &FileMark) -> Result<File, MemberError> {
    let gone = || FileError::Gone(mark.path.clone()).into();
    let file = match appending().open(&mark.path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Err(gone()),
        opened => opened.map_err(failed("open", &mark.path))?,
    };
    let metadata = file.metadata().map_err(failed("read", &mark.path))?;
    if metadata.ino() != mark.inode {
        return Err(gone());
    }
    Ok(file)
}

/// For appending, and for looking at what is there.
pub(super) fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    options
}

/// Gives an unfinished file its name. The folder is left to be synced.
pub(super) fn publish(partial: &Path, name: &Path) -> Result<(), MemberError> {
    if disk::inode(name)?.is_some() {
        return Err(FileError::NameTaken {
            partial: partial.to_owned(),
            name: name.to_owned(),
        }
        .into());
    }
    fs::rename(partial, name).map_err(failed("rename", partial))
}
