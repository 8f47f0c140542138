//! Which file a line goes to, and opening it where it is not.

use std::{fs, io, path::Path};

use tracing::warn;

use super::{Complete, FileTarget};
use crate::{
    error::MemberError,
    event::FileMark,
    log::STATE,
    platform::paths::FileId,
    sink::{
        CursorMode, FileError, SinkContext,
        file::{
            columnar,
            disk::{self, failed},
            kept_file::appending,
            names::{name_of, partial},
            output_file::OutputFile,
            pattern::Slot,
        },
    },
};

/// How much of a cursor unfinished files may take, about: a quarter of what a cursor file may hold.
const MAX_LISTED_BYTES: usize = 4 * 1024 * 1024;

/// What a file takes of a cursor besides its path.
const MARK_BYTES: usize = 200;

impl FileTarget {
    /// The file that the next line of a collection goes to, open.
    pub(super) fn route(
        &mut self,
        name: &[u8],
        bytes: u64,
        context: &SinkContext,
    ) -> Result<usize, MemberError> {
        if let Some(at) = self.outputs.of_collection(name)
            && self.takes(at, bytes)
        {
            return Ok(at);
        }
        let latest_us = self.time.latest_us();
        let mut slot = self.settings.pattern.slot(latest_us, name);
        let mut found = self.outputs.of_slot(&slot);
        let has_own = found.is_some() || !self.is_full();
        if !has_own {
            slot = self.settings.pattern.shared_slot(latest_us);
            found = self.outputs.of_slot(&slot);
            self.count_other(&slot);
        }
        self.make_room(found)?;
        let at = match found {
            Some(at) if self.has_room(at, bytes) => at,
            Some(at) => {
                let number = self.number_of(at) + 1;
                self.finish_file(at, context)?;
                self.begin(slot, Some(number), context)?
            }
            None => self.begin(slot, None, context)?,
        };
        if has_own {
            self.outputs.remember(name, at);
        }
        Ok(at)
    }

    /// Whether no collection can have a file of its own any more.
    fn is_full(&self) -> bool {
        if !self.settings.pattern.has_collection() {
            return false;
        }
        let others = self.settings.pattern.shared_slot(self.time.latest_us());
        let n_own = self.outputs.len() - usize::from(self.outputs.of_slot(&others).is_some());
        let complete = self.complete.iter().map(|complete| &complete.mark);
        let listed = self
            .outputs
            .iter()
            .map(|output| &output.mark)
            .chain(complete);
        let listed = listed.map(|mark| mark.path.as_os_str().len() + MARK_BYTES);
        n_own >= self.settings.max_files.get() || listed.sum::<usize>() >= MAX_LISTED_BYTES
    }

    /// Counts an event of a collection that has no file of its own, and logs the first.
    fn count_other(&mut self, slot: &Slot) {
        self.stats.add_in_others(1);
        if std::mem::replace(&mut self.has_logged_others, true) {
            return;
        }
        let name = slot.name(1);
        let (file, limit) = (name.display(), self.settings.max_files);
        warn!(target: STATE, %file, limit, setting = "max_files", "{limit} collections have files of their own: events of further ones go to '{file}'");
    }

    /// Whether the file is open and has room for these bytes.
    fn takes(&self, at: usize, bytes: u64) -> bool {
        let is_open = |output: &OutputFile| output.opened().is_some();
        self.outputs.get(at).is_some_and(is_open) && self.has_room(at, bytes)
    }

    /// Closes a file if another one is to be opened and there are too many: the one that was
    /// written to least recently.
    fn make_room(&mut self, wanted: Option<usize>) -> Result<(), MemberError> {
        let wanted = wanted.and_then(|at| self.outputs.get(at));
        if wanted.is_some_and(|output| output.opened().is_some()) {
            return Ok(());
        }
        let Some(at) = self.outputs.oldest_of(self.settings.max_open_files.get()) else {
            return Ok(());
        };
        self.flush(at)?;
        if let Some(output) = self.outputs.get_mut(at) {
            output.close();
        }
        Ok(())
    }

    /// Whether a line of this length still belongs into the file.
    fn has_room(&self, at: usize, bytes: u64) -> bool {
        let Some(output) = self.outputs.get(at) else {
            return false;
        };
        let is_empty = output.mark.bytes == 0 && output.pending.is_empty();
        let fits = self.settings.rotate_bytes.is_none_or(|most| {
            if self.encoder.is_plain() {
                is_empty || output.mark.bytes + output.pending.len() as u64 + bytes <= most
            } else {
                output.size() < most
            }
        });
        fits && self
            .settings
            .rotate_events
            .is_none_or(|most| output.mark.events < most)
    }

    fn number_of(&self, at: usize) -> u64 {
        let name = self
            .outputs
            .get(at)
            .and_then(|output| name_of(&output.mark.path));
        let slot = name.and_then(|(name, _)| self.settings.pattern.slot_of(&name));
        slot.and_then(|(_, number)| number).unwrap_or(0)
    }

    /// Opens the file that a slot's next events go to, and returns where it is.
    fn begin(
        &mut self,
        slot: Slot,
        number: Option<u64>,
        context: &SinkContext,
    ) -> Result<usize, MemberError> {
        let output = self.open_slot(slot, number, context.cursor_mode())?;
        Ok(self.outputs.push(output))
    }

    fn open_slot(
        &mut self,
        slot: Slot,
        number: Option<u64>,
        cursor_mode: CursorMode,
    ) -> Result<OutputFile, MemberError> {
        let pattern = &self.settings.pattern;
        let (outputs, complete) = (&self.outputs, &self.complete);
        let reserved = self.settings.reserved.iter();
        let reserved: Vec<_> = reserved.filter_map(|path| FileId::of(path)).collect();
        let is_reserved =
            |path: &Path| FileId::of(path).is_some_and(|file| reserved.contains(&file));
        let is_ours = |path: &Path| {
            let complete = complete.iter().map(|complete| &complete.mark);
            let files = outputs
                .iter()
                .flat_map(|output| [Some(&output.kept), output.journal()]);
            let files = files.flatten().map(|file| &file.mark);
            let mut marks = files.chain(complete);
            marks.any(|mark| is_same(&mark.path, path)) || is_reserved(path)
        };
        let first = slot.name(1);
        self.folders
            .prepare(&first, pattern, cursor_mode, &self.disk, is_ours)?;
        let number = self.next_number(&slot, number)?;
        let name = slot.name(number);
        let aside = partial(&name, None);
        if is_reserved(&name) || is_reserved(&aside) {
            return Err(FileError::Reserved(name).into());
        }
        // A file that was put aside is continued, as long as no saved cursor counts it as complete.
        let begins = name.as_os_str().as_encoded_bytes();
        let is_aside = |complete: &Complete| {
            let path = &complete.mark.path;
            path.as_os_str().as_encoded_bytes().starts_with(begins)
                && name_of(path).is_some_and(|(known, _)| is_same(&known, &name))
        };
        if let Some(at) = self.complete.iter().position(is_aside) {
            let Complete {
                mark, is_synced, ..
            } = self.complete.swap_remove(at);
            let mut output = OutputFile::open(Some(slot), mark.path.clone())?;
            output.lock()?;
            output.is_synced = is_synced;
            output.mark = FileMark {
                complete: false,
                ..mark
            };
            self.begin_table(&mut output)?;
            return Ok(output);
        }
        if !slot.is_numbered() && disk::inode(&name)?.is_some() {
            return self.go_on_with(slot, &name, cursor_mode);
        }
        let create = || appending().create_new(true).open(&aside);
        let file = match self.disk.attempt("make", &aside, create) {
            // What nobody has open was repaired already.
            Err(error) if is_there(&error) => return Err(FileError::InUse(aside).into()),
            made => made?,
        };
        disk::lock(&file, &aside)?;
        self.folders.note(&aside);
        let mut output = OutputFile::new(Some(slot), aside, file)?;
        self.begin_table(&mut output)?;
        output.begin_with(self.settings.format.header());
        Ok(output)
    }

    /// Begins a row group, where files are made of them.
    fn begin_table(&self, output: &mut OutputFile) -> Result<(), MemberError> {
        match &self.layout {
            Some(layout) => output.begin_columnar(layout, &self.disk),
            None => Ok(()),
        }
    }

    /// The number of the next file: the one that is wanted, or the first after those that are
    /// there; 0 where there are none.
    fn next_number(&mut self, slot: &Slot, wanted: Option<u64>) -> Result<u64, MemberError> {
        if !slot.is_numbered() {
            return Ok(0);
        }
        let mut number = if let Some(wanted) = wanted {
            wanted
        } else {
            let pattern = self.settings.pattern.at(self.time.latest_us());
            self.numbers.next(slot, &pattern)?
        };
        // Somebody may have put one there meanwhile.
        while disk::inode(&slot.name(number))?.is_some() {
            number += 1;
        }
        self.numbers.note(slot, number);
        Ok(number)
    }

    /// Appends to a file that was complete. Its length goes into its name before anything is
    /// written.
    fn go_on_with(
        &mut self,
        slot: Slot,
        name: &Path,
        cursor_mode: CursorMode,
    ) -> Result<OutputFile, MemberError> {
        let metadata = fs::symlink_metadata(name).map_err(failed("open", name))?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile(name.to_owned()).into());
        }
        if let Some(layout) = &self.layout {
            columnar::check(name, layout)?;
        }
        let path = partial(name, Some(metadata.len()));
        fs::rename(name, &path).map_err(failed("rename", name))?;
        self.folders.note(&path);
        let mut output = OutputFile::open(Some(slot), path.clone())?;
        output.lock()?;
        if self.settings.has_lines() {
            output.finish_last_line()?;
        }
        self.begin_table(&mut output)?;
        output.begin_with(self.settings.format.header());
        // Without a cursor nothing goes back to that length.
        output.awaits_name = cursor_mode != CursorMode::Off;
        Ok(output)
    }
}

/// Whether two paths are the same to the byte, which is all that is wanted of paths that were made
/// here.
fn is_same(one: &Path, other: &Path) -> bool {
    one.as_os_str() == other.as_os_str()
}

/// Whether a file could not be made because there is one.
fn is_there(error: &MemberError) -> bool {
    matches!(error.downcast_ref(), Some(FileError::Io { source, .. })
        if source.kind() == io::ErrorKind::AlreadyExists)
}
