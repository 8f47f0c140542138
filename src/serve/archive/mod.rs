//! The segment files of a server as what is served: an archive of any size, of which the headers
//! are read at the start, and a block when a consumer is there.

mod calls;
mod error;
mod opened;
mod place;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(super) use self::calls::{BodyLength, Call, Reply};
pub use self::{
    calls::{ArchiveCalls, Quota},
    error::ArchiveError,
};
use self::{opened::Opened, place::BlockPlace};
use super::{
    block::BlockBuilder,
    feed::{Feed, FeedError, FeedPosition, Schedule},
};
use crate::segment::{
    FileRange, Opening, Seam, SegmentError, SegmentFile, SegmentHeader, files, seams,
};

/// How many files are held open, each with the block that was read of it last.
const MAX_OPEN: usize = 4;

/// Sealed segment files, in the order of their numbers, which events keep.
///
/// Files that are not sealed are left out: a server still writes to them. Files that come later are
/// seen at the next start; one that is replaced meanwhile cannot be read before that.
#[derive(Debug)]
pub struct Archive {
    files: Vec<ArchiveFile>,
    unsealed: Vec<PathBuf>,
    seams: Vec<Seam>,
    speed: Option<f64>,
    open: Mutex<Vec<Opened>>,
}

/// A file, by its header.
#[derive(Debug)]
struct ArchiveFile {
    path: PathBuf,
    header: SegmentHeader,
}

impl Archive {
    /// Reads the headers of files, and of all in folders. With a speed, that many seconds of the
    /// stream pass in one second; without, there are no waits. Blocks the thread.
    pub fn open(paths: &[PathBuf], speed: Option<f64>) -> Result<Self, ArchiveError> {
        let (mut found, mut unsealed) = (Vec::new(), Vec::new());
        for path in paths {
            let listed = files(path).map_err(|source| ArchiveError::Missing {
                path: path.clone(),
                source,
            })?;
            for path in listed {
                match SegmentFile::open(&path)?.opening() {
                    Opening::Sealed(header) if header.is_empty() => {}
                    Opening::Sealed(header) => found.push(ArchiveFile { path, header }),
                    Opening::Active => unsealed.push(path),
                }
            }
        }
        if found.is_empty() {
            let first = paths.first().cloned().unwrap_or_default();
            return Err(ArchiveError::Empty(first));
        }
        found.sort_by_key(|file| file.header.min_seq);
        let mut ranges: Vec<_> = found.iter().map(ArchiveFile::range).collect();
        let seams = seams(&mut ranges);
        for seam in &seams {
            if let Seam::Misplaced { first, second } = seam {
                let (first, second) = (first.clone(), second.clone());
                return Err(ArchiveError::Misplaced { first, second });
            }
        }
        Ok(Self {
            files: found,
            unsealed,
            seams,
            speed,
            open: Mutex::default(),
        })
    }

    /// Files that are left out, since they are not sealed.
    pub fn unsealed(&self) -> &[PathBuf] {
        &self.unsealed
    }

    /// What is missing between files.
    pub fn holes(&self) -> &[Seam] {
        &self.seams
    }

    /// Its files, by their headers.
    fn listed(&self) -> impl Iterator<Item = (&Path, &SegmentHeader)> {
        self.files.iter().map(|file| (&*file.path, &file.header))
    }

    /// A file, open: the one that was used last at this block, if there is one.
    fn opened(&self, file: usize, block: u32) -> Result<Option<Opened>, SegmentError> {
        let Some(listed) = self.files.get(file) else {
            return Ok(None);
        };
        if let Some(opened) = opened::take(&mut self.held(), file, block) {
            return Ok(Some(opened));
        }
        Opened::open(file, &listed.path, &listed.header).map(Some)
    }

    fn put_back(&self, opened: Opened) {
        let mut held = self.held();
        held.push(opened);
        if held.len() > MAX_OPEN {
            held.remove(0);
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Opened>> {
        // Nothing panics while it is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first block of a file that reaches so far, by what its footer says of it.
    fn find_block(
        &self,
        file: usize,
        reaches: impl Fn(u64, i64) -> bool,
    ) -> Result<BlockPlace, SegmentError> {
        let mut place = BlockPlace::of_file(file);
        let Some(mut opened) = self.opened(file, 0)? else {
            return Ok(place);
        };
        while let Some(entry) = opened.entry(place.block)? {
            if entry.events > 0 && reaches(entry.max_seq, entry.max_witnessed) {
                break;
            }
            place.block += 1;
        }
        self.put_back(opened);
        Ok(place)
    }
}

impl ArchiveFile {
    fn range(&self) -> FileRange {
        FileRange {
            path: self.path.clone(),
            numbers: Some(self.header.min_seq..=self.header.max_seq),
        }
    }
}

impl Feed for Archive {
    fn describe(&self) -> String {
        let events: u64 = self.files.iter().map(|f| u64::from(f.header.events)).sum();
        let shown = |path: &Path| crate::log::printable(&path.to_string_lossy());
        match self.files.as_slice() {
            [file] => format!("{events} events of '{}'", shown(&file.path)),
            files => format!("{events} events of {} segment files", files.len()),
        }
    }

    fn read(&self, index: u64, _: u64, block: &mut BlockBuilder) -> Result<bool, FeedError> {
        let place = BlockPlace::of(index);
        let failed = |error: SegmentError| FeedError {
            what: "the archive".to_owned(),
            source: io::Error::other(error),
        };
        let Some(mut opened) = self.opened(place.file, place.block).map_err(failed)? else {
            return Ok(false);
        };
        let next = opened.read(place, block).map_err(failed)?;
        block.set_next(next.index());
        self.put_back(opened);
        Ok(true)
    }

    fn find(&self, position: FeedPosition, _: u64) -> u64 {
        let file = self.files.partition_point(|file| match position {
            FeedPosition::Beginning => false,
            FeedPosition::End => true,
            FeedPosition::Seq(seq) => file.header.max_seq < seq,
            // Times do not rise everywhere, and what is left out here is lost.
            FeedPosition::Time(_) => false,
        });
        let found = match position {
            FeedPosition::Beginning | FeedPosition::End => Ok(BlockPlace::of_file(file)),
            FeedPosition::Seq(seq) => self.find_block(file, |max_seq, _| max_seq >= seq),
            FeedPosition::Time(time_us) => {
                let time_us = i64::try_from(time_us).unwrap_or(i64::MAX);
                let reaches = |file: &ArchiveFile| file.header.max_witnessed >= time_us;
                let file = self.files.iter().position(reaches);
                let file = file.unwrap_or(self.files.len());
                self.find_block(file, |_, max_witnessed| max_witnessed >= time_us)
            }
        };
        // What is wrong with the file is said when it is read.
        found.unwrap_or(BlockPlace::of_file(file)).index()
    }

    fn schedule(&self, _: u64) -> Schedule {
        let first = self.files.first().map_or(0, |f| f.header.min_witnessed);
        self.speed.map_or(Schedule::Max, |speed| Schedule::Timed {
            first_us: u64::try_from(first).unwrap_or_default(),
            speed,
        })
    }
}

#[cfg(test)]
mod tests;
