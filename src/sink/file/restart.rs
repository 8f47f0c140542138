//! What becomes of the files that a saved cursor counts, before anything is written.

use std::path::Path;

use super::{
    amends::{Amend, Amends},
    disk,
    folder::cut,
    part::{Part, give_name},
    trail::Trail,
};
use crate::{
    event::FileMark,
    sink::{FileError, SinkError},
};

/// Cuts a file back to what the saved cursor counts.
pub(super) fn cut_back(
    part: &mut Part,
    mark: &FileMark,
    amends: &mut Amends,
) -> Result<(), SinkError> {
    let path = &mark.path;
    let changed = |why| {
        FileError::Changed {
            path: path.clone(),
            why,
        }
        .into()
    };
    if part.mark.inode != mark.inode {
        return Err(changed("is not the file that the cursor counts on"));
    }
    let surplus = part
        .mark
        .bytes
        .checked_sub(mark.bytes)
        .ok_or_else(|| changed("is shorter than the cursor counts on"))?;
    if surplus > 0 {
        cut(part.file()?, path, mark.bytes)?;
        amends.note(path, Amend::Cut(surplus));
    }
    part.mark = mark.clone();
    part.trail = Trail::new(mark.recent_from.unwrap_or(0));
    Ok(())
}

/// Opens an unfinished file that the saved cursor counts, and cuts it back. It has no slot yet.
pub(super) fn reopen(mark: &FileMark, amends: &mut Amends) -> Result<Part, SinkError> {
    let path = &mark.path;
    if disk::inode(path)?.is_none() {
        return Err(FileError::Changed {
            path: path.clone(),
            why: "is missing, and the cursor counts on it",
        }
        .into());
    }
    let mut part = Part::open(None, path.clone())?;
    part.lock()?;
    cut_back(&mut part, mark, amends)?;
    Ok(part)
}

/// Gives a complete file its name, where a crash came before that. It may have it already, and whoever waited for it may have taken it.
/// The folder is left to be synced.
pub(super) fn complete(mark: &FileMark, name: &Path, amends: &mut Amends) -> Result<(), SinkError> {
    let path = &mark.path;
    if disk::inode(path)? != Some(mark.inode) {
        return Ok(());
    }
    let mut part = Part::open(None, path.clone())?;
    part.lock()?;
    cut_back(&mut part, mark, amends)?;
    give_name(path, name)
}

/// Opens a file that is only ever appended to, or makes it; its folder has to exist. Nothing is written or cut.
///
/// It is not locked yet: [`Part::lock`] fails where this process has it already, under another number.
pub(super) fn open_fixed(path: &Path) -> Result<Part, SinkError> {
    let file = super::part::appending()
        .create(true)
        .open(path)
        .map_err(disk::refused("open", path))?;
    // A device is told apart before its name is looked at.
    let mut part = Part::new(None, path.to_owned(), file)?;
    part.mark.path = std::fs::canonicalize(path).map_err(disk::failed("open", path))?;
    Ok(part)
}
