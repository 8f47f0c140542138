//! One file that is written to, what is pending for it, and its row groups where it has some.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::Arc,
};

use super::{
    amends::Amends,
    columnar::{Columnar, Layout, Spent},
    disk::{Disk, failed},
    kept_file::KeptFile,
    pattern::Slot,
    trail::Trail,
};
use crate::{compressed::Encoder, error::MemberError};

/// How much memory a file keeps for its next lines: twice what makes a checkpoint by default.
const MAX_SPARE_BYTES: usize = 256 * 1024;

/// A file that is written to.
#[derive(Debug)]
pub(super) struct OutputFile {
    /// The file as it lies on the disk, pending lines left out.
    pub(super) kept: KeptFile,
    /// Whose turn it is; `None` for a fixed path.
    pub(super) slot: Option<Slot>,
    /// Lines that are not written yet.
    pub(super) pending: Vec<u8>,
    /// The event that it got last, counted since the beginning of the run.
    pub(super) used: u64,
    /// The length in its name has to be durable before anything is written.
    pub(super) awaits_name: bool,
    pub(super) trail: Trail,
    /// Its row groups, where it is made of them.
    columnar: Option<Box<Columnar>>,
}

impl Deref for OutputFile {
    type Target = KeptFile;

    fn deref(&self) -> &KeptFile {
        &self.kept
    }
}

impl DerefMut for OutputFile {
    fn deref_mut(&mut self) -> &mut KeptFile {
        &mut self.kept
    }
}

impl OutputFile {
    /// A file that is open for appending, with its present length.
    pub(super) fn new(slot: Option<Slot>, path: PathBuf, file: File) -> Result<Self, MemberError> {
        KeptFile::new(path, file).map(|kept| Self::of(slot, kept))
    }

    /// Opens what is there. `path` is what is kept of its name.
    pub(super) fn open(slot: Option<Slot>, path: PathBuf) -> Result<Self, MemberError> {
        KeptFile::open(path).map(|kept| Self::of(slot, kept))
    }

    fn of(slot: Option<Slot>, kept: KeptFile) -> Self {
        Self {
            slot,
            pending: Vec::new(),
            used: 0,
            awaits_name: false,
            trail: Trail::new(kept.mark.bytes),
            kept,
            columnar: None,
        }
    }

    /// Closes the file, of which nothing is pending. It keeps its place among the others.
    pub(super) fn close(&mut self) {
        debug_assert!(self.pending.is_empty(), "it would stay so");
        self.shut();
        if let Some(columnar) = &mut self.columnar {
            columnar.journal_mut().shut();
        }
        self.pending = Vec::new();
    }

    /// Writes what is pending, as one frame.
    pub(super) fn flush(&mut self, encoder: &mut Encoder, disk: &Disk) -> Result<(), MemberError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.pending);
        let frame = encoder
            .encode(&lines)
            .map_err(failed("compress for", &self.mark.path))?;
        if let Some(columnar) = &mut self.columnar {
            self.kept.mark.journal = Some(columnar.take(&lines, frame, disk)?);
        } else {
            self.append(frame, disk)?;
        }
        // The memory is kept for the next lines, but not what a large event needs: there may be a
        // hundred files.
        if lines.capacity() <= MAX_SPARE_BYTES {
            self.pending = lines;
            self.pending.clear();
        }
        Ok(())
    }

    /// Has a file in which nothing is yet begin with this.
    pub(super) fn begin_with(&mut self, header: &[u8]) {
        if self.mark.bytes == 0 && self.pending.is_empty() {
            self.pending.extend_from_slice(header);
        }
    }

    /// Writes what is pending, and a frame of nothing into a compressed file that has no other: 0
    /// bytes are no such file.
    pub(super) fn end(&mut self, encoder: &mut Encoder, disk: &Disk) -> Result<(), MemberError> {
        self.flush(encoder, disk)?;
        if self.mark.bytes > 0 {
            return Ok(());
        }
        let frame = encoder.form().empty();
        if frame.is_empty() {
            return Ok(());
        }
        self.append(frame, disk)
    }

    /// Where what is written next goes: in the journal, where there is one.
    pub(super) fn end_of_lines(&self) -> u64 {
        self.mark.journal.unwrap_or(self.mark.bytes)
    }

    /// How much of the disk it takes.
    pub(super) fn size(&self) -> u64 {
        self.mark.bytes + self.mark.journal.unwrap_or(0)
    }

    /// How many bytes of lines its open row group has.
    pub(super) fn open_bytes(&self) -> u64 {
        self.columnar
            .as_ref()
            .map_or(0, |columnar| columnar.open_bytes())
    }

    /// The journal of its open row group.
    pub(super) fn journal(&self) -> Option<&KeptFile> {
        self.columnar.as_ref().map(|columnar| columnar.journal())
    }

    /// All of it is durable now.
    pub(super) fn set_synced(&mut self) {
        self.is_synced = true;
        if let Some(columnar) = &mut self.columnar {
            columnar.journal_mut().is_synced = true;
        }
    }

    /// Begins a row group behind what is in the file.
    pub(super) fn begin_columnar(
        &mut self,
        layout: &Arc<Layout>,
        disk: &Disk,
    ) -> Result<(), MemberError> {
        let columnar = Columnar::begin(&mut self.kept, layout, disk)?;
        self.set_columnar(columnar);
        Ok(())
    }

    /// Goes on with the row group of which the cursor counts this much of the journal.
    pub(super) fn restore_columnar(
        &mut self,
        counted: u64,
        layout: &Arc<Layout>,
        amends: &mut Amends,
    ) -> Result<(), MemberError> {
        let columnar = Columnar::restore(&mut self.kept, counted, layout, amends)?;
        self.set_columnar(columnar);
        Ok(())
    }

    fn set_columnar(&mut self, columnar: Columnar) {
        self.mark.journal = Some(columnar.journal().mark.bytes);
        self.columnar = Some(Box::new(columnar));
    }

    /// Makes a row group of what is open, and begins the next one.
    pub(super) fn close_group(&mut self, disk: &Disk) -> Result<Option<Spent>, MemberError> {
        let Some(columnar) = &mut self.columnar else {
            return Ok(None);
        };
        let spent = columnar.close_group(&mut self.kept, disk)?;
        self.mark.journal = Some(0);
        self.trail = Trail::new(0);
        Ok(Some(spent))
    }

    /// Makes a row group of what is open, and the file complete.
    pub(super) fn complete_columnar(&mut self, disk: &Disk) -> Result<Option<Spent>, MemberError> {
        let Some(columnar) = self.columnar.take() else {
            return Ok(None);
        };
        let spent = columnar.complete(&mut self.kept, disk)?;
        self.mark.journal = None;
        Ok(Some(spent))
    }

    /// A last line that was torn by a crash gets its line end with what is written next, so that it
    /// does not spoil that.
    pub(super) fn finish_last_line(&mut self) -> Result<(), MemberError> {
        if self.mark.bytes == 0 {
            return Ok(());
        }
        let failed = failed("read the end of", &self.mark.path);
        let mut file = self.file()?;
        let mut is_torn = || {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            Ok(last != *b"\n")
        };
        if is_torn().map_err(failed)? {
            self.pending.push(b'\n');
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_large_event_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        let mut output = OutputFile::new(None, path.clone(), File::create(path).unwrap()).unwrap();
        let mut encoder = Encoder::new(crate::compressed::FrameFormat::Plain, None).unwrap();
        let disk = Disk::new(false, std::sync::Arc::default());
        for len in [100_000, 1024 * 1024, 100_000] {
            output.pending.resize(output.pending.len() + len, b'x');
            output.flush(&mut encoder, &disk).unwrap();
            assert!(output.pending.is_empty() && output.pending.capacity() <= MAX_SPARE_BYTES);
        }
        assert!(
            output.pending.capacity() > 0,
            "what usual lines need is kept"
        );
    }
}
