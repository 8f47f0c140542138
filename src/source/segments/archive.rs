//! The files that are read, in the order of their numbers, and what is missing between them. Known
//! from their headers, before the first event.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::{error::ReplayError, settings::Bounds};
use crate::segment::{
    BlockReader, FileRange, HEADER_BYTES, Opening, Seam, SegmentFile, files, seams,
};

/// One file to read.
#[derive(Debug, Clone)]
pub(super) struct ListedFile {
    pub(super) path: PathBuf,
    /// The range of its numbers, by its header; of one that is not sealed, its first number alone.
    pub(super) numbers: RangeInclusive<u64>,
    pub(super) bytes: u64,
    /// What is missing before it.
    pub(super) hole: Option<Hole>,
}

/// Numbers, or a file by its name, that are missing between two files.
#[derive(Debug, Clone)]
pub(super) struct Hole {
    /// The file before it; `None` where the first one begins after the number that is wanted.
    pub(super) after: Option<PathBuf>,
    /// The last number before, and the first one after it.
    pub(super) from: u64,
    pub(super) to: u64,
    /// Both files lie in one folder that was named, and not they.
    pub(super) is_of_folder: bool,
}

/// The files to read of an archive.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) files: Vec<ListedFile>,
    /// The highest number of all files; `None` where the last one is not sealed.
    pub(super) last: Option<u64>,
}

/// Reads all headers. Files that hold nothing are left out, and those before the first number and
/// outside of the times that are wanted.
pub(super) fn list(
    paths: &[PathBuf],
    bounds: &Bounds,
    reader: &mut BlockReader,
) -> Result<Archive, ReplayError> {
    let mut found = HashMap::new();
    let mut ranges = Vec::new();
    for path in paths {
        let listed = files(path).map_err(|source| ReplayError::missing(path, source))?;
        if listed.is_empty() {
            return Err(ReplayError::Nothing(path.clone()));
        }
        for file in listed {
            let is_of_folder = file != *path;
            let looked = look_at(&file, bounds, reader)?;
            ranges.push(FileRange {
                path: file.clone(),
                numbers: looked.as_ref().map(|looked| looked.numbers.clone()),
            });
            if let Some(looked) = looked {
                found.insert(file, (looked, is_of_folder));
            }
        }
    }
    let mut holes = holes(&mut ranges, &found)?;
    let last = ranges.iter().rev().find_map(|file| found.get(&file.path));
    let last = last.filter(|(looked, _)| looked.is_sealed);
    let last = last.map(|(looked, _)| *looked.numbers.end());
    let listed = ranges.into_iter().filter_map(|file| {
        let (looked, _) = found.get(&file.path)?;
        let hole = holes.remove(&file.path);
        Some(ListedFile {
            path: file.path,
            numbers: looked.numbers.clone(),
            bytes: looked.bytes,
            hole,
        })
    });
    // Where numbers that are wanted are missing at the end, the file after them says so.
    let ends = *bounds.numbers.end();
    let lacks = |hole: &Hole| {
        let missing = hole.from.saturating_add(1)..=hole.to.saturating_sub(1);
        ends < u64::MAX && !missing.is_empty() && bounds.have_any_of(missing)
    };
    let meets = |file: &ListedFile| {
        let is_wanted = found
            .get(&file.path)
            .is_some_and(|(looked, _)| looked.is_wanted);
        is_wanted || file.hole.as_ref().is_some_and(lacks)
    };
    let mut listed: Vec<_> = listed.skip_while(|file| !meets(file)).collect();
    let end = listed.iter().rposition(meets).map_or(0, |last| last + 1);
    listed.truncate(end);
    if let Some(first) = listed.first_mut() {
        let is_of_folder = found
            .get(&first.path)
            .is_some_and(|(_, of_folder)| *of_folder);
        first.hole = hole_at_beginning(first, *bounds.numbers.start(), is_of_folder);
    }
    Ok(Archive {
        files: listed,
        last,
    })
}

/// What is missing between the first number that is wanted and the first file with any.
fn hole_at_beginning(first: &ListedFile, wanted: u64, is_of_folder: bool) -> Option<Hole> {
    let to = *first.numbers.start();
    let after = first.hole.as_ref().and_then(|hole| hole.after.clone());
    (wanted > 0 && wanted < to).then(|| Hole {
        after,
        from: wanted - 1,
        to,
        is_of_folder,
    })
}

/// What was seen of each file, and whether it was found in a folder.
type Found = HashMap<PathBuf, (Looked, bool)>;

/// What the header of a file says.
#[derive(Debug)]
struct Looked {
    numbers: RangeInclusive<u64>,
    bytes: u64,
    /// It may hold what is wanted.
    is_wanted: bool,
    is_sealed: bool,
}

/// What is missing before which file; an error where files are not in order.
fn holes(ranges: &mut [FileRange], found: &Found) -> Result<HashMap<PathBuf, Hole>, ReplayError> {
    let mut holes = HashMap::new();
    for seam in seams(ranges) {
        match seam {
            Seam::Misplaced { first, second } => {
                return Err(ReplayError::Misplaced { first, second });
            }
            Seam::Hole { after, before, .. } => {
                let (Some(end), Some(start)) = (found.get(&after), found.get(&before)) else {
                    continue;
                };
                let hole = Hole {
                    from: *end.0.numbers.end(),
                    to: *start.0.numbers.start(),
                    is_of_folder: end.1 && start.1,
                    after: Some(after),
                };
                holes.insert(before, hole);
            }
        }
    }
    Ok(holes)
}

/// What the header of a file says; `None` where it holds nothing.
fn look_at(
    path: &Path,
    bounds: &Bounds,
    reader: &mut BlockReader,
) -> Result<Option<Looked>, ReplayError> {
    let file = SegmentFile::open(path)?;
    Ok(match file.opening() {
        Opening::Sealed(header) if header.is_empty() => None,
        Opening::Sealed(header) => {
            let (first, last) = (header.min_witnessed, header.max_witnessed);
            let numbers = header.min_seq..=header.max_seq;
            Some(Looked {
                is_wanted: bounds.meet(numbers.clone(), first, last),
                numbers,
                bytes: file.bytes(),
                is_sealed: true,
            })
        }
        Opening::Active => {
            let begin = HEADER_BYTES as u64;
            let block = reader.active(&file, 0, begin, None)?;
            let first = block.and_then(|(mut rows, _)| rows.next());
            first.map(|row| Looked {
                numbers: row.seq..=row.seq,
                bytes: file.bytes(),
                is_wanted: *bounds.numbers.end() >= row.seq,
                is_sealed: false,
            })
        }
    })
}
