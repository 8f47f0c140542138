//! The folders that a pattern leads to: they are made, names in them are made durable, and unfinished
//! files of an earlier run that no cursor counts are repaired.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use super::{
    FileSettings,
    amends::{Amend, Amends},
    disk::{self, Disk, failed},
    output_file::{appending, name_of, publish},
    pattern::Pattern,
};
use crate::{
    compressed::{FrameFormat, Frames},
    error::MemberError,
    sink::CursorMode,
};

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
}

impl Folders {
    pub(super) fn new(settings: &FileSettings) -> Self {
        Self {
            has_lines: settings.format.ends_lines(),
            ..Self::default()
        }
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
            let has_lines = self.has_lines;
            let amends = &mut self.amends;
            if sweep(folder, pattern, cursor_mode, has_lines, is_ours, amends)? {
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
}

/// Repairs what is unfinished and not ours. Returns whether names have changed.
fn sweep(
    folder: &Path,
    pattern: &Pattern,
    cursor_mode: CursorMode,
    has_lines: bool,
    is_ours: impl Fn(&Path) -> bool,
    amends: &mut Amends,
) -> Result<bool, MemberError> {
    let mut has_changed = false;
    let mut unfinished = BTreeMap::new();
    for path in files(folder)? {
        let path = path?;
        if let Some(name) = name_of(&path) {
            unfinished.insert(path, name);
        }
    }
    for (path, (name, length)) in unfinished {
        if is_ours(&path) || pattern.slot_of(&name).is_none() {
            continue;
        }
        let file = appending().open(&path).map_err(failed("open", &path))?;
        if disk::lock(&file, &path).is_err() {
            continue;
        }
        if cursor_mode == CursorMode::Resumed {
            undo(&path, &name, &file, length, amends)?;
        } else {
            keep(&path, &name, &file, length, has_lines, amends)?;
        }
        has_changed = true;
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
        cut(file, path, length)?;
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
        cut(file, path, whole)?;
    }
    if whole == 0 {
        return fs::remove_file(path).map_err(failed("remove", path));
    }
    publish(path, name)?;
    amends.note(name, Amend::Completed);
    Ok(())
}

/// Cuts a file to this length, durably.
pub(super) fn cut(file: &File, path: &Path, length: u64) -> Result<(), MemberError> {
    file.set_len(length)
        .and_then(|()| file.sync_all())
        .map_err(failed("cut back", path))
}

/// How much of a file is whole lines, frames or members. That is so up to `from` in any case.
pub(super) fn whole(file: &File, form: FrameFormat, from: u64) -> io::Result<u64> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = file;
    file.seek(SeekFrom::Start(from))?;
    if form == FrameFormat::Plain {
        let mut reader = BufReader::new(file);
        let (mut at, mut whole) = (from, from);
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let n = reader.read(&mut chunk)?;
            if n == 0 {
                return Ok(whole);
            }
            if let Some(end) = memchr::memrchr(b'\n', chunk.get(..n).unwrap_or_default()) {
                whole = at + end as u64 + 1;
            }
            at += n as u64;
        }
    }
    let mut frames = Frames::new(form, BufReader::with_capacity(256 * 1024, file));
    loop {
        match frames.read(&mut |_| {}) {
            Ok(true) => {}
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Err(error),
            Ok(false) | Err(_) => return Ok(from + frames.whole()),
        }
    }
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
