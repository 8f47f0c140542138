//! The files of an archive by the names that servers give them, each as it is on the disk now.

use std::{
    fs::{self, Metadata},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use super::ArchiveError;
use crate::{
    platform::{FileKey, file_key},
    segment::{Fault, Opening, SegmentError, SegmentFile, SegmentHeader, segment_index},
};

/// All files, in the order of their numbers, which is that of their names.
#[derive(Debug)]
pub(super) struct Shelf(Vec<Named>);

/// A file.
#[derive(Debug)]
pub(super) struct Named {
    /// Which one it is, by its name.
    pub(super) index: u64,
    /// The numbers that it covers, whatever its generation.
    pub(super) min_seq: u64,
    pub(super) max_seq: u64,
    path: PathBuf,
    known: Mutex<Known>,
}

/// What is known of a file, as long as it is the one that was looked into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    print: Print,
    pub(super) header: SegmentHeader,
    /// How many of its blocks have any events, once its footer was read and is whole.
    pub(super) filled: Option<u32>,
}

/// By what one file is told from the next of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Print {
    key: FileKey,
    pub(super) bytes: u64,
    modified: Option<SystemTime>,
}

/// A file, open.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) file: SegmentFile,
    pub(super) header: SegmentHeader,
}

/// Which generation of its files a server says that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edition {
    /// The one that lies there.
    Stored,
    /// Another one of the same rows, by a fault.
    Rewritten,
}

impl Generation {
    /// The checksum that names it, as it is shown, and the header where it is another than that
    /// of the file.
    pub(super) fn shown(
        &self,
        edition: Edition,
    ) -> Result<(String, Option<Vec<u8>>), SegmentError> {
        match edition {
            Edition::Stored => Ok((hex(self.header.checksum), None)),
            Edition::Rewritten => {
                let (head, checksum) = self.file.rewritten(&self.header)?;
                Ok((hex(checksum), Some(head.to_vec())))
            }
        }
    }
}

fn hex(checksum: u64) -> String {
    format!("{checksum:016x}")
}

impl Shelf {
    /// Files in the order of their numbers.
    pub(super) fn new<'a>(
        files: impl Iterator<Item = (&'a Path, &'a SegmentHeader)>,
    ) -> Result<Self, ArchiveError> {
        let mut all: Vec<Named> = Vec::new();
        for (path, header) in files {
            let after = all.last().map(|named| named.index);
            let index = segment_index(path).filter(|index| after.is_none_or(|last| last < *index));
            let index = index.ok_or_else(|| ArchiveError::Unnamed(path.to_owned()))?;
            let found = fs::metadata(path).map_err(|error| SegmentError::new(path, None, error))?;
            all.push(Named {
                index,
                min_seq: header.min_seq,
                max_seq: header.max_seq,
                path: path.to_owned(),
                known: Mutex::new(Known {
                    print: Print::of(path, &found),
                    header: *header,
                    filled: None,
                }),
            });
        }
        Ok(Self(all))
    }

    /// All files.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Named> {
        self.0.iter()
    }

    /// Those from this one on.
    pub(super) fn from(&self, index: u64) -> &[Named] {
        let from = self.0.partition_point(|named| named.index < index);
        self.0.get(from..).unwrap_or_default()
    }

    /// The file of this name.
    pub(super) fn named(&self, index: u64) -> Option<&Named> {
        self.from(index)
            .first()
            .filter(|named| named.index == index)
    }

    /// The highest number there is.
    pub(super) fn tip(&self) -> u64 {
        self.0.last().map_or(0, |named| named.max_seq)
    }
}

impl Named {
    /// What is known of the file that is there now. One that was looked into is not opened again.
    pub(super) fn known(&self) -> Result<Known, SegmentError> {
        let found = fs::metadata(&self.path);
        let found = found.map_err(|error| SegmentError::new(&self.path, None, error))?;
        let known = *self.held();
        if known.print == Print::of(&self.path, &found) {
            return Ok(known);
        }
        self.open()?;
        Ok(*self.held())
    }

    /// The checksum that is shown of a file that was found to have this one.
    pub(super) fn shown(&self, checksum: u64, edition: Edition) -> Result<String, SegmentError> {
        match edition {
            Edition::Stored => Ok(hex(checksum)),
            Edition::Rewritten => Ok(self.open()?.shown(edition)?.0),
        }
    }

    /// Opens the file that is there now. It has to cover the numbers that it was listed with.
    pub(super) fn open(&self) -> Result<Generation, SegmentError> {
        let file = SegmentFile::open(&self.path)?;
        let header = match file.opening() {
            Opening::Sealed(header) => header,
            Opening::Active => return Err(file.error(None, Fault::Replaced)),
        };
        if (header.min_seq, header.max_seq) != (self.min_seq, self.max_seq) {
            return Err(file.error(None, Fault::Replaced));
        }
        let print = Print::of(&self.path, file.metadata());
        let mut known = self.held();
        if (known.print, known.header.checksum) != (print, header.checksum) {
            *known = Known {
                print,
                header,
                filled: None,
            };
        }
        drop(known);
        Ok(Generation { file, header })
    }

    /// Notes how many blocks of this generation have any events.
    pub(super) fn note_filled(&self, checksum: u64, filled: u32) {
        let mut known = self.held();
        if known.header.checksum == checksum {
            known.filled = Some(filled);
        }
    }

    fn held(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it is held.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// How long the file is.
    pub(super) fn bytes(&self) -> u64 {
        self.print.bytes
    }
}

impl Print {
    fn of(path: &Path, found: &Metadata) -> Self {
        Self {
            key: file_key(path, found),
            bytes: found.len(),
            modified: found.modified().ok(),
        }
    }
}
