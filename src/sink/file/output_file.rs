//! One file that is written to: `NAME.partial` where it gets its name in the end, or the file
//! itself.
//!
//! A file that had its name already and is written to again is `NAME.+LENGTH.partial` meanwhile:
//! the length is what it goes back to when no cursor counts more.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    disk::{self, Disk, failed},
    encoder::Encoder,
    pattern::Slot,
    sanitize::PARTIAL,
    trail::Trail,
};
use crate::{
    error::MemberError,
    event::FileMark,
    platform::{MetadataExt, OsStrExt, OsStringExt},
    sink::FileError,
};

/// What stands before the length that a file had under its name.
const LENGTH_PREFIX: &[u8] = b".+";

/// How much memory a file keeps for its next lines: twice what makes a checkpoint by default.
const MAX_SPARE_BYTES: usize = 256 * 1024;

/// A file that is written to.
#[derive(Debug)]
pub(super) struct OutputFile {
    /// Whose turn it is; `None` for a fixed path.
    pub(super) slot: Option<Slot>,
    /// `None` while it is closed, since only some are open at once.
    file: Option<OpenFile>,
    /// The file as it lies on the disk, pending lines left out.
    pub(super) mark: FileMark,
    /// Lines that are not written yet.
    pub(super) pending: Vec<u8>,
    /// The event that it got last, counted since the beginning of the run.
    pub(super) used: u64,
    /// All of it is durable.
    pub(super) is_synced: bool,
    /// The length in its name has to be durable before anything is written.
    pub(super) awaits_name: bool,
    pub(super) trail: Trail,
}

/// An open file, which may be locked. A child that is being started has it for a moment too, and
/// would keep the lock for as long.
#[derive(Debug)]
struct OpenFile(File);

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

impl OutputFile {
    /// A file that is open for appending, with its present length.
    pub(super) fn new(slot: Option<Slot>, path: PathBuf, file: File) -> Result<Self, MemberError> {
        let metadata = file.metadata().map_err(failed("read", &path))?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile(path).into());
        }
        Ok(Self {
            slot,
            file: Some(OpenFile(file)),
            mark: FileMark::new(path, metadata.ino(), metadata.len()),
            pending: Vec::new(),
            used: 0,
            is_synced: true,
            awaits_name: false,
            trail: Trail::new(metadata.len()),
        })
    }

    /// Opens what is there. `path` is what is kept of its name.
    pub(super) fn open(slot: Option<Slot>, path: PathBuf) -> Result<Self, MemberError> {
        let file = appending().open(&path).map_err(failed("open", &path))?;
        Self::new(slot, path, file)
    }

    /// The file, unless it is closed.
    pub(super) fn opened(&self) -> Option<&File> {
        self.file.as_ref().map(|OpenFile(file)| file)
    }

    /// The file, which is opened again if it is closed.
    pub(super) fn file(&mut self) -> Result<&File, MemberError> {
        match &mut self.file {
            Some(OpenFile(file)) => Ok(file),
            closed => {
                let file = open_again(&self.mark)?;
                disk::lock(&file, &self.mark.path)?;
                let OpenFile(file) = closed.insert(OpenFile(file));
                Ok(file)
            }
        }
    }

    /// Closes the file, of which nothing is pending. It keeps its place among the others.
    pub(super) fn close(&mut self) {
        debug_assert!(self.pending.is_empty(), "it would stay so");
        self.file = None;
        self.pending = Vec::new();
    }

    /// Takes the lock that keeps other processes out.
    pub(super) fn lock(&self) -> Result<(), MemberError> {
        if let Some(OpenFile(file)) = &self.file {
            disk::lock(file, &self.mark.path)?;
        }
        Ok(())
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
        self.append(frame, disk)?;
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

    /// Writes this as it is.
    pub(super) fn append(&mut self, bytes: &[u8], disk: &Disk) -> Result<(), MemberError> {
        self.is_synced = false;
        let path = self.mark.path.clone();
        disk.write(self.file()?, &path, bytes)?;
        self.mark.bytes += bytes.len() as u64;
        Ok(())
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

    /// Makes durable what is written, and makes sure that it has not been removed meanwhile.
    pub(super) fn sync(&self) -> Result<(), MemberError> {
        sync(self.opened(), &self.mark, self.is_synced)
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

/// Makes a file durable, open or not, and makes sure that it has not been removed meanwhile.
pub(super) fn sync(
    file: Option<&File>,
    mark: &FileMark,
    is_synced: bool,
) -> Result<(), MemberError> {
    let opened;
    let file = match file {
        Some(file) => file,
        None if is_synced => return Ok(()),
        None => {
            opened = open_again(mark)?;
            &opened
        }
    };
    if !is_synced {
        disk::sync(file, &mark.path)?;
    }
    let metadata = file.metadata().map_err(failed("read", &mark.path))?;
    if metadata.nlink() == 0 {
        return Err(FileError::Gone(mark.path.clone()).into());
    }
    Ok(())
}

/// Opens a file that was closed, which has to be the same.
fn open_again(mark: &FileMark) -> Result<File, MemberError> {
    let gone = || FileError::Gone(mark.path.clone()).into();
    let file = match appending().open(&mark.path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Err(gone()),
        opened => opened.map_err(failed("open", &mark.path))?,
    };
    let metadata = file.metadata().map_err(failed("read", &mark.path))?;
    if metadata.ino() != mark.inode {
        return Err(gone());
    }
    Ok(file)
}

/// For appending, and for looking at what is there.
pub(super) fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    options
}

/// What a file is called until it gets its name.
pub(super) fn partial(name: &Path, length: Option<u64>) -> PathBuf {
    let mut bytes = name.as_os_str().as_bytes().to_vec();
    if let Some(length) = length {
        bytes.extend_from_slice(LENGTH_PREFIX);
        bytes.extend_from_slice(length.to_string().as_bytes());
    }
    bytes.extend_from_slice(PARTIAL.as_bytes());
    OsString::from_vec(bytes).into()
}

/// The name that an unfinished file is to get, and how long it was if it had it before; `None` for
/// any other file.
pub(super) fn name_of(partial: &Path) -> Option<(PathBuf, Option<u64>)> {
    let name = partial
        .as_os_str()
        .as_bytes()
        .strip_suffix(PARTIAL.as_bytes())?;
    let with_length = || {
        let at = memchr::memmem::rfind(name, LENGTH_PREFIX)?;
        let digits = str::from_utf8(name.get(at + LENGTH_PREFIX.len()..)?).ok()?;
        let length = digits.parse().ok()?;
        Some((name.get(..at)?, length))
    };
    let (name, length) = match with_length() {
        Some((name, length)) => (name, Some(length)),
        None => (name, None),
    };
    Some((OsString::from_vec(name.to_vec()).into(), length))
}

/// Gives an unfinished file its name. The folder is left to be synced.
pub(super) fn publish(partial: &Path, name: &Path) -> Result<(), MemberError> {
    if disk::inode(name)?.is_some() {
        return Err(FileError::NameTaken {
            partial: partial.to_owned(),
            name: name.to_owned(),
        }
        .into());
    }
    fs::rename(partial, name).map_err(failed("rename", partial))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_file_knows_its_name() {
        for name in ["/a/x.ndjson", "/a/x.+y", "/a/.+12"] {
            let name = Path::new(name);
            for length in [Some(0), Some(u64::MAX), None] {
                let found = name_of(&partial(name, length)).unwrap();
                if length.is_some() || !name.ends_with(".+12") {
                    assert_eq!(found, (name.to_owned(), length));
                }
            }
        }
        assert_eq!(name_of(Path::new("/a/x")), None);
    }

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
