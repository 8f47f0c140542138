//! Which file a line goes to, and opening it where it is not.

use std::{fs, io, path::Path};

use super::{Complete, FileTarget};
use crate::{
    event::FileMark,
    same_file::FileId,
    sink::{
        Keeping, Ledger, SinkError,
        file::{
            disk::{self, failed},
            folder::next_number,
            part::{Part, appending, name_of, partial},
            pattern::Slot,
        },
    },
};

impl FileTarget {
    /// The open file that the next line of a collection goes to.
    pub(super) fn route(
        &mut self,
        name: &[u8],
        bytes: u64,
        ledger: &Ledger,
    ) -> Result<usize, SinkError> {
        if let Some(at) = self.routes.get(name).copied()
            && self
                .open
                .get(at)
                .is_some_and(|part| self.has_room(part, bytes))
        {
            return Ok(at);
        }
        let slot = self.settings.pattern.slot(self.latest_us, name);
        let is_there = |part: &Part| part.slot.as_ref() == Some(&slot);
        let at = match self.open.iter().position(is_there) {
            Some(at)
                if self
                    .open
                    .get(at)
                    .is_some_and(|part| self.has_room(part, bytes)) =>
            {
                at
            }
            Some(at) => {
                let number = self.number_of(at) + 1;
                self.complete_one(at, ledger)?;
                self.begin(slot, Some(number), ledger)?
            }
            None => self.begin(slot, None, ledger)?,
        };
        self.routes.insert(name.to_vec(), at);
        Ok(at)
    }

    /// Whether a line of so many bytes still belongs into the file.
    fn has_room(&self, part: &Part, bytes: u64) -> bool {
        let rotation = &self.settings.rotation;
        let is_empty = part.mark.bytes == 0 && part.pending.is_empty();
        let fits = rotation.bytes.is_none_or(|most| {
            if self.encoder.is_plain() {
                is_empty || part.mark.bytes + part.pending.len() as u64 + bytes <= most
            } else {
                part.mark.bytes < most
            }
        });
        fits && rotation.events.is_none_or(|most| part.mark.events < most)
    }

    fn number_of(&self, at: usize) -> u64 {
        let name = self.open.get(at).and_then(|part| name_of(&part.mark.path));
        let slot = name.and_then(|(name, _)| self.settings.pattern.slot_of(&name));
        slot.and_then(|(_, number)| number).unwrap_or(0)
    }

    /// Opens the file that a slot's next events go to, and returns where it is.
    fn begin(
        &mut self,
        slot: Slot,
        number: Option<u64>,
        ledger: &Ledger,
    ) -> Result<usize, SinkError> {
        if self.open.len() >= self.settings.max_open_files.get() {
            let oldest = self
                .open
                .iter()
                .enumerate()
                .min_by_key(|(_, part)| part.used);
            if let Some((at, _)) = oldest {
                self.complete_one(at, ledger)?;
            }
        }
        let part = self.open_slot(slot, number, ledger.keeping())?;
        self.open.push(part);
        Ok(self.open.len() - 1)
    }

    fn open_slot(
        &mut self,
        slot: Slot,
        number: Option<u64>,
        keeping: Keeping,
    ) -> Result<Part, SinkError> {
        let pattern = &self.settings.pattern;
        let (open, complete) = (&self.open, &self.complete);
        let reserved = self.settings.reserved.iter();
        let reserved: Vec<_> = reserved.filter_map(|path| FileId::of(path)).collect();
        let is_reserved =
            |path: &Path| FileId::of(path).is_some_and(|file| reserved.contains(&file));
        let is_ours = |path: &Path| {
            let complete = complete.iter().map(|complete| &complete.mark);
            let mut marks = open.iter().map(|part| &part.mark).chain(complete);
            marks.any(|mark| mark.path == path) || is_reserved(path)
        };
        let first = slot.name(1);
        self.folders
            .prepare(&first, pattern, keeping, &self.disk, is_ours)?;
        let number = match number {
            Some(number) if disk::inode(&slot.name(number))?.is_none() => number,
            _ if slot.is_numbered() => next_number(&slot, pattern)?,
            _ => 0,
        };
        let name = slot.name(number);
        let path = partial(&name, None);
        if is_reserved(&name) || is_reserved(&path) {
            return Err(SinkError::Reserved(name));
        }
        // A file that was put aside is gone on with, as long as no saved cursor counts it as complete.
        let is_aside = |complete: &Complete| {
            name_of(&complete.mark.path).is_some_and(|(known, _)| known == name)
        };
        if let Some(at) = self.complete.iter().position(is_aside) {
            let Complete { mark, .. } = self.complete.swap_remove(at);
            let mut part = Part::open(Some(slot), mark.path.clone())?;
            disk::lock(&part.file, &mark.path)?;
            part.has_entry = true;
            part.mark = FileMark {
                complete: false,
                ..mark
            };
            return Ok(part);
        }
        if !slot.is_numbered() && disk::inode(&name)?.is_some() {
            return self.go_on_with(slot, &name);
        }
        let create = || appending().create_new(true).open(&path);
        let file = match self.disk.attempt("make", &path, create) {
            // What nobody has open was put right already.
            Err(SinkError::File { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                return Err(SinkError::InUse(path));
            }
            made => made?,
        };
        disk::lock(&file, &path)?;
        Part::new(Some(slot), path, file)
    }

    /// Appends to a file that was complete. Its length goes into its name before anything is written.
    fn go_on_with(&self, slot: Slot, name: &Path) -> Result<Part, SinkError> {
        let metadata = fs::symlink_metadata(name).map_err(failed("open", name))?;
        if !metadata.is_file() {
            return Err(SinkError::NotAFile(name.to_owned()));
        }
        let path = partial(name, Some(metadata.len()));
        fs::rename(name, &path).map_err(failed("rename", name))?;
        disk::sync_folder(disk::folder_of(&path))?;
        let mut part = Part::open(Some(slot), path.clone())?;
        disk::lock(&part.file, &path)?;
        part.has_entry = true;
        if self.encoder.is_plain() {
            part.finish_last_line()
                .map_err(failed("read the end of", &path))?;
        }
        Ok(part)
    }
}
