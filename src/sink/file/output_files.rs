//! The files that are written to, each for one slot, and which of them are open.

use std::collections::HashMap;

use super::{output_file::OutputFile, pattern::Slot};

/// Finds a file by its slot, or by the collection that goes there.
#[derive(Debug, Default)]
pub(super) struct OutputFiles {
    all: Vec<OutputFile>,
    slots: HashMap<Slot, usize>,
    /// What was found before, by collection.
    routes: HashMap<Vec<u8>, usize>,
}

impl OutputFiles {
    pub(super) fn new(outputs: Vec<OutputFile>) -> Self {
        let mut this = Self::default();
        for output in outputs {
            this.push(output);
        }
        this
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &OutputFile> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut OutputFile> {
        self.all.iter_mut()
    }

    pub(super) fn get(&self, at: usize) -> Option<&OutputFile> {
        self.all.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut OutputFile> {
        self.all.get_mut(at)
    }

    /// Where the file of a slot is.
    pub(super) fn of_slot(&self, slot: &Slot) -> Option<usize> {
        self.slots.get(slot).copied()
    }

    /// Where the file of a collection is, if [`OutputFiles::remember`] was called.
    pub(super) fn of_collection(&self, collection: &[u8]) -> Option<usize> {
        self.routes.get(collection).copied()
    }

    /// The file of a collection is there until one is taken away.
    pub(super) fn remember(&mut self, collection: &[u8], at: usize) {
        self.routes.insert(collection.to_vec(), at);
    }

    /// Adds a file, and returns where it is.
    pub(super) fn push(&mut self, output: OutputFile) -> usize {
        let at = self.all.len();
        if let Some(slot) = &output.slot {
            self.slots.insert(slot.clone(), at);
        }
        self.all.push(output);
        at
    }

    /// Takes the last file away.
    pub(super) fn pop(&mut self) -> Option<OutputFile> {
        let last = self.all.len().checked_sub(1)?;
        Some(self.take(last))
    }

    /// Takes a file away; another one may have its place.
    pub(super) fn take(&mut self, at: usize) -> OutputFile {
        self.routes.clear();
        let output = self.all.swap_remove(at);
        if let Some(slot) = &output.slot {
            self.slots.remove(slot);
        }
        if let Some(slot) = self.all.get(at).and_then(|moved| moved.slot.as_ref()) {
            self.slots.insert(slot.clone(), at);
        }
        output
    }

    /// Of at least `most_open` open files the one that was written to least recently.
    pub(super) fn oldest_of(&self, most_open: usize) -> Option<usize> {
        let open = self.all.iter().enumerate();
        let open = open.filter(|(_, output)| output.opened().is_some());
        if open.clone().count() < most_open {
            return None;
        }
        open.min_by_key(|(_, output)| output.used).map(|(at, _)| at)
    }
}
