//! The folders that a pattern leads to: they are made, names in them are made durable, and unfinished
//! files of an earlier run that no cursor counts are repaired.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    FileSettings,
    amends::{Amend, Amends},
    columnar::{self, Layout},
    disk::{self, Disk, failed},
    kept_file::{appending, publish},
    names::{journal_of, journal_path, name_of, partial},
    output_file::OutputFile,
    pattern::Pattern,
    whole::whole,
};
use crate::{compressed::FrameFormat, error::MemberError, sink::CursorMode};

/// How many folders are remembered; looking through one again does no harm.
const MAX_REMEMBERED_FILES: usize = 1000;

/// The folders that files lie in.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// Those that were looked through.
    swept: HashSet<PathBuf>,
    /// Those in which names have changed since the last [`Folders::sync`].
    changed: BTreeSet<PathBuf>,
    amends: Amends,
    /// What is written ends with a line end, so that what follows the last one is torn.
    has_lines: bool,
    /// The columns of files that are made of row groups.
    layout: Option<Arc<Layout>>,
}

impl Folders {
    pub(super) fn new(settings: &FileSettings, layout: Option<Arc<Layout>>) -> Self {
        Self {
            has_lines: settings.format.ends_lines(),
            layout,
            ..Self::default()
        }
    }

    /// Removes journals of these files that are not counted, for they are of a run whose end is cut
    /// off.
    pub(super) fn remove_journals(&mut self, outputs: &[OutputFile]) -> Result<(), MemberError> {
        let journals = outputs.iter().filter_map(OutputFile::journal);
        let journals: HashSet<_> = journals
            .map(|journal| journal.mark.path.as_path())
            .collect();
        let names = journals.iter().filter_map(|path| journal_of(path));
        let names: HashSet<_> = names.map(|(name, _)| name).collect();
        let within: BTreeSet<_> = names.iter().map(|name| disk::folder_of(name)).collect();
        for folder in within {
            for path in files(folder)? {
                let path = path?;
                let is_of_them = journal_of(&path).is_some_and(|(name, _)| names.contains(&name));
                if is_of_them && !journals.contains(path.as_path()) {
                    fs::remove_file(&path).map_err(failed("remove", &path))?;
                    self.note(&path);
                }
            }
        }
        Ok(())
    }

    /// Makes the folder of a file, and repairs what is in it. `is_ours` knows the files of this
    /// run.
    pub(super) fn prepare(
        &mut self,
        name: &Path,
        pattern: &Pattern,
        cursor_mode: CursorMode,
        disk: &Disk,
        is_ours: impl Fn(&Path) -> bool,
    ) -> Result<(), MemberError> {
        let folder = disk::folder_of(name);
        if !self.swept.contains(folder) {
            self.make(folder, disk)?;
            if self.sweep(folder, pattern, cursor_mode, disk, is_ours)? {
                self.changed.insert(folder.to_owned());
            }
            if self.swept.len() >= MAX_REMEMBERED_FILES {
                self.swept.clear();
            }
            self.swept.insert(folder.to_owned());
        } else if !folder.is_dir() {
            self.make(folder, disk)?;
        }
        Ok(())
    }

    /// Makes a folder and those above it.
    fn make(&mut self, folder: &Path, disk: &Disk) -> Result<(), MemberError> {
        let missing = folder.ancestors().take_while(|folder| !folder.exists());
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return Ok(());
        }
        disk.attempt("make the folder", folder, || fs::create_dir_all(folder))?;
        let above = missing.into_iter().map(disk::folder_of);
        self.changed.extend(above.map(Path::to_owned));
        Ok(())
    }

    /// A file in this place has got its name, or another one.
    pub(super) fn note(&mut self, path: &Path) {
        let folder = disk::folder_of(path);
        if !self.changed.contains(folder) {
            self.changed.insert(folder.to_owned());
        }
    }

    /// Makes all names durable that have changed: a folder once, whatever the number of its files.
    pub(super) fn sync(&mut self) -> Result<(), MemberError> {
        let changed: Vec<_> = self.changed.iter().collect();
        disk::for_each(&changed, |folder| disk::sync_folder(folder))?;
        self.changed.clear();
        self.amends.log_rest_if_due();
        Ok(())
    }

    /// Repairs what is unfinished and not ours. Returns whether names have changed.
    fn sweep(
        &mut self,
        folder: &Path,
        pattern: &Pattern,
        cursor_mode: CursorMode,
        disk: &Disk,
        is_ours: impl Fn(&Path) -> bool,
    ) -> Result<bool, MemberError> {
        let mut has_changed = false;
        let mut unfinished = BTreeMap::new();
        let mut journals: BTreeMap<PathBuf, Vec<u64>> = BTreeMap::new();
        for path in files(folder)? {
            let path = path?;
            if let Some((name, length)) = journal_of(&path) {
                if !is_ours(&path) && pattern.slot_of(&name).is_some() {
                    journals.entry(name).or_default().push(length);
                }
            } else if let Some(name) = name_of(&path) {
                unfinished.insert(path, name);
            }
        }
        for (path, (name, length)) in unfinished {
            if is_ours(&path) || pattern.slot_of(&name).is_none() {
                continue;
            }
            let file = appending().open(&path).map_err(failed("open", &path))?;
            if disk::lock(&file, &path).is_err() {
                journals.remove(&name);
                continue;
            }
            if cursor_mode == CursorMode::Resumed {
                undo(&path, &name, &file, length, &mut self.amends)?;
            } else if let Some(layout) = &self.layout {
                let journals = journals.get(&name).map_or(&[][..], Vec::as_slice);
                let has_any = columnar::keep(&path, length, journals, layout, disk)?;
                end_kept(&path, &name, has_any, &mut self.amends)?;
            } else {
                keep(
                    &path,
                    &name,
                    &file,
                    length,
                    self.has_lines,
                    &mut self.amends,
                )?;
            }
            has_changed = true;
        }
        for (name, lengths) in &journals {
            has_changed |= remove_leftovers(name, lengths)?;
        }
        Ok(has_changed)
    }
}

/// Removes journals whose files are none that are unfinished.
fn remove_leftovers(name: &Path, lengths: &[u64]) -> Result<bool, MemberError> {
    let mut has_changed = false;
    for length in lengths {
        let Some(path) = journal_path(&partial(name, None), *length) else {
            continue;
        };
        if path.exists() {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            has_changed = true;
        }
    }
    Ok(has_changed)
}

/// The saved cursor does not count what is in it, so that it comes again.
fn undo(
    path: &Path,
    name: &Path,
    file: &File,
    length: Option<u64>,
    amends: &mut Amends,
) -> Result<(), MemberError> {
    if let Some(length) = length {
        disk::cut(file, path, length)?;
        publish(path, name)?;
        amends.note(name, Amend::PutBack(length));
    } else {
        fs::remove_file(path).map_err(failed("remove", path))?;
        amends.note(path, Amend::Removed);
    }
    Ok(())
}

/// There is no cursor to go on from, so that what is in it is kept, as far as it is whole.
fn keep(
    path: &Path,
    name: &Path,
    file: &File,
    length: Option<u64>,
    has_lines: bool,
    amends: &mut Amends,
) -> Result<(), MemberError> {
    let bytes = file.metadata().map_err(failed("read", path))?.len();
    let whole = match FrameFormat::of(name) {
        FrameFormat::Plain if !has_lines => bytes,
        form => whole(file, form, length.unwrap_or(0)).map_err(failed("read", path))?,
    };
    if whole < bytes {
        disk::cut(file, path, whole)?;
    }
    end_kept(path, name, whole > 0, amends)
}

/// Gives a kept file its name, or removes it where there is nothing in it.
fn end_kept(
    path: &Path,
    name: &Path,
    has_any: bool,
    amends: &mut Amends,
) -> Result<(), MemberError> {
    if !has_any {
        return fs::remove_file(path).map_err(failed("remove", path));
    }
    publish(path, name)?;
    amends.note(name, Amend::Completed);
    Ok(())
}

/// The ordinary files in a folder, one by one: there may be any number.
pub(super) fn files(
    folder: &Path,
) -> Result<impl Iterator<Item = Result<PathBuf, MemberError>>, MemberError> {
    let failed = || failed("look into the folder", folder);
    let entries = fs::read_dir(folder).map_err(failed())?;
    Ok(entries.filter_map(move |entry| match entry {
        Ok(entry) => {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            is_file.then(|| Ok(entry.path()))
        }
        Err(error) => Some(Err(failed()(error))),
    }))
}
