//! What the suffix of a file promises, against what is written into it.

use std::path::Path;

use super::{SettingsError, table::TableFlagError};

/// Formats that nobody would take lines of JSON for, and that are not written here.
const FOREIGN: [&str; 24] = [
    "7z", "avro", "br", "bz2", "bzip2", "gzip", "jss", "lz", "lz4", "lzma", "lzo", "parquet",
    "rar", "snappy", "sz", "tar", "tbz2", "tgz", "txz", "tzst", "xz", "z", "zip", "zstd",
];

/// A foreign format that output files are written in all the same.
const PARQUET: &str = "parquet";

/// Formats that output files are compressed in.
const OURS: [&str; 2] = ["gz", "zst"];

/// What databases of SQLite are called.
const DATABASES: [&str; 3] = ["db", "sqlite", "sqlite3"];

/// Refuses an output file whose suffix promises something else than what it would hold.
pub(super) fn check_output(path: &Path) -> Result<(), SettingsError> {
    match suffix(path) {
        // In capitals it is one that would not be known for what it is.
        Some((typed, _)) if typed == PARQUET => Ok(()),
        Some((_, small)) if DATABASES.contains(&&*small) => {
            Err(TableFlagError::Lines(path.to_owned()).into())
        }
        Some((typed, small)) if is_foreign(&small) || (is_ours(&small) && typed != small) => {
            Err(SettingsError::Suffix {
                path: path.to_owned(),
                suffix: typed,
            })
        }
        _ => Ok(()),
    }
}

/// Whether it is written in row groups.
pub(super) fn is_parquet(path: &Path) -> bool {
    suffix(path).is_some_and(|(typed, _)| typed == PARQUET)
}

/// Refuses a file of lines of JSON whose suffix says that it is a table, compressed or not.
pub(super) fn check_no_table(path: &Path) -> Result<(), SettingsError> {
    let inner = match suffix(path) {
        Some((_, small)) if is_ours(&small) => path.with_extension(""),
        _ => path.to_owned(),
    };
    match suffix(&inner) {
        Some((_, small)) if TABLES.contains(&&*small) => Err(SettingsError::NoTable {
            path: path.to_owned(),
            suffix: small,
        }),
        _ => Ok(()),
    }
}

/// Refuses a file of plain lines whose suffix says that it is compressed.
pub(super) fn check_plain(flag: &'static str, path: &Path) -> Result<(), SettingsError> {
    match suffix(path) {
        Some((typed, small)) if is_foreign(&small) || is_ours(&small) => {
            Err(SettingsError::NotCompressed {
                flag,
                path: path.to_owned(),
                suffix: typed,
            })
        }
        _ => Ok(()),
    }
}

/// Formats that events are only written in where that is asked for.
const TABLES: [&str; 2] = ["csv", "tsv"];

/// The suffix, as it was typed and in small letters.
fn suffix(path: &Path) -> Option<(String, String)> {
    let typed = path.extension()?.to_str()?;
    Some((typed.to_owned(), typed.to_ascii_lowercase()))
}

fn is_foreign(suffix: &str) -> bool {
    FOREIGN.contains(&suffix)
}

fn is_ours(suffix: &str) -> bool {
    OURS.contains(&suffix)
}
