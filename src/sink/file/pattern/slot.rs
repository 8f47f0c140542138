//! The place of a file: what is the same in its name as long as its turn lasts.

use std::{ffi::OsString, path::PathBuf};

use crate::platform::OsStringExt;

/// How many digits the number of a file has at least.
pub(super) const DIGITS: usize = 6;

/// The place of one file at a time: a name, or all names that differ in their number alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::sink::file) struct Slot {
    pub(super) before: Vec<u8>,
    /// What follows the number, where there is one.
    pub(super) after: Option<Vec<u8>>,
}

impl Slot {
    /// The name of the file, with this number where it has one.
    pub(in crate::sink::file) fn name(&self, number: u64) -> PathBuf {
        let bytes = match &self.after {
            None => self.before.clone(),
            Some(after) => {
                let digits = format!("{number:0DIGITS$}");
                [&self.before, digits.as_bytes(), after].concat()
            }
        };
        OsString::from_vec(bytes).into()
    }

    /// Whether its files are told apart by a number.
    pub(in crate::sink::file) fn is_numbered(&self) -> bool {
        self.after.is_some()
    }
}
