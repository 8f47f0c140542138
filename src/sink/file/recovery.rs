//! What becomes of the files that a saved cursor counts, before anything is written.

use std::{fs, path::Path};

use super::{
    amends::Amends,
    disk,
    kept_file::{KeptFile, appending, publish},
    output_file::OutputFile,
    trail::Trail,
};
use crate::{error::MemberError, event::FileMark, sink::FileError};

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
    output.cut_back(mark, amends)?;
    output.trail = Trail::new(mark.recent_from.unwrap_or(0));
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
    let mut file = KeptFile::open(path.clone())?;
    file.lock()?;
    file.cut_back(mark, amends)?;
    publish(path, name)
}

/// Removes a journal that is of no use any more, unless another one has its name.
pub(super) fn remove_journal(mark: &FileMark) -> Result<(), MemberError> {
    let path = &mark.path;
    if disk::inode(path)? != Some(mark.inode) {
        return Ok(());
    }
    fs::remove_file(path).map_err(disk::failed("remove", path))
}

/// Opens a file that is only ever appended to, or makes it; its folder has to exist. Nothing is
/// written or cut.
///
/// It is not locked yet: [`KeptFile::lock`] fails where this process has it already, under
/// another number.
pub(super) fn open_fixed(path: &Path) -> Result<OutputFile, MemberError> {
    let file = appending()
        .create(true)
        .open(path)
        .map_err(disk::refused("open", path))?;
    // A device is told apart before its name is looked at.
    let mut output = OutputFile::new(None, path.to_owned(), file)?;
    output.mark.path = std::fs::canonicalize(path).map_err(disk::failed("open", path))?;
    Ok(output)
}
