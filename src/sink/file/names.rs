//! What unfinished files and their journals are called.
//!
//! A file is `NAME.partial` until it gets its name. One that had its name already and is written to
//! again is `NAME.+LENGTH.partial` meanwhile: the length is what it goes back to when no cursor
//! counts more. The journal of its open row group is `NAME.+LENGTH.journal`, where the length is
//! that of the file up to its last finished row group: so a journal that is of no use any more is
//! never taken for one that is.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::sanitize::PARTIAL;
use crate::platform::{OsStrExt, OsStringExt};

/// What stands before a length.
const LENGTH_PREFIX: &[u8] = b".+";

/// What a journal ends in.
const JOURNAL: &str = ".journal";

/// What a file is called until it gets its name.
pub(super) fn partial(name: &Path, length: Option<u64>) -> PathBuf {
    named(name, length, PARTIAL)
}

/// The name with a length and an ending behind it.
fn named(name: &Path, length: Option<u64>, ending: &str) -> PathBuf {
    let mut bytes = name.as_os_str().as_bytes().to_vec();
    if let Some(length) = length {
        bytes.extend_from_slice(LENGTH_PREFIX);
        bytes.extend_from_slice(length.to_string().as_bytes());
    }
    bytes.extend_from_slice(ending.as_bytes());
    OsString::from_vec(bytes).into()
}

/// The name that an unfinished file is to get, and how long it was if it had it before; `None` for
/// any other file.
pub(super) fn name_of(partial: &Path) -> Option<(PathBuf, Option<u64>)> {
    parsed(partial, PARTIAL)
}

/// The name and the length that stand before this ending.
fn parsed(path: &Path, ending: &str) -> Option<(PathBuf, Option<u64>)> {
    let name = path.as_os_str().as_bytes();
    let name = name.strip_suffix(ending.as_bytes())?;
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

/// The journal of an unfinished file of this length.
pub(super) fn journal_path(partial: &Path, length: u64) -> Option<PathBuf> {
    let (name, _) = name_of(partial)?;
    Some(named(&name, Some(length), JOURNAL))
}

/// The name that the file is to get, and its length; `None` for what is no journal.
pub(super) fn journal_of(path: &Path) -> Option<(PathBuf, u64)> {
    let (name, length) = parsed(path, JOURNAL)?;
    Some((name, length?))
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
    fn a_journal_knows_its_file_and_how_long_that_is() {
        for partial in ["/a/x.parquet.partial", "/a/x.parquet.+12.partial"] {
            let journal = journal_path(Path::new(partial), 40).unwrap();
            assert_eq!(journal, Path::new("/a/x.parquet.+40.journal"));
            assert_eq!(journal_of(&journal), Some(("/a/x.parquet".into(), 40)));
        }
        for other in ["/a/x.journal", "/a/x.parquet.+4.partial", "/a/x.+y.journal"] {
            assert_eq!(journal_of(Path::new(other)), None, "{other}");
        }
    }
}
