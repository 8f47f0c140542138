//! What becomes of the files that a saved cursor counts, before anything is written.

use std::path::Path;

use super::{
    amends::{Amend, Amends},
    disk,
    folder::cut,
    output_file::{OutputFile, publish},
    trail::Trail,
};
use crate::{error::MemberError, event::FileMark, sink::FileError};

/// Cuts a file back to what the saved cursor counts.
pub(super) fn cut_back(
    output: &mut OutputFile,
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
    if output.mark.inode != mark.inode {
        return Err(changed("is not the file that the cursor counts on"));
    }
    let surplus = output
        .mark
        .bytes
        .checked_sub(mark.bytes)
        .ok_or_else(|| changed("is shorter than the cursor counts on"))?;
    if surplus > 0 {
        cut(output.file()?, path, mark.bytes)?;
        amends.note(path, Amend::Cut(surplus));
    }
    output.mark = mark.clone();
    output.trail = Trail::new(mark.recent_from.unwrap_or(0));
    Ok(())
}

/// Opens an unfinished file that the saved cursor counts, and cuts it back. It has no slot yet.
pub(super) fn reopen(mark: &FileMark, amends: &mut Amends) -> Result<OutputFile, MemberError> {
    let path = &mark.path;
    if disk::inode(path)?.is_none() {
        return Err(FileError::Changed {
            path: path.clone(),
            why: "is missing, and the cursor counts on it",
        }
        .into());
    }
    let mut output = OutputFile::open(None, path.clone())?;
    output.lock()?;
    cut_back(&mut output, mark, amends)?;
    Ok(output)
}

/// Gives a complete file its name, where a crash came before that. It may have it already, and
/// another program may have taken it away. The folder is left to be synced.
pub(super) fn complete(
    mark: &FileMark,
    name: &Path,
    amends: &mut Amends,
) -> Result<(), MemberError> {
    let path = &mark.path;
    if disk::inode(path)? != Some(mark.inode) {
        return Ok(());
    }
    let mut output = OutputFile::open(None, path.clone())?;
    output.lock()?;
    cut_back(&mut output, mark, amends)?;
    publish(path, name)
}

/// Opens a file that is only ever appended to, or makes it; its folder has to exist. Nothing is
/// written or cut.
///
/// It is not locked yet: [`OutputFile::lock`] fails where this process has it already, under
/// another number.
pub(super) fn open_fixed(path: &Path) -> Result<OutputFile, MemberError> {
    let file = super::output_file::appending()
        .create(true)
        .open(path)
        .map_err(disk::refused("open", path))?;
    // A device is told apart before its name is looked at.
    let mut output = OutputFile::new(None, path.to_owned(), file)?;
    output.mark.path = std::fs::canonicalize(path).map_err(disk::failed("open", path))?;
    Ok(output)
}
