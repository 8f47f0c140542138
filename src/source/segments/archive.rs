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

/// Reads all headers. Files that hold nothing are left out, and those before the first number and
/// outside of the times that are wanted.
pub(super) fn list(
    paths: &[PathBuf],
    bounds: &Bounds,
    reader: &mut BlockReader,
) -> Result<Vec<ListedFile>, ReplayError> {
    let mut found = HashMap::new();
    let mut ranges = Vec::new();
    for path in paths {
        let listed = files(path).map_err(|source| ReplayError::missing(path, source))?;
        if listed.is_empty() {
            return Err(ReplayError::Nothing(path.clone()));
        }
        for file in listed {
            let is_of_folder = file != *path;
            if let Some((range, bytes, meets)) = look_at(&file, bounds, reader)? {
                ranges.push(FileRange {
                    path: file.clone(),
                    numbers: Some(range.clone()),
                });
                found.insert(file, (range, bytes, meets, is_of_folder));
            }
        }
    }
    let mut holes = holes(&mut ranges, &found)?;
    let listed = ranges.into_iter().filter_map(|file| {
        let (numbers, bytes, ..) = found.get(&file.path)?.clone();
        let hole = holes.remove(&file.path);
        Some(ListedFile {
            path: file.path,
            numbers,
            bytes,
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
        let is_wanted = found.get(&file.path).is_some_and(|(_, _, meets, _)| *meets);
        is_wanted || file.hole.as_ref().is_some_and(lacks)
    };
    let mut listed: Vec<_> = listed.skip_while(|file| !meets(file)).collect();
    let end = listed.iter().rposition(meets).map_or(0, |last| last + 1);
    listed.truncate(end);
    if let Some(first) = listed.first_mut() {
        let is_of_folder = found
            .get(&first.path)
            .is_some_and(|(.., of_folder)| *of_folder);
        first.hole = hole_at_beginning(first, *bounds.numbers.start(), is_of_folder);
    }
    Ok(listed)
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

type Found = HashMap<PathBuf, (RangeInclusive<u64>, u64, bool, bool)>;

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
                    from: *end.0.end(),
                    to: *start.0.start(),
                    is_of_folder: end.3 && start.3,
                    after: Some(after),
                };
                holes.insert(before, hole);
            }
        }
    }
    Ok(holes)
}

/// The numbers of a file, its length, and whether it may hold anything that is wanted; `None` where
/// it holds nothing.
fn look_at(
    path: &Path,
    bounds: &Bounds,
    reader: &mut BlockReader,
) -> Result<Option<(RangeInclusive<u64>, u64, bool)>, ReplayError> {
    let file = SegmentFile::open(path)?;
    Ok(match file.opening() {
        Opening::Sealed(header) if header.is_empty() => None,
        Opening::Sealed(header) => {
            let (first, last) = (header.min_witnessed, header.max_witnessed);
            let numbers = header.min_seq..=header.max_seq;
            let meets = bounds.meet(numbers.clone(), first, last);
            Some((numbers, file.bytes(), meets))
        }
        Opening::Active => {
            let begin = HEADER_BYTES as u64;
            let block = reader.active(&file, 0, begin, None)?;
            let first = block.and_then(|(mut rows, _)| rows.next());
            first.map(|row| {
                let meets = *bounds.numbers.end() >= row.seq;
                (row.seq..=row.seq, file.bytes(), meets)
            })
        }
    })
}
