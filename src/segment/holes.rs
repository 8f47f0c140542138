//! What is missing between files: numbers that no header covers, and files that their names say
//! there are.
//!
//! Rows that are missing within the range of a file are no hole: compaction takes them away.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::names::index;

/// The range of a file's numbers, and which file it is. A file without events has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRange {
    /// The file.
    pub path: PathBuf,
    /// The numbers that it covers.
    pub numbers: Option<RangeInclusive<u64>>,
}

/// What is wrong between a file and the next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seam {
    /// Something is missing.
    Hole {
        /// The last file before it.
        after: PathBuf,
        /// The first file after it.
        before: PathBuf,
        /// The numbers that are missing; `None` where the names alone say so.
        numbers: Option<RangeInclusive<u64>>,
        /// How many files are missing, by the names.
        files: Option<u64>,
    },
    /// Both have numbers in common, or their names are in another order than their numbers.
    Misplaced {
        /// The file with the lower numbers.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
}

/// Brings files into the order of their numbers, and lists what is wrong between them.
pub fn seams(files: &mut [FileRange]) -> Vec<Seam> {
    files.sort_by(|a, b| key(a).cmp(&key(b)));
    let (numbered, empty): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.numbers.is_some());
    let pairs = numbered.iter().zip(numbered.iter().skip(1));
    pairs
        .filter_map(|(first, second)| seam(first, second, &empty))
        .collect()
}

/// Files without events come last.
fn key(file: &FileRange) -> (u64, u64, &Path) {
    let numbers = file.numbers.as_ref();
    let (start, end) = numbers.map_or((u64::MAX, u64::MAX), |numbers| {
        (*numbers.start(), *numbers.end())
    });
    (start, end, &file.path)
}

/// What is wrong between two files with events, where others have none.
fn seam(first: &FileRange, second: &FileRange, empty: &[&FileRange]) -> Option<Seam> {
    let (end, start) = (
        first.numbers.as_ref()?.end(),
        second.numbers.as_ref()?.start(),
    );
    let is_one_folder = first.path.parent() == second.path.parent();
    let indexes = index(&first.path)
        .zip(index(&second.path))
        .filter(|_| is_one_folder);
    if start <= end || indexes.is_some_and(|(first, second)| first >= second) {
        return Some(Seam::Misplaced {
            first: first.path.clone(),
            second: second.path.clone(),
        });
    }
    let numbers = (start - end > 1).then(|| end + 1..=start - 1);
    let files = indexes.map(|(from, to)| {
        let is_between = |file: &&&FileRange| {
            file.path.parent() == first.path.parent()
                && index(&file.path).is_some_and(|index| from < index && index < to)
        };
        (to - from - 1).saturating_sub(empty.iter().filter(is_between).count() as u64)
    });
    let files = files.filter(|files| *files > 0);
    (numbers.is_some() || files.is_some()).then(|| Seam::Hole {
        after: first.path.clone(),
        before: second.path.clone(),
        numbers,
        files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(index: u64, numbers: Option<RangeInclusive<u64>>) -> FileRange {
        let path = format!("a/seg_000000000{index}.jss").into();
        FileRange { path, numbers }
    }

    #[test]
    fn numbers_and_names_show_what_is_missing() {
        let mut files = vec![
            file(4, Some(31..=40)),
            file(0, Some(1..=10)),
            file(1, Some(11..=20)),
            file(6, Some(41..=50)),
            file(7, None),
        ];
        let path = |index| file(index, None).path;
        let hole = |after, before, numbers, files| Seam::Hole {
            after: path(after),
            before: path(before),
            numbers,
            files,
        };
        let expected = [
            hole(1, 4, Some(21..=30), Some(2)),
            hole(4, 6, None, Some(1)),
        ];
        assert_eq!(seams(&mut files), expected);
        assert_eq!(files[0].path, path(0));
        assert_eq!(files[4].path, path(7));
    }

    #[test]
    fn a_file_without_events_is_not_missing() {
        let mut files = vec![
            file(0, Some(1..=10)),
            file(1, None),
            file(2, Some(11..=20)),
            file(4, None),
            file(5, Some(21..=30)),
        ];
        let found = seams(&mut files);
        assert!(
            matches!(
                &found[..],
                [Seam::Hole {
                    files: Some(1),
                    numbers: None,
                    ..
                }]
            ),
            "{found:?}"
        );
    }

    #[test]
    fn swapped_names_and_common_numbers_are_no_holes() {
        let mut swapped = vec![file(0, Some(11..=20)), file(1, Some(1..=10))];
        let mut common = vec![file(0, Some(1..=10)), file(1, Some(10..=20))];
        assert!(matches!(seams(&mut swapped)[..], [Seam::Misplaced { .. }]));
        assert!(matches!(seams(&mut common)[..], [Seam::Misplaced { .. }]));
        let first = file(0, Some(5..=u64::MAX));
        let mut twice = vec![first.clone(), first];
        assert_eq!(seams(&mut twice).len(), 1);
    }
}
