//! Which number the next file of a slot has. Each folder is read once, and what is begun meanwhile
//! is counted.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    disk,
    folder::files,
    names::name_of,
    pattern::{Pattern, Slot},
};
use crate::error::MemberError;

/// How many slots are remembered, some 2 MB. Where there are more, folders are read again for those
/// that are not.
const MAX_NUMBERS: usize = 100_000;

/// How many folders are remembered as read. Where `{collection}` names folders, strangers decide
/// how many there are; beyond these a folder is read again for each file that is begun in it.
const MAX_FOLDERS: usize = 10_000;

/// The highest number of each slot, by the slot's hash.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    highest: HashMap<u64, u64>,
    folders: HashSet<PathBuf>,
    /// Some slots of the folders are not remembered.
    are_too_many: bool,
}

impl Numbers {
    /// The number after the highest that any file of this slot has. `pattern` makes the names of
    /// the present time.
    pub(super) fn next(&mut self, slot: &Slot, pattern: &Pattern) -> Result<u64, MemberError> {
        let name = slot.name(1);
        let folder = disk::folder_of(&name);
        if !self.folders.contains(folder) {
            for path in files(folder)? {
                let path = path?;
                let name = name_of(&path).map_or(path, |(name, _)| name);
                if let Some((found, Some(number))) = pattern.slot_of(&name) {
                    self.note(&found, number);
                }
            }
            if self.folders.len() < MAX_FOLDERS {
                self.folders.insert(folder.to_owned());
            }
        }
        match self.highest.get(&hash(slot)) {
            Some(highest) => Ok(highest + 1),
            None if self.are_too_many => Ok(highest_in_folder(slot, pattern)? + 1),
            None => Ok(1),
        }
    }

    /// A file of the slot has this number.
    pub(super) fn note(&mut self, slot: &Slot, number: u64) {
        let is_known = self.highest.contains_key(&hash(slot));
        if !is_known && self.highest.len() >= MAX_NUMBERS {
            self.are_too_many = true;
            return;
        }
        let highest = self.highest.entry(hash(slot)).or_default();
        *highest = number.max(*highest);
    }

    /// Another time begins, whose names are others.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn highest_in_folder(slot: &Slot, pattern: &Pattern) -> Result<u64, MemberError> {
    let name = slot.name(1);
    let mut highest = 0;
    for path in files(disk::folder_of(&name))? {
        let path = path?;
        let name = name_of(&path).map_or(path, |(name, _)| name);
        match pattern.slot_of(&name) {
            Some((found, Some(number))) if found == *slot => highest = highest.max(number),
            _ => {}
        }
    }
    Ok(highest)
}

fn hash(slot: &Slot) -> u64 {
    xxh3_64(slot.name(0).as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use std::{fs::File, path::Path};

    use super::*;

    #[test]
    fn a_folder_is_read_once_and_only_for_the_present_time() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = Pattern::parse(&folder.path().join("%M-{collection}.{n}")).unwrap();
        let at = |minute: u64, collection: &[u8]| {
            let time_us = minute * 60_000_000;
            (pattern.slot(time_us, collection), pattern.at(time_us))
        };
        for name in [
            "01-a.000007",
            "01-b.000003.partial",
            "02-a.000020",
            "01-a.000002",
        ] {
            File::create(folder.path().join(name)).unwrap();
        }
        let mut numbers = Numbers::default();
        let mut next = |minute, collection: &[u8]| {
            let (slot, pattern) = at(minute, collection);
            let next = numbers.next(&slot, &pattern).unwrap();
            numbers.note(&slot, next);
            next
        };
        assert_eq!([next(1, b"a"), next(1, b"a"), next(1, b"b")], [8, 9, 4]);
        // What others put there is met when the file is made.
        File::create(folder.path().join("01-c.000005")).unwrap();
        assert_eq!(next(1, b"c"), 1);
        assert_eq!(numbers.highest.len(), 3);
        numbers.forget();
        let (slot, pattern) = at(2, b"a");
        assert_eq!(numbers.next(&slot, &pattern).unwrap(), 21);
        assert!(!numbers.highest.contains_key(&hash(&at(1, b"a").0)));
    }

    #[test]
    fn slots_that_are_not_remembered_are_looked_up() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = Pattern::parse(&folder.path().join("{collection}.{n}")).unwrap();
        let slot = |collection: &str| pattern.slot(0, collection.as_bytes());
        let mut numbers = Numbers::default();
        for n in 0..MAX_NUMBERS {
            numbers.note(&slot(&n.to_string()), 1);
        }
        File::create(folder.path().join("a.000004")).unwrap();
        assert_eq!(numbers.next(&slot("a"), &pattern).unwrap(), 5);
        assert_eq!(numbers.next(&slot("0"), &pattern).unwrap(), 2);
        assert_eq!(numbers.highest.len(), MAX_NUMBERS);
        assert!(numbers.folders.contains(Path::new(folder.path())));
    }

    #[test]
    fn folders_that_are_not_remembered_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = Pattern::parse(&folder.path().join("{collection}/x.{n}")).unwrap();
        let slot = |collection: &str| pattern.slot(0, collection.as_bytes());
        let mut numbers = Numbers::default();
        for n in 0..MAX_FOLDERS {
            numbers.folders.insert(PathBuf::from(n.to_string()));
        }
        for file in ["x.000004", "x.000005"] {
            let path = folder.path().join("a");
            std::fs::create_dir_all(&path).unwrap();
            File::create(path.join(file)).unwrap();
            let next = numbers.next(&slot("a"), &pattern).unwrap();
            assert_eq!(format!("x.{:06}", next - 1), file);
        }
        assert_eq!(numbers.folders.len(), MAX_FOLDERS);
    }
}
