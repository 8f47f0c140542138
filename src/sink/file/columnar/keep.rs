//! What a run without a cursor left of a file: its groups, and what is whole of their journal.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use super::{
    Columnar, Groups, Layout, MAGIC,
    disk::{self, Disk, failed},
    whole,
};
use crate::{
    compressed::FrameFormat,
    error::MemberError,
    sink::{
        FileError,
        file::{amends::Amends, kept_file::KeptFile, names::journal_path},
    },
};

/// Makes an unfinished file complete, with all that is whole of it: it is so up to `from`, and maybe
/// up to where a journal begins, whose lengths these are. Returns whether there is anything in it.
pub(in crate::sink::file) fn keep(
    path: &Path,
    from: Option<u64>,
    journals: &[u64],
    layout: &Arc<Layout>,
    disk: &Disk,
) -> Result<bool, MemberError> {
    let mut output = KeptFile::open(path.to_owned())?;
    if output.mark.bytes < MAGIC.len() as u64 {
        // The journal, which was begun after it, may be there all the same.
        disk::cut(output.file()?, path, 0)?;
        output.mark.bytes = 0;
        output.append(MAGIC, disk)?;
    }
    let length = output.mark.bytes;
    let ends: BTreeSet<u64> = journals
        .iter()
        .copied()
        .chain([length])
        .chain(from)
        .collect();
    let ends = ends.into_iter().rev().filter(|end| *end <= length);
    let mut known = None;
    for end in ends {
        if let Ok(groups) = Groups::read(output.file()?, end) {
            known = Some((end, groups));
            break;
        }
    }
    let Some((end, groups)) = known else {
        let (path, why) = (path.to_owned(), "is torn, and its journal is missing");
        return Err(FileError::Changed { path, why }.into());
    };
    if groups.is_complete() && end == length {
        return Ok(true);
    }
    disk::cut(output.file()?, path, end)?;
    output.mark.bytes = end;
    let columnar = take_journal(&mut output, layout, disk)?;
    let has_rows = groups.len() > 0 || columnar.open_bytes() > 0;
    let spent = columnar.complete(&mut output, disk)?;
    output.sync()?;
    let journal = spent.journal.path;
    fs::remove_file(&journal).map_err(failed("remove", &journal))?;
    Ok(has_rows)
}

/// Takes what is whole of the journal, or makes one where there is none.
fn take_journal(
    output: &mut KeptFile,
    layout: &Arc<Layout>,
    disk: &Disk,
) -> Result<Columnar, MemberError> {
    let path = journal_path(&output.mark.path, output.mark.bytes);
    let Some(path) = path.filter(|path| path.exists()) else {
        return Columnar::begin(output, layout, disk);
    };
    let whole = {
        let mut journal = KeptFile::open(path.clone())?;
        disk::lock(journal.file()?, &path)?;
        whole::whole(journal.file()?, FrameFormat::Zstd, 0).map_err(failed("read", &path))?
    };
    Columnar::restore(output, whole, layout, &mut Amends::default())
}
